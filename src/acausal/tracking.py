"""MLflow, and nothing else touches it: a sweep is a parent run, a cell a child run.

A failure of the store never loses a run: it becomes one warning, and the same command into the same directory logs
the cell again, replaying every call from the ledger. Everything here blocks; call it from a thread.
"""

from __future__ import annotations

import getpass
import json
import logging
import math
import os
import re
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acausal.report.checks import check_metrics

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

LINK = "tracking.json"
"""Names the run of a directory, so that going on with a cell goes on with its run."""
_PARENT_TAG = "mlflow.parentRunId"
_LONGEST_PARAM = 6000
_LONGEST_KEY = 250
_PATIENCE = {
    # A server that is down, or accepts and never answers, costs about 20 s, not MLflow's default of minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # Retry-After has no upper bound: one reply could hold the run for an hour.
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
_DATABASE_ATTEMPTS = 5
"""Tries to open a database, 2.6 s in all; MLflow's own ten take 100 s."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished cell has to show; its note is Markdown that stands first on the run's page."""

    summary: Mapping[str, Any]
    """The contract's summary.json."""
    by_round: Mapping[int, float | None]
    """Round → cooperation rate over all replicates."""
    by_round_and_model: Mapping[str, Mapping[int, float | None]]
    artifacts: Sequence[Path]
    note: str = ""
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
            # Frames only: the messages between them quote the URI in pieces that nothing could recognise.
            log.debug("MLflow failed at\n%s", "".join(traceback.format_tb(error.__traceback__)))
            self.warning = (
                f"MLflow at {_without_credentials(tracking_uri())} failed ({_reason(error)}); the files are kept in "
                f"{self.directory}; the same command into the same directory logs them later at no further call"
            )
            log.warning(self.warning)

    def _start(
        self, name: str, params: Mapping[str, Any], tags: Mapping[str, str], sweep_directory: Path | None
    ) -> None:
        client = self._client = _client()
        experiment = _experiment_id(client, self.experiment)
        parent = _linked_run(sweep_directory, client, experiment) if sweep_directory is not None else None
        labels = _origin(tags) | dict(tags) | ({_PARENT_TAG: parent} if parent is not None else {})
        known = _linked_run(self.directory, client, experiment)
        if known is None:
            self._run_id = client.create_run(experiment, run_name=name, tags=labels).info.run_id
            link = {
                "uri": _without_credentials(tracking_uri()),
                "experiment_id": experiment,
                "run_id": self._run_id,
            }
            (self.directory / LINK).write_text(json.dumps(link) + "\n")
        else:
            self._run_id = known
            client.update_run(known, status="RUNNING", name=name)
            data = client.get_run(known).data
            for tag, value in labels.items():
                if data.tags.get(tag) != value:
                    client.set_tag(known, tag, value)
            self._known = dict(data.params)
        self._log_params(client, params)

    def _log_params(self, client: MlflowClient, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        values = {_key(key): _param(value) for key, value in params.items()}
        changed = [key for key in values if key in self._known and self._known[key] != values[key]]
        if changed:  # MLflow never changes a param; identity keys cannot get here, a ledger refuses them first
            log.warning("MLflow keeps the first values of %s", ", ".join(changed))
        fresh = [Param(key, value) for key, value in values.items() if key not in self._known]
        client.log_batch(self._run_id, params=fresh)  # which cuts it into as many requests as it takes

    def _finish(self, outcome: Outcome | None, status: str) -> None:
        if (client := self._client) is None:
            return
        if outcome is not None:
            self._log_metrics(client, outcome)
            client.set_tag(self._run_id, "mlflow.note.content", outcome.note)
        try:
            for path in outcome.artifacts if outcome is not None else ():
                where = path.parent.as_posix() if path.parent.name else None
                client.log_artifact(self._run_id, str(self.directory / path), where)
        finally:  # files may live in another store than runs; without theirs, the run has ended all the same
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
        latest: dict[str, dict[int, float]] = {}
        for name in {_key(key) for key, _, _ in points} & on_record:
            history = client.get_metric_history(self._run_id, name)
            latest[name] = {point.step: point.value for point in sorted(history, key=lambda point: point.timestamp)}
        # MLflow keeps every point it is given: one that a resumed run gives again would double the curve.
        fresh = [
            Metric(_key(key), value, now, step)
            for key, value, step in points
            if latest.get(_key(key), {}).get(step) != value
        ]
        client.log_batch(self._run_id, metrics=fresh)


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
    shown = shlex.quote(uri) if _without_credentials(uri) == uri else '"$MLFLOW_TRACKING_URI"'
    return f"mlflow ui --backend-store-uri {shown}"


def _client() -> MlflowClient:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for variable, value in _PATIENCE.items():
        os.environ.setdefault(variable, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # older versions of MLflow leave it to talk
    for retrying in ("mlflow.store.db.utils", "urllib3"):
        # They announce every attempt; what the last one says comes as an exception, and so as our one warning.
        logging.getLogger(retrying).setLevel(logging.ERROR)
    from mlflow.tracking import MlflowClient

    uri = tracking_uri()
    if not uri.startswith(("http://", "https://")):
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = _DATABASE_ATTEMPTS  # a constant: no variable sets it
    return MlflowClient(tracking_uri=uri)


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


def _linked_run(directory: Path, client: MlflowClient, experiment: str) -> str | None:
    """The run that a directory belongs to; None when this experiment of this store has none, or has thrown it away.

    Raises:
        MlflowException: The store does not answer; taken for an absent run, it would be made twice.
    """
    from mlflow.exceptions import MlflowException

    try:
        link = json.loads((directory / LINK).read_text())
        uri, run_id = link["uri"], str(link["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if uri != _without_credentials(tracking_uri()):
        return None
    try:
        info = client.get_run(run_id).info
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return run_id if info.lifecycle_stage == "active" and info.experiment_id == experiment else None


def _origin(tags: Mapping[str, str]) -> dict[str, str]:
    """MLflow's own tags: who ran what, from which commit."""
    origin = {"mlflow.source.name": Path(sys.argv[0]).name or "python", "mlflow.source.type": "LOCAL"}
    if "git_commit" in tags:
        origin["mlflow.source.git.commit"] = tags["git_commit"]
    with suppress(OSError, KeyError, ImportError):  # a container's user may have no name
        origin["mlflow.user"] = getpass.getuser()
    return origin


def _scalars(summary: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a summary under their own names.

    Per-model rates go under `cooperation_rate/<model>`, calls under `calls/<model>`, `retries/<model>` and so on, and
    the overall rate under `cooperation_rate_overall`, since `cooperation_rate` names the series over rounds.
    """
    numbers: dict[str, float] = {}
    for key, value in summary.items():
        if key in ("cooperation_rate_by_model", "cooperation_rate_intention_to_treat_by_model"):
            name = key.removesuffix("_by_model")
            numbers |= {f"{name}/{model}": rate for model, rate in value.items() if rate is not None}
        elif key == "calls_by_model":
            for model, figures in value.items():
                flat = figures | {"retries": sum(figures["retries"].values())}
                numbers |= {f"{name}/{model}": float(flat[name]) for name in flat if _is_number(flat[name])}
        elif key == "checks":
            numbers |= {name: float(found) for name, found in check_metrics(value).items() if _is_number(found)}
        elif _is_number(value):
            numbers["cooperation_rate_overall" if key == "cooperation_rate" else key] = float(value)
    return numbers


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _key(name: str) -> str:
    """A name in the letters that MLflow allows, and tidy as a relative path, as which it may be stored."""
    parts = re.sub(r"[^\w\-. :/]", "_", name).split("/")
    tidy = "/".join(part for part in parts if part not in ("", ".", ".."))
    return re.sub(r"^\.\.", "__", tidy)[:_LONGEST_KEY].rstrip("/") or "_"


def _param(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_PARAM else f"{text[: _LONGEST_PARAM - 12]}… (cut here)"


def _reason(error: Exception) -> str:
    """What failed, in a few words: of a failed connection its cause, not the layers that report it."""
    cause: BaseException = error
    while (below := cause.__cause__ or cause.__context__) is not None:
        cause = below
    is_network = isinstance(cause, OSError) or type(cause).__name__ == "ResponseError"  # urllib3's, of a status
    lines = str(cause if is_network else error).strip().splitlines()
    return _without_credentials(lines[0] if lines else type(error).__name__)[:160]


def _without_credentials(text: str) -> str:
    """A URI, or a message that quotes one, without user, password and the secrets of its query.

    Cut up to the last @ of a word: a password written without escapes may hold @ and / itself.
    """
    text = re.sub(r"://(?!/)\S*@", "://", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:pass|pwd|secret|token|key)[^=&\s]*=)[^&\s]*", r"\1***", text)
