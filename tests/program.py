"""The program as a user starts it: `run.py` and `acausal` as processes, with their exit code and lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from acausal.models.simulator import Simulator

ROOT = Path(__file__).parents[1]
KEY = "sk-or-secret-of-this-test"
MODELS = ("openai/gpt-4", "anthropic/claude-3-sonnet-20240229", "google/gemini-pro")
QUICK = ["num_rounds=1", "tracking.enabled=false"]
SCRIPTED = ["model@models.a=scripted", "model@models.b=scripted", "models.b.model_type=scripted/coin", *QUICK]
OPENROUTER = ["roster=openrouter", *(f"models.{slot}.rate_limit=null" for slot in "abc"), *QUICK]
RUN_PY = (sys.executable, str(ROOT / "run.py"))
ACAUSAL = (str(Path(sys.executable).with_name("acausal")),)
_FORBID = """
import runpy, socket, sys
def hook(event, given):
    outside = event == "socket.__new__" and given[1] != socket.AF_UNIX or event == "socket.getaddrinfo"
    if outside or event == "import" and given[0] in ("mlflow", "openai", "aiohttp"):
        raise RuntimeError(f"{event} {given}")
sys.addaudithook(hook)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
OFFLINE = (sys.executable, "-c", _FORBID)
"""Before the path of a script: it runs with MLflow, the SDK and every socket but the loop's own pair forbidden."""


def start(
    arguments: list[str], folder: Path, program: tuple[str, ...] = RUN_PY, /, **environment: str
) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OPENROUTER", "MLFLOW"))}
    return subprocess.Popen(
        [*program, *arguments],
        cwd=folder,
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def run(
    arguments: list[str], folder: Path, program: tuple[str, ...] = RUN_PY, /, **environment: str
) -> tuple[int, str, str]:
    return finish(start(arguments, folder, program, **environment))


def endpoint(simulator: Simulator) -> dict[str, str]:
    return {"OPENROUTER_BASE_URL": simulator.base_url, "OPENROUTER_API_KEY": KEY}


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, but Hydra's own and the log."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".hydra" not in path.parts and path.name not in ("multirun.yaml", "run.log")
    }
