"""The Hydra application: `python run.py …`, which is `acausal run …`.

Hydra composes conf/ and starts each cell; this module turns every way a run can end into a line and an exit code.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from dotenv import load_dotenv
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from acausal.complaint import complaint
from acausal.config import check_keys, conf_dir, from_hydra, register_schema
from acausal.errors import AcausalError, ConfigError
from acausal.schema import Config, ReplayMode
from acausal.status import ExitCode
from acausal.stored import unresolved

if TYPE_CHECKING:
    from acausal.sweep import PlannedCell

_FREE_FORM = re.compile(
    r"(models\.[^.=]+\.(custom_params|endpoint\.(params|headers))|scenario\.model_distribution)[.=]"
)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ASKS_FOR_A_PRICE = re.compile(r"\+{0,2}(dry_run|probe)=")


def run(arguments: Sequence[str]) -> int:
    """Play the cell or the sweep that Hydra overrides describe.

    Returns:
        0 done; 1 the user's mistake, or a sweep with failed cells; 2 stopped by the budget; 3 no estimate;
        130 interrupted.
    """
    sys.argv = [sys.argv[0], *map(_opened, arguments)]
    register_schema()
    try:
        code = _run_hydra()
    finally:
        sweep_code = SweepCallback.end()
        _close_process()
    return max(code, sweep_code or 0)


def compose_cell(overrides: Sequence[str]) -> Config:
    """The checked configuration that `python run.py OVERRIDES…` would play, without playing it.

    Raises:
        ConfigError: It does not compose, or breaks a rule.
    """
    with _composing():
        return from_hydra(compose("config", [_opened(override) for override in overrides]))


def compose_arms(overrides: Sequence[str], *, multirun: bool) -> list[tuple[str, Config]]:
    """The overrides of each cell of `python run.py OVERRIDES…`, and its checked configuration.

    Args:
        multirun: Whether it is a sweep; an experiment may say so itself.

    Raises:
        ConfigError: A cell does not compose, or breaks a rule.
    """
    words = [_opened(override) for override in overrides]
    with _composing():
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", words, run_mode=RunMode.MULTIRUN)
        if multirun or config.hydra.mode is RunMode.MULTIRUN:
            return [(" ".join(cell.overrides), one) for cell, one in _cells(config)]
        return [(" ".join(overrides), from_hydra(compose("config", words)))]


@contextmanager
def _composing() -> Iterator[None]:
    """Hydra over conf/, beside whatever Hydra is at work; what it says becomes one line."""
    register_schema()
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(complaint(error)) from None
    finally:
        GlobalHydra.instance().hydra = outer


def read_dotenv() -> None:
    """Take the keys of `.env` in the current directory into the environment, where they are not set yet.

    Raises:
        ConfigError: The file is there and cannot be read.
    """
    path = Path(".env")
    try:
        if path.exists():
            with path.open(encoding="utf-8") as stream:
                load_dotenv(stream=stream)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path.absolute()} cannot be read: {why}; mend or remove it, or export the keys") from None


def _run_hydra() -> int:
    """Hand the command line to Hydra; every way it can end becomes a code, and a line where the user must act."""
    wants_traceback = bool(os.environ.get("HYDRA_FULL_ERROR"))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors here instead of printing several lines
    try:
        read_dotenv()
        _compose_and_play()
    except (HydraException, OmegaConfBaseException) as error:
        if wants_traceback:
            raise
        return _refused(complaint(error))
    except AcausalError as error:
        return _refused(str(error))
    except OSError as error:
        if wants_traceback or (error.filename is None and error.errno not in _NO_ROOM):
            raise
        if error.filename is None:
            return _refused(f"the outputs could not be written: {error.strerror}; make room, then run the same command")
        return _refused(
            f"cannot use {error.filename}: {error.strerror}; choose another hydra.run.dir or hydra.sweep.dir"
        )
    except KeyboardInterrupt:
        say("interrupted")
        return ExitCode.INTERRUPTED
    except SystemExit as end:
        return int(end.code or 0)
    return ExitCode.DONE


def _compose_and_play() -> None:
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(_play)()
    except _Escaped as escaped:
        raise escaped.error from None


def _opened(argument: str) -> str:
    """An override of a free-form mapping, prefixed so that it may bring keys that no file has yet."""
    return f"++{argument}" if _FREE_FORM.match(argument) else argument


def _play(node: DictConfig) -> None:
    """Hydra's task: one cell. Ends the program with its code, unless it is one cell of a sweep that goes on."""
    from acausal.experiment import Cell, run_cell  # heavy: a refusal or --help does without
    from acausal.sweep import ENDED, REPLAYED, note_end

    if node.dry_run:  # the callback priced it and left; never play what was only to be priced
        sys.exit(_refused("dry_run needs the callback hydra.callbacks.sweep of conf/config.yaml, which is overridden"))
    job = HydraConfig.get()
    directory = Path(job.runtime.output_dir)
    in_sweep = job.mode is RunMode.MULTIRUN
    sweep_directory = Path(job.sweep.dir).absolute() if in_sweep else None
    number = int(job.job.num) if in_sweep else None
    try:
        cell = Cell(from_hydra(node), directory, *_commands(job, directory), number, sweep_directory)
    except ConfigError as error:
        sys.exit(_refused(str(error)))  # raised further, Hydra would put a line of its own before it
    code, message = run_cell(cell, os.environ, Console(), _process())
    if message:
        say(message)
    if sweep_directory is not None and number is not None:
        books = REPLAYED if cell.config.replay is ReplayMode.strict else ENDED
        note_end(sweep_directory, number, cell.title, directory, code, message, books=books)
    if sweep_directory is None or code is ExitCode.INTERRUPTED:
        sys.exit(code)


_PROCESS: list[Any] = []
"""The Process of this run, once a cell has been played: Hydra hands a task nothing but its configuration."""


def _process() -> Any:
    from acausal.process import Process

    if not _PROCESS:
        _PROCESS.append(Process())
    return _PROCESS[0]


def _close_process() -> None:
    while _PROCESS:
        _PROCESS.pop().close()


def _commands(job: Any, directory: Path) -> tuple[str, str]:
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
    from acausal.dry_run import dry_run
    from acausal.experiment import Cell

    try:
        planned = [
            Cell(config, directory, whole, whole, number if is_sweep else None)
            for number, (config, directory) in enumerate(cells)
            for _, whole in [_commands(job, directory)]
        ]
        code, message = dry_run(planned, os.environ, Console())
    except Exception as error:  # whatever it is, Hydra would swallow it here, and play what was only to be priced
        raise _Escaped(error) from None
    if message:
        say(message)
    sys.exit(code)


class _Escaped(BaseException):
    """Carries an error out of a callback: Hydra turns an Exception there into a warning, and plays."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


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
        from acausal.sweep import Plan, Sweep

        try:
            planned, configs = zip(*_cells(config), strict=True)
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
            plan = Plan(list(sys.argv[1:]), list(planned))
            SweepCallback._open = Sweep.start(directory, plan, configs[0].tracking, strict=strict)
        except AcausalError as error:
            # Hydra turns an Exception of a callback into a warning and goes on.
            sys.exit(_refused(str(error)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda **_: None
        raise AttributeError(name)

    @classmethod
    def end(cls) -> int | None:
        """Close the sweep, if one is open: its table and its exit code."""
        sweep, cls._open = cls._open, None
        return None if sweep is None else sweep.end(Console())


def _cell(config: DictConfig) -> tuple[Config, Path]:
    """The cell of a single run, and its directory."""
    directory = Path(config.hydra.run.dir).absolute()
    node = config.copy()
    with read_write(node), open_dict(node):
        del node["hydra"]
    return from_hydra(node), directory


def _cells(config: DictConfig) -> Iterator[tuple[PlannedCell, Config]]:
    """The cells of a sweep under Hydra's own sweeper, in its order.

    Raises:
        ConfigError: One of them is impossible.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    from acausal.sweep import PlannedCell

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


def _refused(message: str) -> int:
    say(message)
    return ExitCode.REFUSED


def say(message: str) -> None:
    """Tell the user on standard error, in one line."""
    sys.stderr.write(f"acausal: {message}\n")
