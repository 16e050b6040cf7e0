"""How often the default tests and intervals are right, over simulated studies of known truth (docs/methods.md).

    python benchmarks/calibration.py [STUDIES]

Tournaments: two arms of n replicates, 900 decisions each, whose probability of cooperating is drawn per replicate with
correlation ρ within it (beta-binomial). Wordings: n wordings asked of both arms, 16 decisions each; a wording shifts
both (standard deviation 1 in logits) and moves the effect (standard deviation 5 points).
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acausal.analysis.inference import share
from acausal.analysis.many_tests import paired_interval, paired_p, two_sample_p, welch_interval
from acausal.analysis.significance import FEWEST_PAIRS, FEWEST_PER_ARM

Rates = NDArray[np.float64]
"""Shape (studies, units)."""
ALPHA = 0.05
BASE = 0.4
"""Cooperation in the lower arm."""
REPLICATES, CORRELATIONS, EFFECTS = (3, 5, 10, 20), (0.0, 0.05, 0.1, 0.2, 0.5), (0.1, 0.2)
WORDINGS = (5, 6, 10, 20, 40)
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


def replicates(rng: np.random.Generator, studies: int, n: int, mean: float, rho: float) -> Rates:
    """Rates of the replicates of one arm."""
    p = np.full((studies, n), mean)
    if rho:
        p = rng.beta(mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho, (studies, n))
    rates: Rates = rng.binomial(_DECISIONS, p) / _DECISIONS
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


def two_arms(rng: np.random.Generator, studies: int, n: int, rho: float) -> Result:
    """Tournaments, tested as `two_samples` tests them."""

    def study(effect: float) -> tuple[Rates, tuple[Rates, Rates]]:
        a, b = (replicates(rng, studies, n, mean, rho) for mean in (BASE + effect, BASE))
        return two_sample_p(a, b) if n >= FEWEST_PER_ARM else np.ones(studies), welch_interval(a, b)

    return _result(study, refused=n < FEWEST_PER_ARM)


def pairs(rng: np.random.Generator, studies: int, n: int) -> Result:
    """One-shot arms that share wordings, tested as contrasts are."""

    def study(effect: float) -> tuple[Rates, tuple[Rates, Rates]]:
        values = wordings(rng, studies, n, effect)
        return paired_p(values) if n >= FEWEST_PAIRS else np.ones(studies), paired_interval(values)

    return _result(study, refused=n < FEWEST_PAIRS)


def covered(rng: np.random.Generator, studies: int, n: int, rho: float) -> float:
    """Coverage of one arm's own interval, as `share` gives it; a study without an interval is not covered."""
    rates = replicates(rng, studies, n, BASE, rho)
    found = [share(list(np.rint(own * _DECISIONS).astype(int)), [_DECISIONS] * n) for own in rates]
    intervals = [(each.low, each.high) for each in found if each is not None]
    inside = [low is not None and high is not None and low <= BASE <= high for low, high in intervals]
    return sum(inside) / studies


def _result(study: Callable[[float], tuple[Rates, tuple[Rates, Rates]]], *, refused: bool) -> Result:
    rejections, coverage = [], []
    for effect in (0.0, *EFFECTS):
        p, (low, high) = study(effect)
        rejections.append(float((p <= ALPHA).mean()))
        coverage.append(float(((low <= effect) & (effect <= high)).mean()))
    mean = (coverage[0] + coverage[-1]) / 2
    return Result(None, mean, None) if refused else Result(rejections[0], mean, tuple(rejections[1:]))


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _cells(found: Result) -> list[str]:
    if found.false_positives is None or found.power is None:
        return ["refused", f"{found.coverage:.3f}", *["refused"] * len(EFFECTS)]
    return [f"{found.false_positives:.3f}", f"{found.coverage:.3f}", *(f"{power:.2f}" for power in found.power)]


def main(studies: int) -> None:
    """Print the two tables."""
    start, rng = time.perf_counter(), np.random.default_rng(0)
    error = math.sqrt(ALPHA * (1 - ALPHA) / studies)
    print(f"{studies:,} studies a cell; Monte-Carlo standard error of a share near 5 or 95 %: {error:.4f}.\n")
    powers = [f"power at {round(100 * effect)} points" for effect in EFFECTS]
    print(
        _row("replicates per arm", "ρ", "false positives", "coverage of the difference", *powers, "coverage of a rate")
    )
    print(_row(*["---"] * (5 + len(EFFECTS))))
    for n in REPLICATES:
        for rho in CORRELATIONS:
            found, rate = two_arms(rng, studies, n, rho), covered(rng, min(studies, 2_000), n, rho)
            print(_row(n, rho, *_cells(found), f"{rate:.3f}"), flush=True)
    print("\n" + _row("wordings", "false positives", "coverage of the contrast", *powers))
    print(_row(*["---"] * (3 + len(EFFECTS))))
    for n in WORDINGS:
        print(_row(n, *_cells(pairs(rng, studies, n))), flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
