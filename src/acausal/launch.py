"""The Hydra application: `python run.py …`, which is `acausal run …`.

Hydra composes conf/ and starts each cell; this module turns every way a run can end into a line and an exit code.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
from dotenv import load_dotenv
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from acausal.config import conf_dir, from_hydra, register_schema
from acausal.errors import AcausalError, ConfigError
from acausal.running.status import ExitCode, refused, say
from acausal.settings.complaint import complaint
from acausal.settings.schema import Config
from acausal.sweeps.plan import Escaped, SweepCallback, cell_of, cells_of

_FREE_FORM = re.compile(
    r"(models\.[^.=]+\.(custom_params|endpoint\.(params|headers))|scenario\.model_distribution)[.=]"
)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        if (process := sys.modules.get("acausal.running.process")) is not None:  # else nothing was played
            process.close_shared()
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
            return [(" ".join(cell.overrides), one) for cell, one in cells_of(config)]
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
        return refused(complaint(error))
    except AcausalError as error:
        return refused(str(error))
    except OSError as error:
        if wants_traceback or (error.filename is None and error.errno not in _NO_ROOM):
            raise
        if error.filename is None:
            return refused(f"the outputs could not be written: {error.strerror}; make room, then run the same command")
        return refused(
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
    except Escaped as escaped:
        raise escaped.error from None


def _opened(argument: str) -> str:
    """An override of a free-form mapping, prefixed so that it may bring keys that no file has yet."""
    return f"++{argument}" if _FREE_FORM.match(argument) else argument


def _play(node: DictConfig) -> None:
    """Hydra's task: one cell. Ends the program with its code, unless it is one cell of a sweep that goes on."""
    from acausal.experiment import run_cell  # heavy: a refusal or --help does without
    from acausal.running.process import shared_process
    from acausal.sweeps.together import note

    try:
        cell = cell_of(node)
    except ConfigError as error:
        sys.exit(refused(str(error)))  # raised further, Hydra would put a line of its own before it
    code, message = run_cell(cell, os.environ, Console(), shared_process())
    note(cell, code, message)
    if cell.number is None or code is ExitCode.INTERRUPTED:
        sys.exit(code)
