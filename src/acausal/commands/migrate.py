"""`acausal migrate`: a flat file of the earlier system becomes experiments of this one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from acausal.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT = "turn a configuration file of the earlier system into experiments"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("file", type=Path, metavar="OLD.yaml", help="flat YAML, or a JSON list of scenarios")
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="write to DIR/experiment (default: conf/ of the checkout; ./conf where acausal is installed)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")


def run(options: argparse.Namespace) -> int:
    """Write one experiment per scenario, and one that plays them all; what they are and how to run them is printed.

    Raises:
        ConfigError: The file says something impossible; nothing has been written.
    """
    from acausal.migration.earlier import read_old
    from acausal.migration.experiments import migrate
    from acausal.report.terminal import short

    into, command = _place(options.into)
    try:
        migration = migrate(read_old(options.file), stem=options.file.stem, command=command)
        _check_composes(migration.cells)
    except ConfigError as error:
        raise ConfigError(f"{short(options.file)}: {error}") from None
    _write(migration.files, into / "experiment", force=options.force)
    lines = [f"written to {short(into / 'experiment')}; to play one:"]
    lines += [f"  {command} experiment={name}" for name in migration.cells]
    if migration.sweep:
        lines += ["to play all of them as a sweep:", f"  {command} experiment={migration.sweep[0]}"]
    lines += [f"not used: {line}" for line in migration.unused]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _place(into: Path | None) -> tuple[Path, str]:
    """Where the experiments go, and what starts a run that finds them there."""
    import shlex

    import acausal
    from acausal.config import conf_dir
    from acausal.report.terminal import short

    installed = conf_dir().is_relative_to(Path(acausal.__file__).resolve().parent)
    program = "acausal run" if installed else "python run.py"
    into = (into or (Path("conf") if installed else conf_dir())).absolute()
    if into.resolve() == conf_dir():
        return into, program
    return into, f"{program} --config-dir {shlex.quote(short(into))}"


def _check_composes(cells: Mapping[str, str]) -> None:
    """Compose each experiment from a directory of its own, where none that exists can stand before it.

    Raises:
        ConfigError: One does not compose, or breaks a rule.
    """
    import tempfile

    from acausal.launch import compose_cell

    with tempfile.TemporaryDirectory() as directory:
        unchecked = Path(directory) / "experiment" / "unchecked"
        unchecked.mkdir(parents=True)
        for name, text in cells.items():
            (unchecked / f"{name}.yaml").write_text(text, encoding="utf-8")
            try:
                compose_cell([f"hydra.searchpath=[file://{directory}]", f"experiment=unchecked/{name}"])
            except ConfigError as error:
                raise ConfigError(f"experiment {name}: {error}") from None


def _write(files: Mapping[str, str], directory: Path, *, force: bool) -> None:
    """Write all files, or none.

    Raises:
        ConfigError: One is there, or Hydra would find another before it, or the directory cannot be written.
    """
    from acausal.config import conf_dir
    from acausal.report.terminal import short

    shipped = conf_dir() / "experiment"
    for name in files:
        first = shipped / f"{name}.yaml"
        if directory.resolve() != shipped and first.exists():
            raise ConfigError(f"{short(first)} is there, and would be found before the new one: rename the scenario")
    there = [name for name in files if (directory / f"{name}.yaml").exists()]
    if there and not force:
        listed = ", ".join(f"{name}.yaml" for name in there)
        raise ConfigError(f"{short(directory)} has {listed} already: overwrite with --force, or choose another --into")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / f"{name}.yaml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write to {short(directory)}: {error.strerror}; choose another --into") from None
