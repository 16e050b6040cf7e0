"""What is known to be gone, and who may answer in its place."""

from __future__ import annotations

from acausal.errors import ModelError, ModelRejected
from acausal.schema import FallbackConfig, FallbackPolicy

_FINAL = frozenset({401, 402, 403, 404})
"""Rejections of the model, key or account rather than of one request."""


class Availability:
    """Which models are worth asking in this run: one that is gone is not asked again for every decision."""

    def __init__(self) -> None:
        self._answered: set[str] = set()
        self._gone: dict[str, ModelError] = {}

    def answered(self, slot: str) -> None:
        """A reply arrived."""
        self._answered.add(slot)

    def failed(self, slot: str, error: ModelError) -> None:
        """A call failed for good: the model is gone if the fault is not this request's, or if it never answered."""
        rejected = isinstance(error, ModelRejected)
        if error.status in _FINAL if rejected else slot not in self._answered:
            self._gone[slot] = error

    def why_gone(self, slot: str) -> ModelError | None:
        """The error that ended the model; None while it is worth asking."""
        return self._gone.get(slot)


def substitute_for(slot: str, fallback: FallbackConfig) -> str | None:
    """The slot that may answer for another; None when nobody may."""
    if fallback.policy is not FallbackPolicy.substitute or fallback.model == slot:
        return None
    return fallback.model
