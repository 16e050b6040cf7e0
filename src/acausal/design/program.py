"""A strategy as a small program: what to choose first, and what after each outcome of the match before.

An agent writes it once a round as a JSON object, and every decision of the round follows from it at no further call:

    {"first": R, "after": {"CC": R, "CD": R, "DC": R, "DD": R}, "reason": "any text"}

R is a label, or a number in [0, 1]: the probability of cooperating. A key of `after` is an outcome, the agent's own
move and then the other's, in the initials of the labels, or in whole labels where initials do not tell them apart: no
word stands in it that the game does not use. `reason` may be left out or null and has no effect.

A program is legible or not; nothing in it is repaired. Before the object there may be text without braces, around it a
code fence, behind it nothing; a key that is missing, unknown or given twice, and any other value, make it illegible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from acausal.design.seeds import placed_seed
from acausal.game import Action

Outcome = tuple[Action, Action]
"""The agent's own move, and the other's."""

OUTCOMES: tuple[Outcome, ...] = tuple((own, other) for own in Action for other in Action)
_KEYS = ("first", "after", "reason")


@dataclass(frozen=True, slots=True)
class Program:
    """What an agent does in a round, as probabilities of cooperating in [0, 1]."""

    first: float
    """While no match of the round has an outcome that it is shown."""
    after: Mapping[Outcome, float]
    """By the outcome of its latest match in the round, whoever that was with."""
    reason: str | None = None

    def p_cooperate(self, history: Sequence[Outcome]) -> float:
        """The probability with which it cooperates.

        Args:
            history: What a prompt for this decision would show of the agent's own earlier matches, in schedule order.
        """
        return self.after[history[-1]] if history else self.first


def constant(p_cooperate: float) -> Program:
    """The program that cooperates with the same probability whatever happened."""
    return Program(p_cooperate, dict.fromkeys(OUTCOMES, p_cooperate))


def move(program: Program, history: Sequence[Outcome], seed: int) -> Action:
    """The action of a program; what is random in it is drawn by the seed of the decision's place alone."""
    drawn = placed_seed(seed, "draw") / 2**31
    return Action.COOPERATE if drawn < program.p_cooperate(history) else Action.DEFECT


def outcome_keys(labels: Mapping[Action, str]) -> dict[Outcome, str]:
    """Outcome → its key in `after`: `CD`, or `Option A/Option B` where both labels begin with the same letter."""
    initials = {action: _initial(label) for action, label in labels.items()}
    if len(set(initials.values())) == len(Action):
        return {(own, other): initials[own] + initials[other] for own, other in OUTCOMES}
    return {(own, other): f"{labels[own]}/{labels[other]}" for own, other in OUTCOMES}


def read_program(text: str, labels: Mapping[Action, str]) -> Program | str:
    """The program that a text holds, or why it holds none.

    Args:
        labels: Action → the word the agent was given for it; upper and lower case are the same, as in decisions.
    """
    return _read(text, labels[Action.COOPERATE], labels[Action.DEFECT])


def written(program: Program, labels: Mapping[Action, str]) -> str:
    """A program as an agent writes it: certainties as labels."""
    keys = outcome_keys(labels)
    content: dict[str, object] = {
        "first": _choice(program.first, labels),
        "after": {keys[outcome]: _choice(program.after[outcome], labels) for outcome in OUTCOMES},
    }
    return json.dumps(content | ({"reason": program.reason} if program.reason is not None else {}), ensure_ascii=False)


def described(program: Program, labels: Mapping[Action, str]) -> str:
    """A program in a few words: `first C; after CC: C, CD: D, DC: C, DD: 30 % C`, with whole labels for C and D."""
    if {program.first, *program.after.values()} == {program.first}:
        return f"always {_in_words(program.first, labels)}"
    keys = outcome_keys(labels)
    after = ", ".join(f"{keys[outcome]}: {_in_words(program.after[outcome], labels)}" for outcome in OUTCOMES)
    return f"first {_in_words(program.first, labels)}; after {after}"


def program_schema(labels: Sequence[str]) -> dict[str, Any]:
    """A strict JSON schema of programs; strict ones have no optional keys, so `reason` may be null.

    Args:
        labels: Of cooperation, then of defection.
    """
    choice = {"anyOf": [{"type": "string", "enum": list(labels)}, {"type": "number", "minimum": 0, "maximum": 1}]}
    outcomes = outcome_keys(dict(zip(Action, labels, strict=True))).values()
    after = _closed(dict.fromkeys(outcomes, choice))
    return _closed({"reason": {"type": ["string", "null"]}, "first": choice, "after": after})


def program_grammar(labels: Sequence[str]) -> str:
    """The same as a GBNF grammar, at the fewest tokens: no `reason`, no white space to choose, two decimals."""
    outcomes = outcome_keys(dict(zip(Action, labels, strict=True))).values()
    words = " | ".join(_literal(json.dumps(label, ensure_ascii=False)) for label in labels)
    after = _pairs((key, "choice") for key in outcomes)
    return (
        f"root ::= {_literal('{')} {_pairs([('first', 'choice'), ('after', 'after')])} {_literal('}')}\n"
        f"after ::= {_literal('{')} {after} {_literal('}')}\n"
        f"choice ::= {words} | number\n"
        'number ::= "0" | "1" | "0." [0-9] [0-9]?'
    )


@lru_cache(maxsize=4096)
def _read(text: str, cooperate: str, defect: str) -> Program | str:
    """Read once, played in every match of the round."""
    labels = {Action.COOPERATE: cooperate, Action.DEFECT: defect}
    try:
        content = _object(text)
        _check_keys(content, _KEYS, optional=("reason",))
        keys = outcome_keys(labels)
        after = content["after"]
        if not isinstance(after, dict):
            raise _NoProgram("after is no object")
        _check_keys(after, tuple(keys.values()), where="after ")
        reason = content.get("reason")
        if reason is not None and not isinstance(reason, str):
            raise _NoProgram("reason is no text")
        return Program(
            _probability(content["first"], labels, "first"),
            {outcome: _probability(after[key], labels, f"after {key}") for outcome, key in keys.items()},
            reason,
        )
    except _NoProgram as error:
        return str(error)


class _NoProgram(Exception):
    """Why a text is no program; never leaves this module."""


def _object(text: str) -> dict[str, Any]:
    """The one JSON object with which a text ends."""
    start = text.find("{")
    if start < 0:
        raise _NoProgram("no JSON object")
    decoder = json.JSONDecoder(object_pairs_hook=_without_twins, parse_constant=_no_constant)
    try:
        content, end = decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise _NoProgram("the JSON object is malformed") from None
    rest = text[end:]
    if "{" in rest:
        raise _NoProgram("more than one JSON object")
    if not re.fullmatch(r"\s*(?:```\s*)?", rest):
        raise _NoProgram("text after the JSON object")
    assert isinstance(content, dict)  # it begins with a brace
    return content


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise _NoProgram(f"key {_short(key)} twice")
        content[key] = value
    return content


def _no_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _check_keys(
    content: Mapping[str, Any], keys: Sequence[str], *, optional: Sequence[str] = (), where: str = ""
) -> None:
    unknown = [key for key in content if key not in keys]
    if unknown:
        raise _NoProgram(f"unknown key {where}{_short(unknown[0])}")
    missing = [key for key in keys if key not in content and key not in optional]
    if missing:
        raise _NoProgram(f"no key {where}{_short(missing[0])}")


def _probability(value: object, labels: Mapping[Action, str], where: str) -> float:
    """The probability of cooperating that a response stands for."""
    if isinstance(value, str):
        named = [action for action, label in labels.items() if label.casefold() == value.strip().casefold()]
        if not named:
            raise _NoProgram(f"{where} is no label: {_short(value)}")
        return float(named[0] is Action.COOPERATE)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _NoProgram(f"{where} is neither a label nor a number")
    if not 0 <= value <= 1:
        raise _NoProgram(f"{where} is no probability from 0 to 1")
    return float(value)


def _initial(label: str) -> str:
    first = label.strip()[0]
    return first.upper() if len(first.upper()) == 1 else first


def _short(word: str) -> str:
    """A word of a model as reasons quote it, so that they stay one short line."""
    return json.dumps(word if len(word) <= 24 else f"{word[:23]}…", ensure_ascii=False)


def _choice(p_cooperate: float, labels: Mapping[Action, str]) -> str | float:
    if p_cooperate in (0, 1):
        return labels[Action.COOPERATE if p_cooperate else Action.DEFECT]
    return p_cooperate


def _in_words(p_cooperate: float, labels: Mapping[Action, str]) -> str:
    choice = _choice(p_cooperate, labels)
    return choice if isinstance(choice, str) else f"{100 * choice:.3g} % {labels[Action.COOPERATE]}"


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with these keys, all of them and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _literal(text: str) -> str:
    """Text as a GBNF literal, which is quoted as JSON is."""
    return json.dumps(text, ensure_ascii=False)


def _pairs(rules: Iterable[tuple[str, str]]) -> str:
    """Keys with the rules of their values, one after the other."""
    return f" {_literal(', ')} ".join(f"{_literal(json.dumps(key) + ': ')} {rule}" for key, rule in rules)
