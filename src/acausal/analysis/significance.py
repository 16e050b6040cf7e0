"""Tests over units: replicates, or wordings; never decisions. Too few units give an estimate and no test.

Everything takes arrays whose last axis are the units, so that a thousand studies are tested as easily as one. Which
test when, and why: docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acausal.analysis.inference import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

FEWEST_PER_ARM = 5
"""Replicates in each of two arms from which a test is given: with 5, six comparisons can still be told apart."""
FEWEST_PAIRS = 6
"""Units of a paired contrast from which a test is given: the smallest sign-flip p of 5 is .0625."""
EXACT = 50_000
"""Rearrangements up to which all of them are counted: nine replicates in each of two arms."""
_EXACT_FLIPS = 2**13
_TINY = 1e-9
"""Of the range of the values: a standard error below it is rounding."""


@dataclass(frozen=True, slots=True)
class Test:
    """A two-sided test of no difference, or why there is none."""

    __test__ = False  # pytest collects what is called Test

    p_value: float | None
    """None where the test is refused."""
    method: str
    """Which test, or which number of units it would need."""


def two_samples(one: Sequence[float], other: Sequence[float], *, level: float = 0.95) -> tuple[Estimate, Test]:
    """The difference of two arms' mean over replicates that share nothing: Welch's interval, and a test.

    Args:
        one: A value for each replicate of the first arm, at least one.
        other: Of the second arm; as many as in the first keep the test exact where variances differ [chung2013].
        level: Coverage of the interval, in (0, 1).
    """
    a, b = _array(one), _array(other)
    value, units, fewest = float(a.mean() - b.mean()), len(a) + len(b), min(len(a), len(b))
    if fewest < 2:
        return Estimate(value, None, None, units, fewest, "one replicate in an arm: no interval"), _refused(fewest)
    half, error = _welch_half_width(a, b, level), _welch_error(a, b)
    if float(error) <= _TINY * _range(a, b):
        return (
            Estimate(value, None, None, units, fewest, "no variance in either arm: no interval, see each arm's bound"),
            _refused(fewest) if fewest < FEWEST_PER_ARM else Test(float(_permuted(a, b)), _permutation(a, b)),
        )
    estimate = Estimate(value, value - float(half), value + float(half), units, fewest, "Welch t on replicate means")
    if fewest < FEWEST_PER_ARM:
        return estimate, _refused(fewest)
    return estimate, Test(float(two_sample_p(a, b)), two_sample_method(a, b))


def two_sample_p(a: Values, b: Values) -> Values:
    """Two-sided p of equal means, last axis the replicates: exact and studentised where all rearrangements can be
    counted, else Welch's t; where an arm of such a study has no variance, 9,999 rearrangements.

    `scipy.stats.ttest_ind` gives p = 0 for two arms without variance, whatever their size: never used for those.
    """
    import numpy as np
    from scipy import stats

    if _rearrangements(a, b) <= EXACT:
        return _permuted(a, b)
    flat = (np.ptp(a, axis=-1) == 0) | (np.ptp(b, axis=-1) == 0)
    p = np.ones(flat.shape)
    if not flat.all():
        p[~flat] = stats.ttest_ind(a[~flat], b[~flat], axis=-1, equal_var=False).pvalue
    if flat.any():
        p[flat] = _permuted(a[flat], b[flat])
    return p


def two_sample_method(a: Values, b: Values) -> str:
    """The name of the test that `two_sample_p` takes for these arms."""
    import numpy as np

    if _rearrangements(a, b) <= EXACT or not np.ptp(a) or not np.ptp(b):
        return _permutation(a, b)
    return "Welch t on replicate means"


def paired_p(differences: Values) -> Values:
    """Two-sided p of a mean of 0, last axis the units: exact sign flips up to 13 units, beyond them paired t.

    Flipping signs leaves the sum of squares alone, so the mean orders the flips as the studentised mean does. Where
    all units are equal the t test would have no variance; of the 2^n flips just the two extremes are as far out.
    """
    import numpy as np
    from scipy import stats

    n = differences.shape[-1]
    if 2**n <= _EXACT_FLIPS:
        result = stats.permutation_test(
            *((differences,), _mean), permutation_type="samples", vectorized=True, n_resamples=_EXACT_FLIPS, axis=-1
        )
        return np.minimum(np.asarray(result.pvalue, dtype=np.float64), 1.0)
    flat = np.ptp(differences, axis=-1) <= _TINY
    p = np.where(np.abs(differences).max(axis=-1) <= _TINY, 1.0, 2.0 ** (1 - n))
    if not flat.all():
        p[~flat] = stats.ttest_1samp(differences[~flat], 0.0, axis=-1).pvalue
    return p


def paired(differences: Sequence[float]) -> Test:
    """The test of a mean of 0 over units that are blocks: shared seeds, seats or wordings."""
    if (n := len(differences)) < FEWEST_PAIRS:
        return Test(
            None, f"refused: {n} units, {FEWEST_PAIRS} needed, as no sign-flip p of {n} is below {2 / 2**n:.3g}"
        )
    values = _array(differences)
    flips = 2**n <= _EXACT_FLIPS or float(values.max() - values.min()) <= _TINY
    return Test(float(paired_p(values[None, :])[0]), f"{'exact sign flips' if flips else 'paired t'} over units")


def welch_interval(a: Values, b: Values, *, level: float = 0.95) -> tuple[Values, Values]:
    """Welch's interval of the difference of means, last axis the replicates [welch1947]."""
    centre, half = a.mean(axis=-1) - b.mean(axis=-1), _welch_half_width(a, b, level)
    return centre - half, centre + half


def paired_interval(differences: Values, *, level: float = 0.95) -> tuple[Values, Values]:
    """The paired t interval of the mean, last axis the units."""
    import numpy as np
    from scipy import stats

    n = differences.shape[-1]
    half = stats.t.ppf((1 + level) / 2, n - 1) * differences.std(axis=-1, ddof=1) / np.sqrt(n)
    centre = differences.mean(axis=-1)
    return centre - half, centre + half


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted over a declared confirmatory family: the chance of any false claim stays at the level [holm1979]."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """p adjusted over an exploratory family: the expected share of false claims among claims [benjamini1995]."""
    from scipy import stats

    return [float(p) for p in stats.false_discovery_control(p_values, method="bh")] if p_values else []


def _welch_error(a: Values, b: Values) -> Any:
    import numpy as np

    return np.sqrt(a.var(axis=-1, ddof=1) / a.shape[-1] + b.var(axis=-1, ddof=1) / b.shape[-1])


def _welch_half_width(a: Values, b: Values, level: float) -> Any:
    import numpy as np
    from scipy import stats

    parts = [(own.var(axis=-1, ddof=1) / own.shape[-1], own.shape[-1] - 1) for own in (a, b)]
    total = sum(part for part, _ in parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / sum(part**2 / degrees for part, degrees in parts)
    freedom = np.where(np.isnan(freedom), 1.0, freedom)
    return stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(total)


def _permuted(a: Values, b: Values) -> Values:
    import numpy as np
    from scipy import stats

    least = _TINY * _range(a, b)

    def studentised(one: Values, other: Values, axis: int = -1) -> Any:
        difference = one.mean(axis=axis) - other.mean(axis=axis)
        variance = one.var(axis=axis, ddof=1) / one.shape[axis] + other.var(axis=axis, ddof=1) / other.shape[axis]
        # Arms without variance, told apart or not: a huge finite statistic or 0, as infinities have no ties.
        return difference / np.sqrt(np.maximum(variance, least**2))

    result = stats.permutation_test(
        *((a, b), studentised),
        permutation_type="independent",
        vectorized=True,
        n_resamples=EXACT if _rearrangements(a, b) <= EXACT else 9_999,
        batch=max(1, 2_000_000 // max(1, a.size + b.size)),
        axis=-1,
        rng=np.random.default_rng(0),
    )
    return np.minimum(np.asarray(result.pvalue, dtype=np.float64), 1.0)


def _permutation(a: Values, b: Values) -> str:
    exact = _rearrangements(a, b) <= EXACT
    return f"{'exact ' if exact else '9,999 draws of a '}studentised permutation of replicates"


def _rearrangements(a: Values, b: Values) -> int:
    from math import comb

    return comb(a.shape[-1] + b.shape[-1], a.shape[-1])


def _range(a: Values, b: Values) -> float:
    return max(float(a.max()), float(b.max())) - min(float(a.min()), float(b.min())) or 1.0


def _array(values: Sequence[float]) -> Values:
    """float64 whatever comes: in float32, means that are ties are none, and a permutation test counts wrong."""
    import numpy as np

    return np.asarray(values, dtype=np.float64)


def _mean(values: Values, axis: int = -1) -> Any:
    return values.mean(axis=axis)


def _refused(fewest: int) -> Test:
    return Test(None, f"refused: {fewest} replicates in an arm, {FEWEST_PER_ARM} needed; a pilot, estimate only")
