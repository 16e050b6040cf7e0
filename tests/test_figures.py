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


@pytest.mark.parametrize(("cooperating", "colour"), [(7, "#101010"), (8, "white")])
def test_text_stands_out_from_its_cell(cooperating: int, colour: str) -> None:
    letters = "C" * cooperating + "D" * (10 - cooperating)
    (text,) = _matrix(play(letters, letters, models=("x", "x"))).axes[0].texts
    assert text.get_color() == colour


def test_the_axis_is_in_percent_and_shows_all_of_it() -> None:
    axes: Any = _by_round(play("CC", "CD", models=("x", "x"))).axes[0]
    assert axes.containers[0].lines[0].get_ydata().tolist() == [100, 50]
    low, high = axes.get_ylim()
    assert low <= 0
    assert high >= 100


def test_a_bar_reaches_from_the_low_end_to_the_high_end() -> None:
    decisions = play("CC", "CC", models=("x", "x")) + play("CC", "CC", models=("x", "x"), replicate=2)
    (line,) = _by_round(decisions).axes[0].containers
    assert [end for ends in _ends(line) for end in ends] == pytest.approx([100 * 0.05**0.5, 100] * 2)


@pytest.mark.parametrize("rounds", [1, 3, 12, 40])
def test_ticks_are_rounds(rounds: int) -> None:
    ticks = _by_round(play("C" * rounds, "D" * rounds)).axes[0].get_xticks().tolist()
    assert set(ticks) <= set(range(1, rounds + 1))
    assert ticks[0] == 1
    assert len(ticks) <= 24, "more of them run into each other"


def test_rows_are_agents_and_columns_are_co_players() -> None:
    axes: Any = _matrix(play("C", "D", models=("x", "y"))).axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert (cells[1, 0], cells[0, 1]) == ("100 %\nn 1", "0 %\nn 1"), "x = column, y = row: x cooperates with y"
    (image,) = axes.images
    assert (image.get_array()[0, 1], image.get_array()[1, 0]) == (100, 0)


def test_no_data_has_no_colour() -> None:
    axes: Any = _matrix(play("D", "D", models=("x", "y"))).axes[0]
    (image,) = axes.images
    assert image.get_array().mask.tolist() == [[True, False], [False, True]]


def test_long_ids_are_broken_and_lose_nothing() -> None:
    name = "anthropic/claude-3-sonnet-20240229"
    label = _matrix(play("C", "D", models=(name, name))).axes[0].get_yticklabels()[0].get_text()
    assert label.replace("\n", "") == name
    assert max(len(line) for line in label.split("\n")) <= 16
