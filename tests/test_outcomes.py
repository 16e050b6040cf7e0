"""Outcomes, points and inequality: what the choices came to, and nothing where nothing was measured."""

from __future__ import annotations

import pytest
from dsl import play, substituted
from generators import replicates
from hypothesis import given
from hypothesis import strategies as st

from acausal.analysis.inference import Estimate
from acausal.analysis.outcomes import (
    OUTCOMES,
    gini,
    gini_of_power,
    gini_of_scores,
    mean_payoff,
    mean_payoff_by_model,
    outcome_shares,
)
from acausal.records import Decision

amounts = st.lists(st.floats(0, 1000), min_size=1, max_size=20)


def shares(decisions: list[Decision]) -> dict[str, float | None]:
    return {outcome: rate.value if rate else None for outcome, rate in outcome_shares(decisions).items()}


def test_each_match_is_seen_from_both_sides() -> None:
    assert shares(play("CCDD", "CDDD")) == {"CC": 0.25, "CD": 0.125, "DC": 0.125, "DD": 0.5}
    assert shares([d for d in play("CCDD", "CDDD") if d.agent == 1]) == dict.fromkeys(OUTCOMES), "both are needed"


def test_a_match_counts_only_if_both_its_decisions_do() -> None:
    first, second = play("C", "D", replicate=2)
    half = [first, *substituted([second])]
    assert shares(play("C?C", "CCx") + half) == {"CC": 1.0, "CD": 0.0, "DC": 0.0, "DD": 0.0}
    assert shares(play("?", "C")) == dict.fromkeys(OUTCOMES)
    assert shares([]) == dict.fromkeys(OUTCOMES)


def test_the_replicate_is_the_unit_of_outcomes() -> None:
    rate = outcome_shares(play("CC", "CC") + play("CD", "CD", replicate=2) + play("DD", "CD", replicate=3))["CC"]
    assert rate is not None
    assert (rate.value, rate.n, rate.clusters) == (0.5, 12, 3)
    assert rate.low is not None


@given(decisions=replicates())
def test_outcomes_share_out_the_whole(decisions: list[Decision]) -> None:
    values = shares(decisions)
    known = [value for value in values.values() if value is not None]
    assert len(known) in (0, 4)
    if known:
        assert sum(known) == pytest.approx(1)
        assert values["CD"] == values["DC"]


def test_the_mean_payoff_is_over_decisions_that_scored() -> None:
    rate = mean_payoff(play("CC?", "CDC"))
    assert rate is not None
    assert (rate.value, rate.n, rate.low) == (11 / 4, 4, None)
    assert mean_payoff(play("?", "C")) is None
    assert mean_payoff(substituted(play("C", "C"))) is None
    by_model = mean_payoff_by_model(play("CC", "DD", models=("x", "y")))
    assert {model: own.value for model, own in by_model.items() if own} == {"x": 0.0, "y": 5.0}


def test_the_interval_of_the_mean_payoff_is_over_replicates() -> None:
    rate = mean_payoff(play("C", "C") + play("D", "D", replicate=2))
    assert rate is not None
    assert rate.low is not None
    assert rate.low == pytest.approx(2 - 12.706, abs=1e-3), "points are no shares: not cut at 0"
    equal = mean_payoff(play("C", "C") + play("C", "C", replicate=2))
    assert equal is not None
    assert (equal.low, equal.method) == (None, "t interval over replicates: all replicates equal, no interval")


@pytest.mark.parametrize(
    ("values", "coefficient"), [([1, 1, 1], 0), ([0, 0, 0, 8], 0.75), ([1, 3], 0.25), ([0], None), ([], None)]
)
def test_gini_is_half_the_relative_mean_difference(values: list[float], coefficient: float | None) -> None:
    assert gini(values) == coefficient


def test_gini_of_a_debt_is_undefined() -> None:
    assert gini([-1, 5]) is None


@given(values=amounts, by=st.floats(0.1, 10))
def test_gini_agrees_with_its_definition_and_is_blind_to_units(values: list[float], by: float) -> None:
    found, n = gini(values), len(values)
    if sum(values) < 1e-6:
        return
    assert found is not None
    pairs = sum(abs(one - other) for one in values for other in values)
    assert found == pytest.approx(pairs / (2 * n * sum(values)), abs=1e-9)
    assert -1e-12 <= found <= 1 - 1 / n + 1e-12
    assert gini([by * value for value in values]) == pytest.approx(found)


def test_inequality_is_of_totals_within_a_replicate() -> None:
    def value(found: Estimate | None) -> tuple[float, int] | None:
        return None if found is None else (found.value, found.clusters)

    assert value(gini_of_scores(play("CD", "DC"))) == (0.0, 1), "5 and 5 in the end"
    unequal = gini_of_scores(play("C", "D") + play("C", "C", replicate=2))
    assert value(unequal) == (0.25, 2), "mean of 0.5 and 0"
    assert unequal is not None
    assert unequal.high == pytest.approx(0.25 + 12.706 * 0.25, abs=1e-3)
    assert gini_of_scores(play("?", "C")) is None
    assert value(gini_of_power(play("C", "D"))) == (0.0, 1)
    assert gini_of_power([]) is None
