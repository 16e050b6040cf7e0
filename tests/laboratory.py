"""Raw connections to the simulated endpoint: every byte of an answer, and every way a connection can end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from acausal.models.faults import Fault
from acausal.models.simulator import Simulator, SimulatorSettings

T = TypeVar("T")


def chat(number: int = 0, model: str = "sim/always_c") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": f"Choose, please: {number}."}]}


@dataclass(frozen=True, slots=True)
class Wire:
    """What a raw connection received."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def choice(self) -> Any:
        return self.json["choices"][0]


async def posted(simulator: Simulator, body: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a chat request has been sent, and nothing been read."""
    host, port = simulator.base_url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content = json.dumps(body).encode()
    lines = ["POST /api/v1/chat/completions HTTP/1.1", f"Host: {host}", f"Content-Length: {len(content)}"]
    writer.write(
        "\r\n".join([*lines, "Content-Type: application/json", "Connection: close", "", ""]).encode() + content
    )
    return reader, writer


async def received(simulator: Simulator, body: dict[str, Any] | None = None) -> Wire:
    """Everything until the server ends the connection."""
    reader, writer = await posted(simulator, body or chat())
    try:
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Wire(int(first.split()[1]), headers, content)


def visit(use: Callable[[Simulator], Awaitable[T]], *faults: Fault, **settings: Any) -> T:
    async def visiting() -> T:
        async with Simulator(SimulatorSettings(faults=faults, **settings)) as simulator:
            return await use(simulator)

    return asyncio.run(visiting())


async def struck(simulator: Simulator, bodies: list[dict[str, Any]]) -> list[str]:
    """The fault that each request met, sent all at once."""
    async with aiohttp.ClientSession() as session:

        async def post(body: dict[str, Any]) -> None:
            async with session.post(f"{simulator.base_url}/chat/completions", json=body) as response:
                await response.read()

        await asyncio.gather(*map(post, bodies))
    return [seen.fault for seen in simulator.requests]
