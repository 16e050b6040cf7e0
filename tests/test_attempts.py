"""Whatever faults a call meets, in whatever order: how often it is tried, for how long, and what is said of it after.

The faults are those of the simulated endpoint, met once each over real HTTP; the sequences run on a fake clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from clock import run_fast
from hypothesis import given, settings
from hypothesis import strategies as st
from laboratory import chat

from acausal.errors import ModelError, ModelUnavailable
from acausal.models.completion import Completion
from acausal.models.endpoint import HttpEndpoint
from acausal.models.faults import FAULTS, Fault
from acausal.models.limits import Dials, Gate, Passage
from acausal.models.retry import Effort
from acausal.models.route import Route
from acausal.models.simulator import Simulator, SimulatorSettings
from acausal.settings.schema import EndpointConfig, ModelConfig

T = TypeVar("T")
TIMEOUT_S = 10.0
NAMES = st.sampled_from(list(FAULTS))
"""A fault of FAULTS; those that let a reply through end the call."""
PAUSES = ("429", "503", "in_flight_402")


class Outcomes:
    """Name of a fault → what the client makes of it."""

    def __init__(self) -> None:
        self._met = asyncio.run(self._all())

    def error(self, name: str) -> ModelError | None:
        """A fresh copy of the error; None where the fault lets a reply through."""
        met = self._met.get(name)
        return met.about(str(met)) if isinstance(met, ModelError) else None

    async def _all(self) -> dict[str, ModelError | Completion]:
        return {name: await self._one(fault) for name, fault in FAULTS.items()}

    async def _one(self, fault: Fault) -> ModelError | Completion:
        async with Simulator(SimulatorSettings(faults=(fault,))) as simulator:
            endpoint = HttpEndpoint(simulator.base_url, None, {}, 0.1 if is_slow(fault) else 10)
            try:
                return await endpoint.complete(chat())
            except ModelError as error:
                return error
            finally:
                await endpoint.close()


def is_slow(fault: Fault) -> bool:
    return bool(fault.hang or fault.delay_s or fault.drip_s)


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return Outcomes()


@dataclass(frozen=True)
class Met:
    """An attempt: how long it takes, and what comes of it."""

    name: str
    takes_s: float
    retry_after_s: float | None = None


@st.composite
def attempts(draw: st.DrawFn) -> list[Met]:
    met = []
    kinds = draw(st.lists(NAMES, min_size=1, max_size=3))  # few: any lasting fault among them ends the call
    for name in draw(st.lists(st.sampled_from(kinds), max_size=16)):
        takes_s = TIMEOUT_S if is_slow(FAULTS[name]) else draw(st.floats(0, TIMEOUT_S))
        met.append(Met(name, takes_s, draw(st.none() | st.floats(0, 500)) if name in PAUSES else None))
    return met


MODELS = st.builds(
    lambda max_retries, retry_delay, patience_s: ModelConfig(
        model_type="m",
        endpoint=EndpointConfig(name="e"),
        max_retries=max_retries,
        retry_delay=retry_delay,
        patience_s=patience_s,
        timeout_s=TIMEOUT_S,
    ),
    max_retries=st.integers(0, 15),
    retry_delay=st.floats(0, 20),
    patience_s=st.floats(1, 400),
)


@dataclass
class Told:
    """What became of one call."""

    effort: Effort
    met: list[ModelError]
    """What its attempts met, in order; a success adds nothing."""
    took_s: float
    error: ModelError | None


async def travelled(route: Route, sequence: Sequence[Met], outcomes: Outcomes) -> Told:
    """One call whose attempts meet these faults one after another, and then succeed."""
    told, waiting, loop = Told(Effort(), [], 0.0, None), list(sequence), asyncio.get_running_loop()

    async def send(passage: Passage) -> None:
        met = waiting.pop(0) if waiting else Met("", 1.0)
        await asyncio.sleep(met.takes_s)
        if (error := outcomes.error(met.name)) is not None:
            if isinstance(error, ModelUnavailable):
                error.retry_after_s = met.retry_after_s
            told.met.append(error)
            raise error

    started_s = loop.time()
    try:
        await route.travel(send, told.effort, kind="decision", characters=300, goes_on=lambda: True)
    except ModelError as error:
        told.error = error
    told.took_s = loop.time() - started_s
    return told


def playing(calls: Coroutine[Any, Any, T], chance: int) -> T:
    """Run on the fake clock, with jitter that Hypothesis can repeat."""
    with patch("random.SystemRandom", lambda: random.Random(chance)):
        return run_fast(calls)


def holds(told: Told, model: ModelConfig) -> None:
    effort, causes = told.effort, [error.cause for error in told.met]
    assert effort.attempts <= model.max_retries + 1
    assert effort.attempts == len(told.met) + (told.error is None)
    assert all(isinstance(error, ModelUnavailable) for error in told.met[:-1]), "a lasting fault was tried again"
    assert effort.retries == causes[: max(0, effort.attempts - 1)]
    assert told.took_s - effort.queued_s <= model.patience_s + model.timeout_s + 0.001


@given(chance=st.integers(0, 99), model=MODELS, sequence=attempts())
@settings(max_examples=300, deadline=None)
def test_a_call_ends_in_time_whatever_it_meets(
    outcomes: Outcomes, chance: int, model: ModelConfig, sequence: list[Met]
) -> None:
    async def act() -> Told:
        return await travelled(Route(model, Nobody(), Gate(Dials(None, None, 4))), sequence, outcomes)

    holds(playing(act(), chance), model)


@given(chance=st.integers(0, 99), model=MODELS, sequences=st.lists(attempts(), min_size=2, max_size=8))
@settings(max_examples=200, deadline=None)
def test_calls_that_share_a_model_each_end_in_time(
    outcomes: Outcomes, chance: int, model: ModelConfig, sequences: list[list[Met]]
) -> None:
    async def act() -> list[Told]:
        route = Route(model, Nobody(), Gate(Dials(None, None, 4)))
        return await asyncio.gather(*(travelled(route, sequence, outcomes) for sequence in sequences))

    for told in playing(act(), chance):
        holds(told, model)


class Nobody:
    """An endpoint that is never asked: what it would say is in the sequence."""

    async def complete(self, body: Mapping[str, object]) -> Completion:
        raise AssertionError("asked")

    async def close(self) -> None:
        """Nothing to release."""
