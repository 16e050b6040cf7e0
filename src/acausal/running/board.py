"""One live display for all cells that are played at the same time: a line for each, as many as fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

_HEADINGS = ("cell", "rounds", "calls", "cooperates", "cost")
_OTHER_LINES = 5
"""Of the display, beside those of cells."""


class Board:
    """What a terminal shows of a sweep in progress; elsewhere each cell says its own plain lines.

    Args:
        total: Cells of the sweep that are played.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._ended = 0
        self._lines: dict[object, Callable[[], Sequence[str]]] = {}
        self._started_s = time.monotonic()
        self.is_live = console.is_terminal
        self._live = Live(get_renderable=self._panel, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Board:
        if self.is_live:
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_live:
            self._live.__exit__(None, None, None)

    def add(self, cell: object, line: Callable[[], Sequence[str]]) -> None:
        """Show a cell that begins.

        Args:
            line: What stands under the headings now.
        """
        self._lines[cell] = line

    def remove(self, cell: object) -> None:
        """A cell has ended."""
        self._ended += self._lines.pop(cell, None) is not None

    def _panel(self) -> RenderableType:
        lines = list(self._lines.values())
        shown = lines[: max(1, self._console.height - _OTHER_LINES)]
        table = Table(box=None, pad_edge=False)
        for number, name in enumerate(_HEADINGS):
            table.add_column(name, justify="right" if number else "left", no_wrap=True, overflow="ellipsis")
        for line in shown:
            table.add_row(*(Text(word) for word in line()))
        more = f", {len(lines) - len(shown)} of them not shown" if len(shown) < len(lines) else ""
        elapsed_s = round(time.monotonic() - self._started_s)
        return Group(
            Text(f"{self._ended} of {self._total} cells ended, {len(lines)} in play{more}; {elapsed_s} s", "bold"),
            table,
            Text("Ctrl-C stops all cells; acausal resume goes on", "dim"),
        )
