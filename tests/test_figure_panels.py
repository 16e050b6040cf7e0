"""The further figures of a cell, those of a sweep, and what they become on a page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from dsl import play

from acausal.analysis.inference import pooled_mean
from acausal.analysis.outcomes import trajectories as paths
from acausal.report.captions import caption
from acausal.report.figure_files import COLOURS, HIGH, STYLE, WIDE, Mark, blank, broken, inline, save, share_of_page
from acausal.report.figure_forest import forest
from acausal.report.figure_panels import latency_and_cost, outcomes, trajectories
from acausal.report.figures_of_sweep import Grid, _pooled, write_sweep_figures

TWO = play("CCD", "CDD") + play("DDD", "CCD", replicate=2)


def calls(**facts: Any) -> dict[str, Any]:
    return {"m": {"latency_p50_s": 0.5, "latency_p95_s": 2.0, "cost_usd": 0.25} | facts}


def test_points_add_up_over_the_rounds() -> None:
    scores = paths(TWO)["score"]["a"]
    # Agent 1 earns 3, 0, 1 in the first replicate and 5, 5, 1 in the second.
    assert [each.value for each in scores.values() if each is not None] == [4, 6.5, 7.5]
    first = scores[1]
    assert first is not None
    assert first.low is not None
    assert first.low < 4


def test_a_round_without_points_ends_a_path_and_no_zero_is_drawn() -> None:
    scores = paths(play("C?C", "CCC"))["score"]["a"]
    assert list(scores) == [1]


def test_a_mean_over_nothing_is_none() -> None:
    assert pooled_mean([]) is None
    assert pooled_mean([[], []]) is None


def test_one_round_has_no_path_and_no_outcome_no_figure() -> None:
    assert trajectories(play("C", "D")) == {}
    assert outcomes(play("?", "D")) is None


def test_power_is_drawn_only_where_it_varies() -> None:
    still, moved = trajectories(TWO), trajectories([replace(d, power=100.0 + d.round) for d in TWO])
    assert list(still) == ["scores"]
    assert list(moved) == ["scores", "power"]
    assert all(len(figures) == 1 for figures in moved.values())


@pytest.mark.parametrize(
    ("facts", "drawn"),
    [
        ({}, True),
        ({"cost_usd": None}, True),
        ({"latency_p50_s": None}, False),
        ({"latency_p50_s": 0.0, "latency_p95_s": 0.0, "cost_usd": 0.0}, False),
    ],
    ids=["known", "unpriced", "nothing answered", "a rule"],
)
def test_latency_is_drawn_of_models_that_were_asked(facts: dict[str, Any], drawn: bool) -> None:
    figure = latency_and_cost(calls(**facts))
    assert (figure is not None) == drawn
    if figure is not None and facts:
        assert "unknown" in [text.get_text() for axes in figure.axes for text in axes.texts]


def test_a_figure_on_a_page_takes_the_pages_ink_and_keeps_its_ids_to_itself(tmp_path: Path) -> None:
    with matplotlib.rc_context(STYLE):
        figure, axes = blank(3, 2)
        axes.plot([0, 1], label="<b>model</b>", color=COLOURS[3])
        axes.legend()
        save({"one": [figure], "none": [None]}, tmp_path)
    svg = (tmp_path / "figures" / "one.svg").read_text()
    one, other = inline(svg, "one", "One"), inline(svg, "other", "Other")
    assert one.startswith("<svg role=")
    assert "#000000" not in one
    assert "currentColor" in one
    assert f"var(--mark-3, {COLOURS[3]})" in one
    assert "<style" not in one
    assert "http" not in one
    assert "<b>" not in one
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text, own in zip((one, other), ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= own


def test_the_figures_of_a_sweep_are_drawn_and_drawn_alike(tmp_path: Path) -> None:
    marks = {"told": {"a": Mark(0.4, 0.1, 0.7), "b": Mark(0.0, None, None)}, "B": {"b": Mark(1.0, 0.48, 1.0)}}
    units = [{0.0: (0, 4), 0.5: (1, 4), 1.0: (4, 4)}] * 3
    grid = Grid("a", "pd 5/3/1/0", 5 / 7, {0.0: None, 0.5: None}, units, None)
    written = write_sweep_figures(tmp_path, {"control": marks["told"]}, marks, [grid])
    assert [path.stem for path in written] == ["effects", "cooperation_by_arm", "match_probability"]
    first = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert len(first) == 9
    write_sweep_figures(tmp_path, {"control": marks["told"]}, marks, [grid])
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    svg = first["match_probability.svg"].decode()
    assert "r* 0.714" in svg


def test_a_sweep_without_arms_has_no_figures(tmp_path: Path) -> None:
    assert write_sweep_figures(tmp_path, {}, {}, []) == []


def test_a_large_forest_fills_pages_that_a_paper_can_hold() -> None:
    models = [f"scripted/model_{n}" for n in range(25)]
    panels = {f"contrast {n}": {m: Mark(0.1, -0.1, 0.3) for m in models} for n in range(13)}
    figures = forest(panels, "difference", (-1, 1), middle=0)
    assert all(figure.get_figwidth() <= WIDE and figure.get_figheight() <= HIGH + 0.4 for figure in figures)
    drawn = [axes for figure in figures for axes in figure.axes]
    assert len(drawn) == 13
    assert all(len(axes.containers) == 25 for axes in drawn)


def test_many_arms_of_few_models_are_rows_and_lose_no_mark() -> None:
    panels = {f"arm {n}": {"a": Mark(0.5, None, None), "b": Mark(n / 27, 0.0, 1.0)} for n in range(27)}
    (figure,) = forest(panels, "rate", (0, 1))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    assert [len(axes.containers) for axes in figure.axes] == [27, 27]


def test_panels_without_a_row_in_common_share_no_rows() -> None:
    one, two = {"m, part 1": Mark(0, -1, 1)}, {"m, part 2": Mark(0, -2, 2)}
    (figure,) = forest({"told": one, "B": two}, "difference", (-1, 1))
    rows = [[label.get_text() for label in axes.get_yticklabels()] for axes in figure.axes]
    assert rows == [["m, part 1"], ["m, part 2"]]
    assert all(axes.get_xlim() == (-2, 2) for axes in figure.axes), "no interval is cut off, and panels compare"


def test_pages_of_an_earlier_drawing_do_not_stay(tmp_path: Path) -> None:
    for pages in (2, 1):
        save({"f": [blank(3, 2)[0] for _ in range(pages)]}, tmp_path)
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"f"}


def test_a_small_figure_is_not_blown_up_in_a_paper(tmp_path: Path) -> None:
    (small, wide) = save({"small": [blank(WIDE / 2, 2)[0]], "wide": [blank(2 * WIDE, 2)[0]]}, tmp_path)
    assert (share_of_page(small), share_of_page(wide)) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("stem", "title"),
    [
        ("effects", "Effects"),
        ("effects_2", "Effects (page 2)"),
        ("cooperation_matrix_identity_only", "Cooperation by model of the agent (identity only)"),
        ("drawn_elsewhere", "drawn elsewhere"),
    ],
)
def test_every_figure_has_a_caption_that_names_its_page_or_arm(stem: str, title: str) -> None:
    assert caption(stem).title == title
    assert caption(stem).text.startswith(title.partition(" (")[0])


@pytest.mark.parametrize("name", ["anthropic/claude-3-sonnet-20240229, part 3", "identical copy known c", "m"])
def test_broken_names_lose_nothing(name: str) -> None:
    assert broken(name).replace("\n", "") == name
    assert "\n3" not in broken(name)
    assert max(map(len, broken(name).split("\n"))) <= 18


def test_a_sweep_pools_what_calls_took_and_an_unknown_cost_stays_unknown(tmp_path: Path) -> None:
    cells = [calls(), calls(latency_p50_s=1.5, latency_p95_s=9.0, cost_usd=None)]
    (path,) = write_sweep_figures(tmp_path, {}, {}, [], calls=cells)
    assert path.stem == "latency_and_cost"
    assert "unknown" in path.with_suffix(".svg").read_text()
    assert _pooled(cells)["m"] == {"latency_p50_s": 1.0, "latency_p95_s": 9.0, "cost_usd": None}
