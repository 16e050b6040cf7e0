"""The calls of a ledger for people: a list of them, and one as a transcript. Plain text of 80 columns."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from acausal.config import flat, nearest
from acausal.errors import ConfigError
from acausal.models.ledger import Line
from acausal.records import Place, Reply
from acausal.report.rows import dollars, seconds
from acausal.running.progress import Tally

WIDTH = 80
KEY_LETTERS = 8
"""Of a key in the list; 10,000 calls share their first eight letters with a chance of 1 in 100."""
_COLUMNS = {
    "call": 5,
    "key": -KEY_LETTERS,
    "rep": 3,
    "round": 5,
    "agent": 5,
    "purpose": -8,
    "match": 5,
    "with": 4,
    "try": 3,
    "time": 7,
    "tokens": 8,
    "cost": 7,
}
"""Heading → width; negative: to the left."""
_NO_FACTS = {field.name for kind in (Place, Reply) for field in fields(kind)} | {"request", "reply"}
"""Fields of a line that are shown in a place of their own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls are asked for; None and False: whichever."""

    model: str | None = None
    """Part of the id of the model assigned, or of the one that answered."""
    places: Mapping[str, Any] = field(default_factory=dict)
    """Field of the place → value."""
    failed: bool = False
    substituted: bool = False
    contains: str | None = None
    """Part of a message, a reply, a reasoning or an error; upper and lower case are the same."""

    def admits(self, line: Line) -> bool:
        """Whether a call is among those asked for."""
        reply = line.reply
        if self.model is not None and self.model.casefold() not in f"{reply.model} {reply.served_by}".casefold():
            return False
        if any(line.fields[name] != value for name, value in self.places.items()):
            return False
        if (self.failed and reply.error is None) or (self.substituted and not reply.substituted):
            return False
        return self.contains is None or any(self.contains.casefold() in text.casefold() for text in _texts(line))


def call_list(ledgers: Iterable[tuple[str, Iterable[Line]]], wanted: Wanted, limit: int) -> Iterator[str]:
    """The newest calls that are wanted, two lines each, oldest first; then what all of those wanted came to.

    Args:
        ledgers: Name of the cell (empty where there is one alone) and its lines.
        limit: Calls listed at most.
    """
    listed: deque[tuple[str, Line]] = deque(maxlen=limit)
    tally, seen, substituted = Tally(), 0, 0
    for cell, lines in ledgers:
        for line in lines:
            seen += 1
            if wanted.admits(line):
                listed.append((cell, line))
                tally.count_reply(line.reply)
                substituted += line.reply.substituted
    if listed:
        yield _row(dict(zip(_COLUMNS, _COLUMNS, strict=True)))
    before = ""
    for cell, line in listed:
        if cell != before:
            yield f"{cell}:"
        before = cell
        yield _row(_cells(line))
        yield f"{'':6}{_cut(_fate(line.reply), WIDTH - 6)}"
    if tally.calls > len(listed):
        yield f"{tally.calls - len(listed):,} earlier calls are not listed: --limit {tally.calls} lists them"
    yield (
        f"{tally.calls:,} of {seen:,} calls: {tally.calls - tally.failed - substituted:,} ok, {tally.failed:,} failed, "
        f"{substituted:,} substituted"
    )
    yield f"{tally.tokens_in:,} tokens in, {tally.tokens_out:,} out, cost {tally.cost}"


def the_call(lines: Iterable[Line], prefix: str) -> Line:
    """The call whose key begins with some letters: its success where it was asked several times, else its last failure.

    Raises:
        ConfigError: There is none, or there are several.
    """
    found: dict[str, Line] = {}
    others: set[str] = set()
    for line in lines:
        key = line.reply.key
        if not key.startswith(prefix):
            others.add(key[: max(KEY_LETTERS, len(prefix))])
        elif key not in found or found[key].reply.error is not None or line.reply.error is None:
            found[key] = line
    if not found:
        raise ConfigError(f"no call has a key that begins with {prefix!r}{nearest(prefix, sorted(others))}")
    if len(found) > 1:
        some = ", ".join(key[: len(prefix) + 4] for key in sorted(found)[:3])
        raise ConfigError(f"{len(found)} calls begin with {prefix!r}: give more letters, e.g. {some}")
    return next(iter(found.values()))


def transcript(line: Line) -> Iterator[str]:
    """One call in full: where it belongs, what was asked, what came back, and what is known about it."""
    known, reply = line.fields, line.reply
    request = dict(known["request"])
    messages = request.pop("messages")
    yield f"call {line.number}, key {reply.key}"
    yield line.place.in_words
    yield from _wrapped(f"model {reply.model}, {_served(reply)}")
    yield from _wrapped(f"parameters {', '.join(f'{key}={value}' for key, value in flat(request).items())}")
    parts = [(message["role"], message["content"]) for message in messages]
    parts += [("reasoning", reply.reasoning), ("reply", reply.text), ("refusal", reply.refusal), ("error", reply.error)]
    for heading, text in parts:
        if text is not None:
            yield f"── {heading} {'─' * (WIDTH - 4 - len(heading))}"
            yield from _wrapped(str(text))
    yield "─" * WIDTH
    yield from _wrapped(_effort(reply))
    facts = {name: value for name, value in known.items() if name not in _NO_FACTS}
    for name, value in flat(facts).items():
        yield from _wrapped(f"{name} {value}")


def _cells(line: Line) -> dict[str, str]:
    known, reply = line.fields, line.reply
    counted = (reply.tokens_in, reply.tokens_out)
    return {
        "call": str(line.number),
        "key": reply.key[:KEY_LETTERS],
        "rep": str(known["replicate"]),
        "round": str(known["round"]),
        "agent": str(known["agent"]),
        "purpose": str(known["purpose"]),
        "match": str(known["match"] or ""),
        "with": str(known["coplayer"] or ""),
        "try": str(reply.attempts),
        "time": _seconds(reply),
        "tokens": "" if counted == (None, None) else "+".join("?" if n is None else str(n) for n in counted),
        "cost": "" if reply.error is not None else dollars(reply.cost_usd),
    }


def _row(cells: Mapping[str, str]) -> str:
    aligned = (cells[name].ljust(-width) if width < 0 else cells[name].rjust(width) for name, width in _COLUMNS.items())
    return " ".join(aligned).rstrip()


def _fate(reply: Reply) -> str:
    """Who was asked, what became of it, and how the reply begins."""
    said = reply.error if reply.error is not None else reply.text or reply.refusal or ""
    return f"{reply.model} {_served(reply)}: {said}"


def _served(reply: Reply) -> str:
    if reply.error is not None:
        return "failed"
    if reply.substituted:
        return f"substituted by {reply.served_by}"
    return "ok" if reply.served_by is not None else "ok, the endpoint does not name who served"


def _effort(reply: Reply) -> str:
    """What the call took, and how its reply ended."""
    tries = "1 attempt" if reply.attempts == 1 else f"{reply.attempts} attempts"
    tries += f" (again after {', '.join(reply.retries)})" if reply.retries else ""
    took = [tries, *([_seconds(reply)] if reply.latency_s is not None else [])]
    if reply.error is None:
        took += [f"{reply.tokens_in} tokens in, {reply.tokens_out} out", f"cost {dollars(reply.cost_usd)}"]
    if reply.finish_reason is not None:
        took.append(f"finish_reason {reply.finish_reason}")
    return ", ".join(took)


def _seconds(reply: Reply) -> str:
    return "" if reply.latency_s is None else seconds(reply.latency_s)


def _texts(line: Line) -> Iterator[str]:
    for message in line.fields["request"].get("messages", ()):
        yield str(message["content"])
    reply = line.reply
    yield from (text for text in (reply.text, reply.reasoning, reply.refusal, reply.error) if text is not None)


def _cut(text: str, width: int) -> str:
    line = _printable(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _wrapped(text: str) -> Iterator[str]:
    """The lines of a text, none wider than a terminal."""
    for line in text.splitlines():
        yield from textwrap.wrap(_printable(line), WIDTH) or [""]


def _printable(text: str) -> str:
    """What a model says must not command the terminal: control characters are spelled out."""
    return "".join(letter if letter.isprintable() or letter == "\t" else ascii(letter)[1:-1] for letter in text)
