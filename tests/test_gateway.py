"""What the simulated endpoint makes of a request: key, credit, faults, limits, price."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import aiohttp
import openai
import pytest
from asking import MESSAGES, answers, ask, client, refusal, reply, statuses, visit
from openai import AsyncOpenAI

from acausal.errors import ConfigError
from acausal.models.answers import PRICE
from acausal.models.catalog import Price
from acausal.models.faults import Fault
from acausal.models.simulator import SeenRequest, Simulator, SimulatorSettings


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


def test_a_request_over_the_limit_is_refused_as_openrouter_does() -> None:
    async def use(simulator: Simulator, asked: AsyncOpenAI) -> tuple[openai.APIStatusError, list[bool], float]:
        await ask(asked)
        now_s = time.time()
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(asked)
        await ask(asked, "sim/always_d")
        return caught.value, [seen.limited for seen in simulator.requests], now_s

    error, limited, now_s = visit(use, requests_per_minute=1)
    assert limited == [False, True, False]
    body = cast(dict[str, Any], error.body)
    assert (body["code"], body["message"]) == (429, "Rate limit exceeded: requests per minute")
    stated = body["metadata"]["headers"]
    assert stated == {name: error.response.headers[name] for name in stated}
    assert (stated["X-RateLimit-Limit"], stated["X-RateLimit-Remaining"]) == ("1", "0")
    assert int(stated["X-RateLimit-Reset"]) / 1000 == pytest.approx(now_s + 60, abs=2)
    assert "Retry-After" not in error.response.headers


def test_a_limit_can_name_the_wait_and_keeps_its_word() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> float:
        await ask(asked)
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(asked)
        wait_s = float(caught.value.response.headers["Retry-After"])
        await asyncio.sleep(wait_s)
        await ask(asked)
        return wait_s

    assert 0 < visit(use, requests_per_minute=300, window_s=0.2, send_retry_after=True) <= 0.2


def test_tokens_have_a_limit_of_their_own() -> None:
    tokens = reply()["usage"]["total_tokens"]
    assert statuses(answers(*["sim/always_c"] * 3, tokens_per_minute=2 * tokens)) == [200, 200, 429]
    error = answers(*["sim/always_c"] * 3, tokens_per_minute=2.5 * tokens)[2]
    assert isinstance(error, openai.RateLimitError)
    assert error.response.headers["X-RateLimit-Remaining"] == str(tokens // 2)
    assert "tokens per minute" in error.message


def test_no_window_lets_more_pass_than_the_limit_however_many_come_at_once() -> None:
    async def use(simulator: Simulator, asked: AsyncOpenAI) -> list[SeenRequest]:
        await asyncio.gather(*(ask(asked) for _ in range(30)), return_exceptions=True)
        return simulator.requests

    seen = visit(use, requests_per_minute=12, latency_s=0.05)
    assert [each.status for each in seen] == [200] * 12 + [429] * 18
    assert all(each.tokens_out == 0 for each in seen if each.limited)


def test_credit_ends_with_402_and_the_key_says_what_is_left() -> None:
    cost = reply()["usage"]["cost"]

    async def use(_: Simulator, asked: AsyncOpenAI) -> tuple[list[Any], str]:
        found: list[Any] = [await asked.get("/key", cast_to=object)]
        for _again in range(3):
            await ask(asked)
            found.append(await asked.get("/key", cast_to=object))
        with pytest.raises(openai.APIStatusError) as caught:
            await ask(asked)
        assert caught.value.status_code == 402
        return [each["data"] for each in found], caught.value.message

    facts, message = visit(use, credit_usd=2.5 * cost)
    assert {fact["limit"] for fact in facts} == {2.5 * cost}
    assert [fact["limit_remaining"] / cost for fact in facts] == pytest.approx([2.5, 1.5, 0.5, 0.0])
    assert [fact["usage"] / cost for fact in facts] == pytest.approx([0, 1, 2, 3])
    assert "Insufficient credits" in message


def test_prices_and_parameters_of_the_catalogue_can_be_set_and_are_charged() -> None:
    async def use(_: Simulator, asked: AsyncOpenAI) -> tuple[Any, Any]:
        return await asked.get("/models", cast_to=object), (await ask(asked))["usage"]

    price = Price(input_usd=2e-7, output_usd=0.0004, request_usd=0.01)
    listed, usage = visit(use, price=price, supported_parameters=("temperature",))
    entry = listed["data"][0]
    assert entry["supported_parameters"] == ["temperature"]
    assert entry["pricing"] == {
        "prompt": "0.0000002",
        "completion": "0.0004",
        "request": "0.01",
        "internal_reasoning": "0",
    }
    assert usage["cost"] == pytest.approx(0.01 + 2e-7 * usage["prompt_tokens"] + 0.0004 * usage["completion_tokens"])


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ({"latency_s": -1}, "latency_s of the simulator is -1: give a number from 0"),
        ({"latency_spread": float("nan")}, "latency_spread of the simulator is nan"),
        ({"requests_per_minute": 0}, "requests_per_minute of the simulator is 0: give a number above 0"),
        ({"window_s": 0}, "window_s of the simulator is 0"),
        ({"credit_usd": -5}, "credit_usd of the simulator is -5"),
    ],
)
def test_an_impossible_number_is_one_line(setting: dict[str, Any], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        SimulatorSettings(**setting)
