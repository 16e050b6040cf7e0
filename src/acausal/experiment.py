"""One cell from configuration to report: builds the parts, plays, analyses, reports, tracks.

The only module that knows them all. Running it again over a cell's ledger is how a run resumes, and how it is audited.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from acausal.config import Config, check_keys, identity
from acausal.errors import AcausalError, Interrupted
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.endpoint import Endpoint
from acausal.models.ledger import Ledger
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.progress import Progress
from acausal.status import RUNNING, ExitCode, code_of, read_status, status_of


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of one configuration."""

    config: Config
    directory: Path
    """Where its outputs go; it exists."""
    go_on: str
    """The command that runs the same cell, or its sweep, into the same directory."""
    number: int | None = None
    """Place in its sweep; None for a run of its own."""
    sweep_directory: Path | None = None


def run_cell(cell: Cell, environment: Mapping[str, str], console: Console) -> ExitCode:
    """Play a cell, or go on with one, and write everything it gives.

    Args:
        environment: Where keys are read.
        console: Where progress and results are shown.

    Returns:
        The exit code; the reason of every other than DONE has been shown and kept in status.json.
    """
    before = read_status(cell.directory)
    settled = before is not None and before.state == "done" and not cell.config.retry_failed
    try:
        check_keys(cell.config, environment)
        endpoints = connect(cell.config, environment)
        with Ledger(cell.directory, identity(cell.config), settled=settled) as ledger:
            RUNNING.write(cell.directory)
            status = _run(cell, ledger, endpoints, console)
            ...
    except AcausalError as error:
        ...


async def _play(
    cell: Cell, ledger: Ledger, endpoints: Mapping[str, Endpoint], progress: Progress
) -> list[TournamentRecord]:
    """All replicates of a cell, side by side in one loop."""
    client = Client(cell.config, ledger, endpoints, progress.on_reply)
    try:
        with _halting(client):
            async with asyncio.TaskGroup() as group:
                tournaments = [
                    group.create_task(play_tournament(cell.config, client, replicate, progress.on_event))
                    for replicate in range(1, cell.config.replicates + 1)
                ]
    except* AcausalError as errors:
        raise _first(errors) from None
    except* asyncio.CancelledError:
        ...
    finally:
        await client.close()
    return [tournament.result() for tournament in tournaments]
