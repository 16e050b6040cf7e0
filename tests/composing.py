"""Configurations of command lines, each composed once: Hydra takes a sixth of a second for one."""

from __future__ import annotations

import os
import re
from copy import deepcopy
from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource

from acausal.config import conf_dir, from_hydra, register_schema
from acausal.settings.schema import Config


def composed(*overrides: str) -> Config:
    """The checked configuration of a command line; a copy of its own, to be changed at will."""
    return deepcopy(_composed(overrides, environment()))


def environment() -> tuple[tuple[str, str | None], ...]:
    """What a configuration takes from the environment, by name."""
    return tuple((name, os.environ.get(name)) for name in _names())


@cache
def _names() -> tuple[str, ...]:
    texts = (path.read_text() for path in conf_dir().rglob("*.yaml"))
    return tuple(sorted({name for text in texts for name in re.findall(r"\boc\.env:(\w+)", text)}))


@cache
def _composed(overrides: tuple[str, ...], told: tuple[tuple[str, str | None], ...]) -> Config:
    register_schema()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return from_hydra(compose("config", list(overrides)))


def read_yaml_once() -> None:
    """Let Hydra parse a file of its configuration again only when it has changed: a quarter of its time.

    For the rest of the process, wherever Hydra is at work in it.
    """
    Plugins.instance()  # which reads the module of its sources anew
    source = SourcesRegistry.instance().resolve("file")
    read, results = source.load_config, dict[tuple[object, ...], ConfigResult]()

    def load_config(self: ConfigSource, config_path: str) -> ConfigResult:
        path = Path(self.path, self._normalize_file_name(config_path))
        if not path.is_file():
            return read(self, config_path)
        stamp = path.stat()
        key = (path, self.provider, stamp.st_mtime_ns, stamp.st_size, stamp.st_ino)
        if key not in results:
            results[key] = read(self, config_path)
        return deepcopy(results[key])

    source.load_config = load_config  # type: ignore[method-assign]  # it is Hydra's own, remembered
