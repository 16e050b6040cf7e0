"""Checks of the machine: Python, packages, the current directory, the MLflow store. None touches the network,
except a store that is a server."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from urllib.parse import quote, urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from acausal.doctor.finding import Finding, ok, problem, warning
from acausal.tracking import tracking_uri, ui_command

DISTRIBUTION = "acausal"
EXTRA = "local"
TIGHT_BYTES = 1_000_000_000
TOO_LITTLE_BYTES = 50_000_000
SLOW_WRITE_S = 0.5
PATIENCE_S = 5.0


def python() -> Iterator[Finding]:
    """Whether this Python is one that the package supports."""
    try:
        wanted = metadata(DISTRIBUTION)["Requires-Python"] or ""
    except PackageNotFoundError:
        wanted = ""
    running = platform.python_version()
    if SpecifierSet(wanted).contains(running, prereleases=True):
        yield ok("Python", running)
    else:
        yield problem("Python", f"{running}, but {wanted} is needed", "make the environment anew with such a Python")


def packages() -> Iterator[Finding]:
    """Whether the installed packages lie in the ranges that this distribution declares."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        yield warning("packages", f"{DISTRIBUTION} is not installed, so its ranges are unknown", "pip install -e .")
        return
    checked, wrong = 0, []
    for wanted in map(Requirement, lines):
        optional = wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})
        if optional and wanted.marker is not None and not wanted.marker.evaluate({"extra": EXTRA}):
            continue
        try:
            installed = version(wanted.name)
        except PackageNotFoundError:
            if not optional:  # an embedded model's check says whether the optional ones are needed
                wrong.append(f"{wanted.name} is missing")
            continue
        checked += 1
        if not wanted.specifier.contains(installed, prereleases=True):
            wrong.append(f"{wanted.name} is {installed}, but {wanted.specifier} is needed")
    if wrong:
        yield problem("packages", "; ".join(wrong), f"pip install --upgrade {DISTRIBUTION}, or -e . in a checkout")
    else:
        yield ok("packages", f"{checked}, all in their ranges")


def directory(here: Path) -> Iterator[Finding]:
    """Space, permission, the time of a write that reaches the disk, and whether a lock keeps others out."""
    free = shutil.disk_usage(here).free
    if free < TOO_LITTLE_BYTES:
        yield problem("disk", f"{gigabytes(free)} free in {here}", "make room: every reply must reach the disk")
    elif free < TIGHT_BYTES:
        yield warning("disk", f"{gigabytes(free)} free in {here}", "make room before a long sweep")
    else:
        yield ok("disk", f"{gigabytes(free)} free")
    try:
        scratch = tempfile.NamedTemporaryFile(dir=here, prefix=".acausal-doctor-")  # noqa: SIM115 (closed below)
    except OSError as error:
        cure = "change to a directory of your own, or choose hydra.run.dir and hydra.sweep.dir elsewhere"
        yield problem("directory", f"cannot write in {here}: {error.strerror}", cure)
        return
    with scratch:
        started = time.perf_counter()
        scratch.write(bytes(4096))
        scratch.flush()
        os.fsync(scratch.fileno())
        took = time.perf_counter() - started
        if took > SLOW_WRITE_S:
            yield warning("directory", f"a write takes {took:.1f} s to reach the disk", "run on a local disk")
        else:
            yield ok("directory", f"writable; a write reaches the disk in {took * 1000:.1f} ms")
        yield _lock(Path(scratch.name))


def _lock(path: Path) -> Finding:
    """Whether a second opening of a file is kept out by a lock, as two runs into one directory must be."""
    cure = "run on a local disk: two runs into one directory would not see each other"
    with path.open("rb") as first, path.open("rb") as second:
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return problem("file locks", f"this file system has none ({error.strerror})", cure)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return ok("file locks", "keep a second run out")
    return warning("file locks", "do not keep a second run out on this file system", cure)


def store() -> Iterator[Finding]:
    """Whether runs can be logged: the MLflow store opens, or can be made. Nothing is made here."""
    uri = tracking_uri()
    if uri.startswith("sqlite:"):
        yield _database(Path.cwd() / uri.removeprefix("sqlite:///").partition("?")[0])
    elif uri.startswith(("http://", "https://")):
        yield _server(uri)
    elif "://" not in uri or uri.startswith("file:"):
        cure = (
            "unset MLFLOW_TRACKING_URI for sqlite:///mlflow.db, name a database or a server, or tracking.enabled=false"
        )
        yield problem("MLflow", "MLFLOW_TRACKING_URI names a directory, which MLflow no longer writes to", cure)
    else:  # a database server: its own driver would have to be loaded to ask
        yield warning("MLflow", "the database that MLFLOW_TRACKING_URI names was not asked", f"try {ui_command()}")


def _database(path: Path) -> Finding:
    cure = "name another store in MLFLOW_TRACKING_URI, or run with tracking.enabled=false"
    if not path.exists():
        parent = path.parent
        if parent.is_dir() and os.access(parent, os.W_OK):
            return ok("MLflow", f"{path.name} is made by the first run; then: {ui_command()}")
        return problem("MLflow", f"{path} cannot be made: its directory is not there or not writable", cure)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=PATIENCE_S)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        return problem("MLflow", f"{path} does not open: {error}", cure)
    if tables and "alembic_version" not in tables:
        return problem("MLflow", f"{path} is a database of something else", cure)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return problem("MLflow", f"{path} is not writable", cure)
    return ok("MLflow", f"{path.name} opens; to see it: {ui_command()}")


def _server(uri: str) -> Finding:
    parts = urlsplit(uri)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"  # no credentials
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE_S).close()
    except OSError as error:
        cure = "start the server, correct MLFLOW_TRACKING_URI, or run with tracking.enabled=false"
        return problem("MLflow", f"no connection to {where}: {error.strerror or error}", cure)
    return ok("MLflow", f"the server at {where} takes connections")


def available_memory() -> int | None:
    """Bytes that programs can still take; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def gigabytes(count: int) -> str:
    """Bytes as they are printed."""
    return f"{count / 1e9:.1f} GB"
