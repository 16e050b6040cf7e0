"""Cooperation rates: the share of decisions that cooperate among those that count.

A decision counts when it is legible and was made by the model assigned. Everything else is reported beside the rate,
never inside it. By intention to treat, legible decisions of substitutes count too, for the model they stood in for: a
rate of its own, which enters no other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

from acausal.analysis.inference import Estimate, share
from acausal.analysis.units import unit_of
from acausal.game import Action
from acausal.records import Decision, RoundSummary, Status

_Key = TypeVar("_Key", str, int, tuple[str, str], tuple[int, int])


Shares = dict[str, dict[int, Estimate]]
"""Model → round → its share of the seats."""


@dataclass(frozen=True, slots=True)
class CallTotals:
    """What the calls of a run add up to, replayed ones included."""

    calls: int
    calls_replayed: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    """None when the price of some call is unknown."""
    wall_s: float
    calls_asked_anew: int = 0
    """Calls of this run whose prompt or dials had changed since they were on record."""


def cooperation_rate(decisions: Iterable[Decision], *, intention_to_treat: bool = False) -> Estimate | None:
    """E1: the share of decisions that cooperate, Σ cooperating / Σ that count, with an interval over its units.

    These are the wordings of one-shot decisions under several, which replicates of a wording share, else replicates.

    Args:
        intention_to_treat: Whether every decision with an action counts, whoever made it.

    Returns:
        None when no decision counts: no data is not 0.
    """
    kept = [d for d in decisions if d.counts or (intention_to_treat and d.action is not None)]
    name, unit = unit_of([kept])
    won, total = Counter[int](), Counter[int]()
    for decision in kept:
        total[unit(decision)] += 1
        won[unit(decision)] += decision.action is Action.COOPERATE
    units = sorted(total)
    return share([won[each] for each in units], [total[each] for each in units], unit=name.split()[0])


def grouped(decisions: Iterable[Decision], by: Callable[[Decision], _Key]) -> dict[_Key, list[Decision]]:
    """Decisions by a key, keys in sorted order."""
    groups: defaultdict[_Key, list[Decision]] = defaultdict(list)
    for decision in decisions:
        groups[by(decision)].append(decision)
    return {key: groups[key] for key in sorted(groups)}


def by_model(decisions: Iterable[Decision], *, intention_to_treat: bool = False) -> dict[str, Estimate | None]:
    """Model in the agent's seat → its rate."""
    return {
        model: cooperation_rate(own, intention_to_treat=intention_to_treat)
        for model, own in grouped(decisions, lambda d: d.agent_model).items()
    }


def by_round(decisions: Iterable[Decision]) -> dict[int, Estimate | None]:
    """Round → rate over all replicates."""
    return {round_: cooperation_rate(own) for round_, own in grouped(decisions, lambda d: d.round).items()}


def by_round_and_model(decisions: Sequence[Decision]) -> dict[str, dict[int, Estimate | None]]:
    """Model → round → rate over all replicates."""
    return {model: by_round(own) for model, own in grouped(decisions, lambda d: d.agent_model).items()}


def matrix(decisions: Iterable[Decision]) -> dict[tuple[str, str], Estimate | None]:
    """(model, co-player's model) → rate of the first against the second; pairs that never met are absent."""
    paired = (decision for decision in decisions if decision.coplayer_agent_model is not None)
    met = grouped(paired, lambda d: (d.agent_model, d.coplayer_agent_model or ""))
    return {pair: cooperation_rate(own) for pair, own in met.items()}


def within_model(decisions: Iterable[Decision]) -> Estimate | None:
    """The rate among agents of one model meeting each other."""
    return cooperation_rate(d for d in decisions if d.agent_model == d.coplayer_agent_model)


def cross_model(decisions: Iterable[Decision]) -> Estimate | None:
    """The rate among agents of different models meeting each other; None where nobody meets one other."""
    return cooperation_rate(d for d in decisions if d.coplayer_agent_model not in (None, d.agent_model))


def legible_share(decisions: Sequence[Decision]) -> float | None:
    """The share of decisions from which an action was read; None over nothing."""
    return sum(d.status is Status.LEGIBLE for d in decisions) / len(decisions) if decisions else None


def bounds(decisions: Sequence[Decision]) -> tuple[float, float] | None:
    """The rate if every decision that does not count had defected, and if it had cooperated [manski1990]."""
    if not decisions:
        return None
    cooperated = sum(d.counts and d.action is Action.COOPERATE for d in decisions)
    missing = sum(not d.counts for d in decisions)
    return cooperated / len(decisions), (cooperated + missing) / len(decisions)


def round_summaries(
    decisions: Iterable[Decision], populations: Mapping[tuple[int, int], dict[str, int]] | None = None
) -> tuple[RoundSummary, ...]:
    """One summary per replicate and round, in that order.

    Args:
        populations: (replicate, round) → model → agents.
    """
    rounds = grouped(decisions, lambda d: (d.replicate, d.round))
    return tuple(
        replace(_round_summary(*place, own), population=(populations or {}).get(place, {}))
        for place, own in rounds.items()
    )


def population_shares(populations: Mapping[tuple[int, int], Mapping[str, int]]) -> Shares:
    """Model → round → its share of the seats, with an interval over replicates.

    Args:
        populations: (replicate, round) → model → agents, extinct models with 0.
    """
    counts: defaultdict[str, defaultdict[int, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for (_, round_), agents in sorted(populations.items()):
        for model, number in sorted(agents.items()):
            counts[model][round_].append((number, sum(agents.values())))
    shares = {
        model: {round_: share(*zip(*replicates, strict=True)) for round_, replicates in rounds.items()}
        for model, rounds in sorted(counts.items())
    }
    return {
        model: {round_: own for round_, own in rounds.items() if own is not None} for model, rounds in shares.items()
    }


def summary(
    decisions: Sequence[Decision],
    totals: CallTotals,
    calls_by_model: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The content of summary.json: rates as fractions in [0, 1] or None over nothing, and what they rest on."""
    estimates = {
        "cooperation_rate": cooperation_rate(decisions),
        "cooperation_rate_within_model": within_model(decisions),
        "cooperation_rate_cross_model": cross_model(decisions),
        "cooperation_rate_intention_to_treat": cooperation_rate(decisions, intention_to_treat=True),
    }
    models = by_model(decisions)
    assigned = by_model(decisions, intention_to_treat=True)
    statuses = Counter(decision.status for decision in decisions)
    extremes = bounds(decisions)
    return (
        {name: _value(estimate) for name, estimate in estimates.items()}
        | {"cooperation_rate_by_model": _values(models)}
        | {"cooperation_rate_intention_to_treat_by_model": _values(assigned)}
        | {"decisions": len(decisions)}
        | {status.value: statuses[status] for status in Status}
        | {"substituted": sum(decision.substituted for decision in decisions)}
        | asdict(totals)
        | {"calls_by_model": dict(calls_by_model)}
        | {
            "bounds": None
            if extremes is None
            else {"all_missing_defect": extremes[0], "all_missing_cooperate": extremes[1]}
        }
        | {"false_claims": sum(decision.claim_is_true is False for decision in decisions)}
        | {"estimates": {name: _fields(estimate) for name, estimate in estimates.items()}}
        | {"estimates_by_model": {model: _fields(estimate) for model, estimate in models.items()}}
        | {"estimates_intention_to_treat_by_model": {model: _fields(rate) for model, rate in assigned.items()}}
    )


def _round_summary(replicate: int, round_: int, decisions: Sequence[Decision]) -> RoundSummary:
    scores = {decision.agent: 0.0 for decision in sorted(decisions, key=lambda d: d.agent)}
    for decision in decisions:
        scores[decision.agent] += decision.payoff or 0.0  # a void match adds nothing
    return RoundSummary(
        replicate=replicate,
        round=round_,
        decisions=len(decisions),
        legible=sum(decision.status is Status.LEGIBLE for decision in decisions),
        cooperation_rate=_value(cooperation_rate(decisions)),
        cooperation_rate_by_model=_values(by_model(decisions)),
        cooperation_rate_within_model=_value(within_model(decisions)),
        cooperation_rate_cross_model=_value(cross_model(decisions)),
        scores=scores,
        power={decision.agent: decision.power for decision in sorted(decisions, key=lambda d: d.agent)},
    )


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _values(estimates: Mapping[str, Estimate | None]) -> dict[str, float | None]:
    return {model: _value(estimate) for model, estimate in estimates.items()}


def _fields(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else asdict(estimate)
