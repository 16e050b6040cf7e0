"""Further figures of a cell: outcomes, points and power over the rounds, latency and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from acausal.analysis.outcomes import outcome_shares
from acausal.analysis.outcomes import trajectories as paths
from acausal.records import Decision
from acausal.report.figure_files import COLOURS, MARKERS, WIDE, Mark, blank
from acausal.report.figure_lines import over_rounds
from acausal.report.rows import dollars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHORTEST_S = 0.01
"""Below this latency nothing was asked outside the program."""
_STILL = 1e-9
"""Power that varies by no more is the same for all."""


def outcomes(decisions: Sequence[Decision]) -> Figure | None:
    """The share of each outcome, with its interval; None where no match has two actions that count."""
    shares = {name: share for name, share in outcome_shares(decisions).items() if share is not None}
    if not shares:
        return None
    figure, axes = blank(WIDE, 2.4)
    for row, share in enumerate(shares.values()):
        mark, colour = Mark.of(share, 100), COLOURS[row]
        face = colour if mark.bar is not None else "none"
        axes.barh(row, mark.value, color=colour, alpha=0.35, height=0.6)
        axes.errorbar(
            mark.value, row, xerr=mark.bar, color=colour, marker=MARKERS[row], markerfacecolor=face, capsize=3
        )
    words = {"CC": "both cooperate", "CD": "only the agent", "DC": "only the co-player", "DD": "both defect"}
    axes.set_yticks(range(len(shares)), [f"{words[name]} ({name})" for name in shares])
    axes.invert_yaxis()
    axes.set(xlabel="decisions (%)", xlim=(0, 102))
    axes.grid(axis="x", alpha=0.3)
    return figure


def trajectories(decisions: Sequence[Decision]) -> dict[str, list[Figure]]:
    """Points so far, and power where it varies, by round and model; of a single round, which has no path, none."""
    if len({decision.round for decision in decisions}) < 2:
        return {}
    found = paths(decisions)
    powers = [each.value for rounds in found["power"].values() for each in rounds.values() if each is not None]
    drawn = {"scores": over_rounds(found["score"], "points so far, mean of agents", scale=1)}
    if max(powers) - min(powers) > _STILL:
        drawn["power"] = over_rounds(found["power"], "power, mean of agents", scale=1)
    return drawn


def latency_and_cost(calls: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """Median latency of each model, to its 95th percentile, beside what its calls cost.

    None where neither is known, nor where a rule answered at once and for nothing.
    """
    timed = {model: own for model, own in calls.items() if own["latency_p50_s"] is not None}
    if not any(own["latency_p95_s"] >= _SHORTEST_S or own["cost_usd"] for own in timed.values()):
        return None
    priced = any(own["cost_usd"] != 0 for own in timed.values())
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDE, 0.8 + 0.3 * len(timed)), layout="constrained")
    latency, *others = figure.subplots(1, 1 + priced, sharey=True, squeeze=False, width_ratios=(3, 2)[: 1 + priced])[0]
    for row, own in enumerate(timed.values()):
        middle, far = own["latency_p50_s"], own["latency_p95_s"]
        bar = [[0], [max(0.0, far - middle)]]
        latency.errorbar(middle, row, xerr=bar, color=COLOURS[0], marker="o", capsize=3)
    latency.set_yticks(range(len(timed)), list(timed), fontsize=8)
    latency.set_ylim(len(timed) - 0.4, -0.6)
    latency.set(xlabel="latency: median, 95th percentile (s)")
    latency.set_xlim(left=0)
    latency.grid(axis="x", alpha=0.3)
    for axes in others:
        _costs(axes, [own["cost_usd"] for own in timed.values()])
    return figure


def _costs(axes: Axes, costs: Sequence[float | None]) -> None:
    for row, usd in enumerate(costs):
        if usd is None:
            axes.text(0.02, row, "unknown", va="center", fontsize=8, transform=axes.get_yaxis_transform())
        else:
            axes.barh(row, usd, color=COLOURS[1], alpha=0.5, height=0.6)
            axes.text(usd, row, f" {dollars(usd)}", va="center", fontsize=8)
    axes.set(xlabel="all calls (USD)")
    axes.set_xlim(0, 1.5 * max([usd or 0 for usd in costs] + [1e-6]))
    axes.locator_params(axis="x", nbins=4)
