"""A pilot measures what later studies assume: rates, and how far decisions of one unit go together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dsl import play

from acausal.analysis.pilot import Pilot, pilot, shares_wordings
from acausal.game import Action
from acausal.records import Decision

TEMPLATE = play("C", "D")[0]


def drawn(
    seed: int,
    *,
    rate: float,
    correlation: float,
    within: float = 0.0,
    units: int = 30,
    agents: int = 8,
    each: int = 1,
) -> list[Decision]:
    """An arm of nested beta-binomial decisions: a unit is a replicate with its own wording."""
    rng = np.random.default_rng(seed)

    def beta(mean: np.ndarray, rho: float) -> np.ndarray:
        if rho == 0:
            return mean
        scale = (1 - rho) / rho
        mean = np.clip(mean, 1e-6, 1 - 1e-6)
        return rng.beta(mean * scale, (1 - mean) * scale)

    p = beta(beta(np.full((units, 1), rate), correlation).repeat(agents, axis=1), within)
    chosen = rng.random((units, agents, each)) < p[..., None]
    return [
        arranged(unit, agent, match, bool(chosen[unit, agent, match]))
        for unit, agent, match in np.ndindex(chosen.shape)
    ]


def arranged(unit: int, agent: int, match: int, cooperates: bool) -> Decision:
    action = Action.COOPERATE if cooperates else Action.DEFECT
    return replace(TEMPLATE, replicate=unit + 1, agent=agent + 1, match=match + 1, action=action, paraphrase=unit + 1)


def one_wording(arm: list[Decision]) -> list[Decision]:
    return [replace(decision, paraphrase=1) for decision in arm]


def measured(*arms: list[Decision]) -> Pilot:
    found = pilot(arms)
    assert found is not None
    return found


@pytest.mark.parametrize(("correlation", "within"), [(0.0, 0.0), (0.05, 0.5), (0.3, 0.3)])
def test_the_correlations_are_those_that_were_planted(correlation: float, within: float) -> None:
    arms = [
        one_wording(drawn(seed, rate=0.4, correlation=correlation, within=within, units=200, each=5)) for seed in (1, 2)
    ]
    found = measured(*arms)
    assert found.rate == pytest.approx(0.4, abs=0.04)
    assert found.correlation == pytest.approx(correlation, abs=0.04)
    assert found.within == pytest.approx(within, abs=0.04)
    assert (found.strategies, found.per_strategy, found.units, found.paired) == (8, 5, 200, False)


def test_the_bound_covers_what_was_planted() -> None:
    highs = [
        measured(one_wording(drawn(seed, rate=0.5, correlation=0.1, units=12))).correlation_high for seed in range(60)
    ]
    covered = sum(high is not None and high >= 0.1 for high in highs)
    assert covered >= 48, "95 % of them but for chance and few units"


def test_wordings_are_the_units_where_arms_share_them() -> None:
    shared = drawn(1, rate=0.5, correlation=0.3, units=40, agents=40)
    same = measured(shared, shared)
    assert same.paired
    assert same.shared == 1
    apart = measured(shared, drawn(2, rate=0.5, correlation=0.3, units=40, agents=40))
    assert apart.shared is not None
    assert apart.shared < 0.4


def test_an_arm_told_nothing_takes_no_part_in_sharing() -> None:
    arm = drawn(1, rate=0.5, correlation=0.3)
    assert shares_wordings([arm, one_wording(arm)])
    assert measured(arm, one_wording(arm)).arms == 1
    assert not shares_wordings([one_wording(arm)])
    assert not shares_wordings([arm, [replace(decision, round=2) for decision in arm]])
    assert not shares_wordings([arm, [replace(decision, paraphrase=decision.replicate + 1) for decision in arm]])


def test_what_does_not_count_tells_nothing() -> None:
    arm = one_wording(drawn(1, rate=0.5, correlation=0.1))
    lost = [replace(decision, action=None, replicate=decision.replicate + 100) for decision in arm]
    stood_in = [replace(decision, substituted=True, replicate=decision.replicate + 200) for decision in arm]
    assert measured(arm + lost + stood_in) == measured(arm)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_an_arm_that_never_varies_measures_nothing(rate: float) -> None:
    assert pilot([one_wording(drawn(1, rate=rate, correlation=0.0))]) is None


def test_one_replicate_measures_nothing() -> None:
    assert pilot([one_wording(drawn(1, rate=0.5, correlation=0.0, units=1))]) is None
    assert pilot([]) is None
    assert measured(one_wording(drawn(3, rate=0.5, correlation=0.1, units=2))).correlation_high is None


def test_replicates_that_are_one_decision_each_correlate_as_far_as_can_be() -> None:
    actions = (Action.DEFECT, Action.COOPERATE)
    arm = [replace(d, action=actions[d.replicate % 2]) for d in drawn(1, rate=0.5, correlation=0, each=3)]
    assert measured(one_wording(arm)).correlation == 0.95
