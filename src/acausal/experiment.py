"""One cell from configuration to report: builds the parts, plays, analyses, reports, tracks.

Running it again over a cell's ledger is how a run resumes, and how it is audited.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from acausal import provenance
from acausal.analysis.rates import CallTotals
from acausal.audit import audit
from acausal.config import check_keys, flat_config, identity
from acausal.design.lint import lint
from acausal.errors import AcausalError, Interrupted
from acausal.models.client import Client
from acausal.models.completion import Endpoint
from acausal.models.connect import connect
from acausal.models.ledger import Ledger
from acausal.models.meter import GateReport
from acausal.models.preflight import inspect
from acausal.outputs import Results, tracked, why_missing, write_outputs
from acausal.play.tournament import TournamentRecord, play_replicates
from acausal.report.checks import check_lines
from acausal.report.rows import dollars, intention_to_treat
from acausal.report.terminal import result_table, short
from acausal.running.board import Board
from acausal.running.process import Process, Signals
from acausal.running.progress import Progress, Tally, duration
from acausal.running.queueing import Queue, Turns
from acausal.running.status import RUNNING, ExitCode, code_of, read_status, status_of
from acausal.settings.schema import Config, ReplayMode
from acausal.tracking import Run, ui_command

MOST_NAMED = 5
"""Models that a cell's title names; more are counted."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of one configuration."""

    config: Config
    directory: Path
    """Where its outputs go; it exists."""
    command: str
    """What goes on with the cell, or its sweep, in the same directory."""
    composed_by: str
    """The whole command that composed it, for its report."""
    number: int | None = None
    """Place in its sweep; None for a run of its own."""
    sweep_directory: Path | None = None

    @property
    def title(self) -> str:
        """What to call the cell among others: a sweep may differ in its models alone."""
        config = self.config
        models = dict.fromkeys(config.models[slot].model_type.rpartition("/")[2] for slot in config.seats)
        told = " + ".join(models) if len(models) <= MOST_NAMED else f"{len(models)} models"
        name = f"{config.scenario.name}, {config.condition.name}: {told}"
        return name if self.number is None else f"{self.number}: {name}"


@dataclass(frozen=True, slots=True)
class _Played:
    """What a cell came to, and what only the run that played it knows."""

    tournaments: Sequence[TournamentRecord]
    gates: Sequence[GateReport]
    asked_anew: int
    changed: str
    """What had changed since the calls on record were made; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where cells are played, and what those that are played at the same time share."""

    environment: Mapping[str, str]
    """Where keys are read."""
    console: Console
    """Where progress and results are shown."""
    process: Process
    signals: Signals = field(default_factory=Signals)
    queue: Queue | None = None
    """None: the cell is alone."""
    board: Board | None = None


def run_cell(cell: Cell, environment: Mapping[str, str], console: Console, process: Process) -> tuple[ExitCode, str]:
    """Play a cell, or go on with one, and write everything it gives.

    Args:
        environment: Where keys are read.
        console: Where progress and results are shown.
        process: What the cell shares with the others played here.

    Returns:
        The exit code, and the reason of every other than DONE: a line for the user, kept in status.json too.
    """
    if cell.config.replay is ReplayMode.strict:
        return _audited(cell, console)
    return process.run(play_cell(cell, Stage(environment, console, process)))


async def play_cell(cell: Cell, stage: Stage) -> tuple[ExitCode, str]:
    """The same among others, in the loop of the process.

    Returns:
        As `run_cell`.
    """
    if cell.config.replay is ReplayMode.strict:
        return await stage.process.at_desk(partial(_audited, cell, stage.console))
    before = read_status(cell.directory)
    settled = before is not None and before.state == "done" and not cell.config.retry_failed
    started = time.monotonic()
    endpoints: dict[str, Endpoint] = {}
    try:
        check_keys(cell.config, stage.environment)
        lint(cell.config)
        endpoints = connect(cell.config, stage.environment, stage.process.pool)
        progress = Progress(cell.config, stage.console, stage.board, cell.number)
        with Ledger(cell.directory, identity(cell.config), settled=settled) as ledger:
            RUNNING.write(cell.directory)
            run = Run(cell.directory, cell.config.tracking.experiment) if cell.config.tracking.enabled else None
            with progress:
                try:
                    played = await _play(cell, ledger, endpoints, run, progress, stage)
                except AcausalError as error:
                    return await stage.process.at_desk(partial(_ended_early, cell, run, error))
            totals = _totals(progress.tally, played, time.monotonic() - started)
            return await _finished(cell, played, totals, run, stage)
    except AcausalError as error:
        # Refused before the ledger was ours: whatever status the directory has is another run's.
        return code_of(error), str(error)
    except OSError as error:
        return ExitCode.REFUSED, (
            f"the outputs in {short(cell.directory)} could not be written: {error.strerror or error}; every reply is "
            f"in the ledger; make room, then go on with: {cell.command}"
        )
    finally:
        for endpoint in set(endpoints.values()):
            await endpoint.close()


def _audited(cell: Cell, console: Console) -> tuple[ExitCode, str]:
    """Play a cell again from its ledger alone, and say whether its tables come out as they are on disk."""
    try:
        found = audit(cell.config, cell.directory)
    except AcausalError as error:
        return code_of(error), str(error)
    except OSError as error:
        return ExitCode.REFUSED, (
            f"{error.filename or short(cell.directory)} cannot be read or written: "
            f"{error.strerror or error}; work on a copy of the directory"
        )
    if found.different:
        return ExitCode.REFUSED, found.message
    for line in (f"Replayed: {cell.title}", f"{found.calls} calls, all from the ledger", found.message):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    return ExitCode.DONE, ""


def _ended_early(cell: Cell, run: Run | None, error: AcausalError) -> tuple[ExitCode, str]:
    code = code_of(error)
    message = f"{error}; everything paid for is in {short(cell.directory)}; go on with: {cell.command}"
    status_of(code, message).write(cell.directory)
    if run is not None:
        run.finish(None, code.tracked_as)
    return code, message


async def _finished(
    cell: Cell, played: _Played, totals: CallTotals, run: Run | None, stage: Stage
) -> tuple[ExitCode, str]:
    """Write, track and show what was played; other cells go on meanwhile."""

    def write() -> tuple[Results, ExitCode, str]:
        results = write_outputs(cell.config, cell.directory, played.tournaments, totals, played.gates, cell.composed_by)
        code, message = _verdict(results)
        if run is not None:
            run.finish(tracked(cell.directory, results), code.tracked_as)
        status_of(code, message).write(cell.directory)
        return results, code, message

    results, code, message = await stage.process.at_desk(write)
    _show(cell, results, run, stage.console, played.changed)
    return code, message


def _verdict(results: Results) -> tuple[ExitCode, str]:
    if results.summary["cooperation_rate"] is not None:
        return ExitCode.DONE, ""
    reasons = why_missing(results.decisions).most_common(1)
    because = f"; {reasons[0][1]} of them: {reasons[0][0]}" if reasons else "; other models served them all"
    return (
        ExitCode.NO_ESTIMATE,
        f"no estimate: none of {len(results.decisions)} decisions is legible and from the model assigned{because}",
    )


def _show(cell: Cell, results: Results, run: Run | None, console: Console, changed: str) -> None:
    console.print(f"Cooperation: {cell.title}", soft_wrap=True, highlight=False, markup=False)
    console.print(result_table(results.decisions))
    summary = results.summary
    lines = [
        *intention_to_treat(results.decisions),
        f"{summary['calls']} calls ({summary['calls_replayed']} replayed), {summary['tokens_in']:,} tokens in, "
        f"{summary['tokens_out']:,} out, cost {dollars(summary['cost_usd'])}, {duration(summary['wall_s'])}",
        f"outputs  {short(cell.directory)}",
        f"report   {short(cell.directory / 'report.html')}",
    ]
    if "checks" in summary:
        lines[-2:-2] = check_lines(summary["checks"])
    if changed:
        again, kept = summary["calls_asked_anew"], summary["calls_replayed"]
        lines.append(f"changed  {changed}: {again} calls asked again because of it, {kept} kept")
    if run is not None:
        lines.append(f"MLflow   {ui_command()}" if run.warning is None else f"warning  {run.warning}")
    if summary["game"]["warning"] is not None:
        lines.append(f"warning  {summary['game']['warning']}")
    if summary["failed"] and summary["cooperation_rate"] is not None:  # without an estimate the same command asks again
        lines.append(f"failed   {summary['failed']} decisions; ask again with: {cell.command} retry_failed=true")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _totals(tally: Tally, played: _Played, wall_s: float) -> CallTotals:
    return CallTotals(
        calls=tally.calls,
        calls_replayed=tally.replayed,
        tokens_in=tally.tokens_in,
        tokens_out=tally.tokens_out,
        cost_usd=None if tally.unpriced else tally.cost_usd,
        wall_s=wall_s,
        calls_asked_anew=played.asked_anew,
    )


def _changed(ledger: Ledger) -> str:
    """What has changed since the calls on record were made: `protocol.decision (and 2 more keys)`; empty: nothing."""
    if not ledger.changed or not len(ledger):
        return ""
    more = len(ledger.changed) - 1
    return ledger.changed[0] + (f" (and {more} more key{'s' if more > 1 else ''})" if more else "")


async def _play(
    cell: Cell,
    ledger: Ledger,
    endpoints: Mapping[str, Endpoint],
    run: Run | None,
    progress: Progress,
    stage: Stage,
) -> _Played:
    """All replicates of a cell, side by side in one loop, while MLflow opens the cell's run in a thread.

    Raises:
        AcausalError: What ended the play early; everything paid for is in the ledger.
    """
    config, turns = cell.config, Turns(stage.queue, cell.number or 0, cell.config)
    if changed := _changed(ledger):
        progress.on_remark(f"changed since its calls were made: {changed}; the calls that this touches are asked again")
    opening = asyncio.create_task(stage.process.at_desk(partial(_open_run, cell, run))) if run is not None else None
    client = Client(
        config,
        ledger,
        endpoints,
        stage.process.gates,
        preflight=partial(inspect, config, stage.environment),
        on_reply=progress.on_reply,
        on_call=progress.on_call,
        on_remark=progress.on_remark,
        rank=turns.rank,
    )
    progress.watch(client.routes.values())
    try:
        with stage.signals.halting(client):
            tournaments = await play_replicates(config, client, progress.on_event, turns.turn)
        return _Played(tournaments, client.gate_reports(), client.asked_anew, changed)
    except asyncio.CancelledError:
        raise Interrupted("interrupted") from None
    finally:
        await client.close()
        if opening is not None:
            await opening


def _open_run(cell: Cell, run: Run) -> None:
    config = cell.config
    commit = provenance.git_commit()
    run.start(
        cell.title,
        params=flat_config(config),
        tags={
            "scenario": config.scenario.name,
            "condition": config.condition.name,
            "roster": config.roster,
            "model_distribution": json.dumps(config.seats),
            "models": json.dumps({slot: config.models[slot].model_type for slot in config.used_slots}),
        }
        | ({"git_commit": commit} if commit is not None else {}),
        sweep_directory=cell.sweep_directory,
    )
