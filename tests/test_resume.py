"""`acausal resume DIR`: a stranger with the directory alone finishes it, and pays only for what is missing."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from program import ACAUSAL, KEY, MODELS, OFFLINE, OPENROUTER, ROOT, SCRIPTED, contents, endpoint, finish, run, start

from acausal.config import LATER, OPERATIONAL, conf_dir, flat_config, identity, is_operational
from acausal.models.faults import Fault
from acausal.models.simulator import Simulator, SimulatorSettings, running
from acausal.running.job_log import LOG_FORMAT
from acausal.settings.schema import Config
from acausal.sweeps.books import Sweep, read_plan

SMALL = ["num_agents=4", "scenario.model_distribution={a: 2, b: 2}", "progress=off"]
SWEEP = ["-m", "scenario=homogeneous,mixed_5_5,diverse_3_3_4", "progress=off"]


@pytest.fixture
def openrouter() -> Iterator[Simulator]:
    with running(SimulatorSettings(persona="coin", api_key=KEY, models=MODELS, latency_s=0.02)) as simulator:
        yield simulator


@pytest.fixture
def without_conf(tmp_path: Path) -> str:
    """A PYTHONPATH with the package alone, as a machine has it where conf/ is another or none."""
    shutil.copytree(ROOT / "src", tmp_path / "elsewhere" / "src")
    return str(tmp_path / "elsewhere" / "src")


def ends(directory: Path) -> dict[int, int]:
    """Number of each cell of a sweep → code of its last end."""
    lines = map(json.loads, (directory / "cells.jsonl").read_text().splitlines())
    return {line["number"]: line["code"] for line in lines}


def stop_after(requests: int, simulator: Simulator, arguments: list[str], folder: Path, number: signal.Signals) -> None:
    process = start(arguments, folder, **endpoint(simulator))
    while len(simulator.requests) < requests:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    finish(process)


def test_a_killed_sweep_is_finished_from_its_directory_alone(
    tmp_path: Path, openrouter: Simulator, without_conf: str
) -> None:
    words = [*SWEEP, *OPENROUTER, "hydra/launcher=basic", "hydra.sweep.dir=s"]
    stop_after(130, openrouter, words, tmp_path, signal.SIGKILL)
    assert ends(tmp_path / "s") == {0: 0}
    shutil.move(tmp_path / "s", tmp_path / "moved")
    cells = [tmp_path / "moved" / cell.directory for cell in read_plan(tmp_path / "moved").cells]
    assert not cells[2].exists()
    first = contents(cells[0])
    kept = [(cell / "calls.jsonl").read_bytes().count(b"\n") for cell in cells[:2]]
    in_flight = len(openrouter.requests) - sum(kept)
    code, out, err = run(["resume", "moved"], tmp_path, ACAUSAL, **endpoint(openrouter), PYTHONPATH=without_conf)
    assert (code, err) == (0, "")
    assert f"100 calls ({kept[1]} replayed)" in out
    assert "100 calls (0 replayed)" in out
    assert "100 calls (100 replayed)" not in out
    assert out.count("│ done") == 3
    assert contents(cells[0]) == first
    assert ends(tmp_path / "moved") == {0: 0, 1: 0, 2: 0}
    assert len(openrouter.requests) == 300 + in_flight
    assert (cells[2] / ".hydra" / "overrides.yaml").read_text().startswith("- scenario=diverse_3_3_4")
    books = contents(tmp_path / "moved")
    code, out, err = run([ACAUSAL[0], "resume", "moved", "--replay"], tmp_path, OFFLINE)
    assert (code, err) == (0, "")
    assert out.count("│ identical") == 3
    assert contents(tmp_path / "moved") == books


def test_a_sweep_killed_in_all_its_cells_asks_for_what_is_missing_in_each(
    tmp_path: Path, openrouter: Simulator
) -> None:
    stop_after(130, openrouter, [*SWEEP, *OPENROUTER, "hydra.sweep.dir=s"], tmp_path, signal.SIGKILL)
    cells = [tmp_path / "s" / cell.directory for cell in read_plan(tmp_path / "s").cells]
    kept = [(cell / "calls.jsonl").read_bytes().count(b"\n") for cell in cells]
    assert min(kept) > 0
    assert max(kept) < 100
    in_flight = len(openrouter.requests) - sum(kept)
    code, out, err = run(["resume", "s"], tmp_path, ACAUSAL, **endpoint(openrouter))
    assert (code, err) == (0, "")
    assert all(f"100 calls ({number} replayed)" in out for number in kept)
    assert out.count("│ done") == 3
    assert len(openrouter.requests) == 300 + in_flight


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_cell_is_finished_from_its_directory_alone(
    tmp_path: Path, openrouter: Simulator, without_conf: str, number: signal.Signals
) -> None:
    stop_after(40, openrouter, [*OPENROUTER, "hydra.run.dir=o"], tmp_path, number)
    kept = (tmp_path / "o" / "calls.jsonl").read_bytes().count(b"\n")
    code, out, _ = run(["resume", "o"], tmp_path, ACAUSAL, **endpoint(openrouter), PYTHONPATH=without_conf)
    assert code == 0
    assert f"100 calls ({kept} replayed)" in out
    asked = len(openrouter.requests)
    code, out, _ = run(["resume", "o"], tmp_path, ACAUSAL)
    assert code == 0
    assert "is done: nothing is left to play" in out
    assert len(openrouter.requests) == asked


def test_ctrl_c_ends_a_resumed_sweep_and_the_same_words_go_on(tmp_path: Path, openrouter: Simulator) -> None:
    assert run([*SWEEP, *OPENROUTER, "budget.calls=20", "hydra.sweep.dir=s"], tmp_path, **endpoint(openrouter))[0] == 2
    process = start(["resume", "s", "budget.calls=1000"], tmp_path, ACAUSAL, **endpoint(openrouter))
    while len(openrouter.requests) < 180:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    assert err.endswith("go on with: acausal resume s budget.calls=1000\n")
    assert ends(tmp_path / "s") == {0: 130, 1: 130, 2: 130}
    code, _, err = run(["resume", "s", "budget.calls=1000"], tmp_path, ACAUSAL, **endpoint(openrouter))
    assert (code, err) == (0, "")
    assert len(openrouter.requests) == 300


def test_the_environment_is_that_of_now_and_the_log_is_the_cells(tmp_path: Path, openrouter: Simulator) -> None:
    arguments = [*OPENROUTER, *SMALL, *(f"models.{slot}.max_retries=0" for slot in "ab"), "hydra.run.dir=o"]
    dead = {"OPENROUTER_BASE_URL": "http://127.0.0.1:9/v1", "OPENROUTER_API_KEY": KEY}
    assert run(arguments, tmp_path, **dead)[0] == 3
    assert "${oc.env:OPENROUTER_BASE_URL" in (tmp_path / "o" / ".hydra" / "config.yaml").read_text()
    (tmp_path / "o" / "run.log").unlink()
    code, _, err = run(["resume", "o"], tmp_path, ACAUSAL, **dead)
    assert code == 3
    assert "no estimate: none of 12 decisions is legible" in err
    assert (
        "[acausal.models.client][WARNING] models.a (openai/gpt-4) is not to be had"
        in (tmp_path / "o" / "run.log").read_text()
    )
    code, _, err = run(["resume", "o"], tmp_path, ACAUSAL)
    assert code == 1
    assert "OPENROUTER_API_KEY is not set" in err
    (tmp_path / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    code, _, err = run(["resume", "o"], tmp_path, ACAUSAL, OPENROUTER_BASE_URL=openrouter.base_url)
    assert (code, err) == (0, "")
    assert "${oc.env:OPENROUTER_BASE_URL" in (tmp_path / "o" / ".hydra" / "config.yaml").read_text()


def test_the_log_has_the_lines_that_hydra_gives_it() -> None:
    ours = yaml.safe_load((conf_dir() / "hydra" / "job_logging" / "file.yaml").read_text())
    assert ours["formatters"]["simple"]["format"] == LOG_FORMAT
    assert ours["root"]["level"] == "INFO"


def test_failures_of_a_finished_cell_are_asked_again_on_request(tmp_path: Path) -> None:
    faulty = SimulatorSettings(persona="coin", api_key=KEY, models=MODELS, faults=(Fault(model="claude", status=404),))
    with running(faulty) as simulator:
        code, out, _ = run([*OPENROUTER, *SMALL, "hydra.run.dir=o"], tmp_path, **endpoint(simulator))
    assert code == 0
    assert "ask again with: acausal resume o retry_failed=true" in out
    before = contents(tmp_path / "o")
    assert run(["resume", "o"], tmp_path, ACAUSAL)[0] == 0
    assert contents(tmp_path / "o") == before
    with running(SimulatorSettings(persona="coin", api_key=KEY, models=MODELS)) as simulator:
        assert run(["resume", "o", "retry_failed=true"], tmp_path, ACAUSAL, **endpoint(simulator))[0] == 0
    assert json.loads((tmp_path / "o" / "summary.json").read_text())["failed"] == 0
    assert "retry_failed: false" in (tmp_path / "o" / ".hydra" / "config.yaml").read_text()


def test_more_replicates_are_remembered_by_the_directory(tmp_path: Path) -> None:
    assert run([*SCRIPTED, *SMALL, "budget.calls=5", "hydra.run.dir=o"], tmp_path)[0] == 2
    assert run(["resume", "o", "budget.calls=7"], tmp_path, ACAUSAL)[0] == 2
    code, out, _ = run(["resume", "o", "budget.calls=null", "replicates=3"], tmp_path, ACAUSAL)
    assert code == 0
    assert "48 calls (12 replayed)" in out
    code, out, _ = run(["resume", "o", "--replay"], tmp_path, ACAUSAL)
    assert code == 0
    assert "48 calls, all from the ledger" in out
    code, _, err = run(["resume", "o", "--replay", "replicates=2"], tmp_path, ACAUSAL)
    assert code == 1
    assert "tables that differ from those on disk, which are kept: decisions.parquet, " in err


def test_a_resumed_sweep_hangs_under_its_own_parent(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path)
    arguments = ["-m", "scenario=homogeneous,mixed_5_5", *SCRIPTED, "tracking.enabled=true", "budget.calls=50"]
    assert run([*arguments, "hydra.sweep.dir=s"], tmp_path)[0] == 2
    parent = json.loads((tmp_path / "s" / "tracking.json").read_text())["run_id"]
    assert run(["resume", "s", "budget.calls=null"], tmp_path, ACAUSAL)[0] == 0
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = {run.info.run_id: run for run in client.search_runs([e.experiment_id for e in client.search_experiments()])}
    assert len(runs) == 3
    assert {run.data.tags.get("mlflow.parentRunId", run.info.run_id) for run in runs.values()} == {parent}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_a_cell_of_a_sweep_can_be_finished_alone(tmp_path: Path) -> None:
    arguments = ["-m", "scenario=homogeneous,mixed_5_5", *SCRIPTED, "budget.calls=20", "hydra.sweep.dir=s"]
    assert run(arguments, tmp_path)[0] == 2
    code, out, err = run(["resume", "s/1_mixed_5_5_control", "budget.calls=null"], tmp_path, ACAUSAL)
    assert (code, err) == (0, "")
    assert "Cooperation: 1: mixed_5_5" in out
    assert ends(tmp_path / "s") == {0: 2, 1: 0}
    code, out, _ = run(["resume", "s", "--replay"], tmp_path, ACAUSAL)
    assert code == 1
    assert (out.count("│ incomplete"), out.count("│ identical")) == (1, 1)
    assert "has no call to 'scripted/" in out


def test_a_strict_sweep_leaves_the_books_of_the_sweep_alone(tmp_path: Path) -> None:
    arguments = ["-m", "scenario=homogeneous,mixed_5_5", *SCRIPTED, "hydra.sweep.dir=s"]
    assert run(arguments, tmp_path)[0] == 0
    before = contents(tmp_path / "s")
    code, out, err = run(
        [str(ROOT / "run.py"), *arguments, "replay=strict", "tracking.enabled=true"], tmp_path, OFFLINE
    )
    assert (code, err) == (0, "")
    assert out.count("tables identical to those on disk") == 2
    after = contents(tmp_path / "s")
    assert after.pop("replays.jsonl").count(b"\n") == 2
    assert after == before


def test_a_cell_killed_between_its_end_and_the_books_is_entered_later(tmp_path: Path) -> None:
    assert run(["-m", "scenario=homogeneous,mixed_5_5", *SCRIPTED, "hydra.sweep.dir=s"], tmp_path)[0] == 0
    first, second = (tmp_path / "s" / "cells.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "s" / "cells.jsonl").write_bytes(first + second[:16] + b"\n")
    code, out, _ = run(["resume", "s"], tmp_path, ACAUSAL)
    assert (code, out.count("│ done")) == (0, 2)
    assert (
        json.loads((tmp_path / "s" / "cells.jsonl").read_text().splitlines()[-1])["number"]
        == json.loads(second)["number"]
    )


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("nowhere", [], "nowhere is no directory: name one that a run wrote"),
        ("empty", [], "empty is no output directory: it has neither .hydra/config.yaml of a cell nor sweep.json"),
        ("torn", [], "torn/.hydra/config.yaml is damaged ("),
        ("other", [], "the configuration of other: weather is not a key of the configuration"),
        ("partial", [], "the configuration of partial: "),
        ("old", [], "old holds a sweep without its sweep.json: restore it, or repeat the sweep's command"),
        ("broken", [], "broken/sweep.json is damaged ("),
        ("o", ["seed=1"], "seed cannot be changed in o: it says what the cell is"),
        ("o", ["models.a.temperature=1"], "models.a.temperature cannot be changed in o"),
        ("o", ["roster=openrouter"], "roster cannot be changed in o"),
        ("o", ["budgett.usd=1"], "budgett.usd cannot be changed in o; did you mean budget?"),
        ("o", ["budget.uds=1"], "budget.uds is not a key of the configuration; did you mean usd?"),
        ("o", ["budget.calls=many"], "Value 'many' of type 'str' could not be converted to Integer"),
        ("o", ["retry_failed"], "'retry_failed' is no assignment: write KEY=VALUE"),
        ("o", ["replicates=0"], "replicates must be at least 1, but is 0"),
    ],
)
def test_a_mistake_is_one_line_and_touches_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: list[str],
    said: str,
    finished: Path,
) -> None:
    from acausal.cli import _main

    monkeypatch.chdir(finished)
    before = contents(finished)
    assert _main(["resume", name, *words]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("acausal: ")
    assert said in err
    assert contents(finished) == before


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished cell `o`, and directories that are none."""
    folder = tmp_path_factory.mktemp("outputs")
    assert run([*SCRIPTED, *SMALL, "hydra.run.dir=o"], folder)[0] == 0
    config = (folder / "o" / ".hydra" / "config.yaml").read_text()
    for name, text in (("torn", "{a: [b"), ("other", f"{config}weather: fine\n"), ("partial", "seed: 0\n")):
        (folder / name / ".hydra").mkdir(parents=True)
        (folder / name / ".hydra" / "config.yaml").write_text(text)
    for name, file, text in (("old", "multirun.yaml", ""), ("broken", "sweep.json", "{}")):
        (folder / name).mkdir()
        (folder / name / file).write_text(text)
    (folder / "empty").mkdir()
    return folder


def test_a_key_is_operational_exactly_where_the_identity_leaves_it_out(composed: Callable[..., Config]) -> None:
    overrides = ("roster=openrouter", "fallback.policy=substitute", "scenario=diverse_3_3_4")
    config = composed(*overrides, "checks.canary=true")
    keys, own = flat_config(config), identity(config)
    unset = {key for key, value in LATER.items() if keys[key] == value}
    assert {key for key in keys if is_operational(key)} == set(keys) - set(own) - unset
    assert {key.split(".")[0] for key in keys} >= set(OPERATIONAL)


def test_the_plan_holds_what_hydra_would_play_and_no_secret(tmp_path: Path) -> None:
    arguments = ["-m", "scenario=homogeneous,mixed_5_5", "seed=1,2", *OPENROUTER, "budget.calls=0", "preflight=off"]
    subdir = "hydra.sweep.subdir=${hydra:job.num}/${hydra.job.override_dirname}"
    assert run([*arguments, subdir, "hydra.sweep.dir=s"], tmp_path, OPENROUTER_API_KEY=KEY)[0] == 2
    plan = read_plan(tmp_path / "s")
    assert [cell.number for cell in plan.cells] == [0, 1, 2, 3]
    for cell in plan.cells:
        written = yaml.safe_load((tmp_path / "s" / cell.directory / ".hydra" / "config.yaml").read_text())
        assert cell.config == written
        overrides = yaml.safe_load((tmp_path / "s" / cell.directory / ".hydra" / "overrides.yaml").read_text())
        assert cell.overrides == overrides
    assert plan.arguments[:3] == arguments[:3]
    assert KEY not in (tmp_path / "s" / "sweep.json").read_text()
    assert "${oc.env:OPENROUTER_BASE_URL" in (tmp_path / "s" / "sweep.json").read_text()


def test_a_sweep_that_has_no_books_yet_has_no_ends(tmp_path: Path) -> None:
    from acausal.sweeps.books import Plan

    assert Sweep(tmp_path, Plan([], []), None).ended() == {}
    assert not list(tmp_path.iterdir())
