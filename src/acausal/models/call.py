"""The calls that may answer a request: the assigned model's, then its substitute's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from acausal.models.body import chat_body
from acausal.models.ledger import Ledger, call_key
from acausal.records import Reply, Request
from acausal.schema import Config


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one model, with its identity in the ledger."""

    request: Request
    slot: str
    """Who is asked: the assigned slot or its substitute."""
    body: dict[str, Any]
    key: str


def calls_for(config: Config, request: Request) -> list[Call]:
    """Every call that may answer a request, in the order in which they are asked."""
    slots = [request.slot, config.substitute_for(request.slot)]
    return [_call(config, request, slot) for slot in slots if slot is not None]


def on_record(ledger: Ledger, calls: list[Call]) -> Reply | None:
    """The first success among the calls that may answer; None when there is none yet."""
    for call in calls:
        reply = ledger.get(call.key)
        if reply is not None and reply.error is None:
            return reply
    return None


def _call(config: Config, request: Request, slot: str) -> Call:
    body = chat_body(config.models[slot], request)
    return Call(request, slot, body, call_key(request.place, body))
