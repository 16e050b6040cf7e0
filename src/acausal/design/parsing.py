"""From a reply to an action, or to the reason why there is none. Nothing is ever guessed.

A label counts where it stands as a word of its own. Read as an action are, in this order: a JSON answer; the whole
reply, its first or its last line when that is nothing but the label (`**Answer:** DEFECT.`); a text that names exactly
one of the two labels and neither negates nor questions it. A label of one letter is named only in its own case and at
the end of a sentence: "A" begins many sentences that choose nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acausal.game import Action
from acausal.records import Outcome, Reply, Status

_REFUSAL = re.compile(
    r"\b(I(?:'|’)?m sorry|I am sorry|I apologi[sz]e|I (?:can(?:no|')t|can’t|am unable to|won(?:'|’)t|will not) "
    r"(?:help|assist|participate|take part|play|comply|answer|engage|choose|make (?:a|this) (?:choice|decision)))",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\?|\b(?:not|never|no|neither|nor|cannot|without|instead|rather|avoid|refuse|unless|if|whether|would|could|might|"
    r"may|maybe|perhaps|either)\b|n['’]t\b",
    re.IGNORECASE,
)
_LEAD = r"(?:my |the |final )*(?:answer|action|decision|choice|choose|play|move)"
_NOTHING_BUT = (
    r"[\s>*_`\"'“”#\-]*(?:{lead}[\s*_`\"'“”]*(?:is)?[\s*_`\"'“”]*[:=]?)?[\s*_`\"'“”(\[]*({labels})[\s*_`\"'“”)\].!]*"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says."""

    action: Action | None
    status: Status
    reason: str | None
    """Why there is no action; None when there is one."""
    finer: Outcome | None = None
    """The outcome where the status says less."""
    p_cooperate: float | None = None
    """As elicited; None where it was not asked for or not given."""

    @property
    def outcome(self) -> Outcome:
        """The status in more detail."""
        return self.finer or Outcome(self.status.value)


def read_decision(reply: Reply, labels: Mapping[Action, str]) -> Reading:
    """The action that a reply names.

    Args:
        labels: Action → the word the agent was given for it.
    """
    unread = _unread(reply)
    if unread is not None:
        return unread
    text = (reply.text or "").strip()
    structured = _structured(text)
    if structured is not None:
        action = _named(structured, labels)  # what is JSON is read as JSON, never searched for words
    else:
        action = _bare_answer(text, labels) or _single_mention(text, labels)
    if action is not None:
        return Reading(action, Status.LEGIBLE, None)
    if _REFUSAL.search(text):
        return Reading(None, Status.REFUSED, "the text declines to choose")
    return Reading(None, Status.ILLEGIBLE, "not exactly one label" if text else "empty")


def read_probability(reply: Reply, labels: Mapping[Action, str], *, chance: float) -> Reading:
    """The percentage that a reply gives to the label listed first, and the action drawn from it.

    Args:
        labels: Action → the word the agent was given for it, in the order in which the prompt named them.
        chance: In [0, 1), from the seed of the place; the action is the first one where it lies below the percentage.
    """
    unread = _unread(reply)
    if unread is not None:
        return unread
    text = (reply.text or "").strip()
    percentage = _percentage(text)
    if percentage is not None:
        first, second = labels
        action = first if chance < percentage / 100 else second
        p_first = percentage / 100
        p_cooperate = p_first if first is Action.COOPERATE else 1 - p_first
        return Reading(action, Status.LEGIBLE, None, p_cooperate=p_cooperate)
    if _REFUSAL.search(text):
        return Reading(None, Status.REFUSED, "the text declines to choose")
    return Reading(None, Status.ILLEGIBLE, "not a number from 0 to 100" if text else "empty")


def _percentage(text: str) -> float | None:
    """A number from 0 to 100 that is the whole reply, with or without a percent sign, or the whole of its JSON."""
    answer: Any = text
    with contextlib.suppress(ValueError):
        fields = json.loads(text)
        if isinstance(fields, dict):
            answer = fields.get("percent") if len(fields) == 1 else None
    match = re.fullmatch(r"[*_`\"]*(\d{1,3}(?:\.\d+)?)\s*%?[*_`\".]*", str(answer), re.ASCII)
    return float(match[1]) if match and float(match[1]) <= 100 else None


def read_strategy(reply: Reply) -> tuple[str | None, Status, str | None]:
    """The strategy that a reply holds, whole or not at all: strategy, status, reason."""
    unread = _unread(reply)
    if unread is not None:
        return None, unread.status, unread.reason
    text = (reply.text or "").strip()
    if not text:
        return None, Status.ILLEGIBLE, "empty"
    if _REFUSAL.match(text):
        return None, Status.REFUSED, "the text declines to answer"
    return text, Status.LEGIBLE, None


def is_cut_off(reply: Reply) -> bool:
    """Whether a reply ended by its token limit or by anything else but its own end."""
    return reply.finish_reason not in (None, "stop")


def _unread(reply: Reply) -> Reading | None:
    """What is missing before a word is read: failed, refused, filtered or cut off."""
    if reply.error is not None:
        return Reading(None, Status.FAILED, reply.error)
    if reply.refusal:
        return Reading(None, Status.REFUSED, "the model refused")
    if reply.finish_reason == "content_filter":
        return Reading(None, Status.REFUSED, "finish_reason content_filter", Outcome.FILTERED)
    if is_cut_off(reply):
        return Reading(None, Status.ILLEGIBLE, f"finish_reason {reply.finish_reason}", Outcome.TRUNCATED)
    return None


def _structured(text: str) -> str | None:
    """The answer that a JSON reply holds, empty where it holds none; None where the text is not JSON."""
    fenced = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text, re.DOTALL)
    try:
        answer = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return None
    if isinstance(answer, dict):
        named = [answer[key] for key in ("action", "decision", "choice", "answer", "move") if key in answer]
        answer = named[0] if len(named) == 1 else ""
    return answer.strip() if isinstance(answer, str) else ""


def _bare_answer(text: str, labels: Mapping[Action, str]) -> Action | None:
    """The label that stands alone in the first or the last line; None where the two lines disagree."""
    lines = [line for line in text.splitlines() if line.strip()]
    words = "|".join(re.escape(label) for label in labels.values())
    pattern = re.compile(_NOTHING_BUT.format(lead=_LEAD, labels=words), re.IGNORECASE)
    found = {_named(match[1], labels) for line in (*lines[:1], *lines[-1:]) if (match := pattern.fullmatch(line))}
    return found.pop() if len(found) == 1 else None


def _single_mention(text: str, labels: Mapping[Action, str]) -> Action | None:
    """The one label that a text names, where nothing puts it in doubt."""
    named = [action for action, label in labels.items() if _mentions(text, label)]
    if len(named) != 1 or _DOUBT.search(text):
        return None
    label = labels[named[0]]
    return named[0] if len(label) > 1 or _ends_a_sentence(text, label) else None


def _mentions(text: str, label: str) -> bool:
    flags = re.NOFLAG if len(label) == 1 else re.IGNORECASE
    return re.search(rf"(?<![\w-]){re.escape(label)}(?![\w-])", text, flags) is not None


def _ends_a_sentence(text: str, label: str) -> bool:
    """Whether a label of one letter stands where no article can."""
    return re.search(rf"(?<![\w-]){re.escape(label)}[\"'*_`”’)\]]*(?:[.!,;]|\s*$)", text, re.MULTILINE) is not None


def _named(word: str, labels: Mapping[Action, str]) -> Action | None:
    return next((action for action, label in labels.items() if label.casefold() == word.casefold()), None)
