"""Power by simulation: how many units an effect needs, what given units would find, and the smallest effect they show.

Studies are drawn as studies.py says and judged by the tests that their size asks for; every power has the Monte-Carlo
error of so many studies, and every number of units the range that this error leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import numpy as np
from scipy import special, stats

from acausal.analysis.many_tests import (
    Floats,
    paired_p,
    paired_t_p,
    permutation_p,
    portions,
    sign_flip_p,
    two_sample_p,
    welch_p,
)
from acausal.analysis.significance import FLIPS, PAIRED, PERMUTATION, WELCH, paired_method, two_sample_method
from acausal.analysis.studies import CONTRAST_ARMS, Assumptions, arm_counts, variance

STUDIES = 4000
"""Simulated studies behind a power: its Monte-Carlo error is at most 0.8 points."""
MOST_UNITS = 2000
"""Beyond so many units a search gives up."""
_ONE_BY_ONE = 12
"""Numbers of units above the least up to which they are tried one after the other; beyond, a curve is fitted."""
_PARTS = (0.8, 0.9, 1.0, 1.1, 1.2)
_FITS = 6
"""Times that the curve is fitted around its last answer."""
_ERROR_TOLD = 2.0
"""Monte-Carlo errors on either side of a target within which a number of units is said to lie."""


class Decides(StrEnum):
    """How a study decides."""

    BY_SIZE = "by size"
    """As a report decides: none below the least number of units, the exact test up to nine replicates in each arm or
    thirteen units of a contrast, the t test beyond."""
    T = "t"
    """Welch's, or the paired one."""
    EXACT = "exact"
    """All permutations of replicates between two arms, or all flips of signs of paired contrasts."""


@dataclass(frozen=True, slots=True)
class Power:
    """The share of simulated studies that find the effect."""

    value: float
    error: float
    """Monte-Carlo standard error."""
    units: int
    test: str


@dataclass(frozen=True, slots=True)
class Need:
    """The units of each arm that reach a power."""

    units: int | None
    """None: not even MOST_UNITS do."""
    low: int | None
    high: int | None
    """Between which the number lies, two Monte-Carlo errors to either side of the power asked for."""
    reached: Power | None


def power(
    assumed: Assumptions, units: int, *, test: Decides = Decides.BY_SIZE, studies: int = STUDIES, seed: int = 0
) -> Power:
    """The power of a study with so many units in each arm."""
    if units < 2 or (test is Decides.BY_SIZE and units < assumed.least_units):
        return Power(0.0, 0.0, units, f"none: fewer than {assumed.least_units} units are a pilot")
    rng = np.random.default_rng([seed, units])
    arms = CONTRAST_ARMS[assumed.contrast]
    rejected = 0
    for size in portions(studies, units * len(arms) * (assumed.per_strategy + 1)):
        counts = arm_counts(assumed, rng, size, units)
        if assumed.paired:
            values = np.sum([weight * own for (weight, _), own in zip(arms, counts, strict=True)], axis=0)
            pvalues = _PAIRED[test](values)
        else:
            pvalues = _UNPAIRED[test](*counts)
        rejected += int((pvalues <= assumed.level).sum())
    share = rejected / studies
    return Power(share, math.sqrt(share * (1 - share) / studies), units, _name(assumed, units, test))


_UNPAIRED: Mapping[Decides, Callable[[Floats, Floats], Floats]] = {
    Decides.BY_SIZE: two_sample_p,
    Decides.T: welch_p,
    Decides.EXACT: permutation_p,
}
_PAIRED: Mapping[Decides, Callable[[Floats], Floats]] = {
    Decides.BY_SIZE: paired_p,
    Decides.T: paired_t_p,
    Decides.EXACT: sign_flip_p,
}


def _name(assumed: Assumptions, units: int, test: Decides) -> str:
    if test is not Decides.BY_SIZE:
        return {(True, Decides.T): PAIRED, (True, Decides.EXACT): FLIPS, (False, Decides.T): WELCH}.get(
            (assumed.paired, test), PERMUTATION
        )
    varying = np.arange(float(units))
    return paired_method(varying) if assumed.paired else two_sample_method(varying, varying)


def units_needed(
    assumed: Assumptions,
    target: float = 0.8,
    *,
    test: Decides = Decides.BY_SIZE,
    studies: int = STUDIES,
    seed: int = 0,
) -> Need:
    """The fewest units of each arm whose power reaches a target.

    Args:
        target: In (0, 1).
    """

    @cache
    def at(units: int) -> Power:
        return power(assumed, units, test=test, studies=studies, seed=seed)

    least = assumed.least_units if test is Decides.BY_SIZE else 3
    guess = max(float(least), _guess(assumed, target))
    if guess > 2 * MOST_UNITS:
        return Need(None, None, None, None)
    if guess > least + _ONE_BY_ONE:
        return _by_fit(at, target, least, round(guess), studies)
    found = next((units for units in range(least, least + 2 * _ONE_BY_ONE) if at(units).value >= target), None)
    if found is None:
        return _by_fit(at, target, least, round(guess), studies)
    error = _ERROR_TOLD * at(found).error
    low = next(units for units in range(least, found + 1) if at(units).value >= target - error)
    high = next((units for units in range(found, 2 * found) if at(units).value >= min(target + error, 1.0)), found)
    return Need(found, low, high, at(found))


def _by_fit(at: Callable[[int], Power], target: float, least: int, guess: int, studies: int) -> Need:
    """Where the curve through some simulated powers, straight as probits over the root of the units, meets the target.

    One power alone would move the answer by its own chance error, which at many units is several of them.
    """
    for _ in range(_FITS):
        guess = min(max(guess, least), MOST_UNITS)
        tried = sorted({max(2, round(guess * part)) for part in _PARTS})
        roots = np.sqrt(tried)
        shares = np.clip([at(units).value for units in tried], 1 / studies, 1 - 1 / studies)
        probits = special.ndtri(shares)
        errors = np.sqrt(shares * (1 - shares) / studies) * math.sqrt(2 * math.pi) * np.exp(probits**2 / 2)
        (slope, start), covariance = np.polyfit(roots, probits, 1, w=1 / errors, cov="unscaled")
        if slope <= 0:
            return Need(None, None, None, None)
        root = (float(special.ndtri(target)) - start) / slope
        if tried[0] <= root**2 <= tried[-1]:
            break
        guess = round(min(max(root, 1.0), 2 * math.sqrt(guess)) ** 2)
    if root**2 > MOST_UNITS:
        return Need(None, None, None, None)
    gradient = np.array([root, 1.0])
    error = _ERROR_TOLD * math.sqrt(gradient @ covariance @ gradient) / slope
    low, units, high = (math.ceil(max(least, each**2)) for each in (max(root - error, 0.0), root, root + error))
    return Need(units, low, high, at(units))


def effect_detectable(
    assumed: Assumptions,
    units: int,
    target: float = 0.8,
    *,
    test: Decides = Decides.BY_SIZE,
    studies: int = STUDIES,
    seed: int = 0,
) -> float | None:
    """The smallest effect, to half a point, that so many units find with the power asked for.

    Of the sign of the assumed effect.

    Returns:
        None where not even the largest effect that the rate leaves room for is found.
    """
    downwards = assumed.effect < 0
    room = assumed.rate if downwards else 1 - assumed.rate

    def finds(half_points: int) -> bool:
        effect = min(room, half_points / 200)
        assuming = replace(assumed, effect=-effect if downwards else effect)
        return power(assuming, units, test=test, studies=studies, seed=seed).value >= target

    most = math.ceil(room * 200)
    if not finds(most):
        return None
    below, enough = 0, most
    while enough - below > 1:
        middle = (below + enough) // 2
        below, enough = (below, middle) if finds(middle) else (middle, enough)
    return min(room, enough / 200) * (-1 if downwards else 1)


def _guess(assumed: Assumptions, target: float) -> float:
    """Units by the normal approximation, where the search begins; inf where there is no effect."""
    if assumed.effect == 0:
        return math.inf
    treated = assumed.rate + assumed.effect
    apart = replace(assumed, correlation=assumed.correlation * (1 - (assumed.shared if assumed.paired else 0)))
    spread = sum(
        weight**2 * variance(apart, treated if has else assumed.rate) for weight, has in CONTRAST_ARMS[assumed.contrast]
    )
    z = special.ndtri(1 - assumed.level / 2) + special.ndtri(target)
    return math.ceil(float(z) ** 2 * spread / assumed.effect**2) + 1


def effect_seen(spread: float, units: int, *, level: float = 0.05, target: float = 0.8) -> float | None:
    """The smallest effect that a finished study could have seen, from the spread of its own contrasts.

    By the noncentral t of a paired contrast; of no use for judging the effect that it did see.

    Args:
        spread: Standard deviation of the contrast over units.
        level: At which one comparison is tested.
        target: Power, in (0, 1).

    Returns:
        None with fewer than two units, or where nothing varies.
    """
    if units < 2 or spread <= 0:
        return None
    freedom, bound = units - 1, float(stats.t.ppf(1 - level / 2, units - 1))

    def found(shift: float) -> float:
        return float(stats.nct.sf(bound, freedom, shift) + stats.nct.cdf(-bound, freedom, shift))

    low, high = 0.0, 1.0
    while found(high) < target:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= target else (middle, high)
    return high * spread / math.sqrt(units)
