"""What every test gets: no network beyond loopback, and a configuration composed from conf/."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import composing
import pytest

from acausal.config import register_schema
from acausal.settings.schema import Config
from acausal.tracking import _client


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        assert host in ("127.0.0.1", "::1", "localhost"), f"a test tried to reach {host}"
        connect(self, address)  # type: ignore[arg-type]  # whatever the socket itself accepts

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _the_environment_stays() -> Iterator[None]:
    """A command that reads `.env` puts it into this process's environment, where the next test would find it."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session", autouse=True)
def _schema() -> None:
    register_schema()
    os.environ.pop("COLUMNS", None)  # tables are as wide as in a pipe, wherever the tests are started
    composing.read_yaml_once()
    gc.freeze()  # what the libraries keep for good need not be looked through again in every collection


@pytest.fixture(scope="session")
def composed() -> Callable[..., Config]:
    """`composed("scenario=homogeneous", …)`: the checked configuration of a command line."""
    return composing.composed


@pytest.fixture(scope="session")
def scripted(composed: Callable[..., Config]) -> Callable[..., Config]:
    """The same, with personas in all slots: always_c in a, always_d in b, tit_for_tat in c."""

    def configuration(*overrides: str) -> Config:
        slots = [f"model@models.{slot}=scripted" for slot in "abc"]
        kinds = [
            f"models.{slot}.model_type=scripted/{name}"
            for slot, name in zip("ab", ("always_c", "always_d"), strict=True)
        ]
        return composed(*slots, *kinds, *overrides)

    return configuration


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs, to be copied to where one is wanted: to make it takes seconds."""
    path = tmp_path_factory.mktemp("empty_store") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
        assert len(_client().search_experiments()) == 1  # MLflow's own
    return path


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures left out of a cell's outputs: they are four fifths of the time of a small one."""
    monkeypatch.setattr("acausal.outputs.write_figures", lambda *_: [])
