"""What a ledger already holds, read without taking it: a run may be writing to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acausal.models.ledger import FILE, MANIFEST, changed_keys, lines_on_record, ownerless
from acausal.records import Place, Reply


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call on record."""

    place: Place
    request: Mapping[str, Any]
    """The body as sent."""
    reply: Reply


def recorded_calls(directory: Path, identity: Mapping[str, Any], *, settled: bool = False) -> list[RecordedCall]:
    """The calls that a run into a directory will not make again, one for each place.

    None where nothing was run, nor where prompts or dials have changed since: which calls still hold shows only when
    they are made.

    Args:
        identity: Of the configuration that is to run.
        settled: Whether failures on record are final.

    Raises:
        LedgerError: The ledger is another cell's, so that the run would be refused; or it is damaged.
    """
    path = directory / FILE
    if not path.exists():
        return []
    if not (directory / MANIFEST).exists():
        raise ownerless(path)
    if changed_keys(directory / MANIFEST, identity):
        return []
    calls: dict[Place, RecordedCall] = {}
    for line in lines_on_record(path):
        if line.reply.error is None or (settled and line.place not in calls):
            calls[line.place] = RecordedCall(line.place, line.fields["request"], line.reply)
    return list(calls.values())
