"""The circuit breaker on a fake clock: one probe at a time, one wait per outage, and an end to it."""

from __future__ import annotations

import asyncio

import pytest
from clock import run_fast
from hypothesis import given, settings
from hypothesis import strategies as st

from acausal.errors import ModelError, ModelRejected, ModelUnavailable
from acausal.models.breaker import OPENS_AFTER, Breaker

OUT = ModelUnavailable("503 down", status=503)


async def attempt(breaker: Breaker, error: ModelError | None, *, takes_s: float = 0.0) -> bool:
    """One call that ends with an error or without; whether it was the probe."""
    probe = await breaker.admit()
    await asyncio.sleep(takes_s)
    if error is None:
        breaker.succeeded()
    else:
        breaker.failed(error, probe=probe)
    return probe


async def out(breaker: Breaker) -> None:
    for _ in range(OPENS_AFTER):
        await attempt(breaker, OUT)
    assert breaker.is_open


def test_an_outage_is_probed_by_one_call_and_all_others_wait_for_it() -> None:
    async def act() -> tuple[float, list[bool]]:
        breaker = Breaker(cooldown_s=2, patience_s=60)
        await out(breaker)
        probes = await asyncio.gather(*(attempt(breaker, None, takes_s=1) for _ in range(20)))
        return asyncio.get_running_loop().time(), probes

    ended_s, probes = run_fast(act())
    assert probes.count(True) == 1
    assert ended_s == pytest.approx(2 + 1 + 1), "cooldown, the probe, then everybody at once"


def test_probes_that_fail_come_less_and_less_often() -> None:
    async def act() -> list[float]:
        breaker, loop = Breaker(cooldown_s=1, patience_s=1000), asyncio.get_running_loop()
        await out(breaker)
        at_s = []
        for _ in range(8):
            await attempt(breaker, OUT)
            at_s.append(loop.time())
        return at_s

    assert run_fast(act()) == [1, 3, 7, 15, 31, 61, 91, 121]


def test_one_outage_costs_one_wait_and_then_calls_fail_at_once() -> None:
    async def act() -> list[float]:
        breaker, loop = Breaker(cooldown_s=5, patience_s=31), asyncio.get_running_loop()
        await out(breaker)
        waited = []

        async def call() -> None:
            while True:
                await attempt(breaker, OUT)

        for _ in range(3):
            came_s = loop.time()
            with pytest.raises(ModelUnavailable, match="out for .* s, last: 503 down") as caught:
                await asyncio.gather(call(), call(), call())
            assert (caught.value.cause, caught.value.status) == ("outage", 503)
            waited.append(loop.time() - came_s)
        return waited

    first, *others = run_fast(act())
    assert first == pytest.approx(31)
    assert all(later == 0 for later in others)


def test_a_model_that_comes_back_is_found_by_a_later_probe() -> None:
    async def act() -> bool:
        breaker = Breaker(cooldown_s=1, patience_s=0)
        await out(breaker)
        with pytest.raises(ModelUnavailable):
            await breaker.admit()
        await asyncio.sleep(2)
        assert await attempt(breaker, None)
        return breaker.is_open

    assert run_fast(act()) is False


def test_an_outage_is_waited_for_no_longer_than_the_call_has_patience_left() -> None:
    async def act() -> float:
        breaker = Breaker(cooldown_s=20, patience_s=60)
        await out(breaker)
        with pytest.raises(ModelUnavailable, match="out for 3 s"):
            await breaker.admit(3)
        return asyncio.get_running_loop().time()

    assert run_fast(act()) == 3


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_what_is_gone_is_not_asked_again(status: int) -> None:
    async def act() -> None:
        breaker = Breaker(cooldown_s=1, patience_s=60)
        await attempt(breaker, ModelRejected("no", status=status))
        with pytest.raises(ModelRejected, match="no"):
            await breaker.admit()

    run_fast(act())


@pytest.mark.parametrize(
    "error",
    [
        ModelRejected("bad request", status=400),
        ModelRejected("flagged", status=403, cause="moderation"),
        ModelUnavailable("busy", status=429),
        ModelUnavailable("nothing said", cause="empty"),
    ],
    ids=str,
)
def test_an_answer_that_fails_one_call_says_nothing_against_the_model(error: ModelError) -> None:
    async def act() -> bool:
        breaker = Breaker(cooldown_s=1, patience_s=60)
        for _ in range(5 * OPENS_AFTER):
            await attempt(breaker, error)
        return breaker.is_open or breaker.gone is not None

    assert run_fast(act()) is False


def test_a_probe_that_was_not_sent_makes_room_for_another() -> None:
    async def act() -> bool:
        breaker = Breaker(cooldown_s=1, patience_s=60)
        await out(breaker)
        assert await breaker.admit()
        breaker.withdrawn(probe=True)
        return await breaker.admit()

    assert run_fast(act()) is True


@given(
    outages=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 40)), max_size=4),
    callers=st.integers(1, 20),
    reply_s=st.floats(0.01, 3),
)
@settings(max_examples=60, deadline=None)
def test_callers_end_and_probes_are_never_two_at_a_time(
    outages: list[tuple[float, float]], callers: int, reply_s: float
) -> None:
    """Whatever windows of time the model is out in, every call ends, and only one probe is ever on its way."""

    async def act() -> tuple[int, int]:
        breaker, loop = Breaker(cooldown_s=1, patience_s=31), asyncio.get_running_loop()
        probing = most = ended = 0

        async def caller() -> None:
            nonlocal probing, most, ended
            for _ in range(30):
                try:
                    probe = await breaker.admit()
                except ModelUnavailable:
                    ended += 1
                    await asyncio.sleep(1)
                    continue
                probing += probe
                most = max(most, probing)
                await asyncio.sleep(reply_s)
                probing -= probe
                if any(start <= loop.time() < start + length for start, length in outages):
                    breaker.failed(OUT, probe=probe)
                else:
                    breaker.succeeded()
                    ended += 1

        await asyncio.gather(*(caller() for _ in range(callers)))
        return most, ended

    most, ended = run_fast(act())
    assert most <= 1
    assert ended > 0 or outages
