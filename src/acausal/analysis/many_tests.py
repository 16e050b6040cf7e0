"""The tests of units and their intervals, of many studies at a time: arrays whose last axis are the units.

One implementation for a report (`significance` names and refuses), for `acausal power` and for
benchmarks/calibration.py, so that what is promised and what is measured is what is done. Which test when, and why:
docs/methods.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EXACT = 50_000
"""Rearrangements up to which all of them are counted: nine replicates in each of two arms."""
EXACT_PAIRS = 13
"""Units up to which every flip of signs is counted."""
DRAWS = 9_999
"""Rearrangements drawn where not all are counted; what was observed counts as one more, so that no p is 0."""
TINY = 1e-9
"""Of the range of the values: what lies closer together differs by rounding."""
_FLAT = 1e-6
"""Of the largest value: a standard error below it is rounding, as that of a sum of squares is the root of TINY's."""
_AT_ONCE = 4_000_000
"""Numbers drawn or compared at a time."""


def two_sample_p(a: Floats, b: Floats) -> Floats:
    """Two-sided p of equal means of arms that share nothing, by size: `permutation_p` or `welch_p`.

    Where an arm has no variance the permutation test stands in at any size: `scipy.stats.ttest_ind` gives p = 0 for two
    deterministic arms.
    """
    flat = (np.ptp(a, axis=-1) <= TINY) | (np.ptp(b, axis=-1) <= TINY)
    if rearrangements(a.shape[-1], b.shape[-1]) <= EXACT or flat.all():
        return permutation_p(a, b)
    p = welch_p(a, b)
    if flat.any():
        p[flat] = permutation_p(a[flat], b[flat])
    return p


def paired_p(differences: Floats) -> Floats:
    """Two-sided p of a mean of 0, by size: `sign_flip_p` up to 13 units, `paired_t_p` beyond."""
    return sign_flip_p(differences) if differences.shape[-1] <= EXACT_PAIRS else paired_t_p(differences)


def welch_p(a: Floats, b: Floats) -> Floats:
    """Welch's t, (ā - b̄) / √(s_a²/n_a + s_b²/n_b) [welch1947]; without variance the smallest p of a permutation."""
    from scipy import stats

    apart, error, freedom = _welch(a, b)
    varies = error > TINY * _range(a, b)
    p = 2 * stats.t.sf(np.abs(apart) / np.where(varies, error, 1.0), freedom)
    smallest = _smallest(a.shape[-1], b.shape[-1])
    return np.where(varies, p, np.where(np.abs(apart) > TINY, smallest, 1.0))


def paired_t_p(differences: Floats) -> Floats:
    """Student's t of the units' differences, d̄ √n / s [student1908]; without variance that of the flips, 2^(1 - n)."""
    from scipy import stats

    n = differences.shape[-1]
    mean, spread = differences.mean(-1), differences.std(-1, ddof=1)
    varies = np.ptp(differences, axis=-1) > TINY
    p = 2 * stats.t.sf(np.abs(mean) * math.sqrt(n) / np.where(varies, spread, 1.0), n - 1)
    return np.where(varies, p, np.where(np.abs(mean) > TINY, 2.0 ** (1 - n), 1.0))


def permutation_p(a: Floats, b: Floats) -> Floats:
    """The share of rearrangements whose Welch t is as far from 0 as the observed one [chung2013].

    All of them up to EXACT, else DRAWS and the observed one. Studentised, so that unequal variances do not mislead as
    long as both arms have as many units.
    """
    pooled = np.concatenate([a, b], axis=-1)
    pooled = pooled - pooled.mean(-1, keepdims=True)  # squares of what is far from 0 would cancel

    def far(rows: Floats, chosen: Floats) -> Floats:
        if a.shape[-1] == b.shape[-1]:  # the sum of squares is shared out, so the mean orders them as t does
            return np.abs(rows @ chosen.T)
        first, squares = rows @ chosen.T, rows**2 @ chosen.T
        return _studentised(first, squares, rows, a.shape[-1])

    return _share_as_far(pooled, _choices(a.shape[-1], b.shape[-1]), far)


def sign_flip_p(differences: Floats) -> Floats:
    """The share of flips of the units' signs whose mean is as far from 0 as the observed one [fisher1935].

    All of them up to EXACT_PAIRS units, else draws. A flip leaves the sum of squares alone, so the mean orders flips as
    the studentised mean does.
    """
    return _share_as_far(differences, flips(differences.shape[-1]), lambda rows, signs: np.abs(rows @ signs.T))


def welch_interval(a: Floats, b: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Welch's interval of the difference of means [welch1947]."""
    from scipy import stats

    apart, error, freedom = _welch(a, b)
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    return apart - half, apart + half


def paired_interval(differences: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """The paired t interval of the mean [student1908]."""
    from scipy import stats

    n = differences.shape[-1]
    half = stats.t.ppf((1 + level) / 2, n - 1) * differences.std(axis=-1, ddof=1) / np.sqrt(n)
    centre = differences.mean(axis=-1)
    return centre - half, centre + half


def contrast_interval(differences: Floats, least: float, most: float, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """The paired t interval of the mean, cut to what a contrast can be; where all units are equal, an exact bound.

    With `level` confidence at most a share 1 - (1 - level)^(1/n) of all units differs from n equal ones [clopper1934],
    each by no more than the range allows, where a t interval would have no width.
    """
    low, high = paired_interval(differences, level=level)
    centre, share = differences.mean(axis=-1), 1 - (1 - level) ** (1 / differences.shape[-1])
    flat = np.ptp(differences, axis=-1) <= TINY
    bound = centre - share * (centre - least), centre + share * (most - centre)
    return np.where(flat, bound[0], np.maximum(low, least)), np.where(flat, bound[1], np.minimum(high, most))


def rearrangements(first: int, second: int) -> int:
    """In how many ways units can be dealt to two arms."""
    return math.comb(first + second, first)


@lru_cache(maxsize=4)
def flips(units: int, most: int = EXACT_PAIRS, seed: int = 0) -> Floats:
    """Signs of units, shape (flips, units), the observed ones first: of each flip and its mirror one.

    All of them up to `most` units, else the observed one and DRAWS at random.
    """
    if units <= most:
        return np.array([[1.0, *rest] for rest in product((1.0, -1.0), repeat=units - 1)])
    drawn = np.random.default_rng(seed).choice([1.0, -1.0], size=(DRAWS, units))
    return np.concatenate([np.ones((1, units)), drawn])


def portions(studies: int, numbers: int) -> Sequence[int]:
    """The studies in portions whose numbers fit into memory at once."""
    size = max(1, _AT_ONCE // numbers)
    return [min(size, studies - start) for start in range(0, studies, size)]


@lru_cache(maxsize=4)
def _choices(first: int, second: int) -> Floats:
    """Which units lie in the first arm, shape (choices, units), the observed ones first.

    Of equal arms the half that holds the first unit: the rest are their mirrors.
    """
    units = first + second
    observed = np.arange(units) < first
    if rearrangements(first, second) > EXACT:
        drawn = np.random.default_rng(0).permuted(np.tile(observed, (DRAWS, 1)), axis=1)
        return np.concatenate([observed[None, :], drawn]).astype(float)
    mirrored = first == second
    places = combinations(range(1, units), first - 1) if mirrored else combinations(range(units), first)
    chosen = np.zeros((rearrangements(first, second) // (2 if mirrored else 1), units))
    for row, own in enumerate(places):
        chosen[row, [0, *own] if mirrored else [*own]] = 1
    return chosen


def _studentised(first: Floats, squares: Floats, pooled: Floats, size: int) -> Floats:
    """|t| of every choice, from the sum and the sum of squares of its first arm."""
    other = pooled.shape[-1] - size
    total, whole = pooled.sum(-1, keepdims=True), (pooled**2).sum(-1, keepdims=True)
    means = first / size, (total - first) / other
    within = squares - first * means[0], whole - squares - (total - first) * means[1]
    error = within[0] / (size * (size - 1)) + within[1] / (other * (other - 1))
    # Arms without variance, told apart or not: a huge finite t or 0, as infinities have no ties.
    least = (_FLAT * np.abs(pooled).max(-1, keepdims=True)) ** 2
    return np.asarray(np.abs(means[0] - means[1]) / np.sqrt(np.maximum(error, np.maximum(least, 1e-300))))


def _share_as_far(values: Floats, rearranged: Floats, far: Any) -> Floats:
    """The share of rearrangements as far from nothing as what was observed, which is the first of them."""
    flat = values.reshape(-1, values.shape[-1])
    shares, start = [], 0
    for size in portions(len(flat), len(rearranged)):
        distance = far(flat[start : start + size], rearranged)
        observed = distance[:, :1]
        far_enough = (distance >= observed - TINY * np.maximum(observed, 1.0)).mean(1)
        shares.append(np.where(np.isnan(observed[:, 0]), np.nan, far_enough))
        start += size
    return np.concatenate(shares).reshape(values.shape[:-1])


def _welch(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Difference of means, its error and its degrees of freedom; one degree where nothing varies."""
    parts = [(own.var(axis=-1, ddof=1) / own.shape[-1], own.shape[-1] - 1) for own in (a, b)]
    total = parts[0][0] + parts[1][0]
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / sum(part**2 / degrees for part, degrees in parts)
    freedom = np.where(np.isfinite(freedom) & (freedom > 0), freedom, 1.0)
    return a.mean(-1) - b.mean(-1), np.sqrt(total), freedom


def _smallest(first: int, second: int) -> float:
    """The least two-sided p of all rearrangements, or of the draws."""
    every = rearrangements(first, second)
    return (2 if first == second else 1) / every if every <= EXACT else 1 / (DRAWS + 1)


def _range(a: Floats, b: Floats) -> float:
    return max(float(a.max()), float(b.max())) - min(float(a.min()), float(b.min())) or 1.0
