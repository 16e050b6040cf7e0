"""The map of strategies: likeness of words in two dimensions, and what was done after each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acausal.report.figure_files import COLOURS, MARKERS, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AREA = 30.0
"""Of the mark of one text, in square points."""
_MOST_ARMS = 10


@dataclass(frozen=True, slots=True)
class Point:
    """One strategy on the map."""

    arm: str
    """Model, and in a sweep its condition."""
    x: float
    y: float
    cooperation: float | None
    """Of the decisions that followed it, in [0, 1]; None where none counts."""


@dataclass(frozen=True, slots=True)
class Map:
    """What the figure shows."""

    points: Sequence[Point]
    spread: float
    """Share of the variance of the vectors that the two axes hold, in [0, 1]."""


def similarity_map(found: Map) -> Figure:
    """Strategies by their words: colour and shape say who wrote, a filled mark that cooperation followed."""
    figure, axes = blank(7.2, 5.0)
    arms = sorted({point.arm for point in found.points})
    for number, arm in enumerate(arms):
        places = Counter((p.x, p.y, _followed(p.cooperation)) for p in found.points if p.arm == arm)
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        for followed, inside in _FILLS.items():
            own = [(x, y, count) for (x, y, after), count in places.items() if after == followed]
            axes.scatter(
                [x for x, _, _ in own],
                [y for _, y, _ in own],
                s=[_AREA * math.sqrt(count) for _, _, count in own],
                facecolors=colour if inside else "none",
                edgecolors=colour,
                marker=marker,
                alpha=0.35 if followed == "" else 0.8,
            )
        if number < _MOST_ARMS:
            axes.scatter([], [], color=colour, marker=marker, label=arm)
    axes.scatter([], [], facecolors="black", edgecolors="black", marker="o", label="mostly cooperated")
    axes.scatter([], [], facecolors="none", edgecolors="black", marker="o", label="mostly defected, or even")
    axes.set(xlabel="likeness of words, first component", ylabel="second component")
    axes.set_title(f"The axes hold {found.spread:.0%} of the variance; words are blind to the decision", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


_FILLS = {"C": True, "D": False, "": False}


def _followed(cooperation: float | None) -> str:
    """C, D, or nothing where no decision counts."""
    return "" if cooperation is None else "C" if cooperation > 0.5 else "D"
