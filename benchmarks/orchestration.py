"""How close a tournament comes to its critical path.

    python benchmarks/orchestration.py [ROUNDS]

Ten agents against a simulated endpoint in a process of its own that takes 100 ms a reply. A round's critical path is
one strategy and nine decisions, one after the other: 1.0 s. Printed is the wall time over the critical path, for the
dataflow of this program and for matches played one after the other, as simple scripts do (computed, not played).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hydra import compose, initialize_config_dir

from acausal.config import conf_dir, from_hydra, identity, register_schema
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.ledger import Ledger
from acausal.play.tournament import play_tournament
from acausal.settings.schema import Config

LATENCY_S = 0.1
TURNS = 3


async def played(config: Config) -> float:
    """Wall seconds of one tournament through the client."""
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder), identity(config)) as ledger:
        client = Client(config, ledger, connect(config, {}))
        started = time.perf_counter()
        await play_tournament(config, client, 1)
        wall_s = time.perf_counter() - started
        await client.close()
        return wall_s


def main() -> None:
    """Print the ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    register_schema()
    command = [sys.executable, "-c", "from acausal.cli import main; main()", "serve", "--port", "0"]
    server = subprocess.Popen([*command, "--latency-s", str(LATENCY_S)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        words = server.stdout.readline().split()
        os.environ["OPENAI_COMPATIBLE_BASE_URL"] = next(word for word in words if word.startswith("http")).rstrip(";")
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            overrides = ["scenario=homogeneous", "model@models.a=sim_coin", f"num_rounds={rounds}"]
            config = from_hydra(compose("config", overrides))
        critical_s = rounds * 10 * LATENCY_S
        one_by_one_s = rounds * (1 + 45) * LATENCY_S
        walls = [asyncio.run(played(config)) for _ in range(TURNS)]
        print("wall / critical path: " + ", ".join(f"{wall / critical_s:.3f}" for wall in walls))
        print(f"one match after the other / critical path: {one_by_one_s / critical_s:.1f}")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
