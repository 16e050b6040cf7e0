"""Cells played in this process: as `run.py` plays them, or no further than their decisions."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from acausal.config import _plain, identity
from acausal.experiment import Cell, run_cell
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.ledger import Ledger
from acausal.play.tournament import TournamentRecord, play_replicates
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config, ProgressMode, TrackingConfig


@dataclass(frozen=True, slots=True)
class Played:
    """What a cell left in its directory."""

    code: ExitCode
    message: str
    directory: Path

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.directory / "summary.json").read_text())
        return summary

    @property
    def decisions(self) -> pd.DataFrame:
        return pd.read_parquet(self.directory / "decisions.parquet")


def flat_tree(config: Config) -> dict[str, Any]:
    """The configuration as a run's directory keeps it."""
    tree: dict[str, Any] = _plain(asdict(config))
    return tree


def played(config: Config, directory: Path, process: Process, environment: Mapping[str, str] | None = None) -> Played:
    """One round of one replicate of a cell."""
    directory.mkdir(parents=True)
    quick = replace(
        config, num_rounds=1, replicates=1, tracking=TrackingConfig(enabled=False), progress=ProgressMode.off
    )
    cell = Cell(quick, directory, "python run.py", "python run.py")
    return Played(*run_cell(cell, environment or {}, Console(file=io.StringIO()), process), directory)


async def tournament(config: Config, directory: Path, environment: Mapping[str, str]) -> TournamentRecord:
    """One round of one replicate, with its ledger and without its reports: a fifth of the time."""
    with Ledger(directory, identity(config), settled=False) as ledger:
        client = Client(config, ledger, connect(config, environment))
        try:
            (record,) = await play_replicates(replace(config, num_rounds=1, replicates=1), client)
        finally:
            await client.close()
    return record
