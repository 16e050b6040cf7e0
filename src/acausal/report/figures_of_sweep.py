"""The figures of a sweep: rates by arm, effects with their intervals, the grid of match probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acausal.analysis.inference import Estimate
from acausal.analysis.switch_point import curve
from acausal.report.figure_files import COLOURS, DASHES, MARKERS, NO_BAR, STYLE, save
from acausal.report.figure_map import Map, similarity_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 4
"""Panels beside each other."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A value with its interval, if it has one."""

    value: float
    low: float | None
    high: float | None


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
    strategies: Map | None = None,
) -> list[Path]:
    """Write `figures/` of a sweep; the same numbers give the same bytes.

    Args:
        rates: Arm → model → cooperation.
        effects: Contrast → model → difference of rates.
        strategies: Where each stands by its words, if any were written that differ.

    Returns:
        The PNG files, in the order in which documents show them.
    """
    import matplotlib

    with matplotlib.rc_context(STYLE):
        drawn: dict[str, Figure] = {}
        if any(effects.values()):
            drawn["effects"] = _forest(effects, "difference of cooperation rates", (-1.05, 1.05), middle=0.0)
        if any(rates.values()):
            drawn["cooperation_by_arm"] = _forest(rates, "cooperation rate", (-0.03, 1.03), middle=None)
        if grids:
            drawn["match_probability"] = _grids(grids)
        if strategies is not None:
            drawn["similarity_map"] = similarity_map(strategies)
        return save(drawn, directory)


def _forest(
    panels: Mapping[str, Mapping[str, Mark]], quantity: str, limits: tuple[float, float], *, middle: float | None
) -> Figure:
    """A panel for each arm or contrast, a row for each model."""
    from matplotlib.figure import Figure

    across = min(_ACROSS, len(panels))
    down = -(-len(panels) // across)
    height = 0.9 + 0.24 * max(map(len, panels.values()))
    figure = Figure(figsize=(2.2 + 2.1 * across, 0.5 + height * down), layout="constrained")
    left: list[str] = []
    for number, (name, marks) in enumerate(panels.items()):
        axes = figure.add_subplot(down, across, number + 1)
        if middle is not None:
            axes.axvline(middle, color="#888888", linewidth=0.8, linestyle=":")
        for row, mark in enumerate(marks.values()):
            _mark(axes, mark, row)
        models = list(marks)
        named = number % across == 0 or models != left
        axes.set_yticks(range(len(models)), models if named else [""] * len(models), fontsize=8)
        left = models
        axes.set(xlim=limits, ylim=(len(models) - 0.4, -0.6))
        axes.set_xticks([-1, 0, 1] if middle is not None else [0, 0.5, 1])
        axes.set_title(name.replace("_", " "), fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
        axes.grid(axis="x", alpha=0.3)
    figure.supxlabel(quantity, fontsize=10)
    return figure


def _mark(axes: Axes, mark: Mark, row: int) -> None:
    has_bar = mark.low is not None and mark.high is not None
    below = mark.value - mark.low if mark.low is not None else NO_BAR[0]
    above = mark.high - mark.value if mark.high is not None else NO_BAR[1]
    bar = [[max(0.0, below)], [max(0.0, above)]] if has_bar else None
    # Filled: it has an interval; hollow: it has none, and shows nothing of its own certainty.
    face = COLOURS[0] if has_bar else "none"
    axes.errorbar(
        mark.value, row, xerr=bar, color=COLOURS[0], markerfacecolor=face, marker="o", markersize=4, capsize=2
    )


def _grids(grids: Sequence[Grid]) -> Figure:
    """A panel for each set of payoffs: cooperation over r, r* dashed, the fitted switch with its interval below."""
    from matplotlib.figure import Figure

    games = list(dict.fromkeys(grid.game for grid in grids))
    across = min(3, len(games))
    down = -(-len(games) // across)
    models = list(dict.fromkeys(grid.model for grid in grids))
    figure = Figure(figsize=(1.0 + 3.1 * max(across, 2), 0.9 + 2.6 * down), layout="constrained")
    for number, game in enumerate(games, start=1):
        axes = figure.add_subplot(down, across, number)
        own = [grid for grid in grids if grid.game == game]
        if own[0].r_star is not None:
            axes.axvline(own[0].r_star, color="#888888", linestyle="--", linewidth=1.2)
            axes.text(own[0].r_star, 1.04, f"r* {own[0].r_star:.3f}", ha="center", fontsize=8)
        for grid in own:
            _grid(axes, grid, models.index(grid.model), len(models))
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.05 - 0.07 * len(models), 1.12))
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.set_xlabel(f"told match probability r ({game})", fontsize=8)
        axes.set_ylabel("cooperation rate", fontsize=8)
        axes.grid(axis="y", alpha=0.3)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1 if len(labels) < 3 else 2, fontsize=8)
    return figure


def _grid(axes: Axes, grid: Grid, number: int, models: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    for told, rate in grid.rates.items():
        if rate is not None:
            low, high = rate.low, rate.high
            bar = None if low is None or high is None else [[rate.value - low], [high - rate.value]]
            shift = 0.008 * (number - (models - 1) / 2)
            axes.errorbar(told + shift, rate.value, yerr=bar, color=colour, marker=marker, markersize=5, capsize=2)
    axes.plot([], [], color=colour, marker=marker, linestyle=DASHES[number % len(DASHES)], label=grid.model)
    fitted = curve(grid.units)
    if fitted is not None:
        xs = [step / 100 for step in range(101)]
        ys = [1 / (1 + math.exp(-max(-30.0, min(30.0, fitted[0] + fitted[1] * x)))) for x in xs]
        axes.plot(xs, ys, color=colour, linewidth=1, linestyle=DASHES[number % len(DASHES)])
    if grid.switch is not None:
        at, low, high = grid.switch.value, grid.switch.low, grid.switch.high
        bar = None if low is None or high is None else [[at - low], [high - at]]
        axes.errorbar(at, -0.06 - 0.07 * number, xerr=bar, color=colour, marker="|", markersize=9, capsize=2)
