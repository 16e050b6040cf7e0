"""Kill -9, again and again: what was paid for is on disk, and the run ends as if nobody had touched it."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from invariants import books_of, ledger_of, no_success_was_asked_twice, tables_of
from small_cell import KEY, at, changed, composed, once, play

from acausal.config import fingerprint
from acausal.models.faults import FAULTS
from acausal.models.simulator import SeenRequest, Simulator, SimulatorSettings, running
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config

KILLS = 25
WIDTH = 4
"""Calls in flight of each of the two models, at most."""
LATENCY_S = 0.01
CALLS = 3 * 2 * (8 + 8 * 7)
PROCESSES = multiprocessing.get_context("forkserver")
"""Children of a clean process that has imported the program once: they start in no time, and share nothing."""


def played(config: Config, directory: Path) -> None:
    """One life of the run, in a process of its own."""
    with Process() as process:
        code, _ = once(config, directory, process)
    sys.exit(int(code))


def born(config: Config, directory: Path) -> Any:
    child = PROCESSES.Process(target=played, args=(config, directory))
    child.start()
    return child


def killed(config: Config, directory: Path, simulator: Simulator, chance: random.Random) -> list[SeenRequest]:
    """Let the run live for some requests more, which are returned, and kill it at some moment between two of them."""
    before = len(simulator.requests)
    wanted = before + chance.randint(1, 28)
    child = born(config, directory)
    while len(simulator.requests) < wanted:
        assert child.is_alive(), "the run ended before its time"
        time.sleep(0.0005)
    time.sleep(chance.uniform(0, 2 * LATENCY_S))
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    time.sleep(2 * LATENCY_S)  # what the dead process had sent may still arrive
    while any(request.answered_at_s is None for request in simulator.requests):
        time.sleep(0.0005)
    return simulator.requests[before:]


def whole_lines(directory: Path) -> bytes:
    """The ledger without a line that the kill tore."""
    path = directory / "calls.jsonl"
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def builds_on(lines: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Digest of a request → keys of the calls whose replies were used before it could be made."""

    def used(by: Mapping[str, Any], line: Mapping[str, Any]) -> bool:
        if line["replicate"] != by["replicate"]:
            return False
        if line["round"] != by["round"] or by["purpose"] == "strategy":
            return bool(line["round"] < by["round"])
        met = by["agent"] in (line["agent"], line["coplayer"])
        return line["purpose"] == "strategy" or (line["match"] < by["match"] and met)

    return {fingerprint(by["request"]): {line["key"] for line in lines if used(by, line)} for by in lines}


@pytest.fixture(scope="module")
def config() -> Config:
    overrides = ("num_agents=8", "num_rounds=2", "replicates=3", "scenario.model_distribution={a: 4, b: 4}")
    return changed(composed(*overrides), max_concurrency=WIDTH, retry_delay=0.001, max_retries=12, timeout_s=30)


@pytest.mark.slow
def test_a_run_that_is_killed_25_times_ends_as_one_that_is_not(config: Config, tmp_path: Path) -> None:
    undisturbed, directory = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    directory.mkdir()
    assert play(config, undisturbed).code is ExitCode.DONE
    uses = builds_on(ledger_of(undisturbed))
    names = ("503", "429", "reset", "truncated", "disconnect", "error_body", "empty_content")
    faults = tuple(replace(FAULTS[name], rate=0.04) for name in names)
    settings = SimulatorSettings("coin", api_key=KEY, latency_s=LATENCY_S, latency_spread=0.5, faults=faults)
    chance, kept, lost = random.Random(9), b"", list[int]()
    PROCESSES.set_forkserver_preload(["acausal.experiment", "acausal.launch"])
    with running(settings) as simulator:
        config = at(config, simulator.base_url)
        for _ in range(KILLS):
            life = killed(config, directory, simulator, chance)
            ledger = whole_lines(directory)
            assert ledger.startswith(kept), "a line of an earlier life is gone"
            kept = ledger
            on_disk = {line["key"]: fingerprint(line["request"]) for line in map(orjson.loads, ledger.splitlines())}
            assert all(uses[seen.digest] <= set(on_disk) for seen in life), "a reply was used before it was written"
            replies = {seen.digest for seen in life if seen.fault == ""}
            lost.append(len(replies - set(on_disk.values())))
        assert CALLS / 3 < len(kept.splitlines()) < CALLS, "the kills are spread over the run"
        child = born(config, directory)
        child.join()
        requests = list(simulator.requests)
    assert child.exitcode == ExitCode.DONE
    assert tables_of(directory) == tables_of(undisturbed)
    books = books_of(directory)
    no_success_was_asked_twice(books.lines)
    assert all(line["error"] is None for line in books.lines)
    assert len(books.lines) == len(books.needed) == CALLS
    assert max(lost) <= 2 * WIDTH
    assert any(lost), "no kill met a reply on its way: it tests nothing"
    replied = Counter(request.digest for request in requests if request.fault == "" and request.delivered)
    assert sum(count - 1 for count in replied.values()) <= sum(lost)
