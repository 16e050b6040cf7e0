"""The simulated endpoint, asked over loopback by the real OpenAI SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import openai
from openai import AsyncOpenAI

from acausal.models.simulator import Simulator, SimulatorSettings

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
