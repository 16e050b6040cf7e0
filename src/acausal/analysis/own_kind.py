"""E3, E10: do agents treat co-players of their own model otherwise than those of another one?

The pooled rate within models minus that across them is no answer: it differs as soon as base rates or group sizes do.
What a model does and what it attracts must be taken out, and where agents answer to what they have met (one model more
than another) only first encounters are free of that (SCIENCE.md section 5).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from acausal.analysis.inference import Estimate, jackknifed
from acausal.game import Action
from acausal.records import Decision

Pair = tuple[str, str]
"""Model in the agent's seat, model in the co-player's."""
WARNING = (
    "within minus across models pools base rates and group sizes: it differs from 0 where nobody knows anybody; "
    "read E10 on first encounters instead"
)


def first_encounters(decisions: Iterable[Decision]) -> list[Decision]:
    """Each agent's first match of its replicate, first turn: nothing has been seen that could be answered to."""
    every = list(decisions)
    first: dict[tuple[int, int], tuple[int, int, int]] = {}
    for decision in every:
        agent, place = (decision.replicate, decision.agent), (decision.round, decision.matchday, decision.match)
        first[agent] = min(first.get(agent, place), place)
    return [d for d in every if d.turn == 1 and first[d.replicate, d.agent] == (d.round, d.matchday, d.match)]


def matching_effect(decisions: Iterable[Decision]) -> float | None:
    """Own kind minus the others, with what each model does and attracts removed.

    For two models ½[(p_AA - p_AB) - (p_BA - p_BB)]; for more the coefficient γ of p_ab = μ + α_a + β_b + γ 1[a = b],
    least squares over pairs of models [kenny1984]. In a one-shot game of agents that cannot know who they meet it is 0
    but for chance: anything else says that the actual co-player leaks.

    Returns:
        None unless there are two models and every pairing of them was met by a decision that counts.
    """
    return _coefficient(_add(_counts(decisions).values()))


def own_kind(decisions: Iterable[Decision], *, first_only: bool = True, level: float = 0.95) -> Estimate | None:
    """E10: the matching effect with an interval over replicates, by leaving out one at a time [efron1981].

    Args:
        first_only: On first encounters, the direct effect; else over all, amplified by what agents answer to.
        level: Coverage of the interval, in (0, 1).

    Returns:
        None where `matching_effect` is.
    """
    kept = first_encounters(decisions) if first_only else list(decisions)
    words = "first encounters" if first_only else "all encounters"
    return _over_replicates([(1, kept)], f"double difference on {words}", level)


def told_by_actual(
    identical: Iterable[Decision], different: Iterable[Decision], *, level: float = 0.95
) -> Estimate | None:
    """E4: the matching effect where an identical copy is told, minus that where a different model is.

    In a one-shot game it is 0, as E3 is; in an iterated one it is recognition through history.

    Returns:
        None where `matching_effect` of either arm is.
    """
    return _over_replicates([(1, list(identical)), (-1, list(different))], "told × actual, all encounters", level)


def _over_replicates(arms: Sequence[tuple[int, list[Decision]]], words: str, level: float) -> Estimate | None:
    """The signed sum of the arms' matching effects; replicates of one number are left out of all arms together."""
    counts = [(sign, _counts(decisions)) for sign, decisions in arms]
    numbers = sorted({number for _, own in counts for number in own})

    def value(left_out: int | None) -> float | None:
        found = 0.0
        for sign, own in counts:
            effect = _coefficient(_add(met for number, met in own.items() if number != left_out))
            if effect is None:
                return None
            found += sign * effect
        return found

    whole = value(None)
    if whole is None:
        return None
    n = sum(total for _, own in counts for met in own.values() for _, total in met.values())
    method = f"{words}, leaving out one replicate at a time"
    return jackknifed(whole, [value(number) for number in numbers], n, level, method)


def pooled_gap(decisions: Iterable[Decision]) -> float | None:
    """The rate within models minus the rate across them; never without WARNING."""
    met = _add(_counts(decisions).values())
    rates = []
    for same in (True, False):
        own = [counts for pair, counts in met.items() if (pair[0] == pair[1]) is same]
        total = sum(total for _, total in own)
        rates.append(sum(won for won, _ in own) / total if total else None)
    within, across = rates
    return None if within is None or across is None else within - across


_Counts = Mapping[Pair, tuple[int, int]]
"""Pair → cooperating decisions, and all that count."""


def _counts(decisions: Iterable[Decision]) -> dict[int, dict[Pair, tuple[int, int]]]:
    """By replicate."""
    found: defaultdict[int, dict[Pair, tuple[int, int]]] = defaultdict(dict)
    for decision in decisions:
        if decision.counts and decision.coplayer_agent_model is not None:
            pair = decision.agent_model, decision.coplayer_agent_model
            won, total = found[decision.replicate].get(pair, (0, 0))
            found[decision.replicate][pair] = won + (decision.action is Action.COOPERATE), total + 1
    return found


def _add(several: Iterable[_Counts]) -> dict[Pair, tuple[int, int]]:
    won, total = Counter[Pair](), Counter[Pair]()
    for counts in several:
        for pair, (cooperated, decided) in counts.items():
            won[pair] += cooperated
            total[pair] += decided
    return {pair: (won[pair], total[pair]) for pair in total}


def _coefficient(counts: _Counts) -> float | None:
    """γ by its closed form: in a full square of pairs it is a contrast of the cells, after row and column means."""
    models = sorted({model for pair in counts for model in pair})
    k = len(models)
    if k < 2 or any(pair not in counts for pair in product(models, repeat=2)):
        return None
    rate = {pair: won / total for pair, (won, total) in counts.items()}
    # 1[a = b] without its row and column means is 1[a = b] - 1/k, whose square sums to k - 1.
    return math.fsum(rate[a, b] * ((a == b) - 1 / k) for a, b in product(models, repeat=2)) / (k - 1)
