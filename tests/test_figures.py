"""What the figures draw, and what they must not draw."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from dsl import play

from acausal.records import Decision
from acausal.report.figures import _by_round, cooperation_matrix


def shown(figure: Any) -> list[Any]:
    """Error bars of a figure, panel by panel."""
    return [each for axes in figure.axes for each in axes.containers]


def ends(mark: Any) -> tuple[float, float] | None:
    """Where the bar of a mark ends; None where it has none."""
    _, caps, _ = mark.lines
    return tuple(float(cap.get_ydata()[0]) for cap in caps) or None  # type: ignore[return-value]


def hollow(mark: Any) -> bool:
    return bool(mark.lines[0].get_markerfacecolor() == "none")


def by_round(decisions: list[Decision]) -> Any:
    (figure,) = _by_round(decisions)
    return figure


def test_a_mark_without_an_interval_is_hollow_and_has_no_bar_not_even_caps() -> None:
    decisions = play("CC", "DD") + play("?D", "?D", replicate=2)  # one replicate in the first round, two in the second
    first, second = shown(by_round(decisions))[-2:]
    assert (ends(first), hollow(first)) == (None, True)
    assert ends(second) is not None
    assert not hollow(second)


def test_one_replicate_draws_no_interval_not_even_in_the_legend() -> None:
    figure = by_round(play("CD", "DC"))
    assert [ends(mark) for mark in shown(figure)] == [None] * 6
    assert all(hollow(mark) for mark in shown(figure))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "all models"]


@pytest.mark.parametrize(("models", "panels"), [(4, 1), (8, 9)])
def test_each_of_many_models_has_its_intervals_in_a_panel_of_its_own(models: int, panels: int) -> None:
    names = [f"m{i}" for i in range(models)]
    decisions = [
        d
        for r, letters in ((1, ("CD", "DC")), (2, ("CC", "DD")))
        for match, pair in enumerate(combinations(names, 2), start=1)
        for d in [replace(each, match=match) for each in play(*letters, models=pair, replicate=r)]
    ]
    figure = by_round(decisions)
    assert len(figure.axes) == panels
    assert len(shown(figure)) == 2 * (models + 1), "two rounds of every model and of all"
    assert len({axes.get_ylim() for axes in figure.axes}) == 1, "panels are there to be compared"
    assert all((ends(mark) is None) == hollow(mark) for mark in shown(figure))


def test_intervals_of_many_rounds_are_a_band() -> None:
    decisions = play("C" * 30, "D" * 30) + play("CD" * 15, "D" * 30, replicate=2)
    axes = by_round(decisions).axes[0]
    assert axes.collections
    assert not axes.containers


def test_a_single_round_is_rows_since_nothing_goes_over_it() -> None:
    axes = by_round(play("C", "?") + play("D", "x", replicate=2)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "all models"]
    assert "round" not in axes.get_xlabel()


def test_models_that_never_met_are_no_data_and_not_zero() -> None:
    words = [text.get_text() for text in cooperation_matrix(play("D", "D", models=("x", "y"))).axes[0].texts]
    assert sorted(words) == ["0 %\nn 1", "0 %\nn 1", "no data", "no data"]


@pytest.mark.parametrize(("cooperating", "colour"), [(7, "#101010"), (8, "white")])
def test_text_stands_out_from_its_cell(cooperating: int, colour: str) -> None:
    letters = "C" * cooperating + "D" * (10 - cooperating)
    (text,) = cooperation_matrix(play(letters, letters, models=("x", "x"))).axes[0].texts
    assert text.get_color() == colour


def test_the_axis_is_in_percent_and_shows_all_of_it() -> None:
    axes: Any = by_round(play("CC", "CD", models=("x", "x"))).axes[0]
    assert [mark.lines[0].get_ydata().tolist() for mark in axes.containers] == [[100], [50]]
    low, high = axes.get_ylim()
    assert low <= 0
    assert high >= 100


def test_a_bar_reaches_from_the_low_end_to_the_high_end() -> None:
    decisions = play("CC", "CC", models=("x", "x")) + play("CC", "CC", models=("x", "x"), replicate=2)
    marks = shown(by_round(decisions))
    assert [ends(mark) for mark in marks] == [pytest.approx((100 * 0.05**0.5, 100))] * 2


@pytest.mark.parametrize("rounds", [2, 3, 12, 40])
def test_ticks_are_rounds(rounds: int) -> None:
    ticks = by_round(play("C" * rounds, "D" * rounds)).axes[0].get_xticks().tolist()
    assert set(ticks) <= set(range(1, rounds + 1))
    assert ticks[0] == 1
    assert len(ticks) <= 24, "more of them run into each other"


def test_rows_are_agents_and_columns_are_co_players() -> None:
    axes: Any = cooperation_matrix(play("C", "D", models=("x", "y"))).axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert (cells[1, 0], cells[0, 1]) == ("100 %\nn 1", "0 %\nn 1"), "x = column, y = row: x cooperates with y"
    (image,) = axes.images
    assert (image.get_array()[0, 1], image.get_array()[1, 0]) == (100, 0)


def test_no_data_has_no_colour() -> None:
    axes: Any = cooperation_matrix(play("D", "D", models=("x", "y"))).axes[0]
    (image,) = axes.images
    assert image.get_array().mask.tolist() == [[True, False], [False, True]]


def test_long_ids_are_broken_and_lose_nothing() -> None:
    name = "anthropic/claude-3-sonnet-20240229"
    label = cooperation_matrix(play("C", "D", models=(name, name))).axes[0].get_yticklabels()[0].get_text()
    assert label.replace("\n", "") == name
    assert max(len(line) for line in label.split("\n")) <= 16
