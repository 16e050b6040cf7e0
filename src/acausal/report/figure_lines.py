"""Quantities over the rounds, a line for each model, every point with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from acausal.analysis.inference import Estimate
from acausal.report.figure_files import COLOURS, DASHES, HIGH, MARKERS, WIDE, Mark, blank, broken, round_ticks
from acausal.report.figure_forest import forest
from acausal.report.rows import ALL_MODELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Series = Mapping[str, Mapping[int, Estimate | None]]
"""Model → round → estimate."""
_MOST_TOGETHER = 5
"""Above this number of lines each has a panel of its own: in one, their intervals would hide each other."""
_MOST_BARS = 25
"""Above this number of rounds intervals are a band."""
_ACROSS, _PANEL = 3, 1.75
"""Small panels beside each other, and the height of one in inches."""


def over_rounds(
    series: Series, quantity: str, *, scale: float = 100, limits: tuple[float, float] | None = None
) -> list[Figure]:
    """Pages with lines over the rounds; of a single round rows, since nothing goes over it; none without data.

    Args:
        scale: Of what is printed to what is given.
        limits: Of the printed quantity; None: as the values need.
    """
    known = {model: _marks(rounds, scale) for model, rounds in series.items()}
    known = {model: marks for model, marks in known.items() if marks}
    rounds = sorted({round_ for marks in known.values() for round_ in marks})
    if not rounds:
        return []
    if len(rounds) == 1:
        rows = {model: marks[rounds[0]] for model, marks in known.items()}
        shown = quantity if rounds == [1] else f"{quantity}, round {rounds[0]}"
        return forest({"": rows}, shown, limits or (0, 0))
    styles = {model: _Style(number, model) for number, model in enumerate(known)}
    if len(known) <= _MOST_TOGETHER:
        return [_together(known, styles, quantity, limits)]
    names, page = list(known), _ACROSS * int(HIGH / _PANEL)
    limits = limits or _reach(known)
    return [
        _apart({name: known[name] for name in names[at : at + page]}, styles, quantity, limits)
        for at in range(0, len(names), page)
    ]


class _Style:
    """How a model's line looks, in every figure of a report alike."""

    def __init__(self, number: int, model: str) -> None:
        self.colour = "#444444" if model == ALL_MODELS else COLOURS[number % len(COLOURS)]
        self.marker = MARKERS[number % len(MARKERS)]
        self.dash = DASHES[number % len(DASHES)]


def _marks(rounds: Mapping[int, Estimate | None], scale: float) -> dict[int, Mark]:
    return {round_: Mark.of(each, scale) for round_, each in rounds.items() if each is not None}


def _reach(known: Mapping[str, Mapping[int, Mark]]) -> tuple[float, float]:
    """Limits that hold every value and interval, so that panels can be compared."""
    marks = [mark for own in known.values() for mark in own.values()]
    ends = [end for mark in marks for end in (mark.value, mark.low, mark.high) if end is not None]
    margin = 0.04 * (max(ends) - min(ends)) or 1.0
    return min(ends) - margin, max(ends) + margin


def _together(
    known: Mapping[str, Mapping[int, Mark]],
    styles: Mapping[str, _Style],
    quantity: str,
    limits: tuple[float, float] | None,
) -> Figure:
    figure, axes = blank(WIDE, 4.2)
    for number, (model, marks) in enumerate(known.items()):
        # Models stand a little apart, so that neither marks nor intervals hide each other.
        _line(axes, model, marks, styles[model], shift=(number - (len(known) - 1) / 2) * 0.05)
    _dress(axes, known, limits)
    axes.set(xlabel="round", ylabel=quantity)
    figure.legend(loc="outside lower center", ncols=1 if len(known) < 4 else 2, handlelength=3)
    return figure


def _apart(
    known: Mapping[str, Mapping[int, Mark]], styles: Mapping[str, _Style], quantity: str, limits: tuple[float, float]
) -> Figure:
    from matplotlib.figure import Figure

    down = -(-len(known) // _ACROSS)
    figure = Figure(figsize=(WIDE, 0.5 + _PANEL * down), layout="constrained")
    for number, (model, marks) in enumerate(known.items()):
        axes = figure.add_subplot(down, _ACROSS, number + 1)
        _line(axes, model, marks, styles[model], shift=0)
        _dress(axes, known, limits)
        axes.set_title(broken(model, 30), fontsize=8)
        axes.tick_params(labelsize=8, labelleft=number % _ACROSS == 0)
    figure.supxlabel("round", fontsize=9)
    figure.supylabel(quantity, fontsize=9)
    return figure


def _dress(axes: Axes, known: Mapping[str, Mapping[int, Mark]], limits: tuple[float, float] | None) -> None:
    rounds = [round_ for marks in known.values() for round_ in marks]
    axes.set_xlim(min(rounds) - 0.5, max(rounds) + 0.5)
    axes.set_xticks(round_ticks(max(rounds)))
    if limits is not None:
        axes.set_ylim(limits)
    axes.grid(axis="y", alpha=0.3)


def _line(axes: Axes, model: str, marks: Mapping[int, Mark], style: _Style, *, shift: float) -> None:
    """Bars, or over many rounds a band; a mark without an interval is hollow."""
    many = len(marks) > _MOST_BARS
    at = {round_ + (0 if many else shift): mark for round_, mark in marks.items()}
    marker = "" if many else style.marker
    axes.plot(list(at), [mark.value for mark in at.values()], color=style.colour, linestyle=style.dash, linewidth=1.3)
    sure = {x: mark for x, mark in at.items() if mark.bar is not None}
    if many and sure:
        lows, highs = [mark.low or 0.0 for mark in sure.values()], [mark.high or 0.0 for mark in sure.values()]
        axes.fill_between(list(sure), lows, highs, color=style.colour, alpha=0.2, linewidth=0)
    for x, mark in at.items() if not many else ():
        face = style.colour if mark.bar is not None else "none"
        bar: Sequence[Sequence[float]] | None = mark.bar
        axes.errorbar(
            x, mark.value, yerr=bar, color=style.colour, marker=marker, markerfacecolor=face, markersize=5, capsize=3
        )
    # What the legend shows: mark and dash, without a bar that stands for no value.
    axes.plot([], [], color=style.colour, marker=marker, linestyle=style.dash, label=model)
