"""The end of a run as a terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from acausal.records import Decision
from acausal.report.rows import interval, percent, rate_rows


def result_table(decisions: Sequence[Decision], title: str) -> Table:
    """Cooperation per model and round, with the n behind it and the share of legible replies."""
    table = Table(title=title, title_justify="left")
    table.add_column("model", overflow="fold")
    for name in ("round", "cooperates", "95 % interval", "n", "legible"):
        table.add_column(name, justify="right")
    for row in rate_rows(decisions):
        last = row.round is None
        table.add_row(
            row.model,
            "all" if row.round is None else str(row.round),
            percent(row.estimate.value if row.estimate else None),
            interval(row.estimate),
            str(row.estimate.n if row.estimate else 0),
            percent(row.legible / row.decisions if row.decisions else None),
            style="bold" if last else None,
            end_section=last,
        )
    return table
