"""A small cell played by `run_cell` against a simulated endpoint that lives in the very loop of the process.

One loop for both sides: however busy the machine is, a request that the client has sent is seen by the server before
anybody's patience ends, so what the two sides counted can be compared to the number.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from composing import environment
from rich.console import Console

from acausal.experiment import Cell, run_cell
from acausal.launch import compose_cell
from acausal.models.simulator import SeenRequest, Simulator, SimulatorSettings
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config

KEY = "sk-or-v1-secret-of-this-test"
UNPACED = [
    *("roster=openrouter", "tracking.enabled=false", "progress=off", "preflight=off"),
    *(f"models.{slot}.{dial}" for slot in "abc" for dial in ("rate_limit=null", "send_seed=true")),
]
"""Two or three models of a simulated OpenRouter, each as fast as it answers; a seed with every request."""


@dataclass(frozen=True, slots=True)
class Played:
    """What one run of a cell came to, and what its server saw."""

    code: ExitCode
    said: str
    """Everything on the console, and the line for the user."""
    requests: Sequence[SeenRequest]


@contextmanager
def served(settings: SimulatorSettings) -> Iterator[tuple[Process, Simulator]]:
    """A process whose loop serves a simulated endpoint beside the cells that it plays."""
    with Process() as process:
        simulator = process.run(Simulator(settings).__aenter__())
        try:
            yield process, simulator
        finally:
            process.run(simulator.__aexit__())


def composed(*overrides: str) -> Config:
    """The configuration of a command line, whose base URL is still to be set."""
    return deepcopy(_composed(overrides, environment()))


@cache
def _composed(overrides: tuple[str, ...], told: tuple[tuple[str, str | None], ...]) -> Config:
    return compose_cell([*UNPACED, *overrides])


def changed(config: Config, *slots: str, **dials: Any) -> Config:
    """The same with other dials of some models' slots, e.g. `timeout_s=5`; all slots where none is named."""
    config = deepcopy(config)
    for slot in slots or config.models:
        for name, value in dials.items():
            assert hasattr(config.models[slot], name), name
            setattr(config.models[slot], name, value)
    return config


def parallel(seats: dict[str, int], **keys: Any) -> Config:
    """A cell of one round in which no call waits for another: a load as wide as it is long."""
    distribution = ", ".join(f"{slot}: {seats.get(slot, 0)}" for slot in "ab")
    config = composed(
        *("protocol=direct", "condition.shows.own_matches=false", "num_rounds=1"),
        *(f"num_agents={sum(seats.values())}", f"scenario.model_distribution={{{distribution}}}"),
    )
    return replace(config, **keys)


def at(config: Config, base_url: str) -> Config:
    """The same, asking the server that is there."""
    config = deepcopy(config)
    for model in config.models.values():
        model.endpoint.base_url = base_url
    return config


def once(config: Config, directory: Path, process: Process) -> tuple[ExitCode, str]:
    """Play a cell; its exit code, and all that a user reads."""
    console = Console(file=(shown := io.StringIO()), width=200)
    code, message = run_cell(Cell(config, directory, "go on", "run.py"), {"OPENROUTER_API_KEY": KEY}, console, process)
    return code, f"{shown.getvalue()}{message}"


def play(config: Config, directory: Path, **settings: Any) -> Played:
    """Play a cell against a simulated endpoint of these settings, whose models all toss their seed's coin."""
    with served(SimulatorSettings(persona="coin", api_key=KEY, **settings)) as (process, simulator):
        code, said = once(at(config, simulator.base_url), directory, process)
        return Played(code, said, simulator.requests)
