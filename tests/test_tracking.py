"""MLflow: a parent with children, the contract's names, and a store that may fail without losing a run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acausal.tracking import LINK, Outcome, Run, tracking_uri, ui_command

SUMMARY = {
    "cooperation_rate": 0.5,
    "cooperation_rate_by_model": {"openai/gpt-4": 0.4, "local/x": None},
    "cooperation_rate_within_model": None,
    "decisions": 90,
    "cost_usd": 0.25,
    "estimates": {"cooperation_rate": {"value": 0.5}},
}
OUTCOME = Outcome(
    summary=SUMMARY,
    by_round={1: 0.4, 2: None, 3: 0.6},
    by_round_and_model={"openai/gpt-4": {1: 0.3, 3: 0.5}},
    artifacts=[Path("summary.json"), Path("figures/a.png")],
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


def logged(directory: Path, *, sweep: Path | None = None, params: dict[str, Any] | None = None) -> Any:
    """Log one cell and return its MLflow run."""
    run = Run(outputs(directory), "acausal")
    run.start("pair", params=params or {"seed": 0, "sub_model": None}, tags={"scenario": "pair"}, sweep_directory=sweep)
    run.finish(OUTCOME, "FINISHED")
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
    assert metrics["decisions"] == 90
    assert metrics["cost_usd"] == 0.25
    assert not {"cooperation_rate/local/x", "cooperation_rate_within_model", "estimates"} & set(metrics)
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


def test_another_store_gets_a_run_of_its_own(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = logged(store / "moved")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store / 'other.db'}")
    assert logged(store / "moved").info.run_id != first.info.run_id


def test_artifacts_do_not_follow_the_current_directory(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = logged(store / "anchored")
    assert run.info.artifact_uri.startswith((store / "mlartifacts").as_uri())


@pytest.mark.parametrize(
    "uri", ["sqlite:////proc/none/mlflow.db", "http://user:hunter2@127.0.0.1:9"], ids=["unwritable", "dead server"]
)
def test_a_store_that_fails_is_one_warning_and_soon(store: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    run = Run(outputs(store / "dead"), "acausal")
    started = time.monotonic()
    run.start("pair", params={"seed": 0}, tags={})
    run.finish(OUTCOME, "FINISHED")
    assert time.monotonic() - started < 60
    assert run.warning is not None
    assert "the same command into the same directory logs them later at no further call" in run.warning
    assert "\n" not in run.warning
    assert "hunter2" not in run.warning
    assert "hunter2" not in ui_command()
    assert not (store / "dead" / LINK).exists()


def test_the_command_to_look_is_the_short_one_for_the_default_store(store: Path) -> None:
    assert ui_command() == "mlflow ui"
    assert tracking_uri() == f"sqlite:///{store / 'mlflow.db'}"
