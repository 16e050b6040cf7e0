"""The figures of a sweep: rates by arm, effects with their intervals, the grid of match probabilities."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from acausal.analysis.inference import Estimate
from acausal.analysis.switch_point import curve
from acausal.records import Decision
from acausal.report.figure_files import COLOURS, DASHES, MARKERS, STYLE, WIDE, Mark, save
from acausal.report.figure_forest import forest
from acausal.report.figure_map import Map, similarity_map
from acausal.report.figure_panels import latency_and_cost
from acausal.report.figures import ALL, RATE, cooperation_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Grid:
    """One model over the match probabilities that it was told, under one set of payoffs."""

    model: str
    game: str
    r_star: float | None
    rates: Mapping[float, Estimate | None]
    """Told match probability → cooperation."""
    units: Sequence[Mapping[float, tuple[int, int]]]
    switch: Estimate | None


def write_sweep_figures(
    directory: Path,
    rates: Mapping[str, Mapping[str, Mark]],
    effects: Mapping[str, Mapping[str, Mark]],
    grids: Sequence[Grid],
    met: Mapping[str, Sequence[Decision]] = MappingProxyType({}),
    calls: Sequence[Mapping[str, Mapping[str, Any]]] = (),
    strategies: Map | None = None,
) -> list[Path]:
    """Write `figures/` of a sweep; the same numbers give the same bytes.

    Args:
        rates: Arm → model → cooperation.
        effects: Contrast → model → difference of rates.
        met: Condition → decisions of all its cells, where models met others.
        calls: `calls_by_model` of each cell's summary.json.
        strategies: Where each stands by its words, if any were written that differ.

    Returns:
        The PNG files, in the order in which documents show them.
    """
    import matplotlib

    with matplotlib.rc_context(STYLE):
        drawn: dict[str, Sequence[Figure | None]] = {}
        if any(effects.values()):
            drawn["effects"] = forest(effects, "difference of cooperation rates", (-1.05, 1.05), middle=0.0)
        if any(rates.values()):
            percent = {arm: {model: mark.times(100) for model, mark in own.items()} for arm, own in rates.items()}
            drawn["cooperation_by_arm"] = forest(percent, RATE, ALL)
        if grids:
            drawn["match_probability"] = [_grids(grids)]
        for condition, decisions in met.items():
            drawn[f"cooperation_matrix_{condition}"] = [cooperation_matrix(decisions)]
        drawn["similarity_map"] = [similarity_map(strategies) if strategies else None]
        drawn["latency_and_cost"] = [latency_and_cost(_pooled(calls))]
        return save(drawn, directory)


def _pooled(cells: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Of each model: the median of its cells' medians, the farthest of their 95th percentiles, the sum of costs."""
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for cell in cells:
        for model, own in cell.items():
            found[model].append(own)
    pooled = {}
    for model, each in found.items():
        middles = [own["latency_p50_s"] for own in each if own["latency_p50_s"] is not None]
        far = [own["latency_p95_s"] for own in each if own["latency_p95_s"] is not None]
        costs = [own["cost_usd"] for own in each]
        pooled[model] = {
            "latency_p50_s": median(middles) if middles else None,
            "latency_p95_s": max(far) if far else None,
            "cost_usd": None if None in costs else sum(costs),
        }
    return pooled


def _grids(grids: Sequence[Grid]) -> Figure:
    """A panel for each set of payoffs: cooperation over r, r* dashed, the fitted switch with its interval below."""
    from matplotlib.figure import Figure

    games = list(dict.fromkeys(grid.game for grid in grids))
    across = min(2, len(games))
    down = -(-len(games) // across)
    models = list(dict.fromkeys(grid.model for grid in grids))
    figure = Figure(figsize=(WIDE, 0.9 + 2.6 * down), layout="constrained")
    for number, game in enumerate(games, start=1):
        axes = figure.add_subplot(down, across, number)
        own = [grid for grid in grids if grid.game == game]
        if own[0].r_star is not None:
            axes.plot([own[0].r_star] * 2, [-0.05, 1.05], color="#888888", linestyle="--", linewidth=1.2)
            axes.text(own[0].r_star, 1.07, f"r* {own[0].r_star:.3f}", ha="center", fontsize=8)
        for grid in own:
            _grid(axes, grid, models.index(grid.model), len(models))
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.06 - 0.07 * len(models), 1.16))
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.set_xlabel(f"told match probability r\n{game}", fontsize=8)
        axes.set_ylabel("cooperation rate", fontsize=8)
        axes.grid(axis="y", alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=1 if len(labels) < 3 else 2, fontsize=8, handlelength=3
    )
    return figure


def _grid(axes: Axes, grid: Grid, number: int, models: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    for told, rate in grid.rates.items():
        if rate is not None:
            mark, shift = Mark.of(rate), 0.012 * (number - (models - 1) / 2)
            face = colour if mark.bar is not None else "none"
            axes.errorbar(
                *(told + shift, mark.value),
                yerr=mark.bar,
                color=colour,
                marker=marker,
                markerfacecolor=face,
                markersize=5,
                capsize=2,
            )
    axes.plot([], [], color=colour, marker=marker, linestyle=DASHES[number % len(DASHES)], label=grid.model)
    fitted = curve(grid.units)
    if fitted is not None:
        xs = [step / 100 for step in range(101)]
        ys = [1 / (1 + math.exp(-max(-30.0, min(30.0, fitted[0] + fitted[1] * x)))) for x in xs]
        axes.plot(xs, ys, color=colour, linewidth=1, linestyle=DASHES[number % len(DASHES)])
    if grid.switch is not None:
        at = Mark.of(grid.switch)
        axes.errorbar(
            at.value, -0.08 - 0.07 * number, xerr=at.bar, color=colour, marker=marker, markersize=5, capsize=2
        )
