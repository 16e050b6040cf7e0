"""What a call costs this process, beside a bare loop over the SDK.

    python benchmarks/call_overhead.py [CALLS]

Both talk to one simulated endpoint in a process of its own, 64 calls in flight, in turn (A B A B …); the figure is
this process's CPU time per call, of ours including prompt hash, ledger, limiter, retry, validation and records.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from hydra import compose, initialize_config_dir
from openai import AsyncOpenAI

from acausal.config import conf_dir, from_hydra, identity, register_schema
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.ledger import Ledger
from acausal.records import Message, Place, Purpose, Request

IN_FLIGHT = 64
TURNS = 5
PROMPT = "You take part in a game with 10 participants. " * 32  # 1.5 KB


async def in_workers(calls: int, call: Callable[[int], Awaitable[object]]) -> float:
    """CPU milliseconds per call of this process, from a bounded pool of workers."""
    numbers = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            await call(number)

    started = time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return (time.process_time() - started) / calls * 1000


async def bare(base_url: str, calls: int) -> float:
    """A loop over `chat.completions.create`, as a script would have it."""
    async with AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as sdk:

        async def call(number: int) -> object:
            return await sdk.chat.completions.create(
                model="sim/always_c",
                messages=[{"role": "system", "content": f"Agent {number}."}, {"role": "user", "content": PROMPT}],
            )

        return await in_workers(calls, call)


async def ours(calls: int) -> float:
    """The same through the client."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        overrides = ["scenario=homogeneous", "model@models.a=sim_coin", "models.a.model_type=sim/always_c"]
        config = from_hydra(compose("config", [*overrides, f"models.a.max_concurrency={IN_FLIGHT}"]))
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder), identity(config)) as ledger:
        client = Client(config, ledger, connect(config, {}))

        async def call(number: int) -> object:
            place = Place(1, 1, number, Purpose.DECISION)
            messages = (Message("system", f"Agent {number}."), Message("user", PROMPT))
            return await client.complete(Request(place, "a", messages, (), number))

        cost = await in_workers(calls, call)
        await client.close()
        return cost


def main() -> None:
    """Print the medians and their ratio."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    register_schema()
    server = subprocess.Popen(
        [sys.executable, "-c", "from acausal.cli import main; main()", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        base_url = next(word for word in line.split() if word.startswith("http")).rstrip(";")
        os.environ["OPENAI_COMPATIBLE_BASE_URL"] = base_url
        costs: dict[str, list[float]] = {"bare": [], "ours": []}
        for _ in range(TURNS):
            costs["bare"].append(asyncio.run(bare(base_url, calls)))
            costs["ours"].append(asyncio.run(ours(calls)))
        ratios = [own / other for own, other in zip(costs["ours"], costs["bare"], strict=True)]
        for name, values in costs.items():
            print(f"{name}: {statistics.median(values):.2f} ms CPU per call ({min(values):.2f} to {max(values):.2f})")
        print(f"ours / bare: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
