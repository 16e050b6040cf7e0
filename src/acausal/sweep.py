"""The books of a sweep: its MLflow parent, and how each of its cells ended."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from acausal.report.terminal import short
from acausal.schema import Config
from acausal.status import ExitCode
from acausal.tracking import Run, ui_command

ENDED = "cells.jsonl"
"""In the sweep's directory: a line for each cell that ended, whichever process played it."""


@dataclass(slots=True)
class Sweep:
    """A sweep in progress."""

    directory: Path
    cells: int
    run: Run | None

    @classmethod
    def start(cls, directory: Path, cells: Sequence[Config], arguments: Sequence[str]) -> Sweep:
        """Open the books, and the parent run that the cells will hang under."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / ENDED).write_text("")
        tracking = cells[0].tracking
        run = Run(directory, tracking.experiment) if tracking.enabled else None
        if run is not None:
            run.start(f"sweep {shlex.join(arguments)}"[:250], params={}, tags={"cells": str(len(cells))})
        return cls(directory, len(cells), run)

    def end(self, console: Console) -> ExitCode:
        """Close the books and show how the cells ended.

        Returns:
            DONE only when every cell is; INTERRUPTED or BUDGET when that is why one is not; else REFUSED.
        """
        ended = [json.loads(line) for line in (self.directory / ENDED).read_text().splitlines()]
        table = Table(title="Cells of the sweep", title_justify="left")
        for name in ("cell", "ended", "outputs"):
            table.add_column(name, overflow="fold")
        for line in ended:
            table.add_row(line["title"], _word(line["code"]), Path(line["directory"]).name)
        for number in range(len(ended), self.cells):
            table.add_row(str(number), "not played", "")
        console.print(table)
        for line in ended:
            if line["code"] != ExitCode.DONE:
                console.print(f"cell {line['title']}: {line['message']}", soft_wrap=True, highlight=False, markup=False)
        code = self._code([line["code"] for line in ended])
        if self.run is not None:
            self.run.finish(None, code.tracked_as)
            where = ui_command() if self.run.warning is None else self.run.warning
            console.print(f"MLflow   {where}", soft_wrap=True, highlight=False, markup=False)
        console.print(f"outputs  {short(self.directory)}", soft_wrap=True, highlight=False, markup=False)
        return code

    def _code(self, codes: Sequence[int]) -> ExitCode:
        if ExitCode.INTERRUPTED in codes:
            return ExitCode.INTERRUPTED
        failed = {code for code in codes if code != ExitCode.DONE}
        if not failed:
            return ExitCode.DONE if len(codes) == self.cells else ExitCode.REFUSED
        return ExitCode.BUDGET if failed == {ExitCode.BUDGET} else ExitCode.REFUSED


def note_end(sweep_directory: Path, title: str, directory: Path, code: ExitCode, message: str) -> None:
    """Enter into the sweep's books that a cell ended; safe from any process."""
    line = {"title": title, "directory": str(directory), "code": int(code), "message": message}
    with (sweep_directory / ENDED).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _word(code: int) -> str:
    return ExitCode(code).name.lower().replace("_", " ")
