"""How personas answer the questions beside the game, from the words of the prompt alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PAYOFF = re.compile(
    r"\byou choose (.+?) and the other participant chooses (.+?)\. How many points do you get(, your power included)?",
    re.IGNORECASE,
)
_BEST_REPLY = re.compile(
    r"\bother participant chooses (.+?)\. Which choice of yours gives you more points", re.IGNORECASE
)
_TOLD = re.compile(
    r"\bIs there a statement\b.*?\bon (what the other participant is|how the other choice)", re.IGNORECASE
)
_RECALL = re.compile(
    r"\bWhat were you told above (that the other participant is|on how the other choice)", re.IGNORECASE
)
_BELIEF = re.compile(
    r"\byou choose (.+?)\. Reply with one whole number from 0 to 100: how likely, in percent, it is that the other "
    r"participant chooses (.+?)\.",
    re.IGNORECASE,
)
_CANARY = re.compile(r"\bprime number\?", re.IGNORECASE)
_FACTOR = re.compile(r"^Your power in this round is .+?: your points are multiplied by (\d+(?:\.\d+)?)\.", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
_OF_KIND = re.compile(r"\b(?:AIs?|models?|humans?|cop(?:y|ies)|identical|similar(?:ity|ly)?)\b", re.IGNORECASE)
_OF_LINK = re.compile(
    r"\b(?:sealed|coincide|same computation|random draw|probability of|predict\w*|already chosen|chose already|repeats?"
    r"|is shown)\b",
    re.IGNORECASE,
)
_MUDDLED, _FORGETFUL, _BELIEVER = "muddled", "forgetful", "superrational"
OTHERWISE_COOPERATIVE = (_MUDDLED, _FORGETFUL)
"""Two that cooperate with everybody: one is wrong on every payoff, the other on all that it was told."""


def answered_beside(
    name: str, told: str, asked: str, table: Mapping[tuple[str, str], float], *, alike: bool
) -> str | None:
    """The answer of a persona to a question beside the game; None where it is asked for something else.

    Args:
        told: All messages.
        asked: The last of them.
        table: (Own label, the other's) → points, as the messages list them.
        alike: Whether they say that all are the same model.
    """
    if (match := _PAYOFF.search(asked)) is not None:
        power = _FACTOR.search(told) if match[3] else None
        return _points(table, match[1], match[2], float(power[1]) if power else 1.0, muddled=name == _MUDDLED)
    if (match := _BEST_REPLY.search(asked)) is not None:
        rows = {own: points for (own, other), points in table.items() if other.casefold() == match[1].casefold()}
        better = max if name != _MUDDLED else min
        return better(rows, key=rows.__getitem__) if rows else None
    if (match := _TOLD.search(asked)) is not None:
        was_told = bool(_statements(told, asked, is_kind=match[1].startswith("what")))
        return "YES" if was_told is not (name == _FORGETFUL) else "NO"
    if (match := _RECALL.search(asked)) is not None:
        said = _statements(told, asked, is_kind=match[1].startswith("that"))
        return "Nothing was told." if name == _FORGETFUL or not said else said
    if (match := _BELIEF.search(asked)) is not None:
        same = match[1].casefold() == match[2].casefold()
        return str(100 * same) if name == _BELIEVER and alike else "50"
    return "YES" if _CANARY.search(asked) else None


def _points(
    table: Mapping[tuple[str, str], float], own: str, other: str, factor: float, *, muddled: bool
) -> str | None:
    """Of a row of the table; the muddled take the row that gives the next higher points for it."""
    rows = {(mine.casefold(), theirs.casefold()): points for (mine, theirs), points in table.items()}
    points = rows.get((own.casefold(), other.casefold()))
    if points is None:
        return None
    known = sorted(set(rows.values()))
    wrong = known[(known.index(points) + 1) % len(known)]
    return f"{(wrong if muddled else points) * factor:g}"


def _statements(told: str, asked: str, *, is_kind: bool) -> str:
    """The sentences, before the question, that speak of what the other is, or of how its choice comes about."""
    sentences = _SENTENCE_END.split(told.removesuffix(asked))
    words = _OF_KIND if is_kind else _OF_LINK
    return " ".join(sentence for sentence in sentences if words.search(sentence))
