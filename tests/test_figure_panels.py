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
from acausal.report.figure_files import STYLE, blank, inline, save
from acausal.report.figure_panels import latency_and_cost, outcomes, trajectories
from acausal.report.figures_of_sweep import Grid, Mark, write_sweep_figures

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
    assert trajectories(play("C", "D")) is None
    assert trajectories(TWO) is not None
    assert outcomes(play("?", "D")) is None


def test_power_is_drawn_only_where_it_varies() -> None:
    still, moved = trajectories(TWO), trajectories([replace(d, power=100.0 + d.round) for d in TWO])
    assert still is not None
    assert moved is not None
    assert [len(figure.axes) for figure in (still, moved)] == [1, 2]


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
        axes.plot([0, 1], label="<b>model</b>")
        axes.legend()
        save({"one": figure}, tmp_path)
    svg = (tmp_path / "figures" / "one.svg").read_text()
    one, other = inline(svg, "one"), inline(svg, "other")
    assert one.startswith("<svg role=")
    assert "#000000" not in one
    assert "currentColor" in one
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
