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
    """Under an if, a whether, an as if; or asked."""
    REPORTED = "reported"
    """As what the prompt or somebody else says, or in quotation marks."""
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

_HYPHENATED = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
_WRAPPED = re.compile(r"(?<=[\w,])[ \t]*\n(?=[a-z])")
"""A line that ends inside a sentence is no sentence."""
_QUOTED = re.compile(r"[\"“„«][^\"“”„«»]*[\"”“»]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_STRONG = re.compile(
    r"[;:]|\b(?:but|however|yet|so|therefore|thus|hence|nevertheless|nonetheless|which means|meaning|still)\b", re.I
)
"""What ends the reach of an if, or of a report."""
_WEAK = re.compile(
    r",|—|–|\b(?:(?<!not )because|since|although|though|while|whereas|and (?=(?:we|i|it|they|the|you|my|our)\b))", re.I
)
"""What ends the reach of a negation too."""
_NO_NEGATION = re.compile(
    r"\bnot (?:only|just|merely|simply)\b|\bno (?:doubt|matter|question|surprise)\b|\bnothing but\b", re.I
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|none|nobody|nothing|without|cannot|hardly|rather than|instead of|unlikely"
    r"|den(?:y|ies)|doubt|far from|reject\w*|refuse|ignor\w+|false|untrue|wrong|differs?|unlike)\b|n['’]t\b",
    re.IGNORECASE,
)
_DISMISSED = re.compile(
    r"\b(?:is|are|was|seems?|does|do|has|makes?)(?: not|n['’]t)? (?:irrelevant|false|untrue|matter|relevant"
    r"|no (?:difference|bearing|role|influence)|mean|imply|change|true|convinc\w+|nonsense|mistaken|absurd|a fallacy)\b"
    r"|\bfails?\b",
    re.IGNORECASE,
)
"""Behind the idea: that it holds, or counts, is denied. Without a negation only some of these words deny."""
_DENYING_ALONE = re.compile(
    r"\b(?:irrelevant|false|untrue|no (?:difference|bearing|role|influence)|nonsense|mistaken|absurd|a fallacy"
    r"|fails?)\b",
    re.I,
)
_TAKEN_BACK = re.compile(
    r"\b(?:but|yet|however|;),? (?:i (?:am|do|did|would|will) not|i(?:['’]m not| don['’]t| disagree| reject)"
    r"|(?:this|that|it) is not (?:my|me))\b[\w'’ ]{0,12}\W*$|; i do not\W*$",
    re.I,
)
"""Behind the idea, at the end of its sentence: the author does not share it."""
_IF = re.compile(
    r"\b(?:if|whether|unless|suppos\w+|assum\w+|imagin\w+|in case|were to|hypothetical\w*|would be|pretend\w*)\b", re.I
)
_REPORT = re.compile(
    r"\b(?:prompt|instructions?|rules|message|text|description|experimenters?)\b[^.;:]{0,20}"
    r"\b(?:say|state|claim|tell|insist|suggest|mention|read|contain|describe)\w*"
    r"|\b(?:some|others|many|people|critics|someone|they|it|he|she|(?:my|the|an?) (?:other|opponent|co-?player|partner)"
    r"(?: player| agent)?)(?: (?:may|might|would|could|will))? "
    r"(?:say|argue|believe|think|claim|insist|assume|hold|suggest|pretend)s? (?:that|to be)\b"
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
    for sentence in _SENTENCE.split(_WRAPPED.sub(" ", _HYPHENATED.sub("", written.text))):
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
    if _REPORT.search(reach[0]) or _is_quoted(sentence, match):
        return Stance.REPORTED
    if _is_denied(marker, clause, match[0]) or _TAKEN_BACK.search(sentence, match.end()):
        return Stance.DENIED
    if sentence.rstrip(' "”»)').endswith("?") or (marker not in _CONDITIONAL_BY_NATURE and _IF.search(reach[0])):
        return Stance.HYPOTHETICAL
    return Stance.HEDGED if _HEDGE.search(" ".join(clause)) else Stance.ASSERTED


def _is_quoted(sentence: str, match: re.Match[str]) -> bool:
    """Whether an idea stands within quoted words, more than two: fewer are a term in quotes, not a quotation."""
    return any(
        quoted.start() < match.start() and match.end() < quoted.end() and len(quoted[0].split()) > 2
        for quoted in _QUOTED.finditer(sentence)
    )


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
