"""What the simulated endpoint saw: a record per chat request, and the file that keeps them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson

from acausal.errors import ConfigError


@dataclass(slots=True)
class SeenRequest:
    """A chat request as it arrived, and how it was answered."""

    at_s: float
    """Monotonic seconds of its arrival."""
    model: str
    body: dict[str, Any]
    brought_key: bool
    key_is_right: bool
    """True also where no key is needed. The key itself is never kept."""
    digest: str = ""
    """Of the body: equal requests have equal digests, whatever the order of their keys."""
    repeat: int = 0
    """How many requests with this body came before and were let in: those that key, credit or rate limit refused do
    not count, so that the moment of a retry changes nothing of what it meets."""
    fault: str = ""
    """Name of the fault that struck; empty: none did, or it has no name."""
    limited: bool = False
    """Whether the rate limit refused it."""
    tokens_in: int = 0
    """Billed; 0 where no reply was made."""
    tokens_out: int = 0
    cost_usd: float = 0.0
    status: int | None = None
    """HTTP status answered; None before the answer, and where none was sent."""
    answered_at_s: float | None = None
    """Monotonic seconds at which the server was done with it; None before."""
    delivered: bool = False
    """Whether a whole answer was handed to a connection that the client held open."""


class SeenLog:
    """A JSON line per request that the server is done with: neither the key nor the messages.

    `at_s` and `answered_at_s` are Unix seconds there.

    Args:
        path: Appended to.

    Raises:
        ConfigError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: BinaryIO = path.open("ab", buffering=0)
        except OSError as error:
            raise ConfigError(
                f"the log {str(path)!r} cannot be written: {error.strerror}; choose another file"
            ) from error
        self._epoch_s = time.time() - time.monotonic()

    def __enter__(self) -> SeenLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, seen: SeenRequest) -> None:
        """Append one request that was answered, or that ended without an answer."""
        line = {
            "at_s": self._epoch_s + seen.at_s,
            "answered_at_s": None if seen.answered_at_s is None else self._epoch_s + seen.answered_at_s,
            "model": seen.model,
            "digest": seen.digest,
            "repeat": seen.repeat,
            "brought_key": seen.brought_key,
            "key_is_right": seen.key_is_right,
            "fault": seen.fault,
            "limited": seen.limited,
            "status": seen.status,
            "delivered": seen.delivered,
            "tokens_in": seen.tokens_in,
            "tokens_out": seen.tokens_out,
            "cost_usd": seen.cost_usd,
        }
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
