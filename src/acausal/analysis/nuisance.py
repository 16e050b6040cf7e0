"""Label, order and seat effects with their intervals: what should move nobody, and by how much it may.

Each is a difference of cooperation rates within one model; the interval leaves out one group of replicates at a time
[efron1981]. What was not varied has no estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acausal.analysis.inference import Estimate, jackknifed
from acausal.analysis.position import position_effects
from acausal.game import Action
from acausal.records import Decision

_MOST_GROUPS = 10
"""Replicates are left out in so many groups at most: more change an interval little and cost time."""


def nuisance_effects(decisions: Sequence[Decision]) -> dict[str, Estimate | None]:
    """Name → effect on one model: first option, payoff rows, label, first match of a round, seat.

    `first option` is a share, with one half for no bias; the others are differences of rates, 0 for none.

    Args:
        decisions: Of one model.
    """
    counted = [decision for decision in decisions if decision.counts]
    replicates = sorted({decision.replicate for decision in counted})
    count = min(len(replicates), _MOST_GROUPS)
    group = {replicate: place % count for place, replicate in enumerate(replicates)}
    whole = _effects(counted)
    without = [_effects([d for d in counted if group[d.replicate] != left]) for left in range(count)]
    one = "one replicate" if count == len(replicates) else f"one of {count} groups of replicates"
    return {
        name: None
        if value is None
        else jackknifed(value, [each.get(name) for each in without], len(counted), 0.95, f"leaving out {one} at a time")
        for name, value in whole.items()
    }


def seat_effect(decisions: Sequence[Decision]) -> float | None:
    """Rate of the agents in odd seats minus that of those in even ones; seats are shuffled, so 0 but for chance."""
    return _gap(decisions, lambda decision: decision.agent % 2 == 1)


def first_match_effect(decisions: Sequence[Decision]) -> float | None:
    """Rate in an agent's first match of a round minus that in its later ones of that round.

    In a one-shot arm that shows nothing of earlier matches it is 0 but for chance.
    """
    first: dict[tuple[int, int, int], int] = {}
    for decision in decisions:
        place = decision.replicate, decision.round, decision.agent
        first[place] = min(first.get(place, decision.match), decision.match)
    return _gap(decisions, lambda d: d.match == first[d.replicate, d.round, d.agent])


def _effects(decisions: Sequence[Decision]) -> dict[str, float | None]:
    positions = next(iter(position_effects(decisions)), None)
    if positions is None:
        return {}
    return {
        "first option": positions.first_option_share,
        "payoff rows": positions.payoff_order_effect,
        "label": positions.label_effect,
        "first match of a round": first_match_effect(decisions),
        "seat": seat_effect(decisions),
    }


def _gap(decisions: Sequence[Decision], first: Callable[[Decision], bool]) -> float | None:
    met: tuple[list[bool], list[bool]] = ([], [])
    for decision in decisions:
        met[not first(decision)].append(decision.action is Action.COOPERATE)
    return sum(met[0]) / len(met[0]) - sum(met[1]) / len(met[1]) if all(met) else None
