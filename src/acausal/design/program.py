"""A strategy as a small program: what to choose first, and what after each outcome of the turn or match before.

An agent writes it once a round as a JSON object, and every decision of the round follows from it at no further call:

    {"first": R, "after": {"CC": R, "CD": R, "DC": R, "DD": R}, "reason": "any text"}

R is a label, or a number in [0, 1]: the probability of choosing the label that the prompt names first. Labels are
given in the order of the prompt everywhere here, so that the order of the options changes all of it together. A key
of `after` is an outcome, the agent's own move and then the other's, in the initials of the labels, or in whole labels
where initials do not tell them apart: no word stands in it that the game does not use. `reason` may be left out or
null and has no effect.

A program is legible or not; nothing in it is repaired. Before the object there may be text without braces, around it a
code fence, behind it nothing; a key that is missing, unknown or given twice, and any other value, make it illegible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from acausal.game import Action

Outcome = tuple[Action, Action]
"""The agent's own move, and the other's."""
Moves = Sequence[Outcome]
"""What came before a decision, oldest first: turns of one match, or the agent's own earlier matches of the round."""

OUTCOMES: tuple[Outcome, ...] = tuple((own, other) for own in Action for other in Action)
_KEYS = ("first", "after", "reason")


@dataclass(frozen=True, slots=True)
class Program:
    """What an agent does in a round, as probabilities of cooperating in [0, 1]."""

    first: float
    """While there is no outcome that it may react to."""
    after: Mapping[Outcome, float]
    """By the latest outcome."""
    reason: str | None = None

    def p_cooperate(self, before: Moves) -> float:
        """The probability with which it cooperates.

        Args:
            before: What a prompt for this decision would show, so that a program knows no more than its author would.
        """
        return self.after[before[-1]] if before else self.first


def constant(p_cooperate: float) -> Program:
    """The program that cooperates with the same probability whatever happened."""
    return Program(p_cooperate, dict.fromkeys(OUTCOMES, p_cooperate))


def move(program: Program, before: Moves, *, chance: float) -> Action:
    """The action of a program.

    Args:
        chance: In [0, 1), from the seed of the decision's place alone; below the probability it cooperates.
    """
    return Action.COOPERATE if chance < program.p_cooperate(before) else Action.DEFECT


def outcome_keys(labels: Mapping[Action, str]) -> dict[Outcome, str]:
    """Outcome → its key in `after`: `CD`, or `Option A/Option B` where both labels begin with the same letter."""
    first, second = labels
    outcomes = [(own, other) for own in (first, second) for other in (first, second)]
    return dict(zip(outcomes, _keys(list(labels.values())), strict=True))


def read_program(text: str, labels: Mapping[Action, str]) -> Program | str:
    """The program that a text holds, or why it holds none.

    Args:
        labels: Action → the word the agent was given for it, in the order in which the prompt named them; upper and
            lower case are the same, as in decisions.
    """
    return _read(text, tuple(labels.items()))


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
        labels: In the order in which the prompt named them.
    """
    choice = {"anyOf": [{"type": "string", "enum": list(labels)}, {"type": "number", "minimum": 0, "maximum": 1}]}
    after = closed(dict.fromkeys(_keys(labels), choice))
    return closed({"reason": {"type": ["string", "null"]}, "first": choice, "after": after})


def program_grammar(labels: Sequence[str]) -> str:
    """The same as a GBNF grammar, at the fewest tokens: no `reason`, no white space to choose, two decimals."""
    words = " | ".join(_literal(json.dumps(label, ensure_ascii=False)) for label in labels)
    after = _pairs((key, "choice") for key in _keys(labels))
    return (
        f"root ::= {_literal('{')} {_pairs([('first', 'choice'), ('after', 'after')])} {_literal('}')}\n"
        f"after ::= {_literal('{')} {after} {_literal('}')}\n"
        f"choice ::= {words} | number\n"
        'number ::= "0" | "1" | "0." [0-9] [0-9]?'
    )


@lru_cache(maxsize=4096)
def _read(text: str, named: tuple[tuple[Action, str], ...]) -> Program | str:
    """Read once, played in every match of the round."""
    labels = dict(named)
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
    return _of_first(float(value), labels)


def _of_first(probability: float, labels: Mapping[Action, str]) -> float:
    """From the probability of cooperating to that of the label listed first, and back."""
    return probability if next(iter(labels)) is Action.COOPERATE else 1 - probability


def _keys(labels: Sequence[str]) -> list[str]:
    """The keys of `after`, in the order of the labels."""
    initials = [_initial(label) for label in labels]
    if len(set(initials)) == len(initials):
        return ["".join(pair) for pair in product(initials, repeat=2)]
    return ["/".join(pair) for pair in product(labels, repeat=2)]


def _initial(label: str) -> str:
    first = label.strip()[0]
    return first.upper() if len(first.upper()) == 1 else first


def _short(word: str) -> str:
    """A word of a model as reasons quote it, so that they stay one short line."""
    return json.dumps(word if len(word) <= 24 else f"{word[:23]}…", ensure_ascii=False)


def _choice(p_cooperate: float, labels: Mapping[Action, str]) -> str | float:
    if p_cooperate in (0, 1):
        return labels[Action.COOPERATE if p_cooperate else Action.DEFECT]
    return _of_first(p_cooperate, labels)


def _in_words(p_cooperate: float, labels: Mapping[Action, str]) -> str:
    choice = _choice(p_cooperate, labels)
    return choice if isinstance(choice, str) else f"{100 * choice:.3g} % {next(iter(labels.values()))}"


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
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
