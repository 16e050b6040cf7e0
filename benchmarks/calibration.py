"""How often the default tests and intervals are right, over simulated studies of known truth (docs/methods.md).

    python benchmarks/calibration.py [STUDIES]

Replicates: 900 decisions in each, whose probability of cooperating is drawn per replicate with correlation ρ within it
(beta-binomial); two arms share nothing, or the seeds of their replicates. Wordings: asked of both arms, 16 decisions
each; a wording shifts both (standard deviation 1 in logits) and moves the effect (standard deviation 5 points).
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from acausal.analysis.many_tests import contrast_interval, paired_p, two_sample_p, welch_interval
from acausal.analysis.shares import bounded
from acausal.analysis.significance import FEWEST_PAIRS, FEWEST_PER_ARM

Rates = NDArray[np.float64]
"""Shape (studies, units)."""
Sizes = NDArray[np.int64]
Study = Callable[[float], tuple[Rates, tuple[Rates, Rates]]]
"""Effect → p values and the ends of the intervals, shape (studies,) each."""
ALPHA, LEVEL = 0.05, 0.95
BASE = 0.4
"""Cooperation in the lower arm."""
REPLICATES, CORRELATIONS, EFFECTS = (3, 5, 10, 20), (0.0, 0.05, 0.1, 0.2, 0.5), (0.1, 0.2)
WORDINGS = (5, 6, 10, 20, 40)
RATES, MIXINGS = (0.05, 0.2, 0.5, 0.95), ("beta", "logit-normal", "all or nothing")
"""Of single rates, and how the rates of replicates spread around them."""
SIZES = {"4 decisions": (4, 0.0), "90": (90, 0.0), "unequal": (90, 0.8)}
"""Decisions of a replicate: their median, and the standard deviation of its logarithm."""
_DECISIONS, _ANSWERS = 900, 16


@dataclass(frozen=True, slots=True)
class Result:
    """Shares of studies, in [0, 1]."""

    false_positives: float | None
    """None where the test is refused."""
    coverage: float
    """Of the interval of the difference, at no effect and at the larger one together."""
    power: tuple[float, ...] | None
    """At EFFECTS."""


def probabilities(
    rng: np.random.Generator, studies: int, n: int, mean: float, rho: float, mixing: str = "beta"
) -> Rates:
    """Of each replicate: their mean, and ρ = variance / (mean (1 - mean)), whatever their distribution."""
    if not rho:
        return np.full((studies, n), mean)
    if mixing == "beta":
        drawn: Rates = rng.beta(mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho, (studies, n))
        return drawn
    if mixing == "all or nothing":
        pure = rng.random((studies, n)) < rho
        return np.where(pure, rng.random((studies, n)) < mean, mean)
    centre, spread = _logit_normal(mean, rho)
    return np.asarray(special.expit(centre + spread * rng.standard_normal((studies, n))))


def _logit_normal(mean: float, rho: float) -> tuple[float, float]:
    """Centre and standard deviation of the logits, by bisection."""
    from scipy.optimize import brentq

    z = np.linspace(-6, 6, 401)
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()

    def centre(spread: float) -> float:
        return float(brentq(lambda c: weights @ special.expit(c + spread * z) - mean, -60, 60))

    def excess(spread: float) -> float:
        return float(weights @ (special.expit(centre(spread) + spread * z) - mean) ** 2) - rho * mean * (1 - mean)

    spread = float(brentq(excess, 1e-3, 25))
    return centre(spread), spread


def replicates(rng: np.random.Generator, studies: int, n: int, mean: float, rho: float) -> Rates:
    """Rates of the replicates of one arm."""
    rates: Rates = rng.binomial(_DECISIONS, probabilities(rng, studies, n, mean, rho)) / _DECISIONS
    return rates


def wordings(rng: np.random.Generator, studies: int, n: int, effect: float, spread: float = 0.05) -> Rates:
    """Differences of the rates of two arms, wording by wording; on average exactly `effect`."""
    middle = 1 / (1 + np.exp(-rng.normal(0.0, 1.0, (studies, n))))
    half = (effect + spread * rng.choice([-1.0, 1.0], (studies, n))) / 2
    room = np.abs(half).max()
    middle = room + (1 - 2 * room) * middle
    first, second = (rng.binomial(_ANSWERS, middle + shift) for shift in (half, -half))
    differences: Rates = (first - second) / _ANSWERS
    return differences


def blocks(rng: np.random.Generator, studies: int, n: int, rho: float, effect: float, *, base: float = BASE) -> Rates:
    """Differences of two arms in n replicates that share seeds and seats, half of what these add: ρ in each arm.

    Decisions come in matches of two agents whose choices go together (correlation .5), and up to half of a replicate
    of one arm is missing, unevenly.
    """
    common = rng.standard_normal((studies, n))
    rates = []
    for mean, kept in ((base + effect, rng.integers(30, 60, (studies, n))), (base, np.full((studies, n), 60))):
        ranks = stats.norm.cdf(math.sqrt(0.5) * common + math.sqrt(0.5) * rng.standard_normal((studies, n)))
        p = special.betaincinv(mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho, ranks) if rho else mean
        alike = rng.binomial(kept, 0.5)  # matches whose two choices are one draw
        cooperated = 2 * rng.binomial(alike, p) + rng.binomial(2 * (kept - alike), p)
        rates.append(cooperated / (2 * kept))
    differences: Rates = rates[0] - rates[1]
    return differences


def two_arms(rng: np.random.Generator, studies: int, n: int, rho: float) -> Result:
    """Tournaments that share nothing, tested as `two_samples` tests them."""

    def study(effect: float) -> tuple[Rates, tuple[Rates, Rates]]:
        a, b = (replicates(rng, studies, n, mean, rho) for mean in (BASE + effect, BASE))
        return two_sample_p(a, b) if n >= FEWEST_PER_ARM else np.ones(studies), welch_interval(a, b)

    return _result(study, refused=n < FEWEST_PER_ARM)


def paired_units(n: int, values: Callable[[float], Rates], *, most: float = 1.0) -> Result:
    """Contrasts of units, tested as `contrasts` tests them.

    Args:
        values: Effect → contrasts of its studies' units.
        most: The largest that a contrast can be.
    """

    def study(effect: float) -> tuple[Rates, tuple[Rates, Rates]]:
        drawn = values(effect)
        p = paired_p(drawn) if n >= FEWEST_PAIRS else np.ones(len(drawn))
        return p, contrast_interval(drawn, -most, most, level=LEVEL)

    return _result(study, refused=n < FEWEST_PAIRS)


def pairs(rng: np.random.Generator, studies: int, n: int) -> Result:
    """One-shot arms that share wordings."""
    return paired_units(n, lambda effect: wordings(rng, studies, n, effect))


def designs(rng: np.random.Generator, studies: int, n: int) -> dict[str, Result]:
    """What sweeps contrast beside two arms under one base rate."""

    def words(effect: float) -> Rates:
        return wordings(rng, studies, n, effect)

    def near_the_top(effect: float) -> Rates:
        return blocks(rng, studies, n, 0.1, -effect, base=0.98) * -1

    return {
        "blocks, ρ = .1": paired_units(n, lambda effect: blocks(rng, studies, n, 0.1, effect)),
        "blocks, ρ = .5": paired_units(n, lambda effect: blocks(rng, studies, n, 0.5, effect)),
        "arms at .98": paired_units(n, near_the_top),
        "Γ": paired_units(n, lambda effect: (words(effect) + words(effect)) / 2),
        "ΔS": paired_units(n, lambda effect: words(effect) - words(0.0), most=2.0),
    }


def rate_coverage(
    rng: np.random.Generator, studies: int, n: int, rho: float, mean: float, *, size: str = "90", mixing: str = "beta"
) -> float:
    """Coverage of one arm's own interval, as `share` gives it."""
    middle, spread = SIZES[size]
    totals = np.maximum(1, np.rint(middle * np.exp(spread * rng.standard_normal((studies, n))))).astype(np.int64)
    won = rng.binomial(totals, probabilities(rng, studies, n, mean, rho, mixing))
    low, high = bounded(won, totals, LEVEL)
    return float(((low <= mean) & (mean <= high)).mean())


def rate_coverages(rng: np.random.Generator, studies: int, n: int, rho: float) -> dict[str, float]:
    """Case → coverage: every rate, size and distribution of the replicates' rates."""
    return {
        f"rate {mean:g}, {size}, {mixing}": rate_coverage(rng, studies, n, rho, mean, size=size, mixing=mixing)
        for mean in RATES
        for size in SIZES
        for mixing in (MIXINGS if rho else MIXINGS[:1])
    }


def _result(study: Study, *, refused: bool) -> Result:
    rejections, coverage = [], []
    for effect in (0.0, *EFFECTS):
        p, (low, high) = study(effect)
        rejections.append(float((p <= ALPHA).mean()))
        coverage.append(float(((low <= effect) & (effect <= high)).mean()))
    mean = (coverage[0] + coverage[-1]) / 2
    return Result(None, mean, None) if refused else Result(rejections[0], mean, tuple(rejections[1:]))


def _row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def _head(*names: str) -> None:
    print()
    _row(*names)
    _row(*["---"] * len(names))


def _cells(found: Result) -> list[str]:
    if found.false_positives is None or found.power is None:
        return ["refused", f"{found.coverage:.3f}", *["refused"] * len(EFFECTS)]
    return [f"{found.false_positives:.3f}", f"{found.coverage:.3f}", *(f"{power:.2f}" for power in found.power)]


def main(studies: int) -> None:
    """Print the tables."""
    start, rng = time.perf_counter(), np.random.default_rng(0)
    error = math.sqrt(ALPHA * (1 - ALPHA) / studies)
    print(f"{studies:,} studies a cell; Monte-Carlo standard error of a share near 5 or 95 %: {error:.4f}.")
    powers = [f"power at {round(100 * effect)} points" for effect in EFFECTS]
    _head("replicates per arm", "ρ", "false positives", "coverage of the difference", *powers)
    for n in REPLICATES:
        for rho in CORRELATIONS:
            _row(n, rho, *_cells(two_arms(rng, studies, n, rho)))
    _head("wordings", "false positives", "coverage of the contrast", *powers)
    for n in WORDINGS:
        _row(n, *_cells(pairs(rng, studies, n)))
    _head("design", "units", "false positives", "coverage of the contrast", *powers)
    for n in (6, 10, 20):
        for name, found in designs(rng, studies, n).items():
            _row(name, n, *_cells(found))
    few = min(studies, 500)
    print(f"\n{few:,} studies a case; Monte-Carlo standard error {math.sqrt(ALPHA * (1 - ALPHA) / few):.4f}.")
    _head("replicates", "ρ", "coverage of a rate: least", "where", "median", "most")
    for n in REPLICATES:
        for rho in CORRELATIONS:
            cases = rate_coverages(rng, few, n, rho)
            least = min(cases, key=cases.__getitem__)
            _row(n, rho, f"{cases[least]:.3f}", least, *(f"{f(list(cases.values())):.3f}" for f in (np.median, max)))
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
