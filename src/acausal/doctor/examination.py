"""All checks of `acausal doctor`, in the order in which a run would meet what they are about."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from acausal.doctor import machine
from acausal.doctor.finding import Finding, guarded, ok
from acausal.launch import compose_cell, read_dotenv
from acausal.settings.schema import Config


def examine(overrides: Sequence[str]) -> Iterator[Finding]:
    """What stands in the way of `python run.py OVERRIDES…`, started in this directory and environment.

    Only servers that the configuration uses are asked: the default one uses none.
    """
    yield from guarded("Python", machine.python)
    yield from guarded("packages", machine.packages)
    yield from guarded(".env", _dotenv)
    composed: list[Config] = []

    def configuration() -> Iterator[Finding]:
        composed.append(compose_cell(overrides))
        yield ok("configuration", _described(composed[0]))

    yield from guarded("configuration", configuration)
    for config in composed:
        yield from _models(config)
    yield from guarded("directory", lambda: machine.directory(Path.cwd()))
    if all(config.tracking.enabled for config in composed):
        yield from guarded("MLflow", machine.store)
    else:
        yield ok("MLflow", "not used: tracking.enabled=false")


def _models(config: Config) -> Iterator[Finding]:
    from acausal.doctor import served  # loads the SDK: a configuration that does not compose does without

    yield from guarded("rules", lambda: served.rules(config))
    yield from guarded("embedded models", lambda: served.embedded(config))
    yield from guarded("endpoints", lambda: served.served(config, os.environ))


def _dotenv() -> Iterator[Finding]:
    there = Path(".env").exists()
    read_dotenv()
    yield ok(".env", "read" if there else "none in this directory")


def _described(config: Config) -> str:
    models = ", ".join(f"{slot} = {config.models[slot].model_type}" for slot in config.used_slots)
    return f"scenario {config.scenario.name}, condition {config.condition.name}: {models}"
