"""Values with their intervals as rows: a panel for each subject, on pages that a paper can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acausal.report.figure_files import COLOURS, HIGH, WIDE, Mark, broken

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Panels = Mapping[str, Mapping[str, Mark]]
"""Panel → row → value."""
_ACROSS = 4
"""Panels beside each other, at most."""
_MOST_ROWS = 40
"""Rows of one panel; more of them go on in another."""
_ROW, _LINE, _AROUND = 0.17, 0.14, 0.34
"""Heights in inches: a row, a line of a title, and what else a panel takes."""
_LETTER, _NARROWEST = 0.062, 1.25
"""Widths in inches: a letter of a row's name, and the least of a panel."""


@dataclass(frozen=True, slots=True)
class _Strip:
    """Panels beside each other that share their rows."""

    rows: Sequence[str]
    panels: Panels

    @property
    def height(self) -> float:
        lines = max(broken(name).count("\n") + 1 for name in self.panels)
        return _AROUND + _ROW * len(self.rows) + _LINE * lines


def forest(panels: Panels, quantity: str, limits: tuple[float, float], *, middle: float | None = None) -> list[Figure]:
    """Pages of panels, by whichever of panels and rows makes fewer panels; a mark without an interval is hollow.

    Args:
        limits: Of the axis; values beyond them widen it.
        middle: Where there is no effect.
    """
    rows = {row for marks in panels.values() for row in marks}
    if 1 < len(rows) < len(panels):
        panels = {row: {name: marks[row] for name, marks in panels.items() if row in marks} for row in _ordered(panels)}
    longest = max(len(row) for marks in panels.values() for row in marks)
    fitting = int((WIDE - _LETTER * longest) / _NARROWEST)
    across = max(1, min(_ACROSS, fitting, len(panels)))
    return [_page(strips, across, quantity, limits, middle) for strips in _pages(_strips(panels, across))]


def _ordered(panels: Panels) -> list[str]:
    return list(dict.fromkeys(row for marks in panels.values() for row in marks))


def _strips(panels: Panels, across: int) -> Iterable[_Strip]:
    """Panels that have rows in common share all of them, so that a row stands at one height in each."""
    blocks: list[dict[str, Mapping[str, Mark]]] = []
    for name, marks in panels.items():
        akin = [block for block in blocks if any(marks.keys() & own.keys() for own in block.values())]
        blocks = [block for block in blocks if block not in akin]
        blocks.append({key: own for block in akin for key, own in block.items()} | {name: marks})
    for block in blocks:
        rows, names = _ordered(block), list(block)
        for top in range(0, len(rows), _MOST_ROWS):
            for left in range(0, len(names), across):
                yield _Strip(rows[top : top + _MOST_ROWS], {name: block[name] for name in names[left : left + across]})


def _pages(strips: Iterable[_Strip]) -> list[list[_Strip]]:
    pages: list[list[_Strip]] = [[]]
    for strip in strips:
        if pages[-1] and sum(each.height for each in pages[-1]) + strip.height > HIGH:
            pages.append([])
        pages[-1].append(strip)
    return pages


def _page(
    strips: Sequence[_Strip], across: int, quantity: str, limits: tuple[float, float], middle: float | None
) -> Figure:
    from matplotlib.figure import Figure

    heights = [strip.height for strip in strips]
    figure = Figure(figsize=(WIDE, 0.35 + sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(strips), across, height_ratios=heights)
    every = [m for strip in strips for marks in strip.panels.values() for m in marks.values()]
    ends = [end for m in every for end in (m.value, m.low, m.high) if end is not None]
    wide = min(limits[0], min(ends)), max(limits[1], max(ends))
    for down, strip in enumerate(strips):
        for column, (name, marks) in enumerate(strip.panels.items()):
            axes = figure.add_subplot(grid[down, column])
            _panel(axes, strip.rows, marks, named=column == 0)
            axes.set(xlim=wide)
            axes.set_title(broken(name.replace("_", " ")), fontsize=8)
            if middle is not None:
                axes.axvline(middle, color="#888888", linewidth=0.8, linestyle=":", zorder=0)
    figure.supxlabel(quantity, fontsize=9)
    return figure


def _panel(axes: Axes, rows: Sequence[str], marks: Mapping[str, Mark], *, named: bool) -> None:
    for height, row in enumerate(rows):
        if (mark := marks.get(row)) is not None:
            face = COLOURS[0] if mark.bar is not None else "none"
            axes.errorbar(
                *(mark.value, height),
                xerr=mark.bar,
                color=COLOURS[0],
                markerfacecolor=face,
                marker="o",
                markersize=4,
                capsize=2,
                linewidth=1.2,
            )
    axes.set_yticks(range(len(rows)), rows if named else [""] * len(rows), fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.locator_params(axis="x", nbins=3)
    axes.tick_params(axis="x", labelsize=7)
    axes.grid(axis="x", alpha=0.3)
