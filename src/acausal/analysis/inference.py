"""Estimates with their uncertainty; the replicate is the unit, never the decision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, or without one and the reason why."""

    value: float
    """Of a rate a fraction in [0, 1], over all decisions that count; of a contrast a difference of fractions."""
    low: float | None
    high: float | None
    n: int
    """Decisions behind the value; replicates, prompts or models where those are what is counted."""
    clusters: int
    """Independent units behind the interval: replicates, wordings, prompts or models."""
    method: str


def share(
    successes: Sequence[int], totals: Sequence[int], *, unit: str = "replicate", level: float = 0.95
) -> Estimate | None:
    """A share over all decisions, Σ won / Σ counted, with an interval from its values in the units.

    Args:
        successes: Cooperating decisions per unit, shape (units,).
        totals: Decisions that count per unit, shape (units,); empty units carry no information.
        unit: What repeats independently: `replicate`, `wording` or `strategy`.
        level: Coverage of the interval, in (0, 1).

    Returns:
        None when nothing counts: no data is not 0. One unit gives no interval, and neither do units that agree beyond
        chance. Where every unit is all 0 or all 1 the exact one-sided bound stands in [clopper1934]. Else the interval
        is the span of two, `shares.intervals`.
    """
    counted = tuple((won, total) for won, total in zip(successes, totals, strict=True) if total)
    if not counted:
        return None
    n, clusters = sum(total for _, total in counted), len(counted)
    value = sum(won for won, _ in counted) / n
    if clusters == 1:
        return Estimate(value, None, None, n, 1, f"one {unit}: no interval")
    if value in (0.0, 1.0):
        return Estimate(value, *_interval(counted, level), n, clusters, f"exact one-sided bound over {unit}s")
    # Of exact fractions: in floats, 1/3 twenty times over has a variance.
    if len({Fraction(won, total) for won, total in counted}) == 1 and _agreeing(counted) < _COPIES:
        return Estimate(value, None, None, n, clusters, f"all {unit}s equal: no interval, look for copies")
    return Estimate(value, *_interval(counted, level), n, clusters, f"{_SPAN} over {unit}s")


_ROUNDING = 1e-12
"""Of the values: what lies closer together differs by rounding alone."""
_SPAN = "logit t and beta-binomial interval"
_COPIES = 0.001
"""Chance that independent units are so equal, below which they are taken for copies."""


def _agreeing(counted: Sequence[tuple[int, int]]) -> float:
    """The chance that units without any correlation all have the share that the first has."""
    rate = counted[0][0] / counted[0][1]
    chance = 1.0
    for won, total in counted[1:]:
        logs = math.lgamma(total + 1) - math.lgamma(won + 1) - math.lgamma(total - won + 1)
        chance *= math.exp(logs + won * math.log(rate) + (total - won) * math.log1p(-rate))
    return chance


@lru_cache(maxsize=4096)
def _interval(counted: tuple[tuple[int, int], ...], level: float) -> tuple[float, float]:
    """Kept: reports ask for the same rate several times."""
    import numpy as np

    from acausal.analysis.shares import bounded

    won, total = np.array(counted, dtype=np.int64).T
    low, high = bounded(won, total, level)
    return float(low), float(high)


def half_width(means: Sequence[float], level: float) -> float:
    """Half the width of the t interval of a mean, t_{n-1} s / √n, from at least two values [student1908]."""
    from scipy.stats import t

    clusters = len(means)
    centre = math.fsum(means) / clusters
    variance = math.fsum((mean - centre) ** 2 for mean in means) / (clusters - 1)
    return float(t.ppf((1 + level) / 2, clusters - 1)) * math.sqrt(variance / clusters)


def unit_mean(values: Sequence[float], *, unit: str = "unit", level: float = 0.95) -> Estimate | None:
    """The mean of one value a unit, all with equal weight, with its t interval; None over nothing."""
    return pooled_mean([[value] for value in values], unit=unit, level=level)


def pooled_mean(values: Iterable[Sequence[float]], *, unit: str = "replicate", level: float = 0.95) -> Estimate | None:
    """The mean of all values, Σ values / number of values, with a t interval over units; None over nothing.

    Args:
        values: Of each unit its values, shape (units, values); what is no number is missing, and
            empty units carry no information. Where all have as many
            it is the t interval of their means; where they do not, large units weigh more in error as in the mean.
    """
    known = [[value for value in own if not math.isnan(value)] for own in values]
    return mean_of_sums([math.fsum(own) for own in known], [len(own) for own in known], unit=unit, level=level)


def mean_of_sums(
    sums: Sequence[float], counts: Sequence[int], *, unit: str = "replicate", level: float = 0.95
) -> Estimate | None:
    """The same from the sum and the number of each unit's values, shape (units,)."""
    kept = [(own, size) for own, size in zip(sums, counts, strict=True) if size]
    total, n = math.fsum(own for own, _ in kept), sum(size for _, size in kept)
    if not n:
        return None
    without = [(total - own) / (n - size) if n > size else None for own, size in kept]
    return jackknifed(total / n, without, n, level, f"t interval over {unit}s", unit=unit)


def jackknifed(
    value: float, without: Sequence[float | None], n: int, level: float, method: str, *, unit: str = "unit"
) -> Estimate:
    """An estimate whose interval is a t interval on the jackknife's error, √((k - 1)/k Σ (v_i - v̄)²) [efron1981].

    Args:
        without: v_i, the value with each of the k units left out; None where it is not defined.
        n: What is counted behind the value.
    """
    units = len(without)
    if units < 2:
        return Estimate(value, None, None, n, units, f"{method}: one {unit}, no interval")
    known = [each for each in without if each is not None]
    if len(known) < units:
        return Estimate(value, None, None, n, units, f"{method}: rests on a single {unit}, no interval")
    if max(known) - min(known) <= _ROUNDING * max(1.0, *map(abs, known)):
        return Estimate(value, None, None, n, units, f"{method}: all {unit}s equal, no interval")
    # Pseudo-values have the jackknife's variance, so their t interval is the jackknife's.
    half = half_width([units * value - (units - 1) * each for each in known], level)
    return Estimate(value, value - half, value + half, n, units, method)


def clipped(estimate: Estimate, least: float, most: float) -> Estimate:
    """The interval cut to what is possible."""
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(least, estimate.low), high=min(most, estimate.high))
