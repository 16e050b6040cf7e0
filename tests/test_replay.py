"""A stranger without key or network gets the same tables to the byte, or hears what is missing."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from program import ACAUSAL, KEY, MODELS, OFFLINE, OPENROUTER, ROOT, SCRIPTED, contents, endpoint, run
from rich.console import Console

from acausal.config import identity
from acausal.errors import LedgerError
from acausal.experiment import Cell, run_cell
from acausal.models.faults import Fault
from acausal.models.ledger import FILE, Ledger
from acausal.models.replay import Replayer
from acausal.models.simulator import SimulatorSettings, running
from acausal.outputs import TABLES, Results, tracked
from acausal.records import Message, Place, Purpose, Request
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config

SMALL = ["num_agents=4", "scenario.model_distribution={a: 2, b: 2}", "num_rounds=2", "progress=off"]
UNTRACKED = [*SMALL, "tracking.enabled=false"]
_DROP = "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1); os.execv(sys.argv[1], sys.argv[1:])"
NO_OVERRIDE = (sys.executable, "-c", _DROP)
"""Before a program: it runs without root's power to write where the mode forbids it (PR_CAPBSET_DROP)."""
Play = Callable[..., tuple[ExitCode, str, str]]


@pytest.fixture
def play(scripted: Callable[..., Config], tmp_path: Path) -> Play:
    """`play("replay=strict", …)`: exit code, message and terminal of a small cell in the test's directory."""

    def played(*overrides: str) -> tuple[ExitCode, str, str]:
        console = Console(file=io.StringIO(), width=200)
        cell = Cell(scripted(*UNTRACKED, *overrides), tmp_path, "go on", "run.py")
        with Process() as process:
            code, message = run_cell(cell, {}, console, process)
        return code, message, console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above

    return played


@pytest.mark.parametrize("policy", ["missing", "substitute"])
def test_failures_and_substitutes_replay_to_the_byte_without_key_network_or_mlflow(tmp_path: Path, policy: str) -> None:
    settings = SimulatorSettings(
        persona="coin", api_key=KEY, models=MODELS, faults=(Fault(model="claude", status=404),)
    )
    arguments = [*OPENROUTER, *SMALL, f"fallback.policy={policy}", "hydra.run.dir=o"]
    with running(settings) as simulator:
        assert run(arguments, tmp_path, **endpoint(simulator))[0] == 0
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["failed" if policy == "missing" else "substituted"] > 0
    before = contents(tmp_path / "o")
    again = [*arguments, "replay=strict", "tracking.enabled=true", "retry_failed=true"]
    code, out, err = run([str(ROOT / "run.py"), *again], tmp_path, OFFLINE)
    assert (code, err) == (0, "")
    assert f"tables identical to those on disk: {', '.join(TABLES)}" in out
    assert contents(tmp_path / "o") == before
    code, _, _ = run(["resume", "o"], tmp_path, ACAUSAL)
    assert code == 0, "what held for one run is not remembered"
    assert contents(tmp_path / "o") == before


def test_the_guard_of_these_tests_would_catch_a_run_that_uses_the_network(tmp_path: Path) -> None:
    arguments = [str(ROOT / "run.py"), *OPENROUTER, *SMALL, "hydra.run.dir=o", "models.a.max_retries=0"]
    code, _, err = run(arguments, tmp_path, OFFLINE, OPENROUTER_API_KEY=KEY)
    assert code != 0
    assert "RuntimeError" in err


def test_an_unfinished_cell_names_the_missing_call_and_gets_no_byte(play: Play, tmp_path: Path) -> None:
    assert play("budget.calls=30")[0] is ExitCode.BUDGET
    before = contents(tmp_path)
    code, message, _ = play("replay=strict")
    assert code is ExitCode.REFUSED
    assert "has no call to 'scripted/always_" in message
    assert "for replicate 1, round 2, agent " in message
    assert ", match " in message
    assert "finish the cell without it" in message
    assert contents(tmp_path) == before


def test_a_changed_prompt_is_not_replayed(play: Play, tmp_path: Path) -> None:
    play()
    code, message, _ = play("replay=strict", "condition.disclosure=Hello.")
    assert code is ExitCode.REFUSED
    assert "holds the calls of another configuration: condition.disclosure was" in message


def test_a_table_that_differs_is_kept_and_the_one_made_now_is_left_beside_it(play: Play, tmp_path: Path) -> None:
    play()
    right = (tmp_path / "decisions.parquet").read_bytes()
    (tmp_path / "decisions.parquet").write_bytes(b"tampered")
    code, message, _ = play("replay=strict")
    assert code is ExitCode.REFUSED
    assert message.startswith("tables that differ from those on disk, which are kept: decisions.parquet; ")
    (remade,) = tmp_path.glob("replayed-*")
    assert f"the ones made now are in {remade}" in message
    assert [path.name for path in remade.iterdir()] == ["decisions.parquet"]
    assert (remade / "decisions.parquet").read_bytes() == right
    assert (tmp_path / "decisions.parquet").read_bytes() == b"tampered"
    shown = tracked(tmp_path, Results([], [], {})).artifacts
    assert Path("decisions.parquet") in shown
    assert not [path for path in shown if path.parts[0] == remade.name]


def test_absent_tables_are_put_there(play: Play, tmp_path: Path) -> None:
    play()
    before = contents(tmp_path)
    (tmp_path / "rounds.parquet").unlink()
    (tmp_path / "strategies.parquet").unlink()
    code, _, out = play("replay=strict")
    assert code is ExitCode.DONE
    assert "tables that were not on disk, made now: strategies.parquet, rounds.parquet" in out
    assert contents(tmp_path) == before


def test_nothing_to_replay_is_said(play: Play, tmp_path: Path) -> None:
    code, message, _ = play("replay=strict")
    assert code is ExitCode.REFUSED
    assert "calls.jsonl does not exist: nothing was played into this directory" in message
    assert not contents(tmp_path)


def test_a_torn_last_line_stays_where_it_is(play: Play, tmp_path: Path) -> None:
    play()
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"key": "torn')
    before = contents(tmp_path)
    assert play("replay=strict")[0] is ExitCode.DONE
    assert contents(tmp_path) == before


def test_a_ledger_in_use_can_be_replayed(scripted: Callable[..., Config], play: Play, tmp_path: Path) -> None:
    play()
    with Ledger(tmp_path, identity(scripted(*UNTRACKED))):
        assert play("replay=strict")[0] is ExitCode.DONE


def test_a_directory_that_cannot_be_written_is_checked_all_the_same(tmp_path: Path) -> None:
    assert run([*SCRIPTED, *SMALL, "hydra.run.dir=o"], tmp_path)[0] == 0
    for path in (tmp_path / "o").glob("*.jsonl"):
        path.chmod(0o400)
    (tmp_path / "o").chmod(0o500)
    if run([str(tmp_path / "o" / "new")], tmp_path, (*NO_OVERRIDE, "/usr/bin/touch"))[0] == 0:
        pytest.skip("nothing keeps this user from writing")
    try:
        code, out, err = run(["resume", "o", "--replay"], tmp_path, (*NO_OVERRIDE, *ACAUSAL))
        assert (code, err) == (0, "")
        assert "tables identical to those on disk" in out
        (tmp_path / "o" / "rounds.parquet").rename(tmp_path / "rounds.parquet")
        code, _, err = run(["resume", "o", "--replay"], tmp_path, (*NO_OVERRIDE, *ACAUSAL))
    finally:
        (tmp_path / "o").chmod(0o700)
    assert (code, err.count("\n")) == (1, 1)
    assert "o/rounds.parquet cannot be read or written: Permission denied; work on a copy" in err


def test_a_place_is_named_in_full(scripted: Callable[..., Config], play: Play, tmp_path: Path) -> None:
    play()
    replayer = Replayer(scripted(*UNTRACKED), tmp_path)
    place = Place(7, 2, 3, Purpose.DECISION, match=4, coplayer=5)
    unknown = Request(place, "a", (Message("user", "never asked"),), (), 1)
    with pytest.raises(LedgerError, match="for replicate 7, round 2, agent 3, decision, match 4 with agent 5: "):
        asyncio.run(replayer.complete(unknown))
