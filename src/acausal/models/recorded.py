"""What a ledger already holds, read without taking it: a run may be writing to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from acausal.errors import LedgerError
from acausal.models.ledger import FILE, MANIFEST
from acausal.records import Place, Purpose, Reply

_AS_REPLIED = (
    *("key", "model", "served_by", "substituted", "reasoning", "finish_reason", "refusal", "tokens_in", "tokens_out"),
    *("cost_usd", "latency_s", "attempts", "error"),
)


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call on record."""

    place: Place
    request: Mapping[str, Any]
    """The body as sent."""
    reply: Reply


def recorded_calls(directory: Path, identity: Mapping[str, Any], *, settled: bool = False) -> list[RecordedCall]:
    """The calls that a run into a directory will not make again, one for each place; none where nothing was run.

    Args:
        identity: Of the configuration that is to run.
        settled: Whether failures on record are final.

    Raises:
        LedgerError: The ledger is another configuration's, so that the run would be refused; or it is damaged.
    """
    path = directory / FILE
    if not path.exists():
        return []
    manifest = directory / MANIFEST
    try:
        owner = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        raise LedgerError(f"{manifest} cannot be read ({error}): restore it, or choose another hydra.run.dir") from None
    if owner != identity:
        changed = sorted(key for key in {*owner, *identity} if owner.get(key) != identity.get(key))
        raise LedgerError(
            f"{path} holds the calls of another configuration (it differs in {changed[0]}): "
            "price this one with another hydra.run.dir"
        )
    calls: dict[Place, RecordedCall] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break  # still being written, or torn
            call = _parsed(path, number, line)
            if call.reply.error is None or (settled and call.place not in calls):
                calls[call.place] = call
    return list(calls.values())


def _parsed(path: Path, number: int, line: bytes) -> RecordedCall:
    try:
        fields = orjson.loads(line)
        place = Place(
            fields["replicate"],
            fields["round"],
            fields["agent"],
            Purpose(fields["purpose"]),
            fields["match"],
            fields["coplayer"],
        )
        reply = Reply(text=fields["reply"], replayed=True, **{name: fields[name] for name in _AS_REPLIED})
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"{path} line {number} is damaged ({error}): restore the file, or remove that line") from None
    return RecordedCall(place, fields["request"], reply)
