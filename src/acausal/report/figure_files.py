"""How every figure looks, and the files it becomes: PNG to look at, SVG for pages, PDF for papers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acausal.analysis.inference import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette [okabe2008]: told apart with any colour vision; markers and dashes tell it in print.
COLOURS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#999933",
    "#44AA99",
    "#332288",
]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
DASHES = ["-", "--", "-.", ":"]
STYLE: Any = {
    "svg.hashsalt": "acausal",
    "svg.fonttype": "none",  # text stays text: searchable, and in the page's own colours
    "pdf.fonttype": 42,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.facecolor": "none",
}
NO_BAR = (float("nan"), float("nan"))
"""Lengths that draw nothing; 0 would draw caps, and so an interval without width."""
_ATTRIBUTES = re.compile(r' xmlns(:\w+)?="[^"]*"')
_INK = re.compile(r"#(?:000000|444444)\b")
_ID = re.compile(r'(?<= id=")[^"]+|(?<=href="#)[^"]+|(?<=url\(#)[^)]+')


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one empty plot; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def save(figures: Mapping[str, Figure], directory: Path) -> list[Path]:
    """Write `figures/`; the same figures give the same bytes.

    Returns:
        The PNG files, in the order given.
    """
    folder = directory / "figures"
    folder.mkdir(exist_ok=True)
    written = []
    for name, figure in figures.items():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, not once a file
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
        figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
        written.append(folder / f"{name}.png")
    return written


def inline(svg: str, name: str) -> str:
    """A figure for a page: without its white ground, and its black ink in the colour of the page's text.

    Args:
        name: Sets its ids apart from those of other figures of the page.
    """
    drawn = svg[svg.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'<g id="patch_1">.*?</g>', "", drawn, count=1, flags=re.DOTALL)
    drawn = _ID.sub(lambda match: f"{name}-{match.group()}", _ATTRIBUTES.sub("", drawn))
    drawn = _INK.sub("currentColor", drawn).replace("<text ", '<text fill="currentColor" ')
    title = name.replace("_", " ")
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{title}" stroke-linejoin="round" ', 1)


def nothing(figure: Figure, axes: Axes, words: str = "no legible decision") -> Figure:
    """Say that there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=14, transform=axes.transAxes)
    return figure


def distances(rate: Estimate, scale: float = 100) -> tuple[float, float]:
    """Length of the error bar below and above a point, in percent; no bar without an interval."""
    if rate.low is None or rate.high is None:
        return NO_BAR
    return scale * (rate.value - rate.low), scale * (rate.high - rate.value)


def round_ticks(last: int) -> list[int]:
    """Rounds to name on an axis."""
    step = max(1, last // 12)
    return list(range(1, last + 1, step))
