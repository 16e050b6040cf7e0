"""Tables, figures and reports again, from what is on record and without a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from acausal.analysis.calls import call_summaries, calls_by_model
from acausal.analysis.rates import CallTotals
from acausal.errors import LedgerError
from acausal.experiment import Cell
from acausal.models.ledger import FILE, lines_on_record
from acausal.models.replay import Replayer
from acausal.outputs import CHECKS_TABLE, TABLES, write_results
from acausal.play.tournament import play_replicates
from acausal.records import CheckRecord, Decision, StrategyRecord
from acausal.report.tables import read_checks, read_decisions, read_strategies

Records = tuple[Sequence[Decision], Sequence[StrategyRecord], Sequence[CheckRecord]]


def remake(cell: Cell) -> str:
    """Make every table, figure and report of a finished cell again; its ledger is only read.

    Returns:
        What they were made from: `its ledger`, or `its tables` where it has no ledger.

    Raises:
        LedgerError: The cell is unfinished, or there is neither a ledger nor a table of decisions.
    """
    from_ledger = (cell.directory / FILE).is_file()
    records = _played_again(cell) if from_ledger else _read(cell.directory)
    write_results(cell.config, cell.directory, records, _took(cell.directory), cell.composed_by)
    return "its ledger" if from_ledger else "its tables"


def _played_again(cell: Cell) -> Records:
    tournaments = asyncio.run(play_replicates(cell.config, Replayer(cell.config, cell.directory)))
    return (
        [decision for tournament in tournaments for decision in tournament.decisions],
        [strategy for tournament in tournaments for strategy in tournament.strategies],
        [check for tournament in tournaments for check in tournament.checks],
    )


def _read(directory: Path) -> Records:
    decisions, strategies, checks = (directory / name for name in (TABLES[0], TABLES[1], CHECKS_TABLE))
    if not decisions.is_file():
        raise LedgerError(f"{directory} holds neither {FILE} nor {TABLES[0]}: nothing was played into it")
    return (
        read_decisions(decisions),
        read_strategies(strategies) if strategies.is_file() else (),
        read_checks(checks) if checks.is_file() else (),
    )


def _took(directory: Path) -> tuple[CallTotals, Mapping[str, Mapping[str, Any]]]:
    """What the run took, as its own summary says: nobody is asked now. Without one, as the ledger says."""
    try:
        known = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
        totals = CallTotals(**{field.name: known[field.name] for field in fields(CallTotals)})
        return totals, known["calls_by_model"]
    except (OSError, ValueError, KeyError, TypeError):
        ledger = directory / FILE
        replies = [line.reply for line in lines_on_record(ledger)] if ledger.is_file() else []
    costs = [reply.cost_usd for reply in replies if reply.error is None]
    totals = CallTotals(
        calls=len(replies),
        calls_replayed=0,
        tokens_in=sum(reply.tokens_in or 0 for reply in replies),
        tokens_out=sum(reply.tokens_out or 0 for reply in replies),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        wall_s=0.0,
    )
    return totals, calls_by_model(call_summaries(replies), [])
