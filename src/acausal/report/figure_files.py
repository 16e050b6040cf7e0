"""How every figure looks, and the files it becomes: PNG to look at, SVG for pages, PDF for papers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
_DPI = 150
WIDE, HIGH = 7.2, 8.4
"""Inches that a figure takes at most: what fills a page of A4 or letter is read there without being shrunk."""
_ATTRIBUTES = re.compile(r' xmlns(:\w+)?="[^"]*"')
_INK = re.compile(r"#(?:000000|444444)\b")
_ID = re.compile(r'(?<= id=")[^"]+|(?<=href="#)[^"]+|(?<=url\(#)[^)]+')


@dataclass(frozen=True, slots=True)
class Mark:
    """A value with its interval, if it has one."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, estimate: Estimate, scale: float = 1) -> Mark:
        """An estimate as it is drawn."""
        return cls(estimate.value, estimate.low, estimate.high).times(scale)

    def times(self, scale: float) -> Mark:
        """Each number times the scale."""
        low, high = (None if end is None else scale * end for end in (self.low, self.high))
        return Mark(scale * self.value, low, high)

    @property
    def bar(self) -> list[list[float]] | None:
        """Length of the error bar below and above, as matplotlib takes it; None without an interval."""
        if self.low is None or self.high is None:
            return None
        return [[max(0.0, self.value - self.low)], [max(0.0, self.high - self.value)]]


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one empty plot; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def save(figures: Mapping[str, Sequence[Figure | None]], directory: Path) -> list[Path]:
    """Write `figures/`; the same figures give the same bytes.

    Args:
        figures: Name → pages; None, or no page, where there is nothing to draw.

    Returns:
        The PNG files, in the order given.
    """
    folder = directory / "figures"
    folder.mkdir(exist_ok=True)
    for name in figures:
        for stale in folder.glob(f"{name}_[0-9]*.*"):  # pages of an earlier drawing, which may have had more
            stale.unlink()
    written: list[Path] = []
    drawn = {name: [page for page in own if page is not None] for name, own in figures.items()}
    for name, figure in itertools.chain.from_iterable(pages(*own) for own in drawn.items()):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, not once a file
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
        figure.savefig(folder / f"{name}.png", dpi=_DPI, metadata={"Software": None})
        written.append(folder / f"{name}.png")
    return written


def inline(svg: str, name: str, title: str) -> str:
    """A figure for a page: without its white ground, and its black ink in the colour of the page's text.

    Args:
        name: Sets its ids apart from those of other figures of the page.
        title: What one hears of it who does not see it; escaped.
    """
    drawn = svg[svg.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'<g id="patch_1">.*?</g>', "", drawn, count=1, flags=re.DOTALL)
    drawn = _ID.sub(lambda match: f"{name}-{match.group()}", _ATTRIBUTES.sub("", drawn))
    for number, colour in enumerate(COLOURS):
        drawn = drawn.replace(colour.lower(), f"var(--mark-{number}, {colour})")  # a dark page has lighter ones
    drawn = _INK.sub("currentColor", drawn).replace("<text ", '<text fill="currentColor" ')
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{title}" stroke-linejoin="round" ', 1)


def share_of_page(png: Path) -> float:
    """Of the width that a page has for figures, what a figure written by `save` takes; at most 1."""
    pixels = int.from_bytes(png.read_bytes()[16:20], "big")  # PNG: the width, behind signature, length and type
    return min(1.0, pixels / (_DPI * WIDE))


def nothing(figure: Figure, axes: Axes, words: str = "no legible decision") -> Figure:
    """Say that there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=14, transform=axes.transAxes)
    return figure


def broken(name: str, longest: int = 18) -> str:
    """A long id on several lines, broken after the vendor, at hyphens and between words; nothing is lost."""
    if len(name) <= longest:
        return name
    lines = [""]
    for part in re.findall(r"[^/\- ]+(?: \d+)?[/\- ]?", name):
        if lines[-1] and (len(lines[-1]) + len(part) > longest or lines[-1].endswith("/")):
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def pages(name: str, figures: Sequence[Figure]) -> Iterable[tuple[str, Figure]]:
    """The name of each page's files: its own, then `name_2` and so on."""
    return ((name if number == 1 else f"{name}_{number}", each) for number, each in enumerate(figures, start=1))


def round_ticks(last: int) -> list[int]:
    """Rounds to name on an axis."""
    step = max(1, last // 12)
    return list(range(1, last + 1, step))
