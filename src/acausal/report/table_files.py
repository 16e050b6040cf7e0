"""Tables with plain numbers in them, as CSV for other programs and as LaTeX for papers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acausal.analysis.inference import Estimate
from acausal.report.tables import write_text

Value = str | int | float | bool | None
INTERVAL = ("rate", "low", "high", "n", "replicates", "method")
"""Heads of what `interval_of` gives."""
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    "−": "$-$",
    "→": r"$\to$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "Γ": r"$\Gamma$",
    "Δ": r"$\Delta$",
    "Θ": r"$\Theta$",
    "·": r"$\cdot$",
    "…": r"\dots{}",
    "\u00a0": "~",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a report."""

    name: str
    """Of its file, without ending."""
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Value]]
    """Fractions in [0, 1]; None over nothing, which a file leaves empty."""


def interval_of(estimate: Estimate | None) -> tuple[Value, ...]:
    """Value, bounds, n, clusters and method, in the order of INTERVAL."""
    if estimate is None:
        return None, None, None, 0, 0, "no data"
    return estimate.value, estimate.low, estimate.high, estimate.n, estimate.clusters, estimate.method


def write_csv_tables(directory: Path, tables: Iterable[Table]) -> None:
    """Write `tables/<name>.csv`, one for each table that has rows."""
    folder = directory / "tables"
    folder.mkdir(exist_ok=True)
    for table in tables:
        if table.rows:
            write_text(folder / f"{table.name}.csv", as_csv(table.head, table.rows))


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """Comma-separated text as R and pandas read it: missing is empty, truth is TRUE or FALSE."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return text.getvalue()


def latex_text(words: str) -> str:
    """Text in which LaTeX finds no markup of its own."""
    return "".join(_SPECIAL.get(letter, letter) for letter in words)


def tabular(table: Table, *, without: Sequence[str] = ("method",)) -> str:
    """A LaTeX table across pages, with its caption; wordy columns are left to the CSV.

    Args:
        without: Heads of columns to leave out.
    """
    kept = [number for number, name in enumerate(table.head) if name not in without]
    wordy = [any(isinstance(row[number], str) for row in table.rows) for number in kept]
    # The page is shared out among columns of text; numbers take what they need.
    width = f"p{{{0.62 / max(1, sum(wordy)):.2f}\\linewidth}}"
    columns = "".join(width if words else "r" for words in wordy)
    head = " & ".join(latex_text(table.head[number].replace("_", " ")) for number in kept)
    lines = [" & ".join(latex_text(_printed(row[number])) for number in kept) for row in table.rows]
    body = " \\\\\n".join(lines)
    return (
        f"\\begin{{longtable}}{{{columns}}}\n\\caption{{{latex_text(table.title)}}}"
        f"\\label{{tab:{table.name.replace('_', '-')}}}\\\\\n"
        f"\\hline\n{head} \\\\\n\\hline\n\\endhead\n{body} \\\\\n\\hline\n\\end{{longtable}}\n"
    )


def _plain(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return repr(value) if isinstance(value, float) else str(value)


def _printed(value: Value) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
