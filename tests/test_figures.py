"""What the figures draw, and what they must not draw."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from dsl import play

from acausal.records import Decision
from acausal.report.figures import _by_round, _matrix


def bars(decisions: list[Decision]) -> dict[str, list[float]]:
    """Model → length of the interval at each of its points, NaN where none is drawn; empty for a line without any."""
    drawn: list[Any] = _by_round(decisions).axes[0].containers
    return {line.get_label(): [high - low for low, high in _ends(line)] for line in drawn}


def _ends(line: Any) -> list[tuple[float, float]]:
    _, caps, _ = line.lines
    return list(zip(*(cap.get_ydata() for cap in caps), strict=True))


def population(models: int) -> list[Decision]:
    """Each two of so many models meet once, in two replicates that differ."""
    decisions: list[Decision] = []
    for replicate, letters in ((1, ("C", "C")), (2, ("C", "D"))):
        for match, (own, other) in enumerate(combinations([f"m{i}" for i in range(models)], 2), start=1):
            played = play(*letters, models=(own, other), replicate=replicate)
            decisions += [replace(decision, match=match) for decision in played]
    return decisions


def test_a_point_without_an_interval_has_no_bar_not_even_caps() -> None:
    decisions = play("CC", "DD") + play("CD", "DD", replicate=2)  # all models: 1/2 and 1/2, then 1/2 and 0
    without, with_one = bars(decisions)["all models"]
    assert math.isnan(without)
    assert with_one > 0


def test_one_replicate_draws_no_interval_not_even_in_the_legend() -> None:
    assert bars(play("CD", "DC")) == {"a": [], "b": [], "all models": []}


def test_a_model_without_a_legible_decision_spoils_no_figure() -> None:
    lengths = bars(play("C", "?") + play("D", "x", replicate=2))
    assert lengths["b"] == []
    assert lengths["a"][0] > 0


@pytest.mark.parametrize(("models", "barred"), [(4, True), (8, False)])
def test_many_models_leave_the_intervals_to_the_line_of_all(models: int, barred: bool) -> None:
    lengths = bars(population(models))
    assert not math.isnan(lengths.pop("all models")[0])
    assert any(lengths.values()) == barred


def test_models_that_never_met_are_no_data_and_not_zero() -> None:
    words = [text.get_text() for text in _matrix(play("D", "D", models=("x", "y"))).axes[0].texts]
    assert sorted(words) == ["0 %\nn 1", "0 %\nn 1", "no data", "no data"]


@pytest.mark.parametrize(("cooperating", "colour"), [(7, "black"), (8, "white")])
def test_text_stands_out_from_its_cell(cooperating: int, colour: str) -> None:
    letters = "C" * cooperating + "D" * (10 - cooperating)
    (text,) = _matrix(play(letters, letters, models=("x", "x"))).axes[0].texts
    assert text.get_color() == colour
