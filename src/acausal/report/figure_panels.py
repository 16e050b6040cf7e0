"""Further figures of a cell: outcomes, points and power over the rounds, latency and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from acausal.analysis.inference import Estimate
from acausal.analysis.outcomes import outcome_shares
from acausal.analysis.outcomes import trajectories as paths
from acausal.records import Decision
from acausal.report.figure_files import COLOURS, DASHES, MARKERS, blank, distances, round_ticks
from acausal.report.rows import dollars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHORTEST_S = 0.01
"""Below this latency nothing was asked outside the program."""
_MOST_LINES = 6
"""Above this number of models lines hide each other, and only the widest apart would be read."""


def outcomes(decisions: Sequence[Decision]) -> Figure | None:
    """The share of each outcome, with its interval; None where no match has two actions that count."""
    shares = {name: share for name, share in outcome_shares(decisions).items() if share is not None}
    if not shares:
        return None
    figure, axes = blank(7.2, 2.6)
    for row, share in enumerate(shares.values()):
        bar = distances(share)
        axes.barh(row, 100 * share.value, color=COLOURS[row], alpha=0.35, height=0.6)
        drawn = [[bar[0]], [bar[1]]] if share.low is not None else None
        axes.errorbar(100 * share.value, row, xerr=drawn, color=COLOURS[row], marker=MARKERS[row], capsize=3)
    words = {"CC": "both cooperate", "CD": "only the agent", "DC": "only the co-player", "DD": "both defect"}
    axes.set_yticks(range(len(shares)), [f"{words[name]} ({name})" for name in shares])
    axes.invert_yaxis()
    axes.set(xlabel="decisions (%)", xlim=(0, 102))
    axes.grid(axis="x", alpha=0.3)
    return figure


def trajectories(decisions: Sequence[Decision]) -> Figure | None:
    """Points so far and power by round and model; None of a single round, which has no path."""
    if len({decision.round for decision in decisions}) < 2:
        return None
    found = paths(decisions)
    powers = [each.value for rounds in found["power"].values() for each in rounds.values() if each is not None]
    drawn = {"points so far, mean of agents": found["score"]}
    if max(powers) - min(powers) > 1e-9:
        drawn["power, mean of agents"] = found["power"]
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    for number, (quantity, series) in enumerate(drawn.items(), start=1):
        axes = figure.add_subplot(1, len(drawn), number)
        _paths(axes, series)
        axes.set(xlabel="round", ylabel=quantity)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1 if len(labels) < 4 else 2)
    return figure


def _paths(axes: Axes, series: Mapping[str, Mapping[int, Estimate | None]]) -> None:
    last = 1
    for number, (model, rounds) in enumerate(series.items()):
        known = {round_: each for round_, each in rounds.items() if each is not None}
        bars = [distances(each, 1) for each in known.values()]
        barred = len(series) <= _MOST_LINES and any(each.low is not None for each in known.values())
        axes.errorbar(
            [round_ + 0.04 * (number - (len(series) - 1) / 2) for round_ in known],
            [each.value for each in known.values()],
            yerr=list(zip(*bars, strict=True)) if barred else None,
            label=model,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle=DASHES[number % len(DASHES)],
            capsize=3,
        )
        last = max(last, *known, 1)
    axes.set_xticks(round_ticks(last))
    axes.grid(axis="y", alpha=0.3)


def latency_and_cost(calls: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """Median latency of each model, to its 95th percentile, beside what its calls cost.

    None where neither is known, nor where a rule answered at once and for nothing.
    """
    timed = {model: own for model, own in calls.items() if own["latency_p50_s"] is not None}
    if not any(own["latency_p95_s"] >= _SHORTEST_S or own["cost_usd"] for own in timed.values()):
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 1.4 + 0.42 * len(timed)), layout="constrained")
    latency, cost = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for row, own in enumerate(timed.values()):
        colour = COLOURS[row % len(COLOURS)]
        middle, far = own["latency_p50_s"], own["latency_p95_s"]
        latency.errorbar(middle, row, xerr=[[0], [far - middle]], color=colour, marker=MARKERS[row % 10], capsize=3)
        usd = own["cost_usd"]
        if usd is None:
            cost.text(0.02, row, "unknown", va="center", transform=cost.get_yaxis_transform())
        else:
            cost.barh(row, usd, color=colour, alpha=0.5, height=0.6)
            cost.text(usd, row, f" {dollars(usd)}", va="center")
    latency.set_yticks(range(len(timed)), list(timed))
    latency.invert_yaxis()
    latency.set(xlabel="latency: median, 95th percentile (s)")
    latency.set_xlim(left=0)
    cost.set(xlabel="all calls (USD)")
    cost.set_xlim(0, 1.4 * max([own["cost_usd"] or 0 for own in timed.values()] + [1e-6]))
    latency.grid(axis="x", alpha=0.3)
    return figure
