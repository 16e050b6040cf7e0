"""Rates: over what counts, with the replicate as the unit, and None over nothing."""

from __future__ import annotations

import pytest
from dsl import play, substituted
from generators import replicates
from hypothesis import given

from acausal.analysis.inference import share
from acausal.analysis.rates import (
    CallTotals,
    bounds,
    by_model,
    by_round,
    by_round_and_model,
    cooperation_rate,
    cross_model,
    legible_share,
    matrix,
    round_summaries,
    summary,
    within_model,
)
from acausal.game import Action
from acausal.records import Decision

TOTALS = CallTotals(calls=10, calls_replayed=2, tokens_in=30, tokens_out=4, cost_usd=None, wall_s=1.5)


def test_the_rate_is_the_share_of_legible_decisions_that_cooperate() -> None:
    rate = cooperation_rate(play("CCD?", "CDDx"))
    assert rate is not None
    assert (rate.value, rate.n) == (3 / 6, 6)


def test_rate_of_nothing_is_none() -> None:
    assert cooperation_rate([]) is None
    assert cooperation_rate(play("??", "rx")) is None
    assert bounds([]) is None
    assert legible_share([]) is None


def test_a_substitutes_decisions_enter_no_rate() -> None:
    rate = cooperation_rate(play("CC", "CC") + substituted(play("DD", "DD", replicate=2)))
    assert rate is not None
    assert (rate.value, rate.n, rate.clusters) == (1.0, 4, 1)


def test_one_replicate_gives_no_interval() -> None:
    rate = cooperation_rate(play("CD", "DC"))
    assert rate is not None
    assert (rate.low, rate.high, rate.method) == (None, None, "one replicate: no interval")


@pytest.mark.parametrize(("n", "bound"), [(5, 0.451), (20, 0.139), (200, 0.0149)])
def test_an_arm_at_zero_or_one_gets_the_one_sided_bound(n: int, bound: float) -> None:
    floor, ceiling = share([0] * n, [9] * n), share([9] * n, [9] * n)
    assert floor is not None
    assert ceiling is not None
    assert (floor.low, floor.high) == pytest.approx((0.0, bound), abs=5e-4)
    assert (ceiling.low, ceiling.high) == pytest.approx((1 - bound, 1.0), abs=5e-4)


@given(decisions=replicates())
def test_a_rate_lies_in_the_unit_interval_and_its_interval_contains_it(decisions: list[Decision]) -> None:
    rate = cooperation_rate(decisions)
    counted = [decision for decision in decisions if decision.counts]
    assert (rate is None) == (not counted)
    if rate is None:
        return
    assert 0 <= rate.value <= 1
    assert rate.value == sum(decision.action is Action.COOPERATE for decision in counted) / len(counted)
    if rate.low is not None and rate.high is not None:
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert rate.low < rate.high
    lowest, highest = bounds(decisions) or (0.0, 1.0)
    assert lowest <= rate.value <= highest


def test_models_are_those_of_the_seats() -> None:
    decisions = play("CC", "DC", models=("x", "y"))
    assert {model: rate.value for model, rate in by_model(decisions).items() if rate} == {"x": 1.0, "y": 0.5}
    assert {pair: rate.value for pair, rate in matrix(decisions).items() if rate} == {("x", "y"): 1.0, ("y", "x"): 0.5}
    assert {r: rate.value for r, rate in by_round(decisions).items() if rate} == {1: 0.5, 2: 1.0}
    assert by_round_and_model(decisions)["y"][1] == cooperation_rate([decisions[1]])


def test_within_and_cross_are_told_apart() -> None:
    mixed = play("CC", "DD", models=("x", "y")) + play("DD", "DD", models=("x", "x"), replicate=2)
    within, cross = within_model(mixed), cross_model(mixed)
    assert within is not None
    assert cross is not None
    assert (within.value, within.n, cross.value, cross.n) == (0.0, 4, 0.5, 4)
    assert cross_model(play("C", "C", models=("x", "x"))) is None


def test_bounds_take_all_missing_as_defecting_and_as_cooperating() -> None:
    assert bounds(play("CC?x", "DDDD")) == (2 / 8, 4 / 8)


def test_a_round_is_summed_up_per_replicate() -> None:
    first, second = round_summaries(play("C?", "DD", models=("x", "y")))
    assert first.scores == {1: 0.0, 2: 5.0}
    assert second.scores == {1: 0.0, 2: 0.0}, "a void match scores nothing"
    assert second.cooperation_rate_by_model == {"x": None, "y": 0.0}
    assert (second.decisions, second.legible) == (2, 1)
    assert first.power == {1: 100.0, 2: 100.0}


def test_the_summary_has_the_contracts_keys_and_no_zero_for_nothing() -> None:
    nothing = summary(play("?r", "xx"), TOTALS)
    contract = {
        *("cooperation_rate", "cooperation_rate_by_model", "cooperation_rate_within_model"),
        *("cooperation_rate_cross_model", "decisions", "legible", "illegible", "refused", "failed", "substituted"),
        *("calls", "calls_replayed", "tokens_in", "tokens_out", "cost_usd", "wall_s"),
    }
    assert set(nothing) == contract | {
        *("bounds", "estimates", "estimates_by_model", "estimates_intention_to_treat_by_model"),
        *("cooperation_rate_intention_to_treat", "cooperation_rate_intention_to_treat_by_model"),
        *("calls_asked_anew", "calls_by_model", "false_claims"),
    }
    assert nothing["cooperation_rate_intention_to_treat"] is None
    assert nothing["cooperation_rate"] is None
    assert nothing["cost_usd"] is None
    assert [nothing[status] for status in ("legible", "illegible", "refused", "failed")] == [0, 1, 1, 2]
    something = summary(play("CD", "CC") + substituted(play("D", "D", replicate=2)), TOTALS)
    assert something["cooperation_rate"] == 0.75
    assert something["substituted"] == 2
    assert something["estimates"]["cooperation_rate"]["n"] == 4
