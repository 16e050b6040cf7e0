"""What a pilot says of the study that is to follow: its rates, and how far decisions of one unit go together.

Correlations are ratios of products averaged over pairs of decisions: of one strategy, of different strategies of one
unit, of different units. None needs a model of the decisions, and none is biased by few units but for its denominator.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from scipy.stats import t

from acausal.analysis.units import WORDING, unit_of, wording
from acausal.game import Action
from acausal.records import Decision

Counts = tuple[int, int]
"""Cooperating decisions of a strategy, and all that count."""
Units = Mapping[int, Sequence[Counts]]
"""Unit → its strategies."""
_MOST = 0.95
"""No correlation is taken to be higher: beyond it a unit is one decision."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """What was measured, for one model."""

    rate: float
    """Mean over arms of the mean of their units."""
    correlation: float
    """Of two decisions of a unit, of different strategies; at least 0."""
    correlation_high: float | None
    """What it hardly exceeds: the one-sided 95 % bound of a jackknife over units; None with fewer than three."""
    within: float
    """Of two decisions of one strategy, beyond the unit's; 0 where a strategy makes one."""
    shared: float | None
    """Correlation between arms of what units add; None where arms have no units in common, or these add nothing."""
    paired: bool
    """Whether wordings, which arms share, are the units."""
    arms: int
    units: int
    """Of the arm with the fewest."""
    strategies: int
    per_strategy: int
    """Of a unit, and decisions of each: medians."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """Of one arm: sums whose ratios are the correlations."""

    rate: float
    spread: float
    """Estimates m (1 - m)."""
    across: float
    """Covariance of two decisions of a unit, of different strategies."""
    inside: float | None
    """Covariance of two decisions of one strategy."""


def shares_wordings(arms: Sequence[Sequence[Decision]]) -> bool:
    """Whether all arms that have several wordings have the same ones, in one round: then a wording is the unit."""
    several = [own for own in arms if len({wording(decision) for decision in own}) > 1]
    one_shot = all(decision.round == 1 for own in arms for decision in own)
    return one_shot and bool(several) and unit_of(several)[0] == WORDING


def pilot(arms: Sequence[Sequence[Decision]]) -> Pilot | None:
    """What the arms of one model tell, taken together: correlations are those of all, rates may differ.

    Returns:
        None where no arm has two units with decisions that count, or every decision of every arm is the same: what
        never varies correlates with nothing.
    """
    paired = shares_wordings(arms)
    kept = [own for own in (_units(arm, paired=paired) for arm in arms) if len(own) > 1]
    parts = [_parts(own) for own in kept]
    if not parts or (correlation := _correlation(parts)) is None:
        return None
    inside = [(each.inside, each.spread) for each in parts if each.inside is not None]
    spread = sum(part for _, part in inside)
    known = min(correlation, _MOST)
    within = (sum(part for part, _ in inside) / spread - known) / (1 - known) if spread > 0 else 0.0
    strategies = [each for own in kept for each in own.values()]
    return Pilot(
        rate=sum(each.rate for each in parts) / len(parts),
        correlation=_clipped(correlation),
        correlation_high=_high(kept, correlation),
        within=_clipped(within),
        shared=_shared(kept, parts),
        paired=paired,
        arms=len(kept),
        units=min(map(len, kept)),
        strategies=round(median(len(own) for own in strategies)),
        per_strategy=round(median(total for own in strategies for _, total in own)),
    )


def _units(arm: Sequence[Decision], *, paired: bool) -> dict[int, list[Counts]]:
    counted: defaultdict[int, defaultdict[tuple[int, int, int], list[bool]]] = defaultdict(lambda: defaultdict(list))
    for decision in arm:
        if decision.counts:
            unit = wording(decision) if paired else decision.replicate
            strategy = decision.replicate, decision.round, decision.agent
            counted[unit][strategy].append(decision.action is Action.COOPERATE)
    return {unit: [(sum(own), len(own)) for own in strategies.values()] for unit, strategies in counted.items()}


def _parts(units: Units) -> _Parts:
    totals = [(sum(won for won, _ in own), sum(n for _, n in own)) for own in units.values()]
    means = [won / n for won, n in totals]
    rate, number = sum(means) / len(means), len(means)
    between = (sum(means) ** 2 - sum(mean**2 for mean in means)) / (number * (number - 1))
    across = [
        (won**2 - sum(w**2 for w, _ in own)) / pairs
        for own, (won, n) in zip(units.values(), totals, strict=True)
        if (pairs := n**2 - sum(k**2 for _, k in own))
    ]
    inside = [(won**2 - won) / (n**2 - n) for own in units.values() for won, n in own if n > 1]
    return _Parts(
        rate=rate,
        spread=rate - between,
        across=sum(across) / len(across) - between if across else 0.0,
        inside=sum(inside) / len(inside) - between if inside else None,
    )


def _correlation(parts: Sequence[_Parts]) -> float | None:
    spread = sum(each.spread for each in parts)
    return sum(each.across for each in parts) / spread if spread > 1e-12 else None


def _high(arms: Sequence[Units], correlation: float) -> float | None:
    """One-sided 95 % bound, from leaving out each unit of each arm."""
    if min(map(len, arms)) < 3:
        return None
    without = [each for each in _left_out(arms) if each is not None]
    number = len(without)
    mean = sum(without) / number
    error = math.sqrt((number - 1) / number * sum((each - mean) ** 2 for each in without))
    return _clipped(correlation + float(t.ppf(0.95, number - len(arms))) * error)


def _left_out(arms: Sequence[Units]) -> Iterator[float | None]:
    parts = [_parts(own) for own in arms]
    for place, own in enumerate(arms):
        for unit in own:
            fewer = _parts({other: strategies for other, strategies in own.items() if other != unit})
            yield _correlation([*parts[:place], fewer, *parts[place + 1 :]])


def _shared(arms: Sequence[Units], parts: Sequence[_Parts]) -> float | None:
    """Covariance of unit means between arms over the geometric mean of what units add in each."""
    together = apart = 0.0
    for first in range(len(arms)):
        for second in range(first + 1, len(arms)):
            common = sorted(arms[first].keys() & arms[second].keys())
            if len(common) < 3:
                continue
            x, y = ([_mean(arms[place][unit]) for unit in common] for place in (first, second))
            centres = sum(x) / len(x), sum(y) / len(y)
            products = ((a - centres[0]) * (b - centres[1]) for a, b in zip(x, y, strict=True))
            together += sum(products) / (len(common) - 1)
            apart += math.sqrt(max(parts[first].across, 0.0) * max(parts[second].across, 0.0))
    return min(1.0, max(0.0, together / apart)) if apart > 0 else None


def _mean(strategies: Sequence[Counts]) -> float:
    return sum(won for won, _ in strategies) / sum(n for _, n in strategies)


def _clipped(correlation: float) -> float:
    return min(_MOST, max(0.0, correlation))
