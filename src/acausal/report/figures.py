"""The figures of a cell: cooperation by round, who cooperates with whom, and under evolution the population."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from acausal.analysis.inference import Estimate
from acausal.analysis.rates import Shares, by_round, by_round_and_model, matrix
from acausal.records import Decision
from acausal.report.figure_files import COLOURS, DASHES, MARKERS, STYLE, blank, distances, nothing, round_ticks, save
from acausal.report.figure_map import Map, similarity_map
from acausal.report.figure_panels import latency_and_cost, outcomes, trajectories
from acausal.report.rows import ALL_MODELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_WITH_INTERVALS = 5
"""Above this number of lines only that of all models carries intervals: more of them hide each other."""
_DARK = 0.72
"""Share above which a cell is so dark that white text reads better than dark text."""
_PRINT = "#101010"
"""Dark text on a ground of its own, which no page turns into the colour of its text."""


def write_figures(
    directory: Path,
    decisions: Sequence[Decision],
    shares: Shares | None = None,
    calls: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    strategies: Map | None = None,
) -> list[Path]:
    """Write `figures/` as PNG, SVG and PDF; the same decisions give the same bytes.

    Args:
        shares: Of the seats, where they change between rounds.
        calls: `calls_by_model` of summary.json.
        strategies: Where each stands by its words, if any were written that differ.

    Returns:
        The PNG files, in the order in which documents show them.
    """
    import matplotlib

    with matplotlib.rc_context(STYLE):
        drawn = {
            "cooperation_by_round": _by_round(decisions),
            "cooperation_matrix": _matrix(decisions),
            "population_by_round": _lines(shares, "seats (%)") if shares else None,
            "outcome_shares": outcomes(decisions),
            "scores_and_power": trajectories(decisions),
            "similarity_map": similarity_map(strategies) if strategies else None,
            "latency_and_cost": latency_and_cost(calls),
        }
        return save({name: figure for name, figure in drawn.items() if figure is not None}, directory)


def _by_round(decisions: Sequence[Decision]) -> Figure:
    series: dict[str, dict[int, Estimate | None]] = by_round_and_model(decisions)
    if len(series) > 1:
        series[ALL_MODELS] = by_round(decisions)
    return _lines(series, "decisions that cooperate (%)")


def _lines(series: Mapping[str, Mapping[int, Estimate | None]], quantity: str) -> Figure:
    """Shares over the rounds, a line for each model."""
    figure, axes = blank(7.2, 4.2)
    shown = {model: _points(rates) for model, rates in series.items()}
    if not any(shown.values()):
        return nothing(figure, axes)
    for number, (model, points) in enumerate(shown.items()):
        colour = "#444444" if model == ALL_MODELS else COLOURS[number % len(COLOURS)]
        # Models stand a little apart, so that neither marks nor intervals hide each other.
        shift = (number - (len(shown) - 1) / 2) * 0.04
        rounds = [round_ + shift for round_ in points]
        values = [100 * rate.value for rate in points.values()]
        barred = model == ALL_MODELS or len(shown) <= _MOST_WITH_INTERVALS
        lengths = [distances(rate) for rate in points.values()]
        has_bars = barred and any(rate.low is not None for rate in points.values())
        axes.errorbar(
            rounds,
            values,
            yerr=list(zip(*lengths, strict=True)) if has_bars else None,  # None: no bar in the legend either
            label=model,
            color=colour,
            marker=MARKERS[number % len(MARKERS)],
            linestyle=DASHES[number % len(DASHES)],
            capsize=3,
            markersize=6,
        )
    last = max(round_ for points in shown.values() for round_ in points)
    axes.set(xlabel="round", ylabel=quantity, ylim=(-4, 104), xlim=(0.5, last + 0.5))
    axes.set_xticks(round_ticks(last))
    axes.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=1 if len(shown) < 4 else 2, frameon=False)
    return figure


def _matrix(decisions: Sequence[Decision]) -> Figure:
    rates = matrix(decisions)
    models = sorted({model for pair in rates for model in pair})
    size = len(models)
    upright = size < 4
    width, height = (1.15, 0.85) if upright else (0.8, 0.62)  # a page shrinks a wide figure, its text included
    figure, axes = blank(3.4 + width * size, 2.0 + height * size)
    if not any(rates.values()):
        return nothing(figure, axes)
    cells = [[_share(rates.get((own, other))) for other in models] for own in models]
    image = axes.imshow(cells, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for row, own in enumerate(models):
        for column, other in enumerate(models):
            rate = rates.get((own, other))
            text = "no data" if rate is None else _cell(rate)
            dark = rate is not None and rate.value > _DARK
            axes.text(column, row, text, ha="center", va="center", color="white" if dark else _PRINT, fontsize=9)
    names = [_broken(model) for model in models]
    axes.set_xticks(range(size), names, rotation=0 if upright else 60, ha="center" if upright else "right")
    axes.set_yticks(range(size), names)
    axes.set(xlabel="model of the co-player", ylabel="model of the agent")
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="decisions that cooperate (%)")
    return figure


def _cell(rate: Estimate) -> str:
    if rate.low is None or rate.high is None:
        return f"{rate.value * 100:.0f} %\nn {rate.n}"
    return f"{rate.value * 100:.0f} %\n{rate.low * 100:.0f}–{rate.high * 100:.0f}\nn {rate.n}"


def _broken(model: str) -> str:
    """A long id on several lines, broken after the vendor and at hyphens."""
    lines = [""]
    for part in re.findall(r"[^/\-]+[/\-]?", model):
        if lines[-1] and (len(lines[-1]) + len(part) > 16 or lines[-1].endswith("/")):
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _points(rates: Mapping[int, Estimate | None]) -> dict[int, Estimate]:
    return {round_: rate for round_, rate in rates.items() if rate is not None}


def _share(rate: Estimate | None) -> float:
    return float("nan") if rate is None else 100 * rate.value
