"""Estimates with their uncertainty; the replicate is the unit, never the decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


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


def share(successes: Sequence[int], totals: Sequence[int], *, level: float = 0.95) -> Estimate | None:
    """A share over all decisions, with an interval from its values in the replicates.

    Args:
        successes: Cooperating decisions per replicate, shape (replicates,).
        totals: Decisions that count per replicate, shape (replicates,); empty replicates carry no information.
        level: Coverage of the interval, in (0, 1).

    Returns:
        None when nothing counts: no data is not 0. One replicate gives no interval. Where every replicate is all 0
        or all 1 the t interval would have no width, so the exact one-sided bound stands in [clopper1934].
    """
    counted = [(won, total) for won, total in zip(successes, totals, strict=True) if total]
    if not counted:
        return None
    n, clusters = sum(total for _, total in counted), len(counted)
    value = sum(won for won, _ in counted) / n
    means = [Fraction(won, total) for won, total in counted]
    if clusters == 1:
        return Estimate(value, None, None, n, 1, "one replicate: no interval")
    if value in (0.0, 1.0):
        width = 1 - (1 - level) ** (1 / clusters)
        low, high = (0.0, width) if value == 0.0 else (1 - width, 1.0)
        return Estimate(value, low, high, n, clusters, "exact one-sided bound over replicates")
    if len(set(means)) == 1:  # of exact fractions: in floats, 1/3 twenty times over has a variance, and so a width
        return Estimate(value, None, None, n, clusters, "all replicates equal: no interval, look for copies")
    half = half_width([float(mean) for mean in means], level)
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Estimate(value, low, high, n, clusters, "t interval on replicate means")


def half_width(means: Sequence[float], level: float) -> float:
    """Half the width of the t interval of a mean, from at least two values."""
    from scipy.stats import t

    clusters = len(means)
    centre = sum(means) / clusters
    variance = sum((mean - centre) ** 2 for mean in means) / (clusters - 1)
    return float(t.ppf((1 + level) / 2, clusters - 1)) * math.sqrt(variance / clusters)


def unit_mean(values: Sequence[float], *, unit: str = "unit", level: float = 0.95) -> Estimate | None:
    """The mean of one value a unit, all with equal weight, with its t interval; None over nothing."""
    n = len(values)
    if not n:
        return None
    value = math.fsum(values) / n
    if n == 1:
        return Estimate(value, None, None, n, n, f"one {unit}: no interval")
    if max(values) - min(values) <= 1e-12 * max(1.0, *map(abs, values)):
        return Estimate(value, None, None, n, n, f"every {unit} equal: no interval")
    half = half_width(values, level)
    return Estimate(value, value - half, value + half, n, n, f"t interval over {unit}s")
