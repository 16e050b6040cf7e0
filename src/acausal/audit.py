"""Is a cell what its ledger says? Plays it again from the ledger alone and compares the tables byte by byte."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acausal.models.replay import Replayer
from acausal.outputs import REMADE, tables, write_tables
from acausal.play.tournament import play_replicates
from acausal.report.terminal import short
from acausal.settings.schema import Config


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of it, in names of tables."""

    calls: int
    """Requests answered from the ledger."""
    identical: Sequence[str]
    different: Sequence[str]
    absent: Sequence[str]
    """Were not on disk, and are now."""
    remade: Path | None
    """Where the tables that differ were left; None where none does."""

    @property
    def verdict(self) -> str:
        """`identical` or `differs`."""
        return "differs" if self.different else "identical"

    @property
    def message(self) -> str:
        """One line on all of them."""
        said = []
        if self.different:
            said.append(f"tables that differ from those on disk, which are kept: {', '.join(self.different)}")
        if self.remade is not None:
            said.append(f"the ones made now are in {short(self.remade)}")
        if self.identical:
            said.append(f"tables identical to those on disk: {', '.join(self.identical)}")
        if self.absent:
            said.append(f"tables that were not on disk, made now: {', '.join(self.absent)}")
        return "; ".join(said)


def audit(config: Config, directory: Path) -> Audit:
    """Play a cell again with no network, and compare its tables with those in its directory.

    Raises:
        LedgerError: A call is not in the ledger, or the ledger is damaged or of another configuration.
    """
    replayer = Replayer(config, directory)
    tournaments = asyncio.run(play_replicates(config, replayer))
    decisions = [decision for tournament in tournaments for decision in tournament.decisions]
    strategies = [strategy for tournament in tournaments for strategy in tournament.strategies]
    checks = [check for tournament in tournaments for check in tournament.checks]
    names = tables(config)
    remade = _workplace(directory)
    keep = False
    try:
        write_tables(config, remade, decisions, strategies, checks)
        absent = [name for name in names if not (directory / name).exists()]
        present = [name for name in names if name not in absent]
        different = [name for name in present if (directory / name).read_bytes() != (remade / name).read_bytes()]
        for name in absent:
            shutil.move(remade / name, directory / name)
        keep = bool(different)
        identical = [name for name in present if name not in different]
        for name in identical:
            (remade / name).unlink()
        return Audit(replayer.calls, identical, different, absent, remade if keep else None)
    finally:
        if not keep:
            shutil.rmtree(remade, ignore_errors=True)


def _workplace(directory: Path) -> Path:
    """A new directory inside the cell's, or among the system's temporary ones where the cell's is read-only."""
    try:
        return Path(tempfile.mkdtemp(prefix=REMADE, dir=directory))
    except OSError:
        return Path(tempfile.mkdtemp(prefix=REMADE))
