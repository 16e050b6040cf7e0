"""How a request becomes the calls that may answer it, and which of those on record does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from acausal.models.body import chat_body
from acausal.models.ledger import call_key
from acausal.records import Reply, Request
from acausal.settings.schema import Config


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one model, with its identity in the ledger."""

    request: Request
    slot: str
    """Who is asked: the assigned slot or its substitute."""
    body: dict[str, Any]
    key: str


def calls_for(config: Config, request: Request) -> list[Call]:
    """The call to the model assigned, then the one to its substitute where there is one."""
    slots = [request.slot, config.substitute_for(request.slot)]
    bodies = {slot: chat_body(config.models[slot], request) for slot in slots if slot is not None}
    return [Call(request, slot, body, call_key(request.place, body)) for slot, body in bodies.items()]


def success_on_record(calls: Sequence[Call], recorded: Callable[[str], Reply | None]) -> Reply | None:
    """The first success among the calls on record: a substitute's reply is settled.

    Args:
        recorded: Key of a call → what is on record of it.
    """
    replies = (recorded(call.key) for call in calls)
    return next((reply for reply in replies if reply is not None and reply.error is None), None)
