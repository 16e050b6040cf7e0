"""What the choices came to: shares of the outcomes (E13), mean payoff, inequality."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from acausal.analysis.inference import Estimate, pooled_mean, share, unit_mean
from acausal.analysis.rates import grouped
from acausal.game import Action
from acausal.records import Decision

OUTCOMES = ("CC", "CD", "DC", "DD")
"""Own action, then the co-player's."""
_LETTERS = {Action.COOPERATE: "C", Action.DEFECT: "D"}


def outcome_shares(decisions: Iterable[Decision]) -> dict[str, Estimate | None]:
    """E13: the share of each outcome among decisions in whose match both count, with an interval over replicates.

    Each match is seen from both its sides, so over a whole population CD and DC have the same share. None over nothing:
    also in a game that is not played in pairs.
    """
    counted: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for own, other in both_sides(decisions):
        if own.counts and other.counts and own.action is not None and other.action is not None:
            counted[own.replicate][_LETTERS[own.action] + _LETTERS[other.action]] += 1
    totals = [seen.total() for seen in counted.values()]
    return {outcome: share([seen[outcome] for seen in counted.values()], totals) for outcome in OUTCOMES}


def mean_payoff(decisions: Iterable[Decision], *, level: float = 0.95) -> Estimate | None:
    """Points a decision, over decisions that count in matches that scored; the value is in points, not a share.

    Returns:
        None when no match scored. The interval is a t interval on replicate means, where these differ.
    """
    points: defaultdict[int, list[float]] = defaultdict(list)
    for decision in decisions:
        if decision.payoff is not None and decision.counts:
            points[decision.replicate].append(decision.payoff)
    return pooled_mean(points.values(), level=level)


def trajectories(decisions: Iterable[Decision]) -> dict[str, dict[str, dict[int, Estimate | None]]]:
    """`score` and `power` → model → round: points so far of an agent, and its power; means over agents.

    A score is missing from the first round on in which no match of the agent scored.
    """
    found: dict[str, dict[str, dict[int, Estimate | None]]] = {"score": {}, "power": {}}
    for model, own in grouped(decisions, lambda d: d.agent_model).items():
        scores: defaultdict[int, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        powers: defaultdict[int, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for (replicate, _), played in grouped(own, lambda d: (d.replicate, d.agent)).items():
            so_far = 0.0
            for round_, decided in grouped(played, lambda d: d.round).items():
                powers[round_][replicate].append(decided[0].power)
                scored = [d.payoff for d in decided if d.payoff is not None]
                if not scored:
                    break
                so_far += sum(scored)
                scores[round_][replicate].append(so_far)
        for name, rounds in (("score", scores), ("power", powers)):
            found[name][model] = {round_: pooled_mean(each.values()) for round_, each in sorted(rounds.items())}
    return found


def mean_payoff_by_model(decisions: Iterable[Decision]) -> dict[str, Estimate | None]:
    """Model in the agent's seat → its mean payoff."""
    return {model: mean_payoff(own) for model, own in grouped(decisions, lambda d: d.agent_model).items()}


def gini(values: Sequence[float]) -> float | None:
    """Gini's coefficient: the mean absolute difference of all pairs over twice the mean [gini1912].

    G = Σ_i Σ_j |x_i - x_j| / (2 n² mean), computed from the sorted values.

    Args:
        values: One for each agent, none below 0: negative ones have no share of a total.

    Returns:
        0 for equality up to 1 - 1/n for one who has all; None for no values, a total of 0, or a negative value.
    """
    ordered = sorted(values)
    n, total = len(ordered), sum(ordered)
    if not ordered or ordered[0] < 0 or total == 0:
        return None
    return sum((2 * rank - n - 1) * value for rank, value in enumerate(ordered, start=1)) / (n * total)


def gini_of_scores(decisions: Iterable[Decision]) -> Estimate | None:
    """Inequality of the agents' points over all rounds: G of each replicate in which it is defined, mean over them."""
    return _mean_gini(decisions, _scores)


def gini_of_power(decisions: Iterable[Decision]) -> Estimate | None:
    """Inequality of the agents' power in the last round: G of each replicate, mean over them."""
    return _mean_gini(decisions, _powers)


def _scores(decisions: Sequence[Decision]) -> list[float]:
    if all(decision.payoff is None for decision in decisions):
        return []
    return [sum(d.payoff or 0.0 for d in own) for own in grouped(decisions, lambda d: d.agent).values()]


def _powers(decisions: Sequence[Decision]) -> list[float]:
    last = max(decision.round for decision in decisions)
    return list({decision.agent: decision.power for decision in decisions if decision.round == last}.values())


def _mean_gini(decisions: Iterable[Decision], values: Callable[[Sequence[Decision]], list[float]]) -> Estimate | None:
    each = [gini(values(own)) for own in grouped(decisions, lambda d: d.replicate).values()]
    return unit_mean([value for value in each if value is not None], unit="replicate")


def both_sides(decisions: Iterable[Decision]) -> Iterator[tuple[Decision, Decision]]:
    """Each decision of a game of pairs beside the one it met; of a match cut in two, nothing."""
    met = {_seat(decision, decision.agent): decision for decision in decisions}
    for decision in met.values():
        if decision.coplayer is not None and (other := met.get(_seat(decision, decision.coplayer))) is not None:
            yield decision, other


def _seat(decision: Decision, agent: int) -> tuple[int, int, int, int, int]:
    # A match of several turns has as many pairs of decisions.
    return decision.replicate, decision.round, decision.match, decision.turn, agent
