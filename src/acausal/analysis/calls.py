"""What the calls to each model came to: how many, what went wrong, how long they took, what they cost.

Two sources: the replies on record, of every run into the cell's directory, and the limits as one run met them.
"""

from __future__ import annotations

import math
from array import array
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from acausal.models.meter import GateReport
from acausal.records import Reply

NOTHING_SENT = ""
"""In place of the cause of a failed call that made no attempt: its model was known to be absent."""


@dataclass(frozen=True, slots=True)
class CallSummary:
    """The calls to one model."""

    calls: int
    """Different calls that it was asked for, as itself or as a substitute."""
    failures: int
    """Of these, the ones without a reply so far; one whose prompt has changed since is not asked again."""
    attempts: int
    """Requests sent."""
    retries: Mapping[str, int]
    """Why an attempt gave no reply and was followed by another, by cause; also across an interruption."""
    substitutions: int
    """Replies that another model gave for it."""
    latency_p50_s: float | None
    """Of the attempts that were answered, nearest rank; None without a reply."""
    latency_p95_s: float | None
    latency_p99_s: float | None
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    """Of the replies; None when the price of some is unknown."""
    queued_s: float
    """Seconds that attempts waited for the model's limits, added up over calls that wait side by side."""


class CallTally:
    """Counts replies one after another; keeps a number for each, and a key for each call that has failed so far."""

    def __init__(self) -> None:
        self._models: dict[str, _Counts] = {}
        self._failed: dict[str, str] = {}
        """Key → cause of the last attempt."""

    def add(self, reply: Reply) -> None:
        """Count a reply, or a failure: one whose key has failed before is the same call, asked again."""
        counts = self._of(reply.asked or reply.model)
        counts.attempts += reply.attempts
        counts.queued_s += reply.queued_s
        counts.retries.update(reply.retries)
        before = self._failed.pop(reply.key, None)
        if before is None:
            counts.calls += 1
        else:
            counts.failures -= 1
            counts.retries.update([before] if before != NOTHING_SENT else [])
        if reply.error is None:
            counts.answered(reply)
        else:
            counts.failures += 1
            self._failed[reply.key] = (reply.cause or "error") if reply.attempts else NOTHING_SENT
        if reply.substituted:
            self._of(reply.model).substitutions += 1

    @property
    def models(self) -> list[str]:
        """The models counted so far."""
        return sorted(self._models)

    def summary(self, model: str) -> CallSummary:
        """What the calls to a model came to so far."""
        counts = self._models.get(model) or _Counts()
        return CallSummary(
            calls=counts.calls,
            failures=counts.failures,
            attempts=counts.attempts,
            retries=dict(sorted(counts.retries.items())),
            substitutions=counts.substitutions,
            latency_p50_s=nearest_rank(counts.latencies_s, 0.50),
            latency_p95_s=nearest_rank(counts.latencies_s, 0.95),
            latency_p99_s=nearest_rank(counts.latencies_s, 0.99),
            tokens_in=counts.tokens_in,
            tokens_out=counts.tokens_out,
            cost_usd=None if counts.unpriced else counts.cost_usd,
            queued_s=round(counts.queued_s, 6),
        )

    def _of(self, model: str) -> _Counts:
        return self._models.setdefault(model, _Counts())


def call_summaries(replies: Iterable[Reply]) -> dict[str, CallSummary]:
    """Model → what its calls came to.

    Args:
        replies: Those on record, failures included, in the order written.
    """
    tally = CallTally()
    for reply in replies:
        tally.add(reply)
    return {model: tally.summary(model) for model in tally.models}


def calls_by_model(summaries: Mapping[str, CallSummary], gates: Iterable[GateReport] = ()) -> dict[str, dict[str, Any]]:
    """The part of summary.json on the calls to each model.

    Args:
        gates: Limits as this run met them; those that nothing passed tell nothing.
    """
    met: dict[str, list[GateReport]] = {}
    for gate in gates:
        if gate.sent:
            met.setdefault(gate.model, []).append(gate)
    return {model: asdict(summary) | _limits(met.get(model, [])) for model, summary in summaries.items()}


def nearest_rank(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least a share of all do not exceed; None of none.

    Args:
        ordered: Ascending.
        share: In (0, 1].
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


class _Counts:
    def __init__(self) -> None:
        self.calls = self.failures = self.attempts = self.substitutions = 0
        self.retries = Counter[str]()
        self.latencies_s = array("d")
        """Ascending."""
        self.tokens_in = self.tokens_out = 0
        self.cost_usd = 0.0
        self.unpriced = False
        self.queued_s = 0.0

    def answered(self, reply: Reply) -> None:
        if reply.latency_s is not None:
            insort(self.latencies_s, reply.latency_s)
        self.tokens_in += reply.tokens_in or 0
        self.tokens_out += reply.tokens_out or 0
        self.cost_usd += reply.cost_usd or 0.0
        self.unpriced |= reply.cost_usd is None


def _limits(gates: Sequence[GateReport]) -> dict[str, Any]:
    """Of one model, which may be served at several endpoints."""
    shares = [gate.limit_share for gate in gates if gate.limit_share is not None]
    return {
        "limit_share": max(shares, default=None),
        "concurrency": [
            {"endpoint": gate.endpoint, "width": gate.width, "changes": [asdict(change) for change in gate.changes]}
            for gate in gates
            if gate.width is not None
        ],
    }
