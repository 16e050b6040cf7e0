"""`run.py` as a user starts it: a process, its exit code, its lines and its files."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from program import KEY, MODELS, OPENROUTER, QUICK, ROOT, SCRIPTED, endpoint, finish, run, start

from acausal.models.faults import Fault
from acausal.models.simulator import Simulator, SimulatorSettings, running


@pytest.fixture
def openrouter() -> Iterator[Simulator]:
    with running(SimulatorSettings(persona="coin", api_key=KEY, models=MODELS, latency_s=0.02)) as simulator:
        yield simulator


def test_a_run_writes_every_file_of_the_contract(tmp_path: Path) -> None:
    code, out, err = run([*SCRIPTED, "hydra.run.dir=o"], tmp_path)
    assert (code, err) == (0, "")
    for name in (
        *(".hydra/config.yaml", "calls.jsonl", "decisions.parquet", "strategies.parquet", "rounds.parquet"),
        *("model_assignments.json", "summary.json", "report.md", "report.html", "figures/cooperation_by_round.png"),
    ):
        assert (tmp_path / "o" / name).stat().st_size > 0, name
    decisions = pd.read_parquet(tmp_path / "o" / "decisions.parquet")
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert len(decisions) == summary["decisions"] == summary["legible"] == 90
    assert summary["cooperation_rate"] == pytest.approx((decisions.action == "COOPERATE").mean())
    assignments = json.loads((tmp_path / "o" / "model_assignments.json").read_text())
    seats = assignments["assignments"]["1"]
    assert sorted(seats.values()) == ["scripted/coin"] * 5 + ["scripted/tit_for_tat"] * 5
    assert all(seats[str(row.agent)] == row.model for row in decisions.itertuples())
    assert "scripted/coin" in out
    assert "report   " in out


def test_the_same_seed_gives_the_same_tables_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert run([*SCRIPTED, f"seed={seed}", f"hydra.run.dir={name}"], tmp_path)[0] == 0
    tables = [(tmp_path / name / "decisions.parquet").read_bytes() for name in "abc"]
    assert tables[0] == tables[1] != tables[2]


@pytest.mark.parametrize(
    "overrides",
    [
        ["num_agents=12"],
        ["num_agentz=12"],
        ["scenario=mixd_5_5"],
        ["main_model=z"],
        ["roster=openrouter"],
        ["enable_multi_model=false"],
        ["game.payoffs.reward=9"],
        ["hydra.run.dir=/dev/null/o"],
        ["-m", "scenario=homogeneous,mixed_5_5", "num_agents=12"],
        ["-m", "scenario=homogeneous,all_different_10"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_and_nothing_is_asked(tmp_path: Path, overrides: list[str]) -> None:
    code, out, err = run(overrides, tmp_path)
    assert code == 1
    assert err.startswith("acausal: ")
    assert err.count("\n") == 1
    assert out == ""
    assert not list(tmp_path.rglob("calls.jsonl"))


def test_an_unreadable_dotenv_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    code, _, err = run(SCRIPTED, tmp_path)
    assert code == 1
    assert ".env cannot be read: it is not UTF-8 text" in err


def test_a_key_from_dotenv_is_used_and_found_in_no_byte(
    tmp_path: Path, empty_store: Path, openrouter: Simulator
) -> None:
    shutil.copy(empty_store, tmp_path)
    (tmp_path / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    arguments = [*OPENROUTER, "hydra.run.dir=o", "hydra.verbose=true", "tracking.enabled=true"]
    code, out, err = run(arguments, tmp_path, OPENROUTER_BASE_URL=openrouter.base_url)
    assert code == 0
    assert all(seen.key_is_right for seen in openrouter.requests)
    (tmp_path / ".env").unlink()
    assert KEY not in out + err
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    _, shown, _ = run([*OPENROUTER, "--cfg", "job", "--resolve"], tmp_path, OPENROUTER_API_KEY=KEY)
    assert "openai/gpt-4" in shown
    assert KEY not in shown


def test_a_finished_cell_replays_without_a_call(tmp_path: Path, openrouter: Simulator) -> None:
    arguments = [*OPENROUTER, "scenario=diverse_3_3_4", "hydra.run.dir=o"]
    assert run(arguments, tmp_path, **endpoint(openrouter))[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "o").glob("*.parquet")}
    asked = len(openrouter.requests)
    assert asked == 100
    code, _, _ = run(arguments, tmp_path, OPENROUTER_BASE_URL="http://127.0.0.1:9/v1", OPENROUTER_API_KEY="other")
    assert code == 0
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["calls"] == summary["calls_replayed"] == 100
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "o").glob("*.parquet")}
    assert len(openrouter.requests) == asked


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_goes_on_and_pays_only_for_what_is_missing(
    tmp_path: Path, openrouter: Simulator, number: signal.Signals, expected: int
) -> None:
    arguments = [*OPENROUTER, "num_rounds=2", "hydra.run.dir=o"]
    process = start(arguments, tmp_path, **endpoint(openrouter))
    while len(openrouter.requests) < 60:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    code, _, err = finish(process)
    assert code == expected
    if expected == 130:
        assert "interrupted; everything paid for is in" in err
        assert err.endswith("go on with: acausal resume o\n")
    kept = (tmp_path / "o" / "calls.jsonl").read_bytes().count(b"\n")
    in_flight = len(openrouter.requests) - kept
    assert in_flight == 0 if expected == 130 else in_flight <= 32
    assert run(arguments, tmp_path, **endpoint(openrouter))[0] == 0
    assert len(openrouter.requests) == 200 + in_flight
    keys = [json.loads(line)["key"] for line in (tmp_path / "o" / "calls.jsonl").read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 200


def test_another_configuration_may_not_use_the_directory(tmp_path: Path) -> None:
    assert run([*SCRIPTED, "hydra.run.dir=o"], tmp_path)[0] == 0
    code, _, err = run([*SCRIPTED, "hydra.run.dir=o", "seed=1"], tmp_path)
    assert code == 1
    assert "holds the calls of another configuration: seed was 0, now 1" in err


def test_the_budget_stops_with_its_own_code_and_the_same_command_goes_on(tmp_path: Path) -> None:
    code, _, err = run([*SCRIPTED, "budget.calls=30", "hydra.run.dir=o"], tmp_path)
    assert code == 2
    assert "budget of 30 calls reached" in err
    assert len((tmp_path / "o" / "calls.jsonl").read_text().splitlines()) == 30
    code, out, _ = run([*SCRIPTED, "budget.calls=70", "hydra.run.dir=o"], tmp_path)
    assert code == 0
    assert "100 calls (30 replayed)" in out


def test_a_total_outage_is_no_estimate_and_can_be_made_good(tmp_path: Path, openrouter: Simulator) -> None:
    arguments = [*OPENROUTER, "models.a.max_retries=0", "models.b.max_retries=0", "hydra.run.dir=o"]
    code, _, err = run(arguments, tmp_path, OPENROUTER_BASE_URL="http://127.0.0.1:9/v1", OPENROUTER_API_KEY=KEY)
    assert code == 3
    assert "no estimate: none of 90 decisions is legible" in err
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert (summary["cooperation_rate"], summary["failed"], summary["legible"]) == (None, 90, 0)
    assert run(arguments, tmp_path, **endpoint(openrouter))[0] == 0
    assert json.loads((tmp_path / "o" / "summary.json").read_text())["legible"] == 90


def test_one_missing_model_leaves_the_others_and_is_substituted_only_on_request(tmp_path: Path) -> None:
    settings = SimulatorSettings(
        persona="coin", api_key=KEY, models=MODELS, faults=(Fault(model="claude", status=404),)
    )
    with running(settings) as simulator:
        for policy, failed, substituted in (("missing", 45, 0), ("substitute", 0, 45)):
            arguments = [*OPENROUTER, f"fallback.policy={policy}", f"hydra.run.dir={policy}"]
            assert run(arguments, tmp_path, **endpoint(simulator))[0] == 0
            summary = json.loads((tmp_path / policy / "summary.json").read_text())
            assert (summary["failed"], summary["substituted"]) == (failed, substituted)
            assert summary["cooperation_rate_by_model"]["anthropic/claude-3-sonnet-20240229"] is None
            decisions = pd.read_parquet(tmp_path / policy / "decisions.parquet")
            served = decisions[decisions.served_by.notna() & (decisions.served_by != decisions.model)]
            assert len(served) == substituted
        code, _, err = run(
            [*OPENROUTER, "fallback.policy=abort", "hydra.run.dir=abort"], tmp_path, **endpoint(simulator)
        )
        assert code == 1
        assert "fallback.policy=abort stops here" in err


def test_a_sweep_is_a_parent_with_its_cells(tmp_path: Path) -> None:
    arguments = ["-m", "scenario=homogeneous,mixed_5_5", *SCRIPTED, "tracking.enabled=true", "hydra.sweep.dir=s"]
    code, out, err = run(arguments, tmp_path)
    assert (code, err) == (0, "")
    assert "0: homogeneous, control: tit_for_tat" in out
    assert "1: mixed_5_5, control: tit_for_tat + coin" in out
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name == "acausal"]
    runs = {run.info.run_id: run for run in client.search_runs([experiment.experiment_id])}
    children = [run for run in runs.values() if "mlflow.parentRunId" in run.data.tags]
    (parent,) = [run for run in runs.values() if "mlflow.parentRunId" not in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.data.tags["scenario"]: json.loads(run.data.tags["model_distribution"]) for run in children} == {
        "homogeneous": {"a": 10},
        "mixed_5_5": {"a": 5, "b": 5},
    }
    for child in children:
        assert child.data.params["num_agents"] == "10"
        assert [point.step for point in client.get_metric_history(child.info.run_id, "cooperation_rate")] == [1]
        names = {item.path for item in client.list_artifacts(child.info.run_id)}
        assert {".hydra", "calls.jsonl", "decisions.parquet", "summary.json", "report.html", "figures"} <= names
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_one_failed_cell_does_not_stop_the_sweep(tmp_path: Path) -> None:
    arguments = ["-m", "budget.calls=5,null", *SCRIPTED, "hydra.sweep.dir=s"]
    code, out, err = run(arguments, tmp_path)
    assert code == 2
    assert "budget of 5 calls reached" in err
    assert "100 calls (0 replayed)" in out
    ends = [json.loads(line) for line in (tmp_path / "s" / "cells.jsonl").read_text().splitlines()]
    assert {end["number"]: end["code"] for end in ends} == {0: 2, 1: 0}


def test_a_store_that_fails_never_loses_the_run(tmp_path: Path) -> None:
    arguments = [*SCRIPTED, "tracking.enabled=true", "hydra.run.dir=o"]
    code, out, _ = run(arguments, tmp_path, MLFLOW_TRACKING_URI="sqlite:////proc/none/mlflow.db")
    assert code == 0
    assert "warning  MLflow at sqlite:////proc/none/mlflow.db failed" in out
    assert (tmp_path / "o" / "summary.json").exists()
    code, out, _ = run(arguments, tmp_path)
    assert "100 calls (100 replayed)" in out
    assert "MLflow   mlflow ui" in out


@pytest.mark.slow
def test_embedded_language_models_play_for_real(tmp_path: Path) -> None:
    small = ["num_agents=4", "scenario.model_distribution={a: 2, b: 2}", *QUICK, "hydra.run.dir=o"]
    code, _, err = run(small, tmp_path)
    assert (code, err) == (0, "")
    decisions = pd.read_parquet(tmp_path / "o" / "decisions.parquet")
    assert set(decisions.model) == {"local/smollm2-135m-instruct", "local/gemma-3-270m"}
    assert (decisions.served_by == decisions.model).all()
    assert len(decisions) == 12
    assert (decisions.status == "legible").mean() >= 0.9
    strategies = pd.read_parquet(tmp_path / "o" / "strategies.parquet")
    assert strategies.strategy.nunique() == 4
    lines = [json.loads(line) for line in (tmp_path / "o" / "calls.jsonl").read_text().splitlines()]
    assert all(line["tokens_out"] > 0 and line["latency_s"] > 0 for line in lines)


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path, openrouter: Simulator) -> None:
    arguments = ["-m", "scenario=homogeneous,mixed_5_5,diverse_3_3_4", *OPENROUTER, "hydra.sweep.dir=s"]
    process = start(arguments, tmp_path, **endpoint(openrouter))
    while len(openrouter.requests) < 130:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert code == 130
    assert err.endswith("go on with: acausal resume s\n")
    assert out.count("│ interrupted") == 3
    asked = len(openrouter.requests)
    code, out, _ = run(arguments, tmp_path, **endpoint(openrouter))
    assert code == 0
    assert out.count("│ done") == 3
    assert len(openrouter.requests) == 300
    assert asked < 200


def test_the_console_script_serves_and_runs(tmp_path: Path) -> None:
    script = str(Path(sys.executable).with_name("acausal"))
    shown = subprocess.run([script, "run", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "python run.py -m scenario=homogeneous,mixed_5_5" in shown
    wrong = subprocess.run(
        [script, "serve", "--persona", "saint"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("acausal: the simulator has no persona 'saint'")
    server = subprocess.Popen([script, "serve", "--port", "0", "--persona", "coin"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        settings = dict(word.split("=", 1) for word in line.split() if "=" in word)
        code, out, _ = run([*OPENROUTER, "hydra.run.dir=o"], tmp_path, **settings)
        assert code == 0
        assert "openai/gpt-4" in out
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)
    assert server.returncode == 0


@pytest.mark.parametrize(
    ("bytes_left", "least_kept"),
    [(10_000, 0), (75_000, 30), (90_000, 64)],
    ids=["while starting", "while playing", "while reporting"],
)
def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path, bytes_left: int, least_kept: int) -> None:
    """A limit on the size of any one file stands in for the disk: configuration, ledger or report runs into it."""
    arguments = [
        *SCRIPTED,
        "num_agents=4",
        "scenario.model_distribution={a: 2, b: 2}",
        "num_rounds=4",
        "progress=off",
        "hydra.run.dir=o",
    ]
    program = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_left}, {bytes_left}))"
    command = [
        sys.executable,
        "-c",
        f"{program}; runpy.run_path({str(ROOT / 'run.py')!r}, run_name='__main__')",
        *arguments,
    ]
    stopped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert stopped.returncode == 1
    assert stopped.stderr.startswith("acausal: ")
    assert stopped.stderr.count("\n") == 1
    assert "make room" in stopped.stderr
    ledger = tmp_path / "o" / "calls.jsonl"
    kept = ledger.read_bytes().count(b"\n") if ledger.exists() else 0
    assert kept >= least_kept
    code, out, _ = run(arguments, tmp_path)
    assert code == 0
    assert f"64 calls ({kept} replayed)" in out


def test_more_replicates_extend_a_finished_cell(tmp_path: Path) -> None:
    assert run([*SCRIPTED, "hydra.run.dir=o"], tmp_path)[0] == 0
    first = pd.read_parquet(tmp_path / "o" / "decisions.parquet")
    code, out, _ = run([*SCRIPTED, "replicates=3", "hydra.run.dir=o"], tmp_path)
    assert code == 0
    assert "300 calls (100 replayed)" in out
    more = pd.read_parquet(tmp_path / "o" / "decisions.parquet")
    assert more[more.replicate == 1].reset_index(drop=True).equals(first)
    assert set(more.replicate) == {1, 2, 3}
    estimate = json.loads((tmp_path / "o" / "summary.json").read_text())["estimates"]["cooperation_rate"]
    assert estimate["clusters"] == 3
    assert estimate["low"] < estimate["value"] < estimate["high"]


def test_an_experiment_file_sweeps_by_itself(tmp_path: Path) -> None:
    arguments = ["experiment=offline_pilot", *SCRIPTED, "replicates=2", "hydra.sweep.dir=s", "progress=off"]
    code, out, err = run(arguments, tmp_path)
    assert (code, err) == (0, "")
    cells = [json.loads(line) for line in (tmp_path / "s" / "cells.jsonl").read_text().splitlines()]
    assert [cell["title"].split(": ")[1] for cell in sorted(cells, key=lambda cell: cell["number"])] == [
        f"{scenario}, {condition}"
        for scenario in ("homogeneous", "mixed_5_5")
        for condition in ("control", "identity_only")
    ]
    assert out.count("200 calls (0 replayed)") == 4
