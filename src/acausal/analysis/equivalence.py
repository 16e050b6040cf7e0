"""Is there no effect, to within a stated margin? And what holds over models, and of the next one?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from acausal.analysis.inference import Estimate, half_width
from acausal.analysis.significance import FEWEST_PAIRS, NO_NUMBER, Test

MARGIN = 0.10
"""Smallest effect that would matter, as a difference of rates, unless another one is stated."""
FEWEST_MODELS = 6
"""From which a claim may speak of architectures as such: the smallest sign-flip p over 5 models is .0625."""


def equivalence(differences: Sequence[float], *, margin: float = MARGIN) -> Test:
    """Two one-sided t tests over units: p of a mean effect at least as large as the margin [schuirmann1987].

    Where all units are equal, an exact bound on the share of units that differ stands in: with all n units within the
    margin, a population of which a share of 1 - p^(1/n) differed would look so with probability p.

    Args:
        differences: One a unit, each in [-1, 1] where units may all be equal.
        margin: Above 0, in the differences' own unit, stated before the data are seen.
    """
    from scipy.stats import t

    n = len(differences)
    if n < FEWEST_PAIRS:
        return Test(None, f"refused: {n} units, {FEWEST_PAIRS} needed")
    centre = math.fsum(differences) / n
    if math.isnan(centre):
        return Test(None, NO_NUMBER)
    if abs(centre) >= margin:
        return Test(1.0, f"outside ±{margin:g}")
    variance = math.fsum((each - centre) ** 2 for each in differences) / (n - 1)
    if max(differences) - min(differences) <= 1e-9:
        # A unit that differs does so by at most 1 - |centre| on that side: so many would bring the mean to the margin.
        share = (margin - abs(centre)) / (1 - abs(centre))
        return Test((1 - share) ** n, f"all units equal: exact bound against ±{margin:g}")
    error = math.sqrt(variance / n)
    p = max(float(t.sf((centre + margin) / error, n - 1)), float(t.cdf((centre - margin) / error, n - 1)))
    return Test(p, f"two one-sided t tests against ±{margin:g}")


@dataclass(frozen=True, slots=True)
class OverModels:
    """A mean over models as draws of a population of models."""

    mean: Estimate
    """Its interval is that of the mean; n and clusters are models."""
    tau: float
    """Standard deviation between models, beyond what sampling makes."""
    low: float | None
    """Of the prediction interval: where the effect of the next model lies."""
    high: float | None


def over_models(effects: Sequence[float], errors: Sequence[float], *, level: float = 0.95) -> OverModels | None:
    """The random-effects mean [dersimonian1986], its interval [hartung2001] and its prediction interval [higgins2009].

    Args:
        effects: One a model.
        errors: Their standard errors. A model without spread has error 0, and then all count alike.
        level: Coverage of both intervals, in (0, 1).

    Returns:
        None for fewer than two models; below FEWEST_MODELS the method says that it is a description of these models.
    """
    from scipy.stats import t

    k = len(effects)
    if k < 2:
        return None
    if min(errors) <= 1e-9:
        return _unweighted(effects, level)
    weights = [1 / error**2 for error in errors]
    fixed = _weighted(effects, weights)
    q = math.fsum(weight * (effect - fixed) ** 2 for weight, effect in zip(weights, effects, strict=True))
    scale = math.fsum(weights) - math.fsum(weight**2 for weight in weights) / math.fsum(weights)
    tau2 = max(0.0, (q - (k - 1)) / scale)
    weights = [1 / (error**2 + tau2) for error in errors]
    mean = _weighted(effects, weights)
    spread = math.fsum(weight * (effect - mean) ** 2 for weight, effect in zip(weights, effects, strict=True))
    error = math.sqrt(max(1.0, spread / (k - 1)) / math.fsum(weights))
    half = float(t.ppf((1 + level) / 2, k - 1)) * error
    estimate = Estimate(mean, mean - half, mean + half, k, k, _method(k, "random-effects mean over models"))
    if k < 3:
        return OverModels(estimate, math.sqrt(tau2), None, None)
    reach = float(t.ppf((1 + level) / 2, k - 2)) * math.sqrt(tau2 + error**2)
    return OverModels(estimate, math.sqrt(tau2), mean - reach, mean + reach)


def _unweighted(effects: Sequence[float], level: float) -> OverModels:
    k = len(effects)
    mean = math.fsum(effects) / k
    if max(effects) - min(effects) <= 1e-9:
        equal = Estimate(mean, None, None, k, k, _method(k, "all models equal: no interval"))
        return OverModels(equal, 0.0, None, None)
    half = half_width(effects, level)
    # s √(1 + 1/k) is the error of one more draw, and s √(1/k) that of the mean.
    reach = half * math.sqrt(k + 1)
    tau = math.sqrt(math.fsum((effect - mean) ** 2 for effect in effects) / (k - 1))
    estimate = Estimate(mean, mean - half, mean + half, k, k, _method(k, "mean over models with equal weights, t"))
    return OverModels(estimate, tau, mean - reach, mean + reach)


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(v * w for v, w in zip(values, weights, strict=True)) / math.fsum(weights)


def _method(k: int, words: str) -> str:
    return words if k >= FEWEST_MODELS else f"{words}; {k} models, {FEWEST_MODELS} needed to speak of others"
