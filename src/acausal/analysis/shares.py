"""Intervals of a share whose units differ: the span of two, one of which holds where the other fails.

The first is Student's t on the logit of the pooled share, with the error of leaving out one unit at a time
[efron1981]. It takes no model, but needs many units where their rates pile up near 0 or 1, which is what correlation
does to them: at ρ = .5 and a mean of .05 most units are nearly 0, and the spread of those seen is far too small. The
second knows of the rates not seen, by a model: a unit's probability is drawn from a beta distribution of mean μ and
intra-unit correlation ρ, its decisions from the binomial of it [skellam1948]. It is that of μ's posterior with
Jeffreys' prior on μ, π(μ) ∝ [μ (1 - μ)]^(-1/2) [brown2001], and π(ρ) ∝ ρ^(-1/2), which leans to small correlations and
excludes none. ρ is summed over; μ lies on a grid that is even in arcsin √μ, where a binomial's error is the same
everywhere.

Everything takes arrays whose last axis are the units, so that a thousand studies are judged as easily as one.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_MEANS, _FINER = 160, 8
"""Points of the grid of means, and finer ones between two of them, which a spline through the logarithms fills in."""
_CORRELATIONS = 26


def intervals(successes: Counts, totals: Counts, level: float) -> tuple[Floats, Floats]:
    """From the lower of the two lower ends to the upper of the two upper ones, where not all decisions are the same.

    Args:
        totals: As many decisions as each unit has, above 0, in the shape of `successes`: (…, units), two units or more.
        level: Coverage that each of the two aims at, in (0, 1). Their span has it or more.
    """
    first, second = logit_t(successes, totals, level), posterior(successes, totals, level)
    return np.fmin(first[0], second[0]), np.fmax(first[1], second[1])


def bounded(successes: Counts, totals: Counts, level: float) -> tuple[Floats, Floats]:
    """`intervals`; where every unit is all 0 or all 1 the exact one-sided bound 1 - (1 - level)^(1/n) [clopper1934]."""
    low, high = intervals(successes, totals, level)
    won, width = successes.sum(axis=-1), 1 - (1 - level) ** (1 / successes.shape[-1])
    none, every = won == 0, won == totals.sum(axis=-1)
    low, high = np.where(none, 0.0, low), np.where(none, width, high)
    return np.where(every, 1 - width, low), np.where(every, 1.0, high)


def logit_t(successes: Counts, totals: Counts, level: float) -> tuple[Floats, Floats]:
    """Student's t on the logit of the pooled share, of the jackknife's error over units; NaN at a share of 0 or 1."""
    from scipy.special import expit, logit
    from scipy.stats import t

    units = successes.shape[-1]
    won, total = (each.sum(axis=-1, keepdims=True) for each in (successes, totals))
    share, without = won / total, (won - successes) / (total - totals)
    apart = ((without - without.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    error = np.sqrt((units - 1) / units * apart)
    share = share[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        half = t.ppf((1 + level) / 2, units - 1) * error / (share * (1 - share))
        return expit(logit(share) - half), expit(logit(share) + half)


def posterior(successes: Counts, totals: Counts, level: float) -> tuple[Floats, Floats]:
    """The equal-tailed interval of μ in the beta-binomial model."""
    from scipy.interpolate import CubicSpline

    angles, _, weights = _grid()
    shape = successes.shape[:-1]
    pairs = np.stack([successes, totals], axis=-1).reshape(-1, 2)
    distinct, where = np.unique(pairs, axis=0, return_inverse=True)
    likelihood = _likelihood(distinct)
    where = where.reshape(-1, successes.shape[-1])
    marginal = np.empty((len(where), len(angles)))
    for study, units in enumerate(where):
        own, times = np.unique(units, return_counts=True)
        logs = np.tensordot(times.astype(float), likelihood[own], axes=1)
        most = logs.max()
        with np.errstate(divide="ignore"):
            marginal[study] = np.log(np.exp(logs - most) @ weights)
    marginal = np.maximum(marginal, -700.0)
    fine = np.linspace(angles[0], angles[-1], (len(angles) - 1) * _FINER + 1)
    density = np.exp(CubicSpline(angles, marginal, axis=-1)(fine))
    below = np.cumsum(density, axis=-1) - density / 2
    below /= density.sum(axis=-1, keepdims=True)
    ends = [[np.interp(tail, own, fine) for own in below] for tail in ((1 - level) / 2, (1 + level) / 2)]
    low, high = (np.sin(np.array(end)).reshape(shape) ** 2 for end in ends)
    return low, high


@cache
def _grid() -> tuple[Floats, Floats, Floats]:
    """arcsin √μ, on which Jeffreys' prior is even; correlations, even in logits; and the weight of each of these."""
    angles = (np.arange(_MEANS) + 0.5) / _MEANS * np.pi / 2
    correlations = 1 / (1 + np.exp(-np.linspace(-9.0, 4.0, _CORRELATIONS)))
    return angles, correlations, np.sqrt(correlations) * (1 - correlations)


@cache
def _shapes() -> tuple[Floats, Floats, Floats]:
    """Both parameters of the beta distributions, shape (means, correlations), and the logarithm of their integral."""
    from scipy.special import betaln

    angles, correlations, _ = _grid()
    scale = (1 - correlations) / correlations
    mean = np.sin(angles)[:, None] ** 2
    a, b = mean * scale, (1 - mean) * scale
    return a, b, betaln(a, b)


def _likelihood(pairs: Counts) -> Floats:
    """Logarithm of a unit's likelihood but for its binomial coefficient, shape (pairs, means, correlations)."""
    from scipy.special import betaln

    a, b, whole = _shapes()
    won, lost = pairs[:, 0, None, None], (pairs[:, 1] - pairs[:, 0])[:, None, None]
    return np.asarray(betaln(won + a, lost + b) - whole)
