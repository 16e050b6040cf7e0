"""Where cooperation sets in as the told match probability rises: a logistic curve and its middle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from acausal.analysis.inference import Estimate, clipped, jackknifed

_STEPS = 60
_BETWEEN = "all units equal: somewhere between these two probabilities told"
_Counts = Mapping[float, tuple[int, int]]
"""Told match probability → decisions that cooperate, and that count."""


def switch_point(units: Sequence[_Counts]) -> Estimate | None:
    """The match probability at which half cooperate, with a jackknife t interval over units.

    The curve is fitted with Firth's penalty [firth1993], so that a clean step has a finite slope and its switch lies
    midway between the two probabilities that it separates.

    Args:
        units: Counts of each wording or replicate.

    Returns:
        None unless the curve rises and crosses one half between the least and the greatest probability that was told.
    """
    whole = _switch(_sum(units))
    if whole is None:
        return None
    n, clusters = sum(total for unit in units for _, total in unit.values()), len(units)
    without = [_switch(_sum([*units[:left], *units[left + 1 :]])) for left in range(clusters)]
    found = jackknifed(whole, without, n, 0.95, "95 % jackknife t interval over units")
    if clusters > 1 and found.low is None and None not in without:
        told = sorted(_sum(units))
        low, high = max(r for r in told if r <= whole), min(r for r in told if r >= whole)
        return Estimate(whole, low, high, n, clusters, _BETWEEN)
    return clipped(found, 0.0, 1.0)


def curve(units: Sequence[_Counts]) -> tuple[float, float] | None:
    """Intercept and slope of log odds over match probability; None with fewer than two probabilities."""
    counts = _sum(units)
    return _fit(counts) if len(counts) > 1 else None


def _sum(units: Sequence[_Counts]) -> dict[float, tuple[int, int]]:
    counts: dict[float, tuple[int, int]] = {}
    for unit in units:
        for told, (won, total) in unit.items():
            before = counts.get(told, (0, 0))
            counts[told] = before[0] + won, before[1] + total
    return {told: pair for told, pair in sorted(counts.items()) if pair[1]}


def _switch(counts: Mapping[float, tuple[int, int]]) -> float | None:
    if len(counts) < 2:
        return None
    intercept, slope = _fit(counts)
    if slope <= 0:
        return None
    middle = -intercept / slope
    return middle if min(counts) <= middle <= max(counts) else None


def _fit(counts: Mapping[float, tuple[int, int]]) -> tuple[float, float]:
    """Firth's logistic regression on one covariate, by Newton's method with halved steps kept short."""
    centre = sum(counts) / len(counts)
    b0 = b1 = 0.0
    for _ in range(_STEPS):
        rows = []
        for told, (won, total) in counts.items():
            x = told - centre
            p = 1 / (1 + math.exp(-max(-30.0, min(30.0, b0 + b1 * x))))
            rows.append((x, won, total, p, total * p * (1 - p)))
        i00, i01, i11 = (sum(w * x**power for x, _, _, _, w in rows) for power in (0, 1, 2))
        determinant = i00 * i11 - i01 * i01
        if determinant <= 1e-300:
            break
        u0 = u1 = 0.0
        for x, won, total, p, weight in rows:
            leverage = weight * (i11 - 2 * x * i01 + x * x * i00) / determinant
            residual = won - total * p + leverage * (0.5 - p)
            u0, u1 = u0 + residual, u1 + residual * x
        step0, step1 = (i11 * u0 - i01 * u1) / determinant, (i00 * u1 - i01 * u0) / determinant
        short = min(1.0, 5 / max(abs(step0), abs(step1) / 5, 1e-300))
        b0, b1 = b0 + short * step0, b1 + short * step1
        if max(abs(step0), abs(step1)) < 1e-9:
            break
    return b0 - b1 * centre, b1
