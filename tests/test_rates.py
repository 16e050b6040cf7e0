"""Whose rate it is: the model in the seat, even where a sub-model decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dsl import play, substituted

from acausal.analysis.rates import bounds, by_model, by_round_and_model, cross_model, matrix, within_model
from acausal.records import Decision
from acausal.report.rows import ALL_MODELS, rate_rows


@pytest.fixture
def delegated() -> list[Decision]:
    """x cooperates and y defects, each through the same sub-model."""
    decisions = play("CC", "DD", models=("x", "y"))
    return [replace(decision, model="sub", coplayer_model="sub") for decision in decisions]


def test_a_sub_model_takes_no_agents_place_in_any_rate(delegated: list[Decision]) -> None:
    assert {model: rate.value for model, rate in by_model(delegated).items() if rate} == {"x": 1.0, "y": 0.0}
    assert list(by_round_and_model(delegated)) == ["x", "y"]
    assert list(matrix(delegated)) == [("x", "y"), ("y", "x")]
    assert [row.model for row in rate_rows(delegated) if row.round is None] == ["x", "y", ALL_MODELS]


def test_agents_of_two_models_are_strangers_though_one_sub_model_decides(delegated: list[Decision]) -> None:
    cross = cross_model(delegated)
    assert cross is not None
    assert cross.n == 4
    assert within_model(delegated) is None


def test_the_matrix_gives_the_rate_of_the_first_against_the_second(delegated: list[Decision]) -> None:
    rates = {pair: rate.value for pair, rate in matrix(delegated).items() if rate}
    assert rates == {("x", "y"): 1.0, ("y", "x"): 0.0}


def test_a_substitutes_decision_widens_the_bounds() -> None:
    assert bounds(play("C", "C") + substituted(play("C", "D", replicate=2))) == (0.5, 1.0)


def test_a_row_counts_a_substitutes_legible_reply_but_gives_it_no_rate() -> None:
    (row,) = rate_rows(play("C", "?", models=("x", "x")) + substituted(play("D", "D", models=("x", "x"), replicate=2)))
    assert row.estimate is not None
    assert (row.estimate.value, row.estimate.n) == (1.0, 1)
    assert (row.decisions, row.legible) == (4, 3)
