"""`acausal doctor`: what stands in the way of a run, and the cure."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from acausal.doctor.finding import Finding

ABOUT = "check what a run needs: packages, configuration, keys, models, disk, store"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="those of the run, e.g. roster=openrouter")


def run(options: argparse.Namespace) -> int:
    """Print the table; 0 when there is no problem, 1 otherwise."""
    from acausal.doctor.examination import examine
    from acausal.doctor.finding import Verdict
    from acausal.report.terminal import table_console

    findings = list(examine(options.overrides))
    count = Counter(finding.verdict for finding in findings)
    console = table_console()
    console.print(findings_table(findings))
    console.print(f"{_several(count[Verdict.problem], 'problem')}, {_several(count[Verdict.warning], 'warning')}")
    return 1 if count[Verdict.problem] else 0


def findings_table(findings: Sequence[Finding]) -> Table:
    """A row per finding; its cure stands below what was found."""
    from rich.table import Table
    from rich.text import Text

    styles = {"ok": "green", "warning": "yellow", "problem": "bold red"}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(max_width=26, overflow="fold")
    table.add_column(overflow="fold")
    for finding in findings:
        verdict = finding.verdict.value
        text = finding.found + (f"\n→ {finding.cure}" if finding.cure else "")
        table.add_row(Text(verdict, styles[verdict]), Text(finding.check), Text(text))
    return table


def _several(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
