"""How much sooner two cells are done when they are played at the same time.

    python benchmarks/sweep.py [TURNS]

Two cells of ten agents and ten rounds against a simulated endpoint in a process of its own that takes 100 ms a reply,
as whole runs of the program: with the default launcher, and with Hydra's own, which plays one cell after the other,
A B A B. Printed are the seconds of each and the ratio of their medians; start-up, tables,
figures and reports are in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from orchestration import LATENCY_S

ROOT = Path(__file__).parents[1]
CELLS = [
    *("-m", "scenario=homogeneous", "model@models.a=sim_coin", "models.a.temperature=0.2,0.8", "num_rounds=10"),
    *("models.a.max_concurrency=64", "tracking.enabled=false", "progress=off", "preflight=off"),
]


def played_s(launcher: str, folder: str) -> float:
    """Wall seconds of the sweep."""
    words = [*CELLS, f"hydra/launcher={launcher}", f"hydra.sweep.dir={folder}"]
    started_s = time.perf_counter()
    subprocess.run([sys.executable, str(ROOT / "run.py"), *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started_s


def main() -> None:
    """Print the seconds of every turn and the ratio."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    command = [sys.executable, "-c", "from acausal.cli import main; main()", "serve", "--port", "0"]
    server = subprocess.Popen([*command, "--latency-s", str(LATENCY_S)], stdout=subprocess.PIPE, text=True)
    walls: dict[str, list[float]] = {"async": [], "basic": []}
    try:
        assert server.stdout is not None
        words = server.stdout.readline().split()
        os.environ["OPENAI_COMPATIBLE_BASE_URL"] = next(word for word in words if word.startswith("http")).rstrip(";")
        for _ in range(turns):
            for launcher, seconds in walls.items():
                with tempfile.TemporaryDirectory() as folder:
                    seconds.append(played_s(launcher, folder))
    finally:
        server.terminate()
        server.wait()
    for launcher, seconds in walls.items():
        print(f"{launcher}: " + ", ".join(f"{wall_s:.1f} s" for wall_s in seconds))
    print(f"async / basic: {median(walls['async']) / median(walls['basic']):.2f}")


if __name__ == "__main__":
    main()
