"""The end of a run as a terminal shows it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from acausal.records import Decision
from acausal.report.rows import interval, percent, rate_rows

_PIPED_COLUMNS = 400


def result_table(decisions: Sequence[Decision]) -> Table:
    """Cooperation per model and round, with the n behind it and the share of legible replies.

    Fits 80 columns: a model's id stands once, and the interval's column only where some rate has one.
    """
    rows = rate_rows(decisions)
    has_interval = any(row.estimate is not None and row.estimate.low is not None for row in rows)
    table = Table()
    table.add_column("model", overflow="fold")
    for name in ["round", "cooperates", *(["interval"] if has_interval else []), "n", "legible"]:
        table.add_column(name, justify="right", no_wrap=True)
    named = ""
    for row in rows:
        last = row.round is None
        table.add_row(
            row.model if row.model != named else "",
            "all" if row.round is None else str(row.round),
            percent(row.estimate.value if row.estimate else None),
            *([interval(row.estimate)] if has_interval else []),
            str(row.estimate.n if row.estimate else 0),
            percent(row.legible / row.decisions if row.decisions else None),
            style="bold" if last else None,
            end_section=last,
        )
        named = row.model
    return table


def short(path: Path) -> str:
    """A path as a user would type it: from the current directory where it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def table_console() -> Console:
    """Where tables are shown: as wide as the terminal; in a pipe so wide that every row is one line."""
    return Console() if sys.stdout.isatty() or "COLUMNS" in os.environ else Console(width=_PIPED_COLUMNS)


def run_command(words: Sequence[str], key: str, directory: Path) -> str:
    """What plays a cell or a sweep into a directory again.

    Args:
        words: Overrides and flags.
        key: `hydra.run.dir` or `hydra.sweep.dir`.
    """
    others = (word for word in words if not word.startswith(f"{key}="))
    return shlex.join(["python", "run.py", *others, f"{key}={short(directory)}"])


def resume_command(directory: Path, words: Sequence[str] = ()) -> str:
    """What goes on with a cell or a sweep, from its directory alone."""
    return shlex.join(["acausal", "resume", short(directory), *words])
