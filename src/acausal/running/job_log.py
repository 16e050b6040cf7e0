"""The log of each cell, `run.log` in its directory, also where cells are played at the same time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

FILE = "run.log"
LOG_FORMAT = "[%(asctime)s][%(name)s][%(levelname)s] %(message)s"
"""As in conf/hydra/job_logging/file.yaml, which a directory does not bring along."""
_here: ContextVar[Path | None] = ContextVar("_here", default=None)


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Everything that this context logs, from INFO upward, into a cell's log; the terminal is the display's.

    Tasks and threads that begin here belong here; what other contexts log goes elsewhere.
    """
    root = logging.getLogger()
    handler = logging.FileHandler(path, delay=True, encoding="utf-8")
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    handler.addFilter(lambda _: _here.get() == path)
    token = _here.set(path)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        _here.reset(token)
        handler.close()


@contextmanager
def only_cells_log() -> Iterator[None]:
    """From INFO upward, and nowhere but into the logs of cells."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
