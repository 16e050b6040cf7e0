"""What is chosen after what: cooperation given the turn before, in matches of several turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from acausal.game import Action
from acausal.records import Decision

Met = tuple[Decision, Action | None]
"""A decision, and what its co-player did in the same turn; None where that is not known."""
SITUATIONS = ("met C", "met D", "CC", "CD", "DC", "DD")
"""Of the turn before: what the co-player did; then own action and the co-player's, together."""
OUTCOMES = SITUATIONS[2:]
_LETTER = {Action.COOPERATE: "C", Action.DEFECT: "D"}


def after(turns: Iterable[Met]) -> Mapping[str, list[Decision]]:
    """Situation → the decisions taken in the turn that follows it, in the order of SITUATIONS; empty where none was.

    A decision follows the turn numbered one less, of the same match and agent. First turns follow nothing, and a turn
    of which an action is missing is followed by nothing that is known.
    """
    before: dict[tuple[object, ...], tuple[Action | None, Action | None]] = {}
    every = list(turns)
    for decision, met in every:
        before[_place(decision, decision.turn)] = decision.action, met
    found: defaultdict[str, list[Decision]] = defaultdict(list)
    for decision, _ in every:
        own, other = before.get(_place(decision, decision.turn - 1), (None, None))
        if other is not None:
            found[f"met {_LETTER[other]}"].append(decision)
            if own is not None:
                found[_LETTER[own] + _LETTER[other]].append(decision)
    return {situation: found[situation] for situation in SITUATIONS}


def outcome_counts(turns: Iterable[Met]) -> dict[int, dict[str, int]]:
    """Replicate → outcome (own action, then the co-player's) → decisions that count and whose co-player's is known."""
    found: defaultdict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(OUTCOMES, 0))
    for decision, met in turns:
        if decision.counts and decision.action is not None and met is not None:
            found[decision.replicate][_LETTER[decision.action] + _LETTER[met]] += 1
    return dict(found)


def _place(decision: Decision, turn: int) -> tuple[object, ...]:
    d = decision
    return d.condition, d.replicate, d.round, d.match, d.agent, turn
