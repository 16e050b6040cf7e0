"""Markers of reasoning by a lexicon: which ideas a text holds, and which it denies, supposes, reports or repeats.

A lexicon finds words, not thoughts: it is a filter with a stated precision and recall (docs/texts.md), beside the
judges of design/judging.py. What was told is not one's own reasoning, so words of the prompt are an echo.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from acausal.analysis.phrases import PHRASES, Marker
from acausal.analysis.written import Written
from acausal.game import Action


class Stance(StrEnum):
    """How a text holds an idea. The first two are held; the others are not."""

    ASSERTED = "asserted"
    HEDGED = "hedged"
    """With perhaps, might, probably."""
    DENIED = "denied"
    HYPOTHETICAL = "hypothetical"
    """Under an if, a whether, an as if."""
    REPORTED = "reported"
    """As what the prompt says."""
    ECHO = "echo"
    """In the words of the prompt."""


HELD = (Stance.ASSERTED, Stance.HEDGED)


@dataclass(frozen=True, slots=True)
class Mention:
    """One place of a text that speaks of an idea."""

    marker: Marker
    stance: Stance
    quote: str
    """The sentence it stands in."""


_INITIALS = re.compile(r"\b(?:[a-z]dt)\b")
"""Initials of a theory are capitals; in small letters they are something else."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_STRONG = re.compile(
    r"[;:]|\b(?:but|however|yet|so|therefore|thus|hence|nevertheless|nonetheless|which means|meaning|still)\b", re.I
)
"""What ends the reach of an if, or of a report."""
_WEAK = re.compile(
    r",|—|–|\b(?:because|since|although|though|while|whereas|and (?=(?:we|i|it|they|the|you|my|our)\b))", re.I
)
"""What ends the reach of a negation too."""
_NO_NEGATION = re.compile(
    r"\bnot (?:only|just|merely|simply)\b|\bno (?:doubt|matter|question|surprise)\b|\bnothing but\b", re.I
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|none|nobody|nothing|without|cannot|hardly|rather than|instead of|unlikely"
    r"|den(?:y|ies)|doubt|reject\w*|refuse|ignor\w+|false|untrue|wrong|differs?|unlike)\b|n['’]t\b",
    re.IGNORECASE,
)
_DISMISSED = re.compile(
    r"\b(?:is|are|was|seems?|does|do|has|makes?)(?: not|n['’]t)? (?:irrelevant|false|untrue|matter|relevant"
    r"|no (?:difference|bearing|role|influence)|mean|imply|change|true|convinc\w+)\b",
    re.IGNORECASE,
)
"""Behind the idea: that it holds, or counts, is denied. Without a negation only some of these words deny."""
_DENYING_ALONE = re.compile(r"\b(?:irrelevant|false|untrue|no (?:difference|bearing|role|influence))\b", re.I)
_IF = re.compile(
    r"\b(?:if|whether|unless|suppos\w+|assum\w+|imagin\w+|in case|were to|hypothetical\w*|would be|pretend\w*)\b", re.I
)
_REPORT = re.compile(
    r"\b(?:prompt|instructions?|rules|message|text|description|experimenters?)\b[^.;:]{0,20}"
    r"\b(?:say|state|claim|tell|insist|suggest|mention)\w*"
    r"|\b(?:i|we) (?:was|am|were|are|have been|had been|'ve been) (?:told|informed|assured)\b"
    r"|\baccording to\b|\bit (?:is|was) (?:said|stated|claimed)\b"
    r"|\b(?:allegedly|supposedly|so-called)\b|\byou (?:said|told|say|claim)\b",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:perhaps|maybe|may|might|possibly|could|probably|presumably|likely|seems?|appears?|suspect|unsure|uncertain|"
    r"i guess|arguably)\b",
    re.IGNORECASE,
)
_CONDITIONAL_BY_NATURE = (Marker.RECIPROCITY, Marker.WELFARE, Marker.DOMINANCE, Marker.SURPRISE)
"""Ideas that are held in sentences with if: `if it defects, I defect`."""
_DEFECTION = re.compile(r"\b(?:defect|betray|exploit|cheat|let me down)\w*|\bnot (?:to )?cooperat\w+", re.IGNORECASE)
_PERSONS = re.compile(
    r"\b(?:i|me|my|mine|myself|you|your|yours|yourself|we|us|our|ours|ourselves|it|its|itself|they|them|their)\b", re.I
)
_WORD = re.compile(r"[\w'’-]+|…")
ECHO_WORDS = 4
"""So many words of the prompt in a row, of which the idea is a part, are the prompt's and not the author's."""


def mentions(written: Written) -> list[Mention]:
    """Every place of a text that speaks of an idea, in the order of the text; of one sentence, each idea once.

    Where a sentence speaks of an idea twice, the stance that is held goes before those that are not.
    """
    told = _words(written.told)
    found: list[Mention] = []
    for sentence in _SENTENCE.split(written.text):
        for marker, pattern in PHRASES.items():
            stances = [
                _stance(marker, sentence, match, told)
                for match in pattern.finditer(sentence)
                if _is_meant(marker, sentence, match, written.labels)
            ]
            if stances:
                first = min(stances, key=list(Stance).index)
                found.append(Mention(marker, first, sentence.strip()))
    return found


def held(found: list[Mention]) -> frozenset[Marker]:
    """The ideas that a text holds as its own."""
    return frozenset(mention.marker for mention in found if mention.stance in HELD)


def is_told(passage: str, told: str) -> bool:
    """Whether a passage stands in a prompt, word for word but for persons."""
    words = _words(passage)
    return bool(words.strip()) and words in _words(told)


def _is_meant(marker: Marker, sentence: str, match: re.Match[str], labels: Mapping[Action, str]) -> bool:
    if marker is Marker.DECISION_THEORY:
        return _INITIALS.fullmatch(match[0]) is None
    if marker is Marker.SURPRISE:
        word = labels.get(Action.DEFECT)
        named = word is not None and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", sentence) is not None
        return named or _DEFECTION.search(sentence) is not None
    return True


def _stance(marker: Marker, sentence: str, match: re.Match[str], told: str) -> Stance:
    reach, clause = _part(sentence, match, _STRONG), _part(sentence, match, _STRONG, _WEAK)
    if _is_echo(sentence, match, told):
        return Stance.ECHO
    if _REPORT.search(reach[0]):
        return Stance.REPORTED
    if _is_denied(marker, clause, match[0]):
        return Stance.DENIED
    if marker not in _CONDITIONAL_BY_NATURE and _IF.search(reach[0]):
        return Stance.HYPOTHETICAL
    return Stance.HEDGED if _HEDGE.search(" ".join(clause)) else Stance.ASSERTED


def _part(sentence: str, match: re.Match[str], *ends: re.Pattern[str]) -> tuple[str, str]:
    """What stands before and behind a match in its part of a sentence."""
    start = max((end.end() for pattern in ends for end in pattern.finditer(sentence, 0, match.start())), default=0)
    stop = min(
        (end.start() for pattern in ends for end in pattern.finditer(sentence, match.end())), default=len(sentence)
    )
    return sentence[start : match.start()], sentence[match.end() : stop]


def _is_denied(marker: Marker, clause: tuple[str, str], words: str) -> bool:
    """Whether an odd number of negations stands before an idea, or a dismissal behind it."""
    before, behind = (_NO_NEGATION.sub("", part) for part in clause)
    negations = len(_NEGATION.findall(before))
    if marker is not Marker.SURPRISE and marker is not Marker.DOMINANCE:
        inside = _NO_NEGATION.sub("", words)
        negations += len(_NEGATION.findall(inside)) if marker is Marker.CORRELATION else 0
    dismissed = _DISMISSED.search(behind)
    if dismissed is not None:
        negated = _NEGATION.search(dismissed[0]) is not None
        negations += negated or _DENYING_ALONE.search(dismissed[0]) is not None
    return negations % 2 == 1


def _is_echo(sentence: str, match: re.Match[str], told: str) -> bool:
    """Whether an idea stands in words of the prompt: the idea's own, or a run of several around it."""
    if not told.strip():
        return False
    own = _words(match[0]).strip()
    if f" {own} " in told:
        return True
    before, behind = _words(sentence[: match.start()]).split(), _words(sentence[match.end() :]).split()
    words, size = [*before, *own.split(), *behind], max(ECHO_WORDS, len(own.split()))
    first, last = max(0, len(before) + len(own.split()) - size), min(len(before), len(words) - size)
    return any(f" {' '.join(words[start : start + size])} " in told for start in range(first, last + 1))


def _words(text: str) -> str:
    """Words between blanks, with every person the same: a prompt says you where its reader says I."""
    return f" {' '.join(_WORD.findall(_PERSONS.sub('…', text.casefold())))} "
