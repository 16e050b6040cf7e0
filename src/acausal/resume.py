"""Going on with a cell or a sweep from its output directory alone, and checking one against its ledger."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from acausal.audit import audit
from acausal.errors import AcausalError, ConfigError
from acausal.experiment import Cell, run_cell
from acausal.launch import read_dotenv
from acausal.report.terminal import resume_command, run_command, short
from acausal.running.job_log import FILE, logging_to, only_cells_log
from acausal.running.process import Process
from acausal.running.status import ExitCode, read_status, say, status_of
from acausal.settings.schema import ReplayMode
from acausal.settings.stored import CONFIG, changed, config_of, keep, read_config, read_overrides
from acausal.sweeps.books import PLAN, Plan, PlannedCell, Sweep, cells_table, read_plan
from acausal.sweeps.together import drawn_blocks, note, play_together, were_interrupted

_DONE = status_of(ExitCode.DONE).state


@dataclass(frozen=True, slots=True)
class _Stored:
    """A cell as its directory, or the plan of its sweep, keeps it."""

    cell: Cell
    tree: dict[str, Any]
    """Its configuration under the keys given now, with interpolations as they stand."""
    overrides: list[str]
    replicates: int
    """As they were before the keys given now."""

    @property
    def is_replayed(self) -> bool:
        """Whether nobody is to be asked."""
        return self.cell.config.replay is ReplayMode.strict

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to play, also under the keys given now."""
        status = read_status(self.cell.directory)
        if status is None or status.state != _DONE or self.replicates != self.cell.config.replicates:
            return False
        return not (self.cell.config.retry_failed and _failed(self.cell.directory))


def resume(directory: Path, words: Sequence[str], *, strict: bool, console: Console) -> int:
    """Finish a cell, or the unfinished cells of a sweep.

    Args:
        words: KEY=VALUE of operational keys.
        strict: Ask nobody: replay from the ledger, and compare the tables with those on disk.

    Returns:
        The exit code, as of `launch.run`.

    Raises:
        ConfigError: The directory is none of a cell or a sweep, or a key may not change.
    """
    if not directory.is_dir():
        raise ConfigError(f"{directory} is no directory: name one that a run wrote, below outputs/ or multirun/")
    directory = directory.absolute()
    words = [*words, "replay=strict"] if strict else list(words)
    read_dotenv()
    if (directory / PLAN).is_file():
        plan = read_plan(directory)
        cells = [_of_sweep(directory, plan, planned, words) for planned in plan.cells]
        if any(stored.is_replayed for stored in cells):
            return _audit_all(cells, console)
        with Process() as process:
            return _finish_all(directory, plan, cells, console, process)
    if (directory / CONFIG).is_file():
        with Process() as process:
            return _finish_one(_alone(directory, words), console, process)
    raise _no_outputs(directory)


def cells_in(directory: Path) -> tuple[list[Cell], Plan | None]:
    """The cells of a directory as they are stored, and the plan where it is a sweep's.

    Raises:
        ConfigError: The directory is none of a cell or a sweep, or is damaged.
    """
    directory = directory.absolute()
    if (directory / PLAN).is_file():
        plan = read_plan(directory)
        return [_of_sweep(directory, plan, planned, []).cell for planned in plan.cells], plan
    if (directory / CONFIG).is_file():
        return [_alone(directory, []).cell], None
    raise _no_outputs(directory)


def _no_outputs(directory: Path) -> ConfigError:
    name = short(directory)
    if (directory / "multirun.yaml").is_file():
        return ConfigError(
            f"{name} holds a sweep without its {PLAN}: restore it, or repeat the sweep's command with "
            f"hydra.sweep.dir={name}"
        )
    return ConfigError(
        f"{name} is no output directory: it has neither {CONFIG} of a cell nor {PLAN} of a sweep; "
        "name one that a run wrote, below outputs/ or multirun/"
    )


def _alone(directory: Path, words: list[str]) -> _Stored:
    """A cell by its own directory, in its place where it belongs to a sweep."""
    sweep_directory = next((parent for parent in directory.parents if (parent / PLAN).is_file()), None)
    if sweep_directory is not None:
        plan = read_plan(sweep_directory)
        for planned in plan.cells:
            if sweep_directory / planned.directory == directory:
                return _of_sweep(sweep_directory, plan, planned, words, command=resume_command(directory, words))
    overrides = read_overrides(directory)
    cell = (directory, resume_command(directory, words), run_command(overrides, "hydra.run.dir", directory))
    return _stored(read_config(directory), overrides, words, cell)


def _of_sweep(
    sweep_directory: Path, plan: Plan, planned: PlannedCell, words: list[str], *, command: str | None = None
) -> _Stored:
    """A cell of a sweep: as its directory has it, or as planned where it never started."""
    directory = sweep_directory / planned.directory
    started = (directory / CONFIG).is_file()
    tree = read_config(directory) if started else planned.config
    overrides = read_overrides(directory) if started else planned.overrides
    composed_by = run_command(plan.arguments, "hydra.sweep.dir", sweep_directory)
    cell = (directory, command or resume_command(sweep_directory, words), composed_by)
    return _stored(tree, overrides, words, cell, number=planned.number, sweep_directory=sweep_directory)


def _stored(
    tree: dict[str, Any],
    overrides: list[str],
    words: list[str],
    cell: tuple[Path, str, str],
    *,
    number: int | None = None,
    sweep_directory: Path | None = None,
) -> _Stored:
    """A stored configuration under new values.

    Args:
        cell: Directory, command that goes on, command that composed it.
    """
    where = Path(short(cell[0]))
    now = changed(tree, words, where=where)
    before = config_of(changed(tree, (), where=where), where=where)
    config = config_of(now, where=where)
    return _Stored(Cell(config, *cell, number, sweep_directory), now, [*overrides, *words], before.replicates)


def _finish_one(stored: _Stored, console: Console, process: Process) -> ExitCode:
    cell = stored.cell
    if not stored.is_replayed and stored.is_finished:
        check = resume_command(cell.directory, ["--replay"])
        _print(console, f"{cell.title} is done: nothing is left to play; {check} checks its tables")
        return ExitCode.DONE
    return _played(stored, console, process)


def _finish_all(directory: Path, plan: Plan, cells: Sequence[_Stored], console: Console, process: Process) -> ExitCode:
    """The unfinished cells of a sweep, in its order, under its own run and books."""
    sweep = Sweep.resumed(directory, plan, cells[0].cell.config.tracking)
    noted = sweep.ended()
    interrupted = False
    missing = [stored for stored in cells if not stored.is_finished]
    for cell in (stored.cell for stored in cells if stored.is_finished):
        if noted.get(cell.number or 0, {}).get("code") != ExitCode.DONE:
            note(cell, ExitCode.DONE, "")  # killed between the end of the cell and its line
    at_once = plan.at_once or 1
    order = drawn_blocks({stored.cell.number or 0: stored.cell.config for stored in cells})
    try:
        # As the sweep was asked for: all at the same time, or one after the other.
        for group in [missing] if plan.at_once and missing else [[stored] for stored in missing]:
            for stored in group:
                keep(stored.cell.directory, stored.tree, stored.overrides)
            ends = play_together([stored.cell for stored in group], order, at_once, console, process)
            if faults := [end for end in ends if isinstance(end, Exception)]:
                raise faults[0]
            interrupted = were_interrupted(ends)
            if interrupted:
                break
    except KeyboardInterrupt:
        say("interrupted")
        interrupted = True
    code = sweep.end(console)
    return ExitCode.INTERRUPTED if interrupted else code


def _audit_all(cells: Sequence[_Stored], console: Console) -> ExitCode:
    """Replay every cell of a sweep, and say of each whether its tables come out as they are on disk."""
    rows, notes, code = [], [], ExitCode.DONE
    for stored in cells:
        cell = stored.cell
        try:
            found = audit(cell.config, cell.directory)
        except AcausalError as error:
            verdict, note = "incomplete", str(error)
        else:
            verdict, note = found.verdict, found.message
        if verdict != "identical":
            code = ExitCode.REFUSED
            notes.append(f"cell {cell.title}: {note}")
        rows.append((cell.title, verdict, cell.directory.name))
    console.print(cells_table("replay", rows))
    for note in notes:
        _print(console, note)
    return code


def _played(stored: _Stored, console: Console, process: Process) -> ExitCode:
    """Play a cell alone; its end is said, and entered into the books of its sweep."""
    cell = stored.cell
    if stored.is_replayed:
        code, message = run_cell(cell, os.environ, console, process)
        if message:
            say(message)
        return code
    keep(cell.directory, stored.tree, stored.overrides)
    with only_cells_log(), logging_to(cell.directory / FILE):
        code, message = run_cell(cell, os.environ, console, process)
    note(cell, code, message)
    return code


def _failed(directory: Path) -> int:
    """Decisions of a finished cell that failed."""
    try:
        return int(json.loads((directory / "summary.json").read_text())["failed"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _print(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)
