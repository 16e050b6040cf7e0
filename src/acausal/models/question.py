"""What a persona sees of a call, and what it can read there: labels, payoffs, the past, what was asked.

Everything is read from the words of the prompt, so that a persona run exercises prompts and parsing as a real one
does. What cannot be read is not guessed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from acausal.design.program import Program, constant, written
from acausal.game import Action
from acausal.records import Message

NO_GAME = "I find no game in this message that I know how to play."
"""The answer where a prompt lists no payoffs, or a schema demands words that they lack: illegible on purpose."""

_PAYOFF = re.compile(
    r"^\W*you (.+?), the other (?:\d+ all )?(.+?): (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?) points?\b",
    re.IGNORECASE | re.MULTILINE,
)
_PAST_MATCH = re.compile(r"^\W*with .+?: you (.+?), the other (.+?)\.?\s*$", re.IGNORECASE | re.MULTILINE)
_PAST_TURN = re.compile(r"^\W*turn \d+: you (.+?), the other (.+?)\.?\s*$", re.IGNORECASE | re.MULTILINE)
_TURN_ASKED_FOR = re.compile(r"^\W*now you play .+?, turn \d+", re.IGNORECASE | re.MULTILINE)
_OWN_STRATEGY = re.compile(
    r"^Your strategy for this round:.*?"
    r"(?=^Your earlier matches in this round:|^Your earlier turns with |^Now you play|\Z)",
    re.DOTALL | re.MULTILINE,
)
_STRATEGY_REQUEST = re.compile(r"\bwrite\b[^.]*\bstrategy\b", re.IGNORECASE)
_PROGRAM_REQUEST = re.compile(r"\bas a program\b.*\bprobability of choosing (.+?) rather than", re.I | re.S)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")


@dataclass(frozen=True, slots=True)
class Question:
    """What a language model sees of a call."""

    messages: tuple[Message, ...]
    seed: int
    """The only source of chance."""
    choices: tuple[str, ...] = ()
    """Labels that a schema holds the answer to; empty: free text."""
    answered: int = 0
    """Requests to the same model that its server has answered before."""


Persona = Callable[[Question], str]


def answer(question: Question, rule: str, action: Action, program: Program | None = None) -> str:
    """The rule in words or as a program where a strategy is asked for, else the label of the action.

    Args:
        program: None: the action in every match.
    """
    labels = labels_of(told(question))
    if labels is None:
        return NO_GAME
    if not question.choices and (asked := _PROGRAM_REQUEST.search(last_user_message(question))):
        named = dict(sorted(labels.items(), key=lambda item: item[1] != asked[1]))  # numbers are of the one asked about
        return written(program or constant(float(action is Action.COOPERATE)), named)
    if not question.choices and _STRATEGY_REQUEST.search(last_user_message(question)):
        return rule.format(cooperate=labels[Action.COOPERATE], defect=labels[Action.DEFECT])
    label = labels[action]
    if not question.choices:
        return label
    return next((choice for choice in question.choices if choice.casefold() == label.casefold()), NO_GAME)


def told(question: Question) -> str:
    """All that was said to the agent, without the strategy it wrote itself: own words are no facts about others."""
    return "\n".join(_OWN_STRATEGY.sub("", message.content) for message in question.messages)


def last_user_message(question: Question) -> str:
    """What was asked last, without the strategy that it quotes."""
    said = [message.content for message in question.messages if message.role == "user"]
    return _OWN_STRATEGY.sub("", said[-1]) if said else ""


def labels_of(text: str) -> dict[Action, str] | None:
    """Action → its word: cooperation is what the other must choose for me to get more, summed over my own choices.

    That holds in every game of conf/game, also where mutual cooperation pays less than mutual defection.
    """
    table = payoff_table(text)
    worth: defaultdict[str, float] = defaultdict(float)
    for (_, other), points in table.items():
        worth[other] += points
    if len(worth) != 2 or len(set(worth.values())) != 2:
        return None
    defect, cooperate = sorted(worth, key=worth.__getitem__)
    return {Action.COOPERATE: cooperate, Action.DEFECT: defect}


def payoff_table(text: str) -> dict[tuple[str, str], float]:
    """(My label, the other's) → points for me, as a prompt lists them."""
    return {(own, other): float(points) for own, other, points in _PAYOFF.findall(text)}


def best_together(text: str) -> Action:
    """What all should do who do the same: the action whose mutual outcome pays more."""
    table, labels = payoff_table(text), labels_of(text) or {}
    return max(labels, key=lambda action: table.get((labels[action], labels[action]), 0.0), default=Action.DEFECT)


def latest_action(question: Question) -> Action | None:
    """What the other did in the last turn of this match, or where matches have one, in the last match shown."""
    text = told(question)
    past = (_PAST_TURN if _TURN_ASKED_FOR.search(text) else _PAST_MATCH).findall(text)
    if not past:
        return None
    latest = past[-1][1].casefold()
    return next((action for action, label in (labels_of(text) or {}).items() if label.casefold() == latest), None)
