"""A text that an agent wrote, with what it had been told, and the decisions that followed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from acausal.game import Action
from acausal.records import Decision


class Source(StrEnum):
    """Where a text stands."""

    STRATEGY = "strategy"
    REASONING = "reasoning"
    """What the endpoint gives apart from the reply, or the `reason` of a program."""
    REPLY = "reply"
    """Of a decision, where it says more than a label."""


@dataclass(frozen=True, slots=True)
class Written:
    """One text. Its place is that of the call which gave it."""

    source: Source
    cell: str
    """Of a sweep, which one; empty of a run alone."""
    condition: str
    model: str
    replicate: int
    round: int
    agent: int
    text: str
    call_key: str
    match: int | None = None
    turn: int = 1
    told: str = ""
    """Every word of its prompt that its author had not written itself."""
    labels: Mapping[Action, str] = field(default_factory=dict)
    """Action → the word its author was given for it, in the order of the prompt."""
    decisions: tuple[Decision, ...] = ()
    """All that were made under it, those that do not count included."""


def evenly(texts: Sequence[Written], most: int | None) -> list[Written]:
    """At most so many of the texts, evenly spaced over their order: no chance, so the same again; None: all."""
    if most is None or most >= len(texts):
        return list(texts)
    return [texts[number * len(texts) // most] for number in range(most)]
