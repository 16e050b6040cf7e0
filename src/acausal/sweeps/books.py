"""The books of a sweep: its plan, its MLflow parent, and how each of its cells ended."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from acausal.errors import AcausalError, ConfigError
from acausal.report.tables import write_json
from acausal.report.terminal import run_command, short
from acausal.running.status import ExitCode
from acausal.settings.schema import TrackingConfig
from acausal.tracking import Outcome, Run, ui_command

log = logging.getLogger(__name__)

PLAN = "sweep.json"
"""In the sweep's directory: every cell with its whole configuration, so that none needs conf/ to be played."""
ENDED = "cells.jsonl"
"""Beside it: a line each time a cell ended, whichever process played it; the last line of a cell counts."""
_LONGEST_ORDER = 60
"""Letters of the blocks at the end of a sweep."""
REPLAYED = "replays.jsonl"
"""The same for a sweep of strict replays, which change nothing of how the cells ended."""


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell of a sweep, before anything of it is played."""

    number: int
    """From 0, in the order of the sweep."""
    directory: str
    """Its output directory, relative to the sweep's."""
    overrides: list[str]
    config: dict[str, Any]
    """Composed, with interpolations as they stand: no secret is in it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep as it was asked for."""

    arguments: list[str]
    """Of its command line."""
    cells: list[PlannedCell]
    blocks: list[list[int]] = field(default_factory=list)
    """Numbers of the cells in each block, in the order drawn; empty: cells are played one after the other."""
    at_once: int = 0
    """Replicates under way at a time, over all cells."""

    def write(self, directory: Path) -> None:
        """Keep it in the sweep's directory."""
        write_json(directory / PLAN, asdict(self))


def read_plan(directory: Path) -> Plan:
    """The plan of a sweep.

    Raises:
        ConfigError: It is damaged.
    """
    try:
        fields = json.loads((directory / PLAN).read_text(encoding="utf-8"))
        return Plan(list(fields["arguments"]), [PlannedCell(**cell) for cell in fields["cells"]], *_order(fields))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{directory / PLAN} is damaged ({error}): restore it, or repeat the sweep's command with "
            f"hydra.sweep.dir={short(directory)}"
        ) from None


def _order(fields: Mapping[str, Any]) -> tuple[list[list[int]], int]:
    """Of a plan on disk; plans of earlier versions have none."""
    return [list(map(int, block)) for block in fields.get("blocks", [])], int(fields.get("at_once", 0))


@dataclass(slots=True)
class Sweep:
    """A sweep in progress."""

    directory: Path
    plan: Plan
    run: Run | None
    books: str = ENDED

    @classmethod
    def start(cls, directory: Path, plan: Plan, tracking: TrackingConfig, *, strict: bool = False) -> Sweep:
        """Open new books, and the parent run that the cells will hang under.

        Args:
            strict: Its cells are replayed: no plan, no end and no run of theirs is touched.
        """
        directory.mkdir(parents=True, exist_ok=True)
        if strict:
            sweep = cls(directory, plan, None, REPLAYED)
        else:
            plan.write(directory)
            sweep = cls.resumed(directory, plan, tracking)
        (directory / sweep.books).write_text("")
        return sweep

    @classmethod
    def resumed(cls, directory: Path, plan: Plan, tracking: TrackingConfig) -> Sweep:
        """Go on with the books of a sweep, and with its run."""
        run = Run(directory, tracking.experiment) if tracking.enabled else None
        if run is not None:
            name = f"sweep {shlex.join(plan.arguments)}"[:250]
            run.start(name, params={}, tags={"cells": str(len(plan.cells))})
        return cls(directory, plan, run)

    def ended(self) -> dict[int, Mapping[str, Any]]:
        """Number of each cell that ended → its last line."""
        try:
            lines = (self.directory / self.books).read_text().splitlines()
        except FileNotFoundError:
            return {}
        ended: dict[int, Mapping[str, Any]] = {}
        for text in lines:
            with suppress(ValueError, KeyError, TypeError):  # torn by a kill: the cell's own status.json knows its end
                line = json.loads(text)
                ended[int(line["number"])] = line
        return ended

    def end(self, console: Console) -> ExitCode:
        """Close the books and show how the cells ended.

        Returns:
            DONE only when every cell is; INTERRUPTED or BUDGET when that is why one is not; else REFUSED.
        """
        ended = self.ended()
        rows = [
            (line["title"], _word(line["code"]), cell.directory)
            if (line := ended.get(cell.number)) is not None
            else (f"{cell.number}: {' '.join(cell.overrides)}", "not played", "")
            for cell in self.plan.cells
        ]
        console.print(cells_table("ended", rows))
        if self.plan.blocks:
            _print(console, f"order    {_in_words(self.plan.blocks)}")
        for line in ended.values():
            if line["code"] != ExitCode.DONE:
                _print(console, f"cell {line['title']}: {line['message']}")
        code = self._code([line["code"] for line in ended.values()])
        unasked = self.books == REPLAYED or code is ExitCode.INTERRUPTED  # who stops a sweep is not to wait for one
        report = None if unasked else self._report(console)
        if self.run is not None:
            self.run.finish(report, code.tracked_as)
            _print(console, f"MLflow   {ui_command() if self.run.warning is None else self.run.warning}")
        _print(console, f"outputs  {short(self.directory)}")
        return code

    def _report(self, console: Console) -> Outcome | None:
        """Write the sweep's own report, of the cells that have data; it never costs the sweep its end."""
        try:
            artifacts = report_sweep(self.directory, self.plan)
        except Exception as error:  # a fault of ours in a report must not cost a sweep that was paid for
            if not isinstance(error, AcausalError | OSError):
                log.exception("the report of the sweep failed")
            _print(console, f"report   not written: {error}; again with: acausal report {short(self.directory)}")
            return None
        from acausal.report.document import opening

        if artifacts:
            _print(console, f"report   {short(self.directory / 'report.html')}")
        return Outcome(
            summary={}, by_round={}, by_round_and_model={}, artifacts=artifacts, note=opening(self.directory)
        )

    def _code(self, codes: Sequence[int]) -> ExitCode:
        if ExitCode.INTERRUPTED in codes:
            return ExitCode.INTERRUPTED
        failed = {code for code in codes if code != ExitCode.DONE}
        if not failed:
            return ExitCode.DONE if len(codes) == len(self.plan.cells) else ExitCode.REFUSED
        return ExitCode.BUDGET if failed == {ExitCode.BUDGET} else ExitCode.REFUSED


def report_sweep(directory: Path, plan: Plan) -> list[Path]:
    """Write the report of a sweep into its directory.

    Returns:
        The files written, relative to it; none where no cell has data.

    Raises:
        ConfigError: A cell's configuration is damaged.
        LedgerError: A cell's ledger is.
    """
    from acausal.report.arms import cells_of
    from acausal.report.sweep_report import write_sweep_report
    from acausal.studies.deviations import registered

    cells = cells_of([directory / cell.directory for cell in plan.cells])
    if not cells:
        return []
    command = run_command(plan.arguments, "hydra.sweep.dir", directory)
    write_sweep_report(directory, cells, title=directory.name, command=command, registered=registered(directory, cells))
    folders = (directory / name for name in ("figures", "tables"))
    files = [*directory.glob("report.*"), *(path for folder in folders for path in folder.iterdir())]
    return sorted(path.relative_to(directory) for path in files if path.suffix != ".tmp")


def note_end(
    sweep_directory: Path, number: int, title: str, directory: Path, code: ExitCode, message: str, *, books: str = ENDED
) -> None:
    """Enter into the sweep's books that a cell ended; safe from any process."""
    line = {"number": number, "title": title, "directory": str(directory), "code": int(code), "message": message}
    with (sweep_directory / books).open("a") as file:
        file.write(json.dumps(line) + "\n")


def cells_table(verdict: str, rows: Iterable[tuple[str, str, str]]) -> Table:
    """The cells of a sweep in order.

    Args:
        verdict: Heading of the column in the middle.
        rows: Title, verdict and output directory of each.
    """
    table = Table(title="Cells of the sweep", title_justify="left")
    for name in ("cell", verdict, "outputs"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _print(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def _in_words(blocks: Sequence[Sequence[int]]) -> str:
    """The order of the cells, block by block, as far as a line reaches."""
    listed = "; ".join(" ".join(map(str, block)) for block in blocks)
    shown = listed if len(listed) <= _LONGEST_ORDER else f"{listed[:_LONGEST_ORDER].rsplit(' ', 1)[0]} …"
    return f"randomised blocks, one a replicate, all cells at the same time: {shown}, as drawn in {PLAN}"


def _word(code: int) -> str:
    return ExitCode(code).name.lower().replace("_", " ")
