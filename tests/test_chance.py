"""Whom faults strike and how long answers take: drawn by seed and request, whatever the order of arrival."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace

import pytest
from laboratory import chat, struck, visit

from acausal.models.chance import Strikes, latency_s
from acausal.models.faults import FAULTS, Fault
from acausal.models.seen import SeenRequest
from acausal.models.simulator import Simulator


def test_the_same_requests_meet_the_same_faults_in_any_order() -> None:
    faults = [replace(FAULTS[name], rate=0.3) for name in ("429", "503", "null_content")]

    def fates(order: list[int], seed: int = 0) -> dict[int, str]:
        async def use(simulator: Simulator) -> dict[int, str]:
            names = await struck(simulator, [chat(number) for number in order])
            numbers = [int(seen.body["messages"][0]["content"].split()[-1][:-1]) for seen in simulator.requests]
            return dict(zip(numbers, names, strict=True))

        return visit(use, *faults, seed=seed)

    forwards = fates(list(range(60)))
    shuffled = random.Random(1).sample(range(60), 60)
    assert fates(shuffled) == forwards
    assert set(forwards.values()) == {"429", "503", "null_content", ""}
    assert fates(shuffled, seed=1) != forwards


def test_what_the_limit_refuses_changes_no_ones_fate() -> None:
    fault = replace(FAULTS["503"], rate=0.5)

    def fates(**limits: float) -> list[tuple[str, int]]:
        async def use(simulator: Simulator) -> list[tuple[str, int]]:
            await struck(simulator, [chat(number) for number in range(30)])
            await struck(simulator, [chat(number) for number in range(30)])
            return sorted((seen.digest, seen.repeat) for seen in simulator.requests if seen.fault)

        return visit(use, fault, **limits)

    free, limited = fates(), fates(requests_per_minute=40)
    assert len(limited) < len(free)
    assert set(limited) <= set(free)


def seen(number: int, repeat: int = 0, model: str = "m") -> SeenRequest:
    return SeenRequest(0.0, model, {}, True, True, digest=f"{number:x}", repeat=repeat)


def test_a_rate_strikes_its_share() -> None:
    for rate in (0.1, 0.3, 0.6):
        strikes = Strikes([Fault(name="f", rate=rate)], seed=0)
        share = sum(strikes.on(seen(number), 0).name == "f" for number in range(4000)) / 4000
        assert share == pytest.approx(rate, abs=0.03)
    never = Strikes([Fault(name="f", rate=0)], seed=0)
    assert not any(never.on(seen(number), 0).name for number in range(1000))


def test_a_retry_is_drawn_anew_and_each_fault_by_itself() -> None:
    strikes = Strikes([Fault(name="f", rate=0.5), Fault(name="g", rate=0.5)], seed=0)
    retries = [strikes.on(seen(1, repeat), 0).name for repeat in range(400)]
    assert retries.count("f") == pytest.approx(200, abs=40)
    assert retries.count("g") == pytest.approx(100, abs=40)


def test_a_window_of_time_counts_from_the_servers_start() -> None:
    strikes = Strikes([replace(FAULTS["503"], from_s=10, until_s=20)], seed=0)
    assert [strikes.on(seen(1), at_s).name for at_s in (9.9, 10, 19.9, 20)] == ["", "503", "503", ""]

    async def use(simulator: Simulator) -> list[str]:
        return await struck(simulator, [chat()])

    assert visit(use, replace(FAULTS["503"], from_s=3600)) == [""]
    assert visit(use, replace(FAULTS["503"], until_s=3600)) == ["503"]


def test_conditions_hold_together() -> None:
    fault = Fault(name="f", model="gpt", requests=range(2, 5), from_s=10, rate=0.5)
    strikes = Strikes([fault], seed=0)
    names = [strikes.on(seen(number, model="gpt-4"), 0 if number == 2 else 10).name for number in range(1, 8)]
    assert names[0] == names[1] == ""
    assert set(names[4:]) == {""}
    always = Strikes([replace(fault, rate=1)], seed=0)
    always.on(seen(0, model="claude"), 10)
    assert [always.on(seen(1, model="gpt-4"), 10).name for _ in range(5)] == ["", "f", "f", "f", ""]


def test_latencies_are_log_normal_around_their_median() -> None:
    draws = [latency_s(2.0, 0.5, 0, seen(number)) for number in range(4000)]
    assert statistics.median(draws) == pytest.approx(2.0, rel=0.05)
    assert statistics.quantiles(draws, n=100)[83] == pytest.approx(2.0 * 1.6487, rel=0.08)  # one sigma up
    assert draws == [latency_s(2.0, 0.5, 0, seen(number)) for number in range(4000)]
    assert latency_s(2.0, 0.5, 1, seen(0)) != draws[0]
    assert {latency_s(2.0, 0.0, 0, seen(number)) for number in range(10)} == {2.0}
