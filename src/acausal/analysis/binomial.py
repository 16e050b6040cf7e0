"""Shares of choices that stand alone: one-shot answers, each asked afresh. Elsewhere the choice is not the unit."""

from __future__ import annotations

from typing import Literal

Interval = tuple[float, float]


def wilson(won: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share of n > 0 [wilson1927], without continuity correction."""
    return _interval(won, n, level, "wilson")


def clopper_pearson(won: int, n: int, *, level: float = 0.95) -> Interval:
    """The exact two-sided interval of a share of n > 0 [clopper1934]: at least `level` whatever the true share."""
    return _interval(won, n, level, "exact")


def _interval(won: int, n: int, level: float, method: Literal["wilson", "exact"]) -> Interval:
    from scipy.stats import binomtest

    found = binomtest(won, n).proportion_ci(level, method=method)
    return float(found.low), float(found.high)


def fisher(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Fisher's exact p, two-sided, of equal shares [fisher1935].

    Args:
        one: How many cooperate in one arm, and of how many.
        other: The same of the other arm.
    """
    from scipy.stats import fisher_exact

    table = [[won, n - won] for won, n in (one, other)]
    return float(fisher_exact(table).pvalue)
