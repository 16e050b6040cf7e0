"""The simulated endpoint, asked over loopback by the real OpenAI SDK."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from acausal.errors import ConfigError
from acausal.models.answers import PRICE
from acausal.models.faults import Fault
from acausal.models.scripted import PERSONAS
from acausal.models.simulator import Simulator, SimulatorSettings, running

T = TypeVar("T")
MESSAGES = [
    {
        "role": "system",
        "content": "You take part in a game. In each match you choose COOPERATE or DEFECT.\n"
        "Points for you in a match:\n"
        "- You COOPERATE, the other COOPERATE: 3 points\n- You COOPERATE, the other DEFECT: 0 points\n"
        "- You DEFECT, the other COOPERATE: 5 points\n- You DEFECT, the other DEFECT: 1 point",
    },
    {"role": "user", "content": "Now you play participant 1. Reply with one word, COOPERATE or DEFECT."},
]


def client(simulator: Simulator, key: str = "any") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=simulator.base_url, api_key=key, max_retries=0, timeout=5)


async def ask(asked: AsyncOpenAI, model: str = "sim/always_c", **extra: Any) -> dict[str, Any]:
    body = {"model": model, "messages": MESSAGES} | extra
    return cast(dict[str, Any], await asked.post("/chat/completions", cast_to=object, body=body))


def text(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def visit(use: Callable[[Simulator, AsyncOpenAI], Awaitable[T]], *, key: str = "any", **settings: Any) -> T:
    """What `use` brings back from a simulator of these settings."""

    async def visiting() -> T:
        async with Simulator(SimulatorSettings(**settings)) as simulator, client(simulator, key) as asked:
            return await use(simulator, asked)

    return asyncio.run(visiting())


def answers(*asks: str | dict[str, Any], **settings: Any) -> list[dict[str, Any] | openai.OpenAIError]:
    """Reply or error of each request, one after another; a string asks for that model."""

    async def use(_: Simulator, asked: AsyncOpenAI) -> list[dict[str, Any] | openai.OpenAIError]:
        found: list[dict[str, Any] | openai.OpenAIError] = []
        for each in asks:
            try:
                found.append(await ask(asked, **({"model": each} if isinstance(each, str) else each)))
            except openai.OpenAIError as error:
                found.append(error)
        return found

    return visit(use, **settings)


def reply(model: str = "sim/always_c", **settings: Any) -> dict[str, Any]:
    (found,) = answers(model, **settings)
    assert isinstance(found, dict), found
    return found


def refusal(model: str = "sim/always_c", **settings: Any) -> openai.APIStatusError:
    (found,) = answers(model, **settings)
    assert isinstance(found, openai.APIStatusError), found
    return found


def statuses(found: list[dict[str, Any] | openai.OpenAIError]) -> list[int]:
    return [each.status_code if isinstance(each, openai.APIStatusError) else 200 for each in found]


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


def test_a_settings_typo_names_the_personas() -> None:
    with pytest.raises(ConfigError, match=r"no persona 'cion': choose one of always_c, .*did you mean coin\?"):
        SimulatorSettings(persona="cion")


def test_a_reply_tells_who_served_it_and_what_it_cost() -> None:
    found = reply()
    usage = found["usage"]
    assert found["id"].startswith("gen-")
    assert (found["provider"], found["system_fingerprint"]) == ("Simulator", "sim_0")
    assert usage["completion_tokens"] == 1
    assert usage["prompt_tokens"] == sum(len(message["content"].split()) for message in MESSAGES)
    assert usage["cost"] == pytest.approx(PRICE.of(usage["prompt_tokens"], 1))


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
    assert listed == [*(f"sim/{name}" for name in PERSONAS), "openai/gpt-4"]


def test_the_catalogue_has_openrouters_fields() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> dict[str, Any]:
        return cast(dict[str, Any], await asked.get("/models", cast_to=object))

    entry = visit(use)["data"][0]
    assert entry["id"] == "sim/always_c"
    assert {name: float(price) for name, price in entry["pricing"].items()} == {
        "prompt": PRICE.input_usd,
        "completion": PRICE.output_usd,
        "request": 0,
        "internal_reasoning": 0,
    }
    assert all(isinstance(price, str) for price in entry["pricing"].values())
    assert entry["context_length"] > 0
    assert "seed" in entry["supported_parameters"]
    assert (entry["name"], entry["expiration_date"]) == ("Simulator: sim/always_c", None)


def test_only_listed_models_are_served_where_models_are_listed() -> None:
    found = answers("openai/gpt-4", "google/gemini-pro", persona="coin", models=("openai/gpt-4",))
    assert statuses(found) == [200, 404]


def test_the_key_is_described_with_what_the_replies_cost() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> tuple[Any, Any, Any]:
        before = await asked.get("/key", cast_to=object)
        cost = (await ask(asked))["usage"]["cost"]
        return before, await asked.get("/key", cast_to=object), cost

    before, after, cost = visit(use)
    assert set(before["data"]) == {"label", "limit", "limit_remaining", "usage", "is_free_tier"}
    assert (before["data"]["usage"], after["data"]["usage"]) == (0.0, cost)


def test_a_wrong_key_is_refused_and_no_key_is_ever_kept() -> None:
    async def use(simulator: Simulator, asked: AsyncOpenAI) -> list[Any]:
        with pytest.raises(openai.AuthenticationError, match="User not found") as caught:
            await ask(asked)
        with pytest.raises(openai.AuthenticationError):
            await asked.get("/key", cast_to=object)
        async with aiohttp.ClientSession() as session, session.post(f"{simulator.base_url}/chat/completions") as bare:
            assert (await bare.json())["error"] == {"code": 401, "message": "No auth credentials found"}
        await ask(client(simulator, "sk-right"))
        return [cast(dict[str, Any], caught.value.body)["code"], *simulator.requests]

    code, wrong, missing, right = visit(use, key="sk-wrong", api_key="sk-right")
    assert code == 401
    assert [(seen.brought_key, seen.key_is_right, seen.status) for seen in (wrong, missing, right)] == [
        (True, False, 401),
        (False, False, 401),
        (True, True, 200),
    ]
    assert "sk-" not in repr((wrong, missing, right))


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


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"{", "model is required"),
        (b"[1]", "model is required"),
        (b'{"model": "sim/coin"}', "messages is required"),
        (b'{"model": "sim/coin", "messages": ["hello"]}', "messages is required"),
        (b'{"model": "sim/coin", "messages": [], "stream": true}', "streaming is not simulated"),
    ],
)
def test_a_body_that_is_no_chat_request_is_a_400(body: bytes, rule: str) -> None:
    async def use(simulator: Simulator, _: AsyncOpenAI) -> tuple[int, str]:
        url = f"{simulator.base_url.replace('/api/', '/')}/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(url, data=body) as answer:
            return answer.status, (await answer.json())["error"]["message"]

    status, message = visit(use)
    assert status == 400
    assert rule in message


def test_faults_strike_by_number_among_the_requests_of_their_model() -> None:
    late = Fault(model="always_d", requests=range(2, 4), status=503)
    asks = ["sim/always_c", "sim/always_d", "sim/always_c", "sim/always_d", "sim/always_d", "sim/always_d"]
    assert statuses(answers(*asks, faults=(late,))) == [200, 200, 200, 503, 503, 200]


def test_the_first_of_several_faults_strikes_and_all_of_them_count() -> None:
    faults = (Fault(requests={1}, status=429), Fault(requests={1, 2}, status=500))
    assert statuses(answers(*["sim/coin"] * 3, faults=faults)) == [429, 500, 200]


def test_a_rate_limit_says_when_to_come_back() -> None:
    error = refusal(faults=(Fault(status=429, retry_after_s=0.5, message="slow down"),))
    assert isinstance(error, openai.RateLimitError)
    assert error.response.headers["Retry-After"] == "0.5"
    assert error.body == {"code": 429, "message": "slow down"}


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


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_it_is_and_ends_quietly(ending: signal.Signals) -> None:
    program = (
        "from acausal.models.simulator import SimulatorSettings, serve; "
        "serve(SimulatorSettings(persona='always_c', api_key='sk-secret'), port=0)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"export OPENROUTER_BASE_URL=(http://127\.0\.0\.1:\d+/api/v1) .*OPENROUTER_API_KEY=", line)
        assert found, line
        with OpenAI(base_url=found[1], api_key="sk-secret", max_retries=0) as asked:
            answer = asked.chat.completions.create(model="openai/gpt-4", messages=cast(Any, MESSAGES))
        server.send_signal(ending)
        output, errors = server.communicate(timeout=20)
    assert answer.choices[0].message.content == "COOPERATE"
    assert "sk-secret" not in line
    assert (server.returncode, output, errors) == (0, "", "")
