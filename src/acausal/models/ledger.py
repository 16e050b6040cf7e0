"""The append-only record of every call: `calls.jsonl`, one line written before its reply is used."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson

from acausal.config import defines_the_cell
from acausal.errors import LedgerError
from acausal.records import Place, Purpose, Reply, TokenChances

_PLACE = {field.name: field.default if isinstance(field.default, int) else ... for field in fields(Place)}
"""Field of a place → its usual value, if any, which a key leaves out: so a key outlives fields that are added."""
FILE = "calls.jsonl"
MANIFEST = "ledger.json"


def call_key(place: Place, body: Mapping[str, Any]) -> str:
    """The identity of a call: its place in the design and the full request, whatever server answers it."""
    where = {name: value for name, usual in _PLACE.items() if (value := getattr(place, name)) != usual}
    named = b"[%b,%b]" % (orjson.dumps(where), orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    return hashlib.blake2b(named, digest_size=16).hexdigest()


def _named(place: Place) -> dict[str, Any]:
    """A place as its key has it: a first turn is named as matches of a single turn always were."""
    named = {
        "replicate": place.replicate,
        "round": place.round,
        "agent": place.agent,
        "purpose": place.purpose,
        "match": place.match,
        "coplayer": place.coplayer,
    }
    return named if place.turn == 1 else named | {"turn": place.turn}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a ledger."""

    number: int
    """From 1."""
    raw: bytes
    fields: Mapping[str, Any]
    place: Place
    reply: Reply


def lines_on_record(path: Path) -> Iterator[Line]:
    """The lines of a ledger in the order written, also while a run writes it.

    A torn last line is left out: its reply was never used.

    Raises:
        LedgerError: A line before the last is damaged.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.endswith(b"\n"):
                return
            try:
                fields = orjson.loads(raw)
                yield Line(number, raw, fields, _place(fields), _reply(fields))
            except (ValueError, KeyError, TypeError) as error:
                raise LedgerError(
                    f"{path} line {number} is damaged ({error}): restore the file, or remove that line to ask again"
                ) from error


def replies_on_record(directory: Path, identity: Mapping[str, Any]) -> dict[str, Reply]:
    """Key → reply of every call of a finished cell, failures included; nothing is locked, written or mended.

    Raises:
        LedgerError: There is none, it is of another configuration, or it is damaged before its last line.
    """
    path = directory / FILE
    if not path.is_file():
        raise LedgerError(f"{path} does not exist: nothing was played into this directory, so nothing can be replayed")
    if not (directory / MANIFEST).exists():
        raise ownerless(path)
    changed_keys(directory / MANIFEST, identity, may_change=False)
    return _replies(path)[0]


class Ledger:
    """The calls of one cell, kept by key. One process writes to it at a time.

    Args:
        directory: The cell's output directory; it must exist.
        identity: Flat facts of the configuration that the ledger belongs to. Those that define the cell must be what
            they were; any other may have changed, which touches exactly the calls whose request it changes.
        settled: Whether failures on record are final; otherwise they count as not yet asked.

    Raises:
        LedgerError: In use by another process, of another configuration, or damaged before its last line.
    """

    def __init__(self, directory: Path, identity: Mapping[str, Any], *, settled: bool = False) -> None:
        self.path = directory / FILE
        self._settled = settled
        try:
            self._file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o644)
        except OSError as error:
            raise LedgerError(
                f"{self.path} cannot be written: {error.strerror}; choose another hydra.run.dir"
            ) from error
        try:
            self._lock()
            self.changed = self._check_identity(directory / MANIFEST, identity)
            self._lines = self._read()
            self._stale = set[Place]()
            """Places with calls on record, where the configuration has changed since."""
            if self.changed:
                self._stale = {line.place for line in lines_on_record(self.path)}
        except BaseException:
            os.close(self._file)
            raise

    def close(self) -> None:
        """Release the file for other processes."""
        os.close(self._file)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of different calls on record."""
        return len(self._lines)

    def get(self, key: str) -> Reply | None:
        """The reply on record, marked as replayed; None when the call is still to be made."""
        reply = self._lines.get(key)
        if reply is None or (reply.error is not None and not self._settled):
            return None
        return reply

    def is_superseded(self, place: Place, keys: Sequence[str]) -> bool:
        """Whether the calls of a place were made under a configuration that has changed since, and are others now.

        Args:
            keys: Of the calls that would be made now.
        """
        return place in self._stale and not any(key in self._lines for key in keys)

    def append(self, place: Place, body: Mapping[str, Any], reply: Reply, facts: Mapping[str, Any]) -> None:
        """Write one call; when this returns, the line has left the process.

        Args:
            place: Where in the design the call belongs.
            body: The request as sent.
            reply: What came back, or why nothing did.
            facts: Further provenance, e.g. provider and generation id.

        Raises:
            LedgerError: The line could not be written, e.g. a full disk; the run must stop.
        """
        line = _line(place, body, reply, facts)
        try:
            written = os.write(self._file, line)
            if written != len(line):
                raise OSError(28, "No space left on device")
        except OSError as error:
            raise LedgerError(
                f"a reply could not be written to {self.path}: {error.strerror}; make room, then run the same command"
            ) from error
        self._lines[reply.key] = replace(reply, replayed=True)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LedgerError(
                f"{self.path} is in use by another run: wait for it, or choose another hydra.run.dir"
            ) from None

    def _check_identity(self, manifest: Path, identity: Mapping[str, Any]) -> tuple[str, ...]:
        """Refuse a directory that holds the calls of another cell; the keys that changed within the same one."""
        changed: tuple[str, ...] = ()
        if manifest.exists():
            changed = changed_keys(manifest, identity)
        elif os.fstat(self._file).st_size:
            raise ownerless(self.path)
        if changed or not manifest.exists():
            temporary = manifest.with_suffix(".tmp")
            temporary.write_text(json.dumps(identity, indent=1, sort_keys=True) + "\n")
            temporary.replace(manifest)
        return changed

    def _read(self) -> dict[str, Reply]:
        """What is on record. A torn last line is cut off."""
        lines, whole = _replies(self.path)
        os.ftruncate(self._file, whole)
        return lines


def _replies(path: Path) -> tuple[dict[str, Reply], int]:
    """The last success of each key, else its last failure; and how many bytes the whole lines take."""
    replies: dict[str, Reply] = {}
    whole = 0
    for line in lines_on_record(path):
        reply = line.reply
        whole += len(line.raw)
        known = replies.get(reply.key)
        if known is None or known.error is not None or reply.error is None:
            replies[reply.key] = reply
    return replies, whole


def changed_keys(manifest: Path, identity: Mapping[str, Any], *, may_change: bool = True) -> tuple[str, ...]:
    """The keys that differ from those on record.

    Args:
        may_change: Whether keys that do not define the cell may differ.

    Raises:
        LedgerError: A key differs that must not, or the record is damaged.
    """
    try:
        recorded = json.loads(manifest.read_text())
    except ValueError as error:
        raise LedgerError(f"{manifest} is damaged ({error}): restore it, or choose another hydra.run.dir") from error
    changed = [key for key in sorted({*recorded, *identity}) if recorded.get(key) != identity.get(key)]
    # A slot that only one of the two uses, e.g. for a substitute, leaves everybody else's calls as they are.
    refused = [
        key
        for key in changed
        if not may_change
        or (defines_the_cell(key) and not (key.startswith("models.") and (key in recorded) != (key in identity)))
    ]
    if refused:
        first = refused[0]
        more = f" and {len(refused) - 1} more keys" if len(refused) > 1 else ""
        raise LedgerError(
            f"{manifest.with_name(FILE)} holds the calls of another configuration: "
            f"{first} was {_short(recorded.get(first))}, now {_short(identity.get(first))}{more}; "
            "run with the old values, or choose another hydra.run.dir"
        )
    return tuple(changed)


def ownerless(path: Path) -> LedgerError:
    """The error of a ledger that does not say which cell it belongs to."""
    return LedgerError(
        f"{path} has no {MANIFEST} beside it that tells whose calls it holds: "
        "restore it, or choose another hydra.run.dir"
    )


def _line(place: Place, body: Mapping[str, Any], reply: Reply, facts: Mapping[str, Any]) -> bytes:
    logprobs = None if reply.logprobs is None else [(token.token, token.alternatives) for token in reply.logprobs]
    return orjson.dumps(
        {
            "key": reply.key,
            "replicate": place.replicate,
            "round": place.round,
            "agent": place.agent,
            "purpose": place.purpose,
            "match": place.match,
            "coplayer": place.coplayer,
            "sample": place.sample,
            "ask": place.ask,
            "turn": place.turn,
            "model": reply.model,
            "served_by": reply.served_by,
            "substituted": reply.substituted,
            "request": body,
            "reply": reply.text,
            "reasoning": reply.reasoning,
            "refusal": reply.refusal,
            "finish_reason": reply.finish_reason,
            "tokens_in": reply.tokens_in,
            "tokens_out": reply.tokens_out,
            "cost_usd": reply.cost_usd,
            "latency_s": reply.latency_s,
            "attempts": reply.attempts,
            "asked": reply.asked,
            "retries": reply.retries,
            "queued_s": reply.queued_s,
            "error": reply.error,
            "cause": reply.cause,
            **({} if logprobs is None else {"logprobs": logprobs}),
            **facts,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _place(fields: Mapping[str, Any]) -> Place:
    return Place(
        fields["replicate"],
        fields["round"],
        fields["agent"],
        Purpose(fields["purpose"]),
        fields["match"],
        fields["coplayer"],
        fields.get("sample", 1),
        fields.get("ask", 1),
        fields.get("turn", 1),
    )


def _reply(line: Mapping[str, Any]) -> Reply:
    return Reply(
        key=line["key"],
        model=line["model"],
        served_by=line["served_by"],
        substituted=line["substituted"],
        text=line["reply"],
        reasoning=line["reasoning"],
        finish_reason=line["finish_reason"],
        refusal=line["refusal"],
        tokens_in=line["tokens_in"],
        tokens_out=line["tokens_out"],
        cost_usd=line["cost_usd"],
        latency_s=line["latency_s"],
        attempts=line["attempts"],
        asked=line["asked"],
        retries=tuple(line["retries"]),
        queued_s=line["queued_s"],
        error=line["error"],
        cause=line.get("cause"),
        replayed=True,
        logprobs=_logprobs(line.get("logprobs")),
    )


def _logprobs(kept: Sequence[Any] | None) -> tuple[TokenChances, ...] | None:
    if kept is None:
        return None
    return tuple(TokenChances(token, tuple((word, number) for word, number in listed)) for token, listed in kept)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
