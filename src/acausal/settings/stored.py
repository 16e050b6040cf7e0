"""A cell's configuration as its output directory keeps it: enough to run the cell again without conf/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with omegaconf
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from acausal.config import OPERATIONAL, from_hydra, is_operational, nearest
from acausal.errors import ConfigError
from acausal.settings.complaint import complaint
from acausal.settings.schema import Config

REGISTRATION = Path("preregistration.json")
"""Where a registration is written and looked for, unless somebody says otherwise."""
CONFIG = Path(".hydra") / "config.yaml"
OVERRIDES = Path(".hydra") / "overrides.yaml"
_OF_ONE_RUN = {"replay": "auto", "retry_failed": False}
"""Keys that hold for the run they were given to, not for those that go on with it."""


def read_config(directory: Path) -> dict[str, Any]:
    """The configuration of a cell, with `${oc.env:…}` as it stands.

    Raises:
        ConfigError: The file is absent or damaged.
    """
    path = directory / CONFIG
    try:
        tree = unresolved(OmegaConf.load(path))
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException) as error:
        why = " ".join(str(error).split())
        raise ConfigError(f"{path} is damaged ({why}): restore it, or repeat the command that began the cell") from None
    return tree


def read_overrides(directory: Path) -> list[str]:
    """What was given on the command line of a cell; nothing where that is not known."""
    try:
        words = OmegaConf.load(directory / OVERRIDES)
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException):
        return []
    return _lasting(map(str, words)) if isinstance(words, ListConfig) else []


def changed(tree: Mapping[str, Any], words: Sequence[str], *, where: Path) -> dict[str, Any]:
    """A stored configuration under new operational values.

    Args:
        words: KEY=VALUE, as on a command line.
        where: The cell, to name in an error.

    Raises:
        ConfigError: A word is no assignment, or its key says what the cell is.
    """
    for word in words:
        key, assigns, _ = word.partition("=")
        if not assigns:
            raise ConfigError(f"{word!r} is no assignment: write KEY=VALUE, e.g. budget.usd=5")
        if not is_operational(key) or key == "roster":
            raise ConfigError(
                f"{key} cannot be changed in {where}{nearest(key.split('.')[0], list(OPERATIONAL))}: it says what the "
                "cell is, and the replies on record were given under its old value; start a new cell for another "
                "value; replicates, budget.…, retry_failed and a model's rate_limit are among those that may change"
            )
    return unresolved(OmegaConf.merge(OmegaConf.create({**tree, **_OF_ONE_RUN}), OmegaConf.from_dotlist(list(words))))


def unresolved(node: Any) -> dict[str, Any]:
    """A composed configuration as plain data, with interpolations as they stand."""
    tree = OmegaConf.to_container(node, resolve=False, enum_to_str=True)
    return {str(key): value for key, value in tree.items()} if isinstance(tree, dict) else {}


def config_of(tree: Mapping[str, Any], *, where: Path) -> Config:
    """The checked configuration; the environment is read now.

    Args:
        where: The cell, to name in an error.

    Raises:
        ConfigError: It does not fit the schema, or a rule that spans several keys is broken.
    """
    try:
        node = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(dict(tree)))
        if not isinstance(node, DictConfig):
            raise ConfigError("a configuration is a mapping")
        return from_hydra(node)
    except OmegaConfBaseException as error:
        raise ConfigError(f"the configuration of {where}: {complaint(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"the configuration of {where}: {error}") from None


def keep(directory: Path, tree: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Leave in a cell's directory how it is run now, where Hydra leaves it too."""
    (directory / CONFIG).parent.mkdir(parents=True, exist_ok=True)
    contents: list[tuple[Path, Any]] = [(CONFIG, {**tree, **_OF_ONE_RUN}), (OVERRIDES, _lasting(overrides))]
    for path, content in contents:
        temporary = directory / path.with_suffix(".tmp")
        temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(content)), encoding="utf-8")
        temporary.replace(directory / path)


def _lasting(words: Iterable[str]) -> list[str]:
    """Overrides without repetition, and without those that held for one run."""
    return list(dict.fromkeys(word for word in words if word.partition("=")[0] not in _OF_ONE_RUN))
