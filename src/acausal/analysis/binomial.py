"""Shares of choices that stand alone: one-shot answers, each asked afresh. Elsewhere the choice is not the unit."""

from __future__ import annotations

Interval = tuple[float, float]


def wilson(won: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval [wilson1927], without continuity correction.

    Args:
        n: Above 0.
        level: Coverage, in (0, 1).
    """
    from scipy.stats import binomtest

    found = binomtest(won, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def clopper_pearson(won: int, n: int, *, level: float = 0.95) -> Interval:
    """The exact interval [clopper1934], two-sided: at least `level` covered whatever the true share.

    Args:
        n: Above 0.
        level: Coverage, in (0, 1).
    """
    from scipy.stats import binomtest

    found = binomtest(won, n).proportion_ci(level, method="exact")
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
