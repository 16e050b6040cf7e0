"""The tests of two arms, many studies at a time: p values of shape (studies,), from sums of shape (studies, units).

The t tests are Welch's and the paired one; the exact tests go through every rearrangement. Counts are whole numbers, so
that ties are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
_AT_ONCE = 4_000_000
"""Numbers drawn or compared at a time."""


def portions(studies: int, numbers: int) -> Sequence[int]:
    """The studies in portions whose numbers fit into memory at once."""
    size = max(1, _AT_ONCE // numbers)
    return [min(size, studies - start) for start in range(0, studies, size)]


def welch(first: Floats, second: Floats) -> Floats:
    """P values, shape (studies,); where no arm varies that of the permutation test, for t has none."""
    units = first.shape[1]
    apart = first.mean(1) - second.mean(1)
    parts = first.var(1, ddof=1) / units, second.var(1, ddof=1) / units
    whole = parts[0] + parts[1]
    varies = whole > 0
    safe = np.where(varies, whole, 1.0)
    freedom = safe**2 * (units - 1) / np.where(varies, parts[0] ** 2 + parts[1] ** 2, 1.0)
    pvalues = 2 * stats.t.sf(np.abs(apart) / np.sqrt(safe), freedom)
    return np.where(varies, pvalues, np.where(apart != 0, 2 / math.comb(2 * units, units), 1.0))


def paired_t(contrasts: Floats) -> Floats:
    """P values, shape (studies,); where no contrast varies that of the flips of signs."""
    units = contrasts.shape[1]
    mean, spread = contrasts.mean(1), contrasts.std(1, ddof=1)
    varies = spread > 0
    pvalues = 2 * stats.t.sf(np.abs(mean) * math.sqrt(units) / np.where(varies, spread, 1.0), units - 1)
    return np.where(varies, pvalues, np.where(mean != 0, 2.0 ** (1 - units), 1.0))


def permutation(first: Floats, second: Floats) -> Floats:
    """Exact p values, shape (studies,). Counts are whole numbers, so ties are exact.

    With equal arms the order of the mean differences is that of the studentised ones.
    """
    units = first.shape[1]
    pooled = np.concatenate([first, second], axis=1)
    chosen = _halves(units)
    total = pooled.sum(1, keepdims=True)
    observed = np.abs(2 * first.sum(1, keepdims=True) - total)
    return _share_as_far(pooled, chosen, observed, lambda sums, rows: np.abs(2 * sums - total[rows]))


def sign_flip(contrasts: Floats) -> Floats:
    """Exact p values, shape (studies,). Weights are halves and counts whole numbers, so ties are exact."""
    signs = np.array([[1.0, *rest] for rest in product((1.0, -1.0), repeat=contrasts.shape[1] - 1)])
    observed = np.abs(contrasts.sum(1, keepdims=True))
    return _share_as_far(contrasts, signs, observed, lambda sums, _: np.abs(sums))


@cache
def _halves(units: int) -> Floats:
    """Every choice of half of the units that holds the first, shape (choices, 2 units); the rest are its mirrors."""
    rows = [(0, *rest) for rest in combinations(range(1, 2 * units), units - 1)]
    chosen = np.zeros((len(rows), 2 * units))
    for row, places in enumerate(rows):
        chosen[row, list(places)] = 1
    return chosen


def _share_as_far(
    values: Floats, rearranged: Floats, observed: Floats, distance: Callable[[Floats, slice], Floats]
) -> Floats:
    """The share of rearrangements as far from nothing as what was observed."""
    shares = []
    start = 0
    for size in portions(len(values), len(rearranged)):
        rows = slice(start, start + size)
        shares.append((distance(values[rows] @ rearranged.T, rows) >= observed[rows]).mean(1))
        start += size
    return np.concatenate(shares)
