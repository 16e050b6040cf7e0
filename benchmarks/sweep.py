"""How much sooner two cells are done when they are played at the same time.

    python benchmarks/sweep.py [TURNS]

Two cells of four agents and twelve rounds against a simulated endpoint in a process of its own that takes 100 ms a
reply, as whole runs of the program: with the default launcher, and with Hydra's own, which plays one cell after the
other, A B A B. Printed are, in multiples of a cell's critical path (a strategy and three decisions a round, 4.8 s), the
time from the first call of the sweep to the end of its last, by the server's log, and the ratio of the medians.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from orchestration import LATENCY_S

ROOT = Path(__file__).parents[1]
CELLS = [
    *(
        "-m",
        "scenario=homogeneous",
        "model@models.a=sim_coin",
        "models.a.temperature=0.2,0.8",
        "num_rounds=12",
        "num_agents=4",
    ),
    "scenario.model_distribution={a: 4}",
    *("models.a.max_concurrency=64", "tracking.enabled=false", "progress=off", "preflight=off"),
]


CRITICAL_S = 12 * 4 * LATENCY_S


def played_s(launcher: str, folder: Path, log: Path) -> float:
    """Seconds from the first call of the sweep to the end of its last."""
    before = len(log.read_text().splitlines()) if log.exists() else 0
    words = [*CELLS, f"hydra/launcher={launcher}", f"hydra.sweep.dir={folder}"]
    subprocess.run([sys.executable, str(ROOT / "run.py"), *words], check=True, stdout=subprocess.DEVNULL)
    calls = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    return float(max(call["answered_at_s"] for call in calls) - min(call["at_s"] for call in calls))


def main() -> None:
    """Print every turn and the ratio."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[str, list[float]] = {"async": [], "basic": []}
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "requests.jsonl"
        command = [sys.executable, "-c", "from acausal.cli import main; main()", "serve", "--port", "0"]
        command += ["--latency-s", str(LATENCY_S), "--log", str(log)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = next(word for word in server.stdout.readline().split() if word.startswith("http")).rstrip(";")
            os.environ["OPENAI_COMPATIBLE_BASE_URL"] = address
            for turn in range(turns):
                for launcher, seconds in found.items():
                    seconds.append(played_s(launcher, Path(name) / f"{launcher}_{turn}", log))
        finally:
            server.terminate()
            server.wait()
    for launcher, seconds in found.items():
        print(f"{launcher}: " + ", ".join(f"{wall_s / CRITICAL_S:.2f}" for wall_s in seconds))
    print(f"async / basic: {median(found['async']) / median(found['basic']):.2f}")


if __name__ == "__main__":
    main()
