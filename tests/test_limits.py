"""Limits on a fake clock: never more than permitted in any window, hardly less, no burst, one pause for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from math import ceil

import pytest
from clock import run_fast
from hypothesis import given, settings
from hypothesis import strategies as st

from acausal.errors import ModelUnavailable
from acausal.models.limits import Dials, Gate, Gates, Load, Slots
from acausal.models.meter import GateReport
from acausal.models.pace import WINDOW_S, TokenPace
from acausal.settings.schema import Config

LOAD = Load("decision", ceiling=100, patience_s=300)


def most_in_a_window(at_s: list[float], weights: list[float] | None = None) -> float:
    """The largest sum of weights whose moments fit into any half-open window of a minute."""
    weights = weights or [1.0] * len(at_s)
    return max(
        sum(weight for other, weight in zip(at_s, weights, strict=True) if start <= other < start + WINDOW_S)
        for start in at_s
    )


async def sent(gate: Gate, calls: int, *, reply_s: float = 0.3, load: Load = LOAD) -> list[float]:
    """When each of so many simultaneous calls was let through."""
    loop, at_s = asyncio.get_running_loop(), list[float]()

    async def call() -> None:
        async with gate.passage(load):
            at_s.append(loop.time())
            await asyncio.sleep(reply_s)

    await asyncio.gather(*(call() for _ in range(calls)))
    return at_s


@given(per_minute=st.floats(1, 3000), idle_s=st.floats(0, 200))
@settings(max_examples=40, deadline=None)
def test_no_minute_holds_more_requests_than_permitted_and_none_is_wasted(per_minute: float, idle_s: float) -> None:
    async def act() -> list[float]:
        gate = Gate(Dials(per_minute, None, 64))
        calls = min(200, int(per_minute * 2) + 2)
        first = await sent(gate, calls)
        await asyncio.sleep(idle_s)
        return first + await sent(gate, 5)

    at_s = run_fast(act())
    assert most_in_a_window(at_s) <= ceil(per_minute)
    busy = at_s[:-5]
    assert (len(busy) - 1) / ((busy[-1] - busy[0]) / 60) >= 0.95 * per_minute


@pytest.mark.parametrize("idle_s", [0, 3600])
def test_there_is_no_burst_at_the_start_or_after_idling(idle_s: float) -> None:
    async def act() -> list[float]:
        gate = Gate(Dials(60, None, 16))
        await asyncio.sleep(idle_s)
        return await sent(gate, 5)

    assert all(later - earlier > 0.9 for earlier, later in pairwise(run_fast(act())))


@given(model=st.floats(10, 600), endpoint=st.floats(10, 600), reply_s=st.floats(0.05, 5), others=st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_a_model_and_its_endpoint_keep_their_limits_at_once(
    model: float, endpoint: float, reply_s: float, others: int
) -> None:
    async def act() -> tuple[list[float], list[float]]:
        whole = Gate(Dials(endpoint, None, None))
        one, other = Gate(Dials(model, None, 16), whole), Gate(Dials(None, None, 16), whole)
        first, second = await asyncio.gather(sent(one, 40, reply_s=reply_s), sent(other, others, reply_s=reply_s))
        return first, sorted(first + second)

    of_model, of_endpoint = run_fast(act())
    assert most_in_a_window(of_model) <= ceil(model)
    assert most_in_a_window(of_endpoint) <= ceil(endpoint)


@given(tokens=st.lists(st.integers(20, 100), min_size=30, max_size=60), per_minute=st.integers(2000, 6000))
@settings(max_examples=30, deadline=None)
def test_no_minute_holds_more_tokens_than_permitted(tokens: list[int], per_minute: int) -> None:
    """With the true number expected; what replies use beyond what is expected of them cannot be held back."""

    async def act() -> list[float]:
        gate, loop, at_s = Gate(Dials(None, per_minute, 8)), asyncio.get_running_loop(), list[float]()

        async def call(number: int) -> None:
            async with gate.passage(Load(f"kind {number}", tokens[number], 300)) as passage:
                at_s.append(loop.time())
                passage.tokens = tokens[number]
                await asyncio.sleep(0.5)

        await asyncio.gather(*(call(number) for number in range(len(tokens))))
        return at_s

    at_s = run_fast(act())
    assert most_in_a_window(at_s, [float(number) for number in tokens]) <= per_minute
    assert sum(tokens[:-1]) / ((at_s[-1] - at_s[0]) / 60) >= 0.9 * per_minute or at_s[-1] < 120


def test_tokens_that_were_not_used_are_given_back() -> None:
    async def act() -> float:
        gate, loop = Gate(Dials(None, 6000, 4)), asyncio.get_running_loop()

        async def call() -> None:
            async with gate.passage(Load("decision", 1000, 300)) as passage:
                await asyncio.sleep(0.1)
                passage.tokens = 50

        for _ in range(240):
            await call()
        return loop.time()

    assert run_fast(act()) < 150, "240 calls of 50 tokens are two minutes' worth; at 1,000 each they were forty"


def test_a_loop_that_wakes_up_late_wastes_no_tokens_and_idling_earns_no_burst() -> None:
    async def act() -> list[float]:
        pace, loop, at_s = TokenPace(6000), asyncio.get_running_loop(), list[float]()
        for number in range(200):
            while (wait_s := pace.wait_s(10)) > 0:  # noqa: ASYNC110 (the pace tells when to look)
                await asyncio.sleep(wait_s + (0.01 if number % 2 else 0))
            pace.take(10)
            at_s.append(loop.time())
            await asyncio.sleep(20 if number == 99 else 0)
        return at_s

    at_s = run_fast(act())
    gaps = [later - earlier for earlier, later in pairwise(at_s)]
    assert sum(gaps[:99]) <= 99 * 0.1 + 0.02, "at 100 tokens a second each call is worth 0.1 s"
    assert min(gaps) >= 0.1 * 0.79
    assert sum(gaps[100:105]) >= 5 * 0.1 * 0.95


def test_a_pause_holds_everybody_and_ends_without_a_burst() -> None:
    async def act() -> list[float]:
        gate = Gate(Dials(120, None, 16))
        gate.pause(30)
        return await sent(gate, 6)

    at_s = run_fast(act())
    assert at_s[0] >= 30
    assert all(later - earlier > 0.45 for earlier, later in pairwise(at_s))


def test_a_pause_beyond_patience_is_said_instead_of_waited_for() -> None:
    async def act() -> float:
        gate = Gate(Dials(None, None, 16))
        gate.pause(3600)
        with pytest.raises(ModelUnavailable, match="asks for a pause of 3600 s, and patience_s is 300"):
            await sent(gate, 1)
        return asyncio.get_running_loop().time()

    assert run_fast(act()) == 0


@given(ceiling=st.integers(1, 40), events=st.lists(st.booleans(), max_size=300))
def test_concurrency_stays_between_one_and_its_ceiling(ceiling: int, events: list[bool]) -> None:
    """Whatever replies bring, exactly `width` slots are there: none is lost, none is made up."""

    async def act() -> None:
        slots, loop = Slots(ceiling), asyncio.get_running_loop()
        for is_success in events:
            await slots.acquire()
            await asyncio.sleep(0.01)
            if is_success:
                slots.succeeded()
            else:
                slots.overloaded(loop.time(), "429")
            slots.release()
            assert 1 <= slots.width <= ceiling
        for _ in range(slots.width):
            await asyncio.wait_for(slots.acquire(), 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slots.acquire(), 1)
        slots.release()
        await asyncio.wait_for(slots.acquire(), 1)  # whoever gave up waiting has taken none with it

    run_fast(act())


def test_one_overload_halves_once_however_many_calls_report_it() -> None:
    async def act() -> list[tuple[int, str]]:
        slots, loop = Slots(16), asyncio.get_running_loop()
        await slots.acquire()
        sent_at_s = loop.time()
        await asyncio.sleep(1)
        for _ in range(16):
            slots.overloaded(sent_at_s, "timeout")
        for _ in range(8):
            slots.succeeded()
        return [(change.width, change.cause) for change in slots.history]

    assert run_fast(act()) == [(8, "timeout"), (9, "success")]


def test_calls_in_flight_are_bounded_over_all_models_of_an_endpoint() -> None:
    async def act() -> int:
        whole = Gate(Dials(None, None, 3))
        gates = [Gate(Dials(None, None, 16), whole) for _ in range(2)]
        inside = widest = 0

        async def call(gate: Gate) -> None:
            nonlocal inside, widest
            async with gate.passage(LOAD):
                inside += 1
                widest = max(widest, inside)
                await asyncio.sleep(1)
                inside -= 1

        await asyncio.gather(*(call(gates[number % 2]) for number in range(20)))
        return widest

    assert run_fast(act()) == 3


def test_the_share_of_the_limit_used_is_measured() -> None:
    async def act() -> tuple[float | None, float]:
        gate = Gate(Dials(60, None, 16))
        meter = gate.meter()
        await sent(gate, 61)
        return meter.share_used(), meter.queued_s

    share, queued_s = run_fast(act())
    assert share == pytest.approx(0.99, abs=0.01)
    assert queued_s == pytest.approx(sum(range(61)), rel=0.05)


def test_a_cell_answers_for_its_own_part_of_a_gate_that_outlives_it() -> None:
    async def act() -> tuple[GateReport, GateReport, GateReport]:
        gate = Gate(Dials(60, None, 16))
        first = gate.meter()
        await sent(gate, 10)
        assert gate.slots is not None
        gate.slots.overloaded(asyncio.get_running_loop().time(), "429")
        await asyncio.sleep(1000)
        second, idle = gate.meter(), gate.meter()
        began = gate.report(idle, "m", "e")
        await sent(gate, 4)
        gate.slots.overloaded(asyncio.get_running_loop().time(), "timeout")
        return gate.report(first, "m", "e"), gate.report(second, "m", "e"), began

    whole, second, began = run_fast(act())
    assert (whole.sent, second.sent, began.sent) == (14, 4, 0)
    assert (whole.width, second.width, began.width) == (16, 8, 8)
    assert [(change.width, change.cause) for change in whole.changes] == [(8, "429"), (4, "timeout")]
    (change,) = second.changes
    assert (change.width, change.cause) == (4, "timeout")
    assert change.at_s == pytest.approx(3.3, abs=0.2)  # after its own first request, not that of the gate
    assert second.limit_share == pytest.approx(0.99, abs=0.02)
    assert whole.limit_share == pytest.approx(13 / 1010, rel=0.05)
    assert (began.limit_share, began.changes, began.queued_s) == (None, (), 0.0)


def test_a_long_history_keeps_its_latest_changes() -> None:
    async def act() -> tuple[GateReport, int]:
        gate = Gate(Dials(None, None, 4))
        slots = gate.slots
        assert slots is not None
        meter = gate.meter()
        await sent(gate, 1)
        for _ in range(400):
            await asyncio.sleep(1)
            slots.overloaded(asyncio.get_running_loop().time(), "503")
            for _ in range(3 * slots.width):
                slots.succeeded()
        return gate.report(meter, "m", "e"), slots.changes

    report, changes = run_fast(act())
    assert changes > 500
    assert len(report.changes) == 500
    assert report.changes[-1].at_s == pytest.approx(400, abs=1)


@pytest.mark.parametrize(("overrides", "width"), [([], 10), (["models.a.embedded.parallel=4"], 4)])
def test_no_more_goes_to_an_embedded_model_than_it_has_slots(
    composed: Callable[..., Config], overrides: list[str], width: int
) -> None:
    """Beyond its slots llama.cpp has a queue of its own, in which a prompt can be overtaken for minutes."""
    assert Gates().of(composed(*overrides))["a"].meter().width == width
    assert Gates().of(composed("models.a.max_concurrency=3"))["a"].meter().width == 3
    assert Gates().of(composed("model@models.a=scripted"))["a"].meter().width == 16
