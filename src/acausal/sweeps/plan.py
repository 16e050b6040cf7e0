"""The plan of a run, made before anything of it is played: the cells of a sweep, their commands, and their price."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write
from rich.console import Console

from acausal.config import check_keys, from_hydra
from acausal.errors import AcausalError, ConfigError
from acausal.running.status import refused, say
from acausal.settings.schema import Config, ReplayMode
from acausal.settings.stored import unresolved

if TYPE_CHECKING:
    from acausal.experiment import Cell
    from acausal.sweeps.books import PlannedCell

_ASKS_FOR_A_PRICE = re.compile(r"\+{0,2}(dry_run|probe)=")


class SweepCallback:
    """Hydra's callback of a sweep: checks every cell before the first one plays, and keeps the sweep's books."""

    _open: Any = None
    """The sweep in progress in this process; Hydra makes the callback anew for each job, so it hangs on the class."""

    def on_run_start(self, config: DictConfig, **_: object) -> None:
        """Price a single cell if that is all that is asked."""
        if config.dry_run:
            _price(map(_cell, [config]), config.hydra, is_sweep=False)

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
        """Refuse the whole sweep if one of its cells is impossible, then open its parent run."""
        from acausal.design.lint import lint_arms
        from acausal.models.classical import rules_of
        from acausal.sweeps.books import Plan, Sweep
        from acausal.sweeps.together import drawn_blocks

        try:
            planned, configs = zip(*cells_of(config), strict=True)
            directory = Path(config.hydra.sweep.dir).absolute()
            if configs[0].replay is not ReplayMode.strict:
                lint_arms([(" ".join(cell.overrides), one) for cell, one in zip(planned, configs, strict=True)])
            if any(cell.dry_run for cell in configs):
                places = [directory / cell.directory for cell in planned]
                _price(zip(configs, places, strict=True), config.hydra, is_sweep=True)
            strict = configs[0].replay is ReplayMode.strict
            for cell in configs:
                rules_of(cell)
                if not strict:
                    check_keys(cell, os.environ)
            at_once = int(config.hydra.launcher.get("at_once", 0))  # 0: one cell after the other, as Hydra itself does
            order = drawn_blocks(dict(enumerate(configs))) if at_once else []
            plan = Plan(list(sys.argv[1:]), list(planned), order, at_once)
            SweepCallback._open = Sweep.start(directory, plan, configs[0].tracking, strict=strict)
        except AcausalError as error:
            # Hydra turns an Exception of a callback into a warning and goes on.
            sys.exit(refused(str(error)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda **_: None
        raise AttributeError(name)

    @classmethod
    def blocks(cls) -> list[list[int]]:
        """Of the sweep that is open, as they stand in its plan; none where none is."""
        return [] if cls._open is None else list(cls._open.plan.blocks)

    @classmethod
    def end(cls) -> int | None:
        """Close the sweep, if one is open: its table and its exit code."""
        sweep, cls._open = cls._open, None
        return None if sweep is None else sweep.end(Console())


def cells_of(config: DictConfig) -> Iterator[tuple[PlannedCell, Config]]:
    """The cells of a sweep under Hydra's own sweeper, in its order.

    Raises:
        ConfigError: One of them is impossible.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    from acausal.sweeps.books import PlannedCell

    loader = GlobalHydra.instance().config_loader()
    params = config.hydra.sweeper.get("params") or {}
    lines = [f"{key}={value}" for key, value in params.items()] + list(config.hydra.overrides.task)
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(lines)
    for number, job in enumerate(job for batch in BasicSweeper.split_arguments(overrides, None) for job in batch):
        node = loader.load_sweep_config(config, list(job))
        with read_write(node), open_dict(node):
            node.hydra.job.id = node.hydra.job.num = number
            HydraConfig.instance().set_config(node)  # as Hydra does before each job, for ${hydra:…} in its directory
            directory = str(node.hydra.sweep.subdir)
            words = [str(word) for word in node.hydra.overrides.task]
            del node["hydra"]
        try:
            yield PlannedCell(number, directory, words, unresolved(node)), from_hydra(node)
        except ConfigError as error:
            raise ConfigError(f"{error} (cell {' '.join(job)})") from None


def _cell(config: DictConfig) -> tuple[Config, Path]:
    """The cell of a single run, and its directory."""
    directory = Path(config.hydra.run.dir).absolute()
    node = config.copy()
    with read_write(node), open_dict(node):
        del node["hydra"]
    return from_hydra(node), directory


def cell_of(node: DictConfig) -> Cell:
    """The cell of the job that Hydra has set up now.

    Raises:
        ConfigError: It is impossible.
    """
    from acausal.experiment import Cell

    if node.dry_run:  # the callback priced it and left; never play what was only to be priced
        raise ConfigError("dry_run needs the callback hydra.callbacks.sweep of conf/config.yaml, which is overridden")
    job = HydraConfig.get()
    directory = Path(job.runtime.output_dir)
    words = commands(job, directory)
    if job.mode is not RunMode.MULTIRUN:
        return Cell(from_hydra(node), directory, *words)
    return Cell(from_hydra(node), directory, *words, int(job.job.num), Path(job.sweep.dir).absolute())


def commands(job: Any, directory: Path) -> tuple[str, str]:
    """What to type to go on, and the whole command: the same overrides into the same directory."""
    from acausal.report.terminal import resume_command, run_command

    if job.mode is RunMode.MULTIRUN:
        # In a job the overrides are those of its cell; the sweep's own stand in the command line.
        sweep_directory = Path(job.sweep.dir).absolute()
        words = [word for word in sys.argv[1:] if not _ASKS_FOR_A_PRICE.match(word)]
        whole = run_command(words, "hydra.sweep.dir", sweep_directory)
        resume = resume_command(sweep_directory)
    else:
        words = [str(override) for override in job.overrides.task]
        words = [word for word in words if not _ASKS_FOR_A_PRICE.match(word)]
        whole, resume = run_command(words, "hydra.run.dir", directory), resume_command(directory)
    # Without .hydra/ the directory does not tell what the cell is.
    return (resume if job.output_subdir == ".hydra" else whole), whole


def _price(cells: Iterable[tuple[Config, Path]], job: Any, *, is_sweep: bool) -> None:
    """A dry run: price the cells in place of playing them, and end the program; no directory has been made yet."""
    from acausal.experiment import Cell
    from acausal.pricing.dry_run import dry_run

    try:
        planned = [
            Cell(config, directory, whole, whole, number if is_sweep else None)
            for number, (config, directory) in enumerate(cells)
            for _, whole in [commands(job, directory)]
        ]
        code, message = dry_run(planned, os.environ, Console())
    except Exception as error:  # whatever it is, Hydra would swallow it here, and play what was only to be priced
        raise Escaped(error) from None
    if message:
        say(message)
    sys.exit(code)


class Escaped(BaseException):
    """Carries an error out of a callback: Hydra turns an Exception there into a warning, and plays."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error
