"""What every agent read and wrote, packed small enough to stand inside a page: decisions, prompts, strategies."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acausal.game import Action
from acausal.models.ledger import FILE, lines_on_record
from acausal.records import Decision, Status, StrategyRecord

MOST = 50_000
"""Decisions of one page: beyond that it grows heavier than a browser likes."""
_ACTIONS = ("none", *(action.value for action in Action))
_STATUSES = tuple(status.value for status in Status)
_COLUMNS = (
    *("cell", "replicate", "round", "match", "turn", "agent", "coplayer", "model", "status", "action", "payoff", "p"),
    *("wording", "substituted", "reason", "prompt", "reply", "reasoning", "strategy", "planned", "partner"),
)


@dataclass(frozen=True, slots=True)
class Written:
    """One cell's part of a page."""

    title: str
    decisions: Sequence[Decision]
    strategies: Sequence[StrategyRecord]
    directory: Path
    """Holds the ledger, if any: without one only what the tables keep can be shown."""


@dataclass(slots=True)
class _Packed:
    texts: dict[str, int] = field(default_factory=dict)
    prompts: dict[tuple[int, ...], int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _COLUMNS})

    def text(self, words: str | None) -> int:
        return -1 if not words else self.texts.setdefault(words, len(self.texts))

    def prompt(self, messages: Iterable[Mapping[str, Any]]) -> int:
        """Number of a prompt: its lines are kept once each, since prompts share most of theirs."""
        lines = [line for m in messages for line in (f"[{m['role']}]", *str(m["content"]).splitlines(), "")]
        numbers = tuple(self.texts.setdefault(line, len(self.texts)) for line in lines)
        return self.prompts.setdefault(numbers, len(self.prompts)) if numbers else -1


def pack(cells: Sequence[Written]) -> str:
    """Base64 of deflated JSON, for the page's own JavaScript; the same records give the same letters.

    Raises:
        LedgerError: A line of a ledger before its last is damaged.
    """
    packed = _Packed()
    for number, cell in enumerate(cells):
        _add(packed, number, cell)
    content = {
        "cells": [cell.title for cell in cells],
        "models": list(packed.models),
        "statuses": _STATUSES,
        "actions": _ACTIONS,
        "texts": list(packed.texts),
        "prompts": list(packed.prompts),
        "columns": packed.columns,
    }
    letters = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return base64.b64encode(zlib.compress(letters, 9)).decode()


def unpack(letters: str) -> dict[str, Any]:
    """What `pack` packed, as the page reads it."""
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(letters)))
    return content


def _add(packed: _Packed, number: int, cell: Written) -> None:
    ordered = sorted(cell.decisions, key=lambda d: (d.replicate, d.round, d.match, d.turn, d.agent))
    start = len(packed.columns["cell"])
    seats = {(d.replicate, d.round, d.match, d.turn, d.agent): start + at for at, d in enumerate(ordered)}
    wanted = {decision.call_key for decision in ordered}
    calls: dict[str, tuple[int, int, int]] = {}
    ledger = cell.directory / FILE
    for line in lines_on_record(ledger) if ledger.is_file() else ():
        reply = line.reply
        if reply.key in wanted and (reply.key not in calls or reply.error is None):
            prompt = packed.prompt(line.fields["request"].get("messages", ()))
            calls[reply.key] = prompt, packed.text(reply.text or reply.refusal), packed.text(reply.reasoning)
    wrote = {(each.replicate, each.round, each.agent): each for each in cell.strategies}
    for decision in ordered:
        own = wrote.get((decision.replicate, decision.round, decision.agent))
        prompt, said, reasoning = calls.get(decision.call_key or "", (-1, -1, -1))
        partner = (decision.replicate, decision.round, decision.match, decision.turn, decision.coplayer or -1)
        row = {
            "cell": number,
            "coplayer": -1 if decision.coplayer is None else decision.coplayer,
            "model": packed.models.setdefault(decision.agent_model, len(packed.models)),
            "status": _STATUSES.index(decision.status.value),
            "action": 0 if decision.action is None else _ACTIONS.index(decision.action.value),
            "p": decision.p_cooperate,
            "wording": decision.paraphrase or 0,
            "substituted": int(decision.substituted),
            "reason": packed.text(decision.reason),
            "prompt": prompt,
            "reply": said,
            "reasoning": reasoning,
            "strategy": packed.text(own.strategy if own else None),
            "planned": packed.text(own.reasoning if own else None),
            "partner": seats.get(partner, -1),
        }
        for name, values in packed.columns.items():
            values.append(row[name] if name in row else getattr(decision, name))
