"""MLflow: a parent with children, the contract's names, and a store that may fail without losing a run."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from acausal.tracking import LINK, Outcome, Run, tracking_uri, ui_command

SUMMARY = {
    "cooperation_rate": 0.5,
    "cooperation_rate_by_model": {"openai/gpt-4": 0.4, "local/x": None},
    "cooperation_rate_within_model": None,
    "cooperation_rate_intention_to_treat": 0.6,
    "cooperation_rate_intention_to_treat_by_model": {"openai/gpt-4": 0.45, "local/x": None},
    "calls_by_model": {
        "openai/gpt-4": {
            "calls": 90,
            "failures": 1,
            "attempts": 97,
            "retries": {"429": 5, "timeout": 2},
            "substitutions": 3,
            "latency_p50_s": 0.5,
            "latency_p95_s": 0.9,
            "latency_p99_s": 1.5,
            "tokens_in": 900,
            "tokens_out": 90,
            "cost_usd": None,
            "queued_s": 12.5,
            "limit_share": 0.97,
            "concurrency": [{"width": 16}],
        }
    },
    "decisions": 90,
    "cost_usd": 0.25,
    "estimates": {"cooperation_rate": {"value": 0.5}},
}
OUTCOME = Outcome(
    summary=SUMMARY,
    by_round={1: 0.4, 2: None, 3: 0.6},
    by_round_and_model={"openai/gpt-4": {1: 0.3, 3: 0.5}},
    artifacts=[Path("summary.json"), Path("figures/a.png")],
    note="50.0 % of 90 decisions cooperate.",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with its own default store; made once, since a new database takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        yield folder


def outputs(folder: Path) -> Path:
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text("{}")
    (folder / "figures" / "a.png").write_bytes(b"png")
    return folder


def logged(
    directory: Path,
    *,
    sweep: Path | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    outcome: Outcome = OUTCOME,
    experiment: str = "acausal",
) -> Any:
    """Log one cell and return its MLflow run."""
    run = Run(outputs(directory), experiment)
    run.start(
        "pair",
        params=params or {"seed": 0, "sub_model": None},
        tags=tags or {"scenario": "pair"},
        sweep_directory=sweep,
    )
    run.finish(outcome, "FINISHED")
    assert run.warning is None
    return client().get_run(json.loads((directory / LINK).read_text())["run_id"])


def client() -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri())


def test_a_cell_is_a_child_of_its_sweep(store: Path) -> None:
    (store / "sweep").mkdir()
    sweep = Run(store / "sweep", "acausal")
    sweep.start("sweep", params={}, tags={"cells": "1"})
    cell = logged(store / "sweep" / "0", sweep=store / "sweep")
    sweep.finish(None, "FINISHED")
    parent = json.loads((store / "sweep" / LINK).read_text())["run_id"]
    assert cell.data.tags["mlflow.parentRunId"] == parent
    assert client().get_run(parent).info.status == "FINISHED"
    assert {run.info.run_name for run in (cell, client().get_run(parent))} == {"pair", "sweep"}


def test_params_tags_metrics_and_artifacts_are_the_contracts(store: Path) -> None:
    run = logged(store / "contract", params={"seed": 0, "sub_model": None, "a[b]": "x" * 7000})
    assert run.data.params["seed"] == "0"
    assert run.data.params["sub_model"] == "null"
    assert len(run.data.params["a_b_"]) <= 6000
    assert run.data.params["a_b_"].endswith("(cut here)")
    assert run.data.tags["scenario"] == "pair"
    assert run.info.status == "FINISHED"
    metrics = run.data.metrics
    assert metrics["cooperation_rate_overall"] == 0.5
    assert metrics["cooperation_rate/openai/gpt-4"] == 0.4
    per_model = {name.removesuffix("/openai/gpt-4"): value for name, value in metrics.items() if "/openai" in name}
    assert {name: value for name, value in per_model.items() if not name.startswith("cooperation")} == {
        "calls": 90,
        "failures": 1,
        "attempts": 97,
        "retries": 7,
        "substitutions": 3,
        "latency_p50_s": 0.5,
        "latency_p95_s": 0.9,
        "latency_p99_s": 1.5,
        "tokens_in": 900,
        "tokens_out": 90,
        "queued_s": 12.5,
        "limit_share": 0.97,
    }
    assert metrics["cooperation_rate_intention_to_treat"] == 0.6
    assert metrics["cooperation_rate_intention_to_treat/openai/gpt-4"] == 0.45
    assert metrics["decisions"] == 90
    assert metrics["cost_usd"] == 0.25
    assert not {"cooperation_rate/local/x", "cooperation_rate_within_model", "estimates"} & set(metrics)
    assert run.data.tags["mlflow.note.content"] == OUTCOME.note
    names = {item.path for item in client().list_artifacts(run.info.run_id)}
    assert names == {"summary.json", "figures"}
    assert [item.path for item in client().list_artifacts(run.info.run_id, "figures")] == ["figures/a.png"]


def points(run: Any, name: str = "cooperation_rate") -> list[tuple[int, float]]:
    return sorted((point.step, point.value) for point in client().get_metric_history(run.info.run_id, name))


def test_cooperation_has_one_step_per_round_and_none_for_no_data(store: Path) -> None:
    run = logged(store / "series")
    assert points(run) == [(1, 0.4), (3, 0.6)]
    assert points(run, "cooperation_rate_by_round/openai/gpt-4") == [(1, 0.3), (3, 0.5)]


def test_going_on_reuses_the_run_and_doubles_nothing(store: Path) -> None:
    first = logged(store / "again", params={"seed": 0, "replicates": 1})
    second = logged(store / "again", params={"seed": 0, "replicates": 2, "new": 1})
    assert first.info.run_id == second.info.run_id
    assert points(second) == [(1, 0.4), (3, 0.6)]
    assert second.data.params == {"seed": "0", "replicates": "1", "new": "1"}


def test_a_number_that_returns_to_its_first_value_is_shown_so(store: Path) -> None:
    for value in (0.5, 0.6, 0.5):
        run = logged(store / "returned", outcome=Outcome({"cost_usd": value}, {}, {}, []))
    assert run.data.metrics["cost_usd"] == 0.5


def test_going_on_renews_the_tags(store: Path) -> None:
    logged(store / "renewed", tags={"git_commit": "1"})
    run = logged(store / "renewed", tags={"git_commit": "2"})
    assert run.data.tags["git_commit"] == run.data.tags["mlflow.source.git.commit"] == "2"
    assert run.data.tags["mlflow.source.type"] == "LOCAL"


def test_a_run_goes_on_as_running_and_ends_as_told(store: Path) -> None:
    states = []
    for status in ("KILLED", "FAILED", "FINISHED"):
        run = Run(outputs(store / "states"), "acausal")
        run.start("pair", params={}, tags={})
        run_id = json.loads((store / "states" / LINK).read_text())["run_id"]
        states.append(client().get_run(run_id).info.status)
        run.finish(None, status)
        states.append(client().get_run(run_id).info.status)
    assert states == ["RUNNING", "KILLED", "RUNNING", "FAILED", "RUNNING", "FINISHED"]


def test_another_store_gets_a_run_of_its_own(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = logged(store / "moved")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store / 'other.db'}")
    assert logged(store / "moved").info.run_id != first.info.run_id


def test_another_experiment_gets_a_run_of_its_own(store: Path) -> None:
    first = logged(store / "renamed")
    second = logged(store / "renamed", experiment="second")
    assert second.info.experiment_id != first.info.experiment_id


def test_a_run_that_was_thrown_away_is_made_anew(store: Path) -> None:
    first = logged(store / "trashed")
    client().delete_run(first.info.run_id)
    assert logged(store / "trashed").info.run_id != first.info.run_id
    (store / "trashed" / LINK).write_text(json.dumps({"uri": tracking_uri(), "run_id": "0" * 32}))
    assert logged(store / "trashed").info.run_id not in (first.info.run_id, "0" * 32)


def test_a_deleted_experiment_is_said_to_be_deleted(store: Path) -> None:
    logged(store / "gone", experiment="gone")
    client().delete_experiment(client().get_experiment_by_name("gone").experiment_id)
    run = Run(store / "gone", "gone")
    run.start("pair", params={}, tags={})
    assert run.warning is not None
    assert "experiment 'gone' is deleted: restore it, or set tracking.experiment=OTHER" in run.warning


def test_no_name_is_refused(store: Path) -> None:
    names = {
        "/weights/x.gguf": "weights/x.gguf",
        "./y": "y",
        "a//b/": "a/b",
        "a@b=[c]": "a_b__c_",
        "..z": "__z",
        "x" * 300: "x" * 250,
        "..": "_",
    }
    by_model = {"cooperation_rate_by_model": {"/weights/x.gguf": 0.5, "../y": 0.25}}
    run = logged(store / "names", params=dict.fromkeys(names, 1), outcome=Outcome(by_model, {}, {}, []))
    assert run.data.params == dict.fromkeys(names.values(), "1")
    assert run.data.metrics == {"cooperation_rate/weights/x.gguf": 0.5, "cooperation_rate/y": 0.25}


def test_more_than_a_batch_is_logged_whole(store: Path) -> None:
    rounds: dict[int, float | None] = dict.fromkeys(range(1, 1202), 0.5)
    run = logged(
        store / "long", params={f"p{n}": n for n in range(250)}, outcome=Outcome({"x": float("nan")}, rounds, {}, [])
    )
    assert len(run.data.params) == 250
    assert len(points(run)) == 1201
    assert "x" not in run.data.metrics


def test_a_file_that_cannot_be_sent_leaves_no_run_running(store: Path) -> None:
    run = Run(outputs(store / "lost"), "acausal")
    run.start("pair", params={}, tags={})
    run.finish(Outcome(SUMMARY, {1: 0.5}, {}, [Path("lost.txt")]), "FINISHED")
    assert run.warning is not None
    assert "lost.txt" in run.warning
    run_id = json.loads((store / "lost" / LINK).read_text())["run_id"]
    assert client().get_run(run_id).info.status == "FINISHED"


def test_processes_share_a_store_that_exists(store: Path) -> None:
    logged(store / "shared" / "parent")
    code = (
        "import sys; from pathlib import Path; from acausal.tracking import Outcome, Run; "
        "run = Run(Path(sys.argv[1]), 'shared'); run.start('pair', params={'seed': 0}, tags={}); "
        "run.finish(Outcome({'x': 1}, {1: 0.5}, {}, []), 'FINISHED'); print(run.warning)"
    )
    for name in "abc":
        (store / "shared" / name).mkdir()
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(store / "shared" / name)], stdout=-1, stderr=-1, text=True)
        for name in "abc"
    ]
    assert [child.communicate() for child in children] == [("None\n", "")] * 3
    experiment = client().get_experiment_by_name("shared")
    assert len(client().search_runs([experiment.experiment_id])) == 3


def test_a_new_store_says_nothing_on_the_terminal(tmp_path: Path) -> None:
    code = (
        "import logging; logging.basicConfig(level=logging.INFO); from pathlib import Path; "
        "from acausal.tracking import Run; run = Run(Path(), 'new'); run.start('a', params={}, tags={}); "
        "run.finish(None, 'FINISHED')"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "mlflow.db").exists()


def test_artifacts_do_not_follow_the_current_directory(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = logged(store / "anchored")
    assert run.info.artifact_uri.startswith((store / "mlartifacts").as_uri())


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def busy_server() -> Iterator[str]:
    """Sends every request away for ten minutes."""

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.send_header("Retry-After", "600")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def no_server() -> Iterator[str]:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    yield address


def failed(directory: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Log a cell to a store that fails: its warning, after the checks that hold for every failure."""
    run = Run(outputs(directory), "acausal")
    with caplog.at_level(logging.DEBUG):
        run.start("pair", params={"seed": 0}, tags={})
        run.finish(OUTCOME, "FINISHED")
    assert run.warning is not None
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [run.warning]
    assert f"the files are kept in {directory}; the same command into the same directory" in run.warning
    assert "\n" not in run.warning
    assert "hunter" not in run.warning + ui_command() + caplog.text
    return run.warning


def test_a_database_that_cannot_be_opened_is_one_warning_and_soon(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started = time.monotonic()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/none/mlflow.db")
    assert "No such file or directory: '/proc/none'" in failed(store / "unwritable", caplog)
    caplog.clear()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    assert "unable to open database file" in failed(store / "folder", caplog)
    assert time.monotonic() - started < 15
    assert not (store / "folder" / LINK).exists()


@pytest.mark.parametrize("server", [no_server, busy_server, pytest.param(silent_server, marks=pytest.mark.slow)])
def test_a_server_that_fails_is_one_warning_and_soon(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, server: Any
) -> None:
    with server() as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:hunter2@{address}")
        started = time.monotonic()
        directory = outputs(store / "dead" / server.__name__)
        link = json.dumps({"uri": f"http://{address}", "run_id": "0" * 32})
        (directory / LINK).write_text(link)
        warning = failed(directory, caplog)
        assert time.monotonic() - started < 25
    expected = {no_server: "Connection refused", busy_server: "too many 503", silent_server: "timed out"}
    assert f"MLflow at http://{address} failed" in warning
    assert expected[server] in warning
    # A store that does not answer is no reason to forget the run.
    assert (directory / LINK).read_text() == link


@pytest.mark.parametrize("secret", ["hunter2", "hunt@hunter2", "hunter/hunter2", "12/hunter2"])
def test_no_credentials_are_shown_however_they_are_written(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:{secret}@127.0.0.1:9")
    warning = failed(store / "secret", caplog)
    assert "user:" not in warning


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A tracking server of its own over a new store."""
    with no_server() as address:
        host, port = address.split(":")
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", port, "--workers", "1"]
    with (folder / "server.log").open("w") as output:
        server = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urlopen(f"http://{address}/health", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "server.log").read_text()
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


@pytest.mark.slow
def test_a_server_gets_everything_and_its_password_is_kept_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mlflow_server(tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:hunter2@{address}")
        first = logged(tmp_path / "cell")
        again = logged(tmp_path / "cell")
        assert again.info.run_id == first.info.run_id
        assert again.data.metrics["cooperation_rate_overall"] == 0.5
        assert points(again) == [(1, 0.4), (3, 0.6)]
        assert [item.path for item in client().list_artifacts(first.info.run_id, "figures")] == ["figures/a.png"]
    link = json.loads((tmp_path / "cell" / LINK).read_text())
    assert set(link) == {"uri", "experiment_id", "run_id"}
    assert link["uri"] == f"http://{address}"
    assert "hunter2" not in json.dumps([first.data.tags, first.data.params])


def test_the_command_to_look_is_the_short_one_for_the_default_store(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ui_command() == "mlflow ui"
    assert tracking_uri() == f"sqlite:///{store / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://host/runs?user=u&password=hunter2")
    assert ui_command() == 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://user:hunter2@mlflow.example.org")
    assert ui_command() == "open https://mlflow.example.org"
