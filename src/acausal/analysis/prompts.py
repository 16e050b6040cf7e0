"""E9: how much one model's choice really says of another's, over a declared set of prompts.

Told that it plays a copy, a model that draws does not make the copy's choice: at P(C) = .5 two copies agree half of the
time. So this stands beside every claim about identity.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from acausal.analysis.inference import Estimate, clipped, jackknifed
from acausal.game import Action
from acausal.records import Decision

Answers = Mapping[str, tuple[int, int]]
"""Prompt → how often the model cooperated, and how often it decided."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """What the choices of two models have to do with each other on the same prompts."""

    models: tuple[str, str]
    prompts: int
    """Which both answered, each once at least; of a model with itself, twice."""
    match: Estimate | None
    """r_ab: the probability that the two choose alike on a prompt."""
    kappa: Estimate | None
    """P(b cooperates | a does) − P(b cooperates | a does not); None where a always does the same."""


def answers(decisions: Iterable[Decision]) -> dict[str, tuple[int, int]]:
    """By prompt: its exact messages. Decisions without, or that do not count, are left out.

    Arms share seeds: where one place of the design met a prompt in several of them, its draw counts once.
    """
    found: defaultdict[str, dict[tuple[int, ...], bool]] = defaultdict(dict)
    for decision in decisions:
        if decision.counts and decision.messages_hash is not None:
            place = decision.replicate, decision.round, decision.match, decision.turn, decision.agent
            found[decision.messages_hash].setdefault(place, decision.action is Action.COOPERATE)
    return {prompt: (sum(own.values()), len(own)) for prompt, own in found.items()}


def evidential_correlation(
    a: tuple[str, Iterable[Decision]], b: tuple[str, Iterable[Decision]], *, level: float = 0.95
) -> Correlation:
    """r_ab = E[p_a p_b + (1 - p_a)(1 - p_b)] and κ_ab = Cov(p_a, p_b) / (m_a (1 - m_a)) over prompts of equal weight.

    p is a prompt's probability of C. Of one model with itself, p² is estimated from pairs of different answers, so that
    no answer is compared with itself. Intervals leave out one prompt at a time.

    Args:
        a: A model and its decisions.
        b: Another one, or the same again.
        level: Coverage of the intervals, in (0, 1).
    """
    (name, own), (other_name, other) = a, b
    first, second = answers(own), answers(other)
    pairs = _with_itself(first) if name == other_name else _with_another(first, second)
    n = len(pairs)
    if not n:
        return Correlation((name, other_name), 0, None, None)
    whole = tuple(math.fsum(pair[i] for pair in pairs) for i in range(3))

    def estimate(formula: Callable[[Sequence[float], int], float | None], words: str, least: float) -> Estimate | None:
        value = formula(whole, n)
        if value is None:
            return None
        rest = ([all_of - one for all_of, one in zip(whole, pair, strict=True)] for pair in pairs)
        without = [formula(left, n - 1) if n > 1 else None for left in rest]
        method = f"{words}, leaving out one prompt at a time"
        return clipped(jackknifed(value, without, n, level, method, unit="prompt"), least, 1.0)

    match = estimate(_match, "match probability", 0.0)
    return Correlation((name, other_name), n, match, estimate(_kappa, "difference of conditional rates", -1.0))


def _match(sums: Sequence[float], n: int) -> float:
    a, b, both = sums
    return (2 * both - a - b) / n + 1


def _kappa(sums: Sequence[float], n: int) -> float | None:
    a, b, both = (each / n for each in sums)
    return None if a * (1 - a) <= 1e-12 else (both - a * b) / (a * (1 - a))


def _with_another(first: Answers, second: Answers) -> Sequence[tuple[float, float, float]]:
    """p_a, p_b and p_a p_b of each prompt that both answered."""
    found = []
    for prompt in sorted(first.keys() & second.keys()):
        p, q = (won / total for won, total in (first[prompt], second[prompt]))
        found.append((p, q, p * q))
    return found


def _with_itself(own: Answers) -> Sequence[tuple[float, float, float]]:
    return [
        (won / total, won / total, won * (won - 1) / (total * (total - 1)))
        for _, (won, total) in sorted(own.items())
        if total > 1
    ]
