"""Over simulated studies the default tests err as often as they say, and find what was planted.

Each bound leaves three Monte-Carlo standard errors; benchmarks/calibration.py makes the table of docs/methods.md.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration import ALPHA, designs, pairs, rate_coverage, replicates, two_arms
from dsl import play
from numpy.typing import NDArray
from scipy import stats

from acausal.analysis.contrasts import CONTRASTS, contrast, contrasts
from acausal.analysis.many_tests import contrast_interval, paired_p
from acausal.analysis.power import power, units_needed
from acausal.analysis.studies import Assumptions
from acausal.game import Action
from acausal.records import Decision
from acausal.report.tables import read_decisions, write_decisions
from acausal.settings.treatment import Claim, Linkage

TOLD, OTHER = (Claim.identical_copy, Linkage.none), (Claim.different_model, Linkage.none)
STUDIES = 1_500


def error(share: float) -> float:
    return math.sqrt(share * (1 - share) / STUDIES)


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("n", [5, 10, 20])
def test_arms_that_do_not_differ_are_told_apart_in_at_most_one_study_of_twenty(n: int, rho: float) -> None:
    found = two_arms(np.random.default_rng(n), STUDIES, n, rho)
    assert found.false_positives is not None
    assert found.false_positives <= ALPHA + 3 * error(ALPHA)
    assert 0.93 - 3 * error(0.93) <= found.coverage <= 0.97 + 3 * error(0.97)


def test_a_pilot_of_three_is_never_a_finding() -> None:
    assert two_arms(np.random.default_rng(0), 10, 3, 0.1).false_positives is None
    assert pairs(np.random.default_rng(0), 10, 5).false_positives is None


@pytest.mark.parametrize("n", [6, 10, 20])
def test_wordings_that_do_not_differ_on_average_are_told_apart_as_seldom(n: int) -> None:
    found = pairs(np.random.default_rng(n), STUDIES, n)
    assert found.false_positives is not None
    assert found.false_positives <= ALPHA + 3 * error(ALPHA)
    assert 0.93 - 3 * error(0.93) <= found.coverage <= 0.97 + 3 * error(0.97)


@pytest.mark.parametrize(
    ("n", "rho", "ten", "twenty"), [(20, 0.05, 0.75, 0.99), (10, 0.05, 0.4, 0.9), (20, 0.1, 0.4, 0.95)]
)
def test_planted_effects_of_ten_and_twenty_points_are_found(n: int, rho: float, ten: float, twenty: float) -> None:
    power = two_arms(np.random.default_rng(1), STUDIES, n, rho).power
    assert power is not None
    assert (power[0] >= ten, power[1] >= twenty) == (True, True)


def test_sharing_wordings_finds_an_effect_of_ten_points_with_forty() -> None:
    power = pairs(np.random.default_rng(1), STUDIES, 40).power
    assert power is not None
    assert power[0] >= 0.9


@pytest.mark.parametrize("n", [6, 10, 20])
def test_blocks_with_uneven_gaps_arms_at_the_top_and_double_differences_keep_both_rates(n: int) -> None:
    """Matches share agents, replicates share seeds, one arm misses up to half of its decisions."""
    for name, found in designs(np.random.default_rng(n), STUDIES, n).items():
        assert found.false_positives is not None
        assert found.false_positives <= ALPHA + 3 * error(ALPHA), name
        assert found.coverage >= 0.93 - 3 * error(0.93), name


@pytest.mark.parametrize(
    ("mean", "size", "mixing"),
    [(0.05, "90", "beta"), (0.2, "unequal", "logit-normal"), (0.5, "4 decisions", "beta"), (0.95, "90", "beta")],
)
@pytest.mark.parametrize("rho", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("n", [3, 5, 10, 20])
def test_the_interval_of_a_rate_holds_the_truth(n: int, rho: float, mean: float, size: str, mixing: str) -> None:
    """At least as often as it says; the t interval on replicate means fell to 66 % in some of these."""
    found = rate_coverage(np.random.default_rng([n, int(100 * mean)]), 300, n, rho, mean, size=size, mixing=mixing)
    assert found >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / 300)


def test_decisions_as_units_would_find_effects_in_nothing() -> None:
    """What the units are for: the same studies, tested decision by decision, find an effect in most."""
    rng = np.random.default_rng(2)
    a, b = (replicates(rng, 400, 5, 0.4, 0.05).mean(-1) for _ in range(2))
    spread = np.sqrt((a * (1 - a) + b * (1 - b)) / (5 * 900))
    assert (2 * stats.norm.sf(np.abs(a - b) / spread) <= ALPHA).mean() > 0.6


class Drawn:
    """Studies of two arms as decisions, drawn without a word of what the planner draws."""

    def __init__(self, *, wording: bool) -> None:
        one = play("C", "D")[0]
        self._made = {
            (unit, action): replace(
                one, replicate=unit, paraphrase=unit if wording else None, round=1 if wording else 2, action=action
            )
            for unit in range(1, 101)
            for action in Action
        }

    def arm(self, won: NDArray[np.int64], total: int) -> list[Decision]:
        """An arm whose units cooperated so often."""
        return [
            decision
            for unit, own in enumerate(won, start=1)
            for action, times in ((Action.COOPERATE, int(own)), (Action.DEFECT, total - int(own)))
            for decision in [self._made[unit, action]] * times
        ]


def cooperated(rng: np.random.Generator, assumed: Assumptions, ranks: NDArray[np.float64], rate: float) -> Any:
    """Decisions of units whose probabilities have these ranks, strategy by strategy, one at a time."""
    a, b = (mean * (1 - assumed.correlation) / assumed.correlation for mean in (rate, 1 - rate))
    p = np.clip(stats.beta.ppf(ranks, a, b), 1e-6, 1 - 1e-6)[..., None]
    scale = (1 - assumed.within) / assumed.within
    of_strategy = rng.beta(p * scale, (1 - p) * scale, (*ranks.shape, assumed.strategies))
    return (rng.random((*of_strategy.shape, assumed.per_strategy)) < of_strategy[..., None]).sum((-2, -1))


@pytest.mark.parametrize(("effect", "correlation"), [(0.1, 0.02), (0.2, 0.05), (0.2, 0.2)])
@pytest.mark.parametrize("wording", [True, False])
def test_contrasts_find_a_planted_effect_as_often_as_the_planner_promised(
    wording: bool, effect: float, correlation: float
) -> None:
    """Wordings whose arms share all that they add, and replicates whose arms share nothing but their seeds."""
    assumed = Assumptions(*(0.3, effect, correlation, 8, 2), within=0.3, paired=True, shared=1.0 if wording else 0.0)
    need = units_needed(assumed, 0.8, studies=2_000)
    assert need.units is not None
    promised = power(assumed, need.units)
    assert promised.value == pytest.approx(0.8, abs=0.05)
    studies, rng, drawn = 200, np.random.default_rng(7), Drawn(wording=wording)
    ranks = rng.random((2, studies, need.units))
    arms = [
        cooperated(rng, assumed, ranks[0 if wording else place], rate)
        for place, rate in enumerate((assumed.rate + effect, assumed.rate))
    ]
    found = 0
    for own, other in zip(*arms, strict=True):
        told = {TOLD: drawn.arm(own, assumed.decisions), OTHER: drawn.arm(other, assumed.decisions)}
        seen = contrast("told", CONTRASTS["told"], told)
        assert (seen.unit, seen.units) == ("wording" if wording else "replicate", need.units)
        found += seen.p_value is not None and seen.p_value <= ALPHA
    assert found / studies == pytest.approx(promised.value, abs=3 * math.hypot((0.16 / studies) ** 0.5, promised.error))


def test_a_study_read_back_from_its_tables_is_decided_as_the_many_at_a_time_are(tmp_path: Path) -> None:
    rng, drawn = np.random.default_rng(0), Drawn(wording=True)
    won = rng.binomial(16, 0.5, (2, 20))
    arms = {}
    for arm, own in zip((TOLD, OTHER), won, strict=True):
        write_decisions(tmp_path / "decisions.parquet", drawn.arm(own, 16))
        arms[arm] = read_decisions(tmp_path / "decisions.parquet")
    found, differences = contrasts(arms)["told"], (won[0] - won[1]) / 16
    low, high = contrast_interval(differences, -1.0, 1.0)
    assert (found.p_value, found.low, found.high) == pytest.approx(
        tuple(map(float, (paired_p(differences), low, high)))
    )
