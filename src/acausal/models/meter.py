"""What one cell takes of a limit that it shares with others and that outlives it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WidthChange:
    """A step of the adaptive concurrency."""

    at_s: float
    """Seconds since the slots were first used; in a GateReport, since the cell's first request."""
    width: int
    """Calls in flight at most, from now on."""
    cause: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """What a cell took of the limits of one model at one endpoint."""

    model: str
    """The provider's id."""
    endpoint: str
    sent: int
    """Attempts let through, of every cell that shares the gate while this one lasts."""
    queued_s: float
    """Seconds that they waited for a slot and for permits, together."""
    limit_share: float | None
    """Requests sent over those permitted; None without a limit, or where too few were sent to tell."""
    width: int | None
    """Calls in flight at most when the cell began; None without such a limit."""
    changes: tuple[WidthChange, ...]
    """Of the width since then; the latest where they are too many to keep."""


class Meter:
    """Counts what passes a gate from now on.

    Args:
        requests_per_minute: The limit; None: none.
        width: Calls in flight at most as it stands.
        changes_before: Changes of the width that were made before.
    """

    def __init__(self, requests_per_minute: float | None, width: int | None, changes_before: int) -> None:
        self.width = width
        self.changes_before = changes_before
        self.sent = 0
        self.queued_s = 0.0
        self.first_sent_s = 0.0
        self._last_sent_s = 0.0
        self._per_minute = requests_per_minute

    def count(self, queued_s: float, sent_at_s: float) -> None:
        """An attempt was let through."""
        if not self.sent:
            self.first_sent_s = sent_at_s
        self._last_sent_s = sent_at_s
        self.sent += 1
        self.queued_s += queued_s

    def share_used(self) -> float | None:
        """Requests sent over those permitted, from the first to the last; None without a limit or a stretch of time."""
        minutes = (self._last_sent_s - self.first_sent_s) / 60
        return (self.sent - 1) / (self._per_minute * minutes) if self._per_minute is not None and minutes > 0 else None
