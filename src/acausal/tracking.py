"""MLflow, and nothing else touches it: a sweep is a parent run, a cell a child run.

A failure of the store never loses a run: it becomes one warning, and the same command into the same directory logs
the cell again, replaying every call from the ledger. Everything here blocks; call it from a thread.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

LINK = "tracking.json"
"""Names the run of a directory, so that going on with a cell goes on with its run."""
_PARENT_TAG = "mlflow.parentRunId"
_LONGEST_PARAM = 6000
_BATCH = {"params": 100, "tags": 100, "metrics": 1000}
"""What MLflow accepts in one `log_batch`."""
_PATIENCE = {
    # A dead tracking server is noticed in seconds, not in MLflow's default of minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished cell has to show."""

    summary: Mapping[str, Any]
    """The contract's summary.json."""
    by_round: Mapping[int, float | None]
    """Round → cooperation rate over all replicates."""
    by_round_and_model: Mapping[str, Mapping[int, float | None]]
    artifacts: Sequence[Path]
    """Files of the output directory, relative to it."""


@dataclass(slots=True)
class Run:
    """One MLflow run, that of a cell or of a sweep, kept by the directory it belongs to.

    `warning` is set once something failed; every later step then does nothing.
    """

    directory: Path
    experiment: str
    warning: str | None = None
    _client: MlflowClient | None = None
    _run_id: str = ""
    _known: dict[str, str] = field(default_factory=dict)
    """Params already on the run."""

    def start(
        self, name: str, *, params: Mapping[str, Any], tags: Mapping[str, str], sweep_directory: Path | None = None
    ) -> None:
        """Open the directory's run, or make one; a child of the sweep's run where there is a sweep."""
        self._guarded(lambda: self._start(name, params, tags, sweep_directory))

    def finish(self, outcome: Outcome | None, status: str) -> None:
        """Log what there is and end the run.

        Args:
            outcome: None when there is nothing to show.
            status: MLflow's: FINISHED, FAILED or KILLED.
        """
        self._guarded(lambda: self._finish(outcome, status))

    def _guarded(self, step: Callable[[], None]) -> None:
        if self.warning is not None:
            return
        try:
            step()
        except Exception as error:  # MLflow, SQLAlchemy, requests and the operating system have no common root
            log.debug("MLflow failed", exc_info=True)
            lines = str(error).strip().splitlines()
            why = _without_credentials(lines[0] if lines else type(error).__name__)
            self.warning = (
                f"MLflow at {_without_credentials(tracking_uri())} failed ({why[:160]}); the files are kept; the "
                "same command into the same directory logs them later at no further call"
            )
            log.warning(self.warning)

    def _start(
        self, name: str, params: Mapping[str, Any], tags: Mapping[str, str], sweep_directory: Path | None
    ) -> None:
        client = self._client = _client()
        parent = _linked_run(sweep_directory, client) if sweep_directory is not None else None
        known = _linked_run(self.directory, client)
        if known is None:
            labels = dict(tags) | ({_PARENT_TAG: parent} if parent is not None else {})
            run = client.create_run(_experiment_id(client, self.experiment), run_name=name, tags=labels)
            self._run_id = run.info.run_id
            link = {"uri": _without_credentials(tracking_uri()), "run_id": self._run_id}
            (self.directory / LINK).write_text(json.dumps(link) + "\n")
        else:
            self._run_id = known
            client.update_run(known, status="RUNNING")
            self._known = dict(client.get_run(known).data.params)
        self._log_params(client, params)

    def _log_params(self, client: MlflowClient, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        values = {_key(key): _param(value) for key, value in params.items()}
        changed = [key for key in values if key in self._known and self._known[key] != values[key]]
        if changed:  # MLflow never changes a param; identity keys cannot get here, a ledger refuses them first
            log.warning("MLflow keeps the first values of %s", ", ".join(changed))
        fresh = [Param(key, value) for key, value in values.items() if key not in self._known]
        for batch in _batches(fresh, _BATCH["params"]):
            client.log_batch(self._run_id, params=batch)

    def _finish(self, outcome: Outcome | None, status: str) -> None:
        client = self._client
        if client is None:
            return
        if outcome is not None:
            self._log_metrics(client, outcome)
            for path in outcome.artifacts:
                folder = path.parent.as_posix()
                client.log_artifact(self._run_id, str(self.directory / path), folder if folder != "." else None)
        client.set_terminated(self._run_id, status=status)

    def _log_metrics(self, client: MlflowClient, outcome: Outcome) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [(key, value, 0) for key, value in _scalars(outcome.summary).items()]
        series = {"cooperation_rate": outcome.by_round}
        series |= {f"cooperation_rate_by_round/{model}": rates for model, rates in outcome.by_round_and_model.items()}
        for key, rates in series.items():
            points += [(key, rate, round_) for round_, rate in rates.items() if rate is not None]
        on_record = set(client.get_run(self._run_id).data.metrics)
        fresh = []
        for key, value, step in points:
            name = _key(key)
            history = client.get_metric_history(self._run_id, name) if name in on_record else []
            # MLflow keeps every point it is given: one that a resumed run gives again would double the curve.
            if not any(point.step == step and point.value == value for point in history):
                fresh.append(Metric(name, value, now, step))
        for batch in _batches(fresh, _BATCH["metrics"]):
            client.log_batch(self._run_id, metrics=batch)


def tracking_uri() -> str:
    """Where runs are logged: MLFLOW_TRACKING_URI, else a SQLite file in the current directory."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def ui_command() -> str:
    """What to type, or which address to open, to compare runs."""
    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        return f"open {_without_credentials(uri)}"
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return "mlflow ui"
    return f"mlflow ui --backend-store-uri {_without_credentials(uri)}"


def _client() -> MlflowClient:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for variable, value in _PATIENCE.items():
        os.environ.setdefault(variable, value)
    for chatty in ("alembic", "mlflow.store", "mlflow.tracking"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri())


def _experiment_id(client: MlflowClient, name: str) -> str:
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        # Without an absolute place artifacts would follow whatever directory a later run starts in.
        local = tracking_uri().startswith("sqlite:")
        place = (Path.cwd() / "mlartifacts" / name).as_uri() if local else None
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException:  # another process was faster
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise MlflowException(f"experiment {name!r} is deleted: restore it, or set tracking.experiment=OTHER")
    return str(experiment.experiment_id)


def _linked_run(directory: Path, client: MlflowClient) -> str | None:
    """The run that a directory belongs to; None when it has none in this store."""
    from mlflow.exceptions import MlflowException

    try:
        link = json.loads((directory / LINK).read_text())
        if link["uri"] != _without_credentials(tracking_uri()):
            return None
        return str(client.get_run(link["run_id"]).info.run_id)
    except (OSError, ValueError, KeyError, TypeError, MlflowException):
        return None


def _scalars(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a summary under their own names.

    Per-model rates go under `cooperation_rate/<model>`, and the overall one under `cooperation_rate_overall`, since
    `cooperation_rate` names the series over rounds.
    """
    numbers: dict[str, float] = {}
    for key, value in summary.items():
        if key == "cooperation_rate_by_model":
            numbers |= {f"cooperation_rate/{model}": rate for model, rate in value.items() if rate is not None}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers["cooperation_rate_overall" if key == "cooperation_rate" else key] = float(value)
    return numbers


def _key(name: str) -> str:
    """A name in the letters that MLflow allows."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _param(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_PARAM else f"{text[: _LONGEST_PARAM - 12]}… (cut here)"


def _batches(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _without_credentials(text: str) -> str:
    """A URI, or a message that quotes one, without user and password."""
    return re.sub(r"(://)[^\s/@]+@", r"\1", text)
