"""Tables with plain numbers in them, and the CSV that other programs read."""

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
    for table in tables:
        write_csv(directory / "tables" / f"{table.name}.csv", table.head, table.rows)


def write_csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[Value]]) -> bool:
    """Write a file of a table, its folder with it; without rows there is none, nor one of an earlier writing.

    Returns:
        Whether there is a file now.
    """
    path.unlink(missing_ok=True)
    if rows:
        path.parent.mkdir(exist_ok=True)
        write_text(path, as_csv(head, rows))
    return bool(rows)


def as_csv(head: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """Comma-separated text as R and pandas read it: missing is empty, truth is TRUE or FALSE."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return text.getvalue()


def _plain(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return repr(value) if isinstance(value, float) else str(value)
