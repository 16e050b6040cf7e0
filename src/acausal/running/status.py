"""How a cell or a sweep ended: the exit codes, `status.json` beside its outputs, and the line for the user."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from acausal.errors import AcausalError, BudgetExceeded, Interrupted

FILE = "status.json"


class ExitCode(IntEnum):
    """What `python run.py` returns."""

    DONE = 0
    REFUSED = 1
    """The user's mistake, an aborted cell, or a sweep with failed cells."""
    BUDGET = 2
    NO_ESTIMATE = 3
    """An outage, or nothing legible."""
    INTERRUPTED = 130

    @property
    def tracked_as(self) -> str:
        """MLflow's word for a run that ended so."""
        if self is ExitCode.DONE:
            return "FINISHED"
        return "KILLED" if self in (ExitCode.BUDGET, ExitCode.INTERRUPTED) else "FAILED"


@dataclass(frozen=True, slots=True)
class Status:
    """How a cell ended, or that it is still running (or was killed)."""

    state: str
    """`running`, or the lower-case name of an ExitCode."""
    message: str = ""

    def write(self, directory: Path) -> None:
        """Keep the status beside the cell's outputs; on a full disk what ended the run matters more than its note."""
        temporary = directory / f"{FILE}.tmp"
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps({"state": self.state, "message": self.message}) + "\n")
            temporary.replace(directory / FILE)


RUNNING = Status("running")


def status_of(code: ExitCode, message: str = "") -> Status:
    """The status of a cell that ended with a code."""
    return Status(code.name.lower(), message)


def read_status(directory: Path) -> Status | None:
    """The status on disk; None where no cell was started, or where the file is damaged."""
    try:
        fields = json.loads((directory / FILE).read_text())
        return Status(str(fields["state"]), str(fields["message"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def code_of(error: AcausalError) -> ExitCode:
    """The exit code of a run that an error ended."""
    if isinstance(error, BudgetExceeded):
        return ExitCode.BUDGET
    return ExitCode.INTERRUPTED if isinstance(error, Interrupted) else ExitCode.REFUSED


def refused(message: str) -> ExitCode:
    """Tell the user why nothing is played; the code to end with."""
    say(message)
    return ExitCode.REFUSED


def say(message: str) -> None:
    """Tell the user on standard error, in one line."""
    sys.stderr.write(f"acausal: {message}\n")
