"""What the simulated endpoint notes of each request, in memory and in its log."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from asking import MESSAGES, ask, client, visit
from openai import AsyncOpenAI

from acausal.errors import ConfigError
from acausal.models.faults import FAULTS
from acausal.models.simulator import SeenRequest, Simulator, SimulatorSettings, running


def test_every_chat_request_is_kept_in_order_of_arrival() -> None:
    async def use(simulator: Simulator, asked: AsyncOpenAI) -> Simulator:
        await ask(asked, "sim/coin", seed=3)
        await asyncio.gather(*(ask(asked, "sim/always_c") for _ in range(20)))
        return simulator

    simulator = visit(use, latency_s=0.01)
    assert len(simulator.requests) == 21
    assert simulator.requests[0].model == "sim/coin"
    assert simulator.requests[0].body == {"model": "sim/coin", "messages": MESSAGES, "seed": 3}
    times = [seen.at_s for seen in simulator.requests]
    assert times == sorted(times)
    assert {seen.status for seen in simulator.requests} == {200}


def test_nothing_is_kept_where_that_is_switched_off() -> None:
    async def use(simulator: Simulator, asked: AsyncOpenAI) -> int:
        await ask(asked)
        return len(simulator.requests)

    assert visit(use, keep_requests=False) == 0


def test_what_was_seen_tells_when_what_and_for_how_much() -> None:
    async def use(simulator: Simulator, asked: AsyncOpenAI) -> tuple[list[SeenRequest], dict[str, Any], int]:
        found = await ask(asked)
        await ask(asked, seed=1)
        again = await ask(asked)
        assert again["choices"] == found["choices"]
        await asyncio.gather(*(ask(asked) for _ in range(7)))
        return simulator.requests, found["usage"], simulator.peak_in_flight

    seen, usage, peak = visit(use, latency_s=0.1)
    first, other, again = seen[:3]
    assert (first.tokens_in, first.tokens_out) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert first.cost_usd == usage["cost"]
    assert first.delivered
    assert first.answered_at_s is not None
    assert 0.1 <= first.answered_at_s - first.at_s < 1
    assert first.digest == again.digest != other.digest
    assert [each.repeat for each in seen] == [0, 0, *range(1, 9)]
    assert peak == 7


def test_the_log_has_a_line_per_request_and_no_key(tmp_path: Path) -> None:
    log = tmp_path / "seen.jsonl"
    fault = replace(FAULTS["503"], requests=[2])

    async def use(simulator: Simulator, asked: AsyncOpenAI) -> None:
        await ask(asked, "sim/coin")
        with pytest.raises(openai.InternalServerError):
            await ask(asked)
        with pytest.raises(openai.AuthenticationError):
            await ask(client(simulator, "sk-wrong"))

    started_s = time.time()
    for _ in range(2):
        visit(use, key="sk-right", api_key="sk-right", faults=(fault,), log=log, keep_requests=False)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["model"], line["status"], line["fault"], line["key_is_right"]) for line in lines] == 2 * [
        ("sim/coin", 200, "", True),
        ("sim/always_c", 503, "503", True),
        ("sim/always_c", 401, "", False),
    ]
    assert started_s - 1 < lines[0]["at_s"] <= lines[0]["answered_at_s"] < started_s + 60
    assert lines[0]["cost_usd"] > 0
    assert {len(line) for line in lines} == {14}
    assert "sk-" not in log.read_text()


def test_a_request_that_the_servers_end_cuts_off_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "seen.jsonl"

    async def leaving() -> None:
        async with Simulator(SimulatorSettings(faults=(FAULTS["timeout"],), log=log)) as simulator:
            hanging = asyncio.create_task(ask(client(simulator)))
            while not simulator.requests:  # noqa: ASYNC110 (the server has no event to wait for)
                await asyncio.sleep(0.005)
        with pytest.raises(openai.APIConnectionError):
            await hanging

    asyncio.run(leaving())
    (line,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert (line["fault"], line["status"], line["delivered"]) == ("timeout", None, False)


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the log '.*/none/seen.jsonl' cannot be written: No such file"):
        running(SimulatorSettings(log=tmp_path / "none" / "seen.jsonl")).__enter__()
