"""The simulated endpoint as a server, asked over loopback by the real OpenAI SDK."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any, cast

import openai
import pytest
from asking import MESSAGES, answers, ask, client, refusal, reply, text, visit
from openai import AsyncOpenAI, OpenAI

from acausal.errors import ConfigError
from acausal.models.faults import Fault
from acausal.models.scripted import SERVED
from acausal.models.simulator import Simulator, SimulatorSettings, running


def test_each_persona_is_served_under_its_own_id() -> None:
    assert text(reply("sim/always_c")) == "COOPERATE"
    assert text(reply("sim/always_d")) == "DEFECT"
    assert text(reply("sim/superrational")) == "DEFECT"


def test_any_other_id_is_served_by_the_default_persona() -> None:
    found = reply("openai/gpt-4", persona="always_d")
    assert (text(found), found["model"]) == ("DEFECT", "openai/gpt-4")


def test_an_unknown_model_is_answered_as_openrouter_does() -> None:
    error = refusal("openai/gpt-4")
    assert error.status_code == 404
    assert error.body == {"code": 404, "message": "No endpoints found for openai/gpt-4."}


def test_a_misspelt_persona_is_not_served_by_the_default_one() -> None:
    error = refusal("sim/cion", persona="always_c")
    assert error.status_code == 404
    assert "did you mean coin?" in error.message


def test_a_schema_is_answered_in_its_own_shape() -> None:
    schema = {"type": "object", "properties": {"action": {"type": "string", "enum": ["COOPERATE", "DEFECT"]}}}
    form = {"type": "json_schema", "json_schema": {"name": "decision", "strict": True, "schema": schema}}
    (found,) = answers({"model": "sim/always_d", "response_format": form})
    assert isinstance(found, dict)
    assert json.loads(text(found)) == {"action": "DEFECT"}


def test_a_seed_decides_the_coin_and_the_settings_seed_does_where_there_is_none() -> None:
    def tosses(seed: int, /, **extra: int) -> list[str]:
        found = answers(*[{"model": "sim/coin"} | extra] * 20, seed=seed)
        return [text(each) for each in found if isinstance(each, dict)]

    assert len(set(tosses(0))) == 2
    assert tosses(0) == tosses(0) != tosses(1)
    assert len({*tosses(0, seed=5), *tosses(1, seed=5)}) == 1


def test_the_sdks_own_methods_understand_the_endpoint() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> tuple[str | None, list[str]]:
        found = await asked.chat.completions.create(model="sim/always_c", messages=cast(Any, MESSAGES))
        return found.choices[0].message.content, [model.id async for model in asked.models.list()]

    content, listed = visit(use, models=("openai/gpt-4",))
    assert content == "COOPERATE"
    assert listed == [*(f"sim/{name}" for name in SERVED), "openai/gpt-4"]


def test_an_error_can_come_with_http_200() -> None:
    found = reply(faults=(Fault(status=502, error_in_body=True),))
    assert found == {"error": {"code": 502, "message": "simulated fault"}}


def test_a_reply_can_be_fixed_cut_and_served_by_another_model() -> None:
    fault = Fault(text="Well, it depends", served_model="openai/gpt-3.5-turbo", finish_reason="length")
    found = reply("openai/gpt-4", faults=(fault,))
    assert text(found) == "Well, it depends"
    assert found["model"] == "openai/gpt-3.5-turbo"
    assert found["choices"][0]["finish_reason"] == "length"
    assert found["usage"]["completion_tokens"] == 3


def test_an_answer_can_be_no_json_at_all() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> object:
        page = await asked.post("/chat/completions", cast_to=object, body={"model": "sim/coin", "messages": MESSAGES})
        with pytest.raises(json.JSONDecodeError):
            await ask(asked)
        return page

    page = visit(use, faults=(Fault(requests={1}, raw="<html>Bad gateway</html>"), Fault(raw='{"id": ')))
    assert page == "<html>Bad gateway</html>"


def test_a_dropped_connection_reaches_the_client_as_one() -> None:
    async def use(simulator: Simulator, asked: AsyncOpenAI) -> list[int | None]:
        with pytest.raises(openai.APIConnectionError):
            await ask(asked)
        await ask(asked)
        return [seen.status for seen in simulator.requests]

    assert visit(use, faults=(Fault(requests={1}, drop=True),)) == [None, 200]


def test_a_delay_holds_back_its_own_reply_only() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> list[str]:
        order: list[str] = []

        async def note(model: str) -> None:
            await ask(asked, model)
            order.append(model)

        await asyncio.gather(note("sim/always_c"), note("sim/always_d"))
        return order

    assert visit(use, faults=(Fault(model="always_c", delay_s=0.2),)) == ["sim/always_d", "sim/always_c"]


def test_leaving_does_not_wait_for_a_delayed_reply() -> None:
    async def leaving() -> float:
        async with Simulator(SimulatorSettings(latency_s=60)) as simulator:
            hanging = asyncio.create_task(ask(client(simulator)))
            await asyncio.wait({hanging}, timeout=0.3)
            assert len(simulator.requests) == 1
            began = time.monotonic()
        with pytest.raises(openai.APIConnectionError):
            await hanging
        return time.monotonic() - began

    assert asyncio.run(leaving()) < 5


def test_a_simulator_in_a_thread_serves_blocking_code_and_ends_with_it() -> None:
    with running(SimulatorSettings(persona="always_d")) as simulator:
        with OpenAI(base_url=simulator.base_url, api_key="any", max_retries=0) as asked:
            found = asked.chat.completions.create(model="openai/gpt-4", messages=cast(Any, MESSAGES))
        assert found.choices[0].message.content == "DEFECT"
        assert [seen.model for seen in simulator.requests] == ["openai/gpt-4"]
    assert not any(thread.name == "simulator" for thread in threading.enumerate())


def test_a_taken_port_is_one_readable_line() -> None:
    with running() as first:
        port = int(first.base_url.split(":")[2].split("/")[0])
        with pytest.raises(ConfigError, match=rf"cannot listen on port {port} of 127\.0\.0\.1: .*0 for a free one"):
            running(port=port).__enter__()


def test_it_listens_on_this_machine_only() -> None:
    with pytest.raises(ConfigError, match=r"this machine only, but its host is '0\.0\.0\.0'"):
        Simulator(host="0.0.0.0")


def test_routes_that_other_servers_lack_can_be_left_out() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> list[int]:
        found = []
        for route in ("/key", "/models"):
            try:
                await asked.get(route, cast_to=object)
                found.append(200)
            except openai.APIStatusError as error:
                found.append(error.status_code)
        return found

    assert visit(use) == [200, 200]
    assert visit(use, serves_key=False) == [404, 200]
    assert visit(use, serves_models=False) == [200, 404]
