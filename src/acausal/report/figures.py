"""The figures of a cell: cooperation by round, who cooperates with whom, and under evolution the population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from acausal.analysis.inference import Estimate
from acausal.analysis.rates import Shares, by_round, by_round_and_model, matrix
from acausal.records import Decision
from acausal.report.figure_files import STYLE, WIDE, blank, broken, nothing, save
from acausal.report.figure_lines import over_rounds
from acausal.report.figure_map import Map, similarity_map
from acausal.report.figure_panels import latency_and_cost, outcomes, trajectories
from acausal.report.rows import ALL_MODELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE = "decisions that cooperate (%)"
ALL = (-4, 104)
"""Limits of an axis in percent: marks at 0 and 100 are drawn whole."""
_MOST_UPRIGHT = 4
"""Models whose names stand upright below the matrix."""
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
        drawn: dict[str, Sequence[Figure | None]] = {
            "cooperation_by_round": _by_round(decisions),
            "cooperation_matrix": [cooperation_matrix(decisions)],
            "population_by_round": over_rounds(shares or {}, "seats (%)", limits=ALL),
            "outcome_shares": [outcomes(decisions)],
            **trajectories(decisions),
            "similarity_map": [similarity_map(strategies) if strategies else None],
            "latency_and_cost": [latency_and_cost(calls)],
        }
        return save(drawn, directory)


def _by_round(decisions: Sequence[Decision]) -> list[Figure]:
    series: dict[str, dict[int, Estimate | None]] = by_round_and_model(decisions)
    if len(series) > 1:
        series[ALL_MODELS] = by_round(decisions)
    return over_rounds(series, RATE, limits=ALL) or [nothing(*blank(WIDE, 2.4))]


def cooperation_matrix(decisions: Sequence[Decision]) -> Figure:
    """Who cooperates with whom: the agent's model by its co-player's."""
    rates = matrix(decisions)
    models = sorted({model for pair in rates for model in pair})
    size = len(models)
    upright = size <= _MOST_UPRIGHT
    width, height = (1.15, 0.85) if upright else (0.57, 0.5)
    figure, axes = blank(3.0 + width * size if upright else 1.6 + width * size, 1.6 + height * size)
    if not any(rates.values()):
        return nothing(figure, axes)
    cells = [[_share(rates.get((own, other))) for other in models] for own in models]
    image = axes.imshow(cells, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for row, own in enumerate(models):
        for column, other in enumerate(models):
            rate = rates.get((own, other))
            text = "no data" if rate is None else _cell(rate)
            ink = "black" if rate is None else "white" if rate.value > _DARK else _PRINT
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9 if upright else 6.5)
    names, small = [broken(model, 16) for model in models], 9 if upright else 7
    axes.set_xticks(
        *(range(size), names),
        fontsize=small,
        rotation=0 if upright else 60,
        ha="center" if upright else "right",
        rotation_mode="default" if upright else "anchor",
    )
    axes.set_yticks(range(size), names, fontsize=small)
    axes.set(xlabel="model of the co-player", ylabel="model of the agent")
    axes.spines[:].set_visible(False)
    if upright:  # in a crowd the numbers of the cells do, and the page is wanted for them
        figure.colorbar(image, ax=axes, label=RATE)
    return figure


def _cell(rate: Estimate) -> str:
    if rate.low is None or rate.high is None:
        return f"{rate.value * 100:.0f} %\nn {rate.n}"
    return f"{rate.value * 100:.0f} %\n{rate.low * 100:.0f}–{rate.high * 100:.0f}\nn {rate.n}"


def _share(rate: Estimate | None) -> float:
    return float("nan") if rate is None else 100 * rate.value
