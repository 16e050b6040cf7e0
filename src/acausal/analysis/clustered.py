"""Means over all decisions with the cluster-robust error that published analyses print [liang1986].

The numbers of an ordinary least squares regression on arm dummies with errors clustered by unit: Stata's
`regress …, vce(cluster id)`, statsmodels' `OLS(…).fit(cov_type="cluster", use_t=True)`, R's `vcovCL(…, type="HC1")`.
With few clusters it is too sure of itself; it stands beside the interval over units, to be compared with what others
published.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Sums = Mapping[int, tuple[float, int]]
"""Cluster → sum of its values, and how many there are."""


@dataclass(frozen=True, slots=True)
class Clustered:
    """A mean or a difference of means, with its error."""

    value: float
    se: float | None
    """None of a single cluster."""
    low: float | None
    """None also where the error is 0: no value differs from its arm's mean."""
    high: float | None
    p_value: float | None
    """Two-sided, of 0, by t with clusters - 1 degrees of freedom; None of a mean."""
    n: int
    clusters: int


def sums(values: Iterable[tuple[int, float]]) -> dict[int, tuple[float, int]]:
    """(cluster, value) pairs as sums by cluster."""
    found: defaultdict[int, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for cluster, value in values:
        total, n = found[cluster]
        found[cluster] = total + value, n + 1
    return dict(found)


def mean(arm: Sums, *, level: float = 0.95) -> Clustered | None:
    """The mean of all values; None over nothing.

    Args:
        level: Coverage of the interval, in (0, 1).
    """
    n = sum(count for _, count in arm.values())
    if not n:
        return None
    value = math.fsum(total for total, _ in arm.values()) / n
    bare = Clustered(value, None, None, None, None, n, len(arm))
    return _with_error(value, _scores([(1.0, arm, bare)]), n, coefficients=1, level=level)


def difference(one: Sums, other: Sums, *, level: float = 0.95) -> Clustered | None:
    """Mean of one arm minus that of the other; a cluster in both arms counts once. None where an arm is empty."""
    first, second = mean(one), mean(other)
    if first is None or second is None:
        return None
    arms = (1.0, one, first), (-1.0, other, second)
    return _with_error(first.value - second.value, _scores(arms), first.n + second.n, coefficients=2, level=level)


def log_odds(one: Sums, other: Sums, *, level: float = 0.95) -> Clustered | None:
    """Log odds of one arm minus those of the other, with the error of a logit on the arm's dummy, clustered.

    The values are 0 and 1. As statsmodels' `Logit(…).fit(cov_type="cluster")`, p by t as above.

    Returns:
        None where an arm is empty, or all 0, or all 1: its log odds are infinite.
    """
    first, second = mean(one), mean(other)
    if first is None or second is None or not (0 < first.value < 1 and 0 < second.value < 1):
        return None
    odds = [own.value / (1 - own.value) for own in (first, second)]
    slopes = [1 / (own.value * (1 - own.value)) for own in (first, second)]
    arms = (slopes[0], one, first), (-slopes[1], other, second)
    apart = math.log(odds[0] / odds[1])
    return _with_error(apart, _scores(arms), first.n + second.n, coefficients=2, level=level)


def _scores(arms: Iterable[tuple[float, Sums, Clustered]]) -> list[float]:
    """What each cluster adds to a weighted sum of arms' means, beyond its expectation."""
    scores: defaultdict[int, float] = defaultdict(float)
    for weight, arm, own in arms:
        for cluster, (total, count) in arm.items():
            scores[cluster] += weight * (total - count * own.value) / own.n
    return list(scores.values())


def _with_error(value: float, scores: Iterable[float], n: int, *, coefficients: int, level: float) -> Clustered:
    from scipy.stats import t

    squares = [score**2 for score in scores]
    clusters = len(squares)
    if clusters < 2 or n <= coefficients:
        return Clustered(value, None, None, None, None, n, clusters)
    se = math.sqrt(clusters / (clusters - 1) * (n - 1) / (n - coefficients) * math.fsum(squares))
    if se <= 1e-12 * max(1.0, abs(value)):
        return Clustered(value, 0.0, None, None, None, n, clusters)
    half = float(t.ppf((1 + level) / 2, clusters - 1)) * se
    p_value = 2 * float(t.sf(abs(value) / se, clusters - 1)) if coefficients == 2 else None
    return Clustered(value, se, value - half, value + half, p_value, n, clusters)
