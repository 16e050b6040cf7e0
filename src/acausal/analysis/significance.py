"""Tests over units: replicates, or wordings; never decisions. Too few units give an estimate and no test.

One study at a time, with the name of its test or the reason why there is none; `many_tests` has the arithmetic. Which
test when, and why: docs/methods.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acausal.analysis.inference import Estimate

if TYPE_CHECKING:
    from acausal.analysis.many_tests import Floats

FEWEST_PER_ARM = 5
"""Replicates in each of two arms from which a test is given: with 5, six comparisons can still be told apart."""
FEWEST_PAIRS = 6
"""Units of a paired contrast from which a test is given: the smallest sign-flip p of 5 is .0625."""
WELCH, PERMUTATION = "Welch t on replicate means", "exact studentised permutation of replicates"
NO_NUMBER = "refused: a unit has no number; what is missing is left out, unit by unit, and counted as dropped"
PAIRED, FLIPS = "paired t over units", "exact sign flips over units"


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
    from acausal.analysis import many_tests

    a, b = _array(one), _array(other)
    value, units, fewest = float(a.mean() - b.mean()), len(a) + len(b), min(len(a), len(b))
    if fewest < 2:
        return Estimate(value, None, None, units, fewest, "one replicate in an arm: no interval"), _refused(fewest)
    low, high = many_tests.welch_interval(a, b, level=level)
    if float(high - low) <= many_tests.TINY:
        words = "no variance in either arm: no interval, see each arm's bound"
        estimate = Estimate(value, None, None, units, fewest, words)
    else:
        estimate = Estimate(value, float(low), float(high), units, fewest, WELCH)
    if fewest < FEWEST_PER_ARM:
        return estimate, _refused(fewest)
    if math.isnan(value):
        return Estimate(value, None, None, units, fewest, NO_NUMBER), Test(None, NO_NUMBER)
    return estimate, Test(float(many_tests.two_sample_p(a, b)), two_sample_method(a, b))


def two_sample_method(a: Floats, b: Floats) -> str:
    """The name of the test that `many_tests.two_sample_p` takes for two arms."""
    from acausal.analysis.many_tests import DRAWS, EXACT, TINY, rearrangements

    if rearrangements(len(a), len(b)) <= EXACT:
        return PERMUTATION
    flat = min(float(a.max() - a.min()), float(b.max() - b.min())) <= TINY
    return f"{DRAWS:,} draws of a {PERMUTATION.removeprefix('exact ')}" if flat else WELCH


def paired(differences: Sequence[float]) -> Test:
    """The test of a mean of 0 over units that are blocks: shared seeds, seats or wordings."""
    from acausal.analysis.many_tests import paired_p

    if (n := len(differences)) < FEWEST_PAIRS:
        return Test(
            None, f"refused: {n} units, {FEWEST_PAIRS} needed, as no sign-flip p of {n} is below {2 / 2**n:.3g}"
        )
    values = _array(differences)
    if any(map(math.isnan, differences)):
        return Test(None, NO_NUMBER)
    return Test(float(paired_p(values)), paired_method(values))


def paired_method(differences: Floats) -> str:
    """The name of the test that `many_tests.paired_p` takes for contrasts of units."""
    from acausal.analysis.many_tests import EXACT_PAIRS, TINY

    exact = len(differences) <= EXACT_PAIRS or float(differences.max() - differences.min()) <= TINY
    return FLIPS if exact else PAIRED


def holm(p_values: Sequence[float]) -> list[float]:
    """p adjusted over a declared confirmatory family: the chance of any false claim stays at the level [holm1979]."""
    _all_known(p_values)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """p adjusted over an exploratory family: the expected share of false claims among claims [benjamini1995]."""
    from scipy import stats

    _all_known(p_values)
    return [float(p) for p in stats.false_discovery_control(p_values, method="bh")] if p_values else []


def _array(values: Sequence[float]) -> Floats:
    """float64 whatever comes: in float32, means that are ties are none, and a permutation test counts wrong."""
    import numpy as np

    return np.asarray(values, dtype=np.float64)


def _refused(fewest: int) -> Test:
    return Test(None, f"refused: {fewest} replicates in an arm, {FEWEST_PER_ARM} needed; a pilot, estimate only")


def _all_known(p_values: Sequence[float]) -> None:
    if wrong := [p for p in p_values if not 0 <= p <= 1]:
        raise ValueError(f"a family is made of p values in [0, 1], but holds {wrong[0]!r}: leave refused tests out")
