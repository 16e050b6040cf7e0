"""Studies that were never played: what is assumed of them, and the decisions they would bring.

A unit is a replicate, or a wording of a one-shot design. In each unit a probability of cooperating is drawn around its
arm's rate (beta, correlation ρ), in it one for each strategy (beta again), and the strategy's decisions from that: the
nested beta-binomial, whose rates are exact and whose unit means have the variance

    m (1 - m) [ρ + (1 - ρ) (w + (1 - w) / k) / s]

with s strategies of k decisions in a unit and w the correlation within a strategy. A strategy's decisions are summed by
drawing how many strategies came to 0, 1, … k of them. Arms of a paired design share their units' draws in part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import special

from acausal.analysis.many_tests import Floats
from acausal.analysis.significance import FEWEST_PAIRS, FEWEST_PER_ARM

CONTRAST_ARMS = MappingProxyType(
    {
        "difference": ((1.0, True), (-1.0, False)),
        "gap": ((0.5, True), (0.5, True), (-0.5, False), (-0.5, False)),
        "interaction": ((1.0, True), (-1.0, False), (-1.0, False), (1.0, False)),
    }
)
"""Contrast → (weight, whether the arm has the effect) of its arms: told, S, Γ_I and Γ_D; Γ and Γ50; ΔS.

B takes somewhat less than Γ.
"""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is taken for true of a study. Rates and the effect are fractions."""

    rate: float = 0.5
    """Of arms without the effect."""
    effect: float = 0.1
    """Added to the rate; negative where the effect lowers it."""
    correlation: float = 0.05
    """Of two decisions of a unit, between strategies."""
    strategies: int = 100
    """Per unit and arm; where decisions do not come from strategies, agents by rounds."""
    per_strategy: int = 9
    """Decisions of each."""
    within: float = 0.5
    """Correlation of two decisions of one strategy, beyond the unit's."""
    paired: bool = False
    """Whether arms share their units, as wordings are shared."""
    shared: float = 0.5
    """Of a paired design: correlation between arms of what units add to their rate."""
    contrast: str = "difference"
    """A key of CONTRAST_ARMS; all but `difference` need a paired design."""
    alpha: float = 0.05
    family: int = 1
    """Confirmatory comparisons: each is tested at alpha / family, Holm's first step."""

    @property
    def decisions(self) -> int:
        """Of a unit and arm."""
        return self.strategies * self.per_strategy

    @property
    def level(self) -> float:
        """At which one comparison is tested."""
        return self.alpha / self.family

    @property
    def least_units(self) -> int:
        """Below which there is no test by size."""
        return FEWEST_PAIRS if self.paired else FEWEST_PER_ARM

    def broken(self) -> str | None:
        """The first rule that is broken, in words; None where all hold."""
        treated = self.rate + self.effect
        rules = [
            (0 < self.rate < 1, f"rate must lie between 0 and 1, but is {self.rate:g}"),
            (0 <= treated <= 1, f"rate plus effect must lie in [0, 1], but is {treated:g}"),
            (0 <= self.correlation < 1, f"correlation must lie in [0, 1), but is {self.correlation:g}"),
            (0 <= self.within < 1, f"within must lie in [0, 1), but is {self.within:g}"),
            (0 <= self.shared <= 1, f"shared must lie in [0, 1], but is {self.shared:g}"),
            (self.strategies >= 1, f"strategies must be at least 1, but is {self.strategies}"),
            (self.per_strategy >= 1, f"per_strategy must be at least 1, but is {self.per_strategy}"),
            (0 < self.alpha < 1, f"alpha must lie between 0 and 1, but is {self.alpha:g}"),
            (self.family >= 1, f"family must be at least 1, but is {self.family}"),
            (
                self.paired or self.contrast == "difference",
                f"contrast={self.contrast} takes more than two arms, which are compared unit by unit: set paired=true",
            ),
        ]
        return next((words for holds, words in rules if not holds), None)


def variance(assumed: Assumptions, rate: float) -> float:
    """Of the mean of one unit, around the rate of its arm."""
    of_strategy = assumed.within + (1 - assumed.within) / assumed.per_strategy
    of_unit = assumed.correlation + (1 - assumed.correlation) * of_strategy / assumed.strategies
    return rate * (1 - rate) * of_unit


def arm_counts(assumed: Assumptions, rng: np.random.Generator, studies: int, units: int) -> list[Floats]:
    """Cooperating decisions of every arm of the contrast, shape (studies, units) each."""
    arms = CONTRAST_ARMS[assumed.contrast]
    common = rng.standard_normal((studies, units)) if assumed.paired else None
    return [
        unit_counts(assumed, assumed.rate + assumed.effect if has else assumed.rate, rng, studies, units, common)
        for _, has in arms
    ]


def unit_counts(
    assumed: Assumptions,
    rate: float,
    rng: np.random.Generator,
    studies: int,
    units: int,
    common: Floats | None = None,
) -> Floats:
    """Cooperating decisions in each unit of an arm, shape (studies, units).

    Args:
        common: What arms share, standard normal, shape (studies, units); None: nothing.
    """
    mean = np.full((studies, units), rate)
    if assumed.correlation > 0 and 0 < rate < 1:
        a, b = _beta(rate, assumed.correlation)
        if common is None or assumed.shared == 0:
            mean = rng.beta(a, b, (studies, units))
        else:
            own = rng.standard_normal((studies, units))
            ranks = special.ndtr(math.sqrt(assumed.shared) * common + math.sqrt(1 - assumed.shared) * own)
            mean = special.betaincinv(a, b, ranks)
    if assumed.per_strategy == 1:
        return rng.binomial(assumed.strategies, mean).astype(float)
    chances = _strategy_chances(np.clip(mean, 1e-9, 1 - 1e-9), assumed.per_strategy, assumed.within)
    return rng.multinomial(assumed.strategies, chances) @ np.arange(assumed.per_strategy + 1.0)


def _beta(rate: float, correlation: float) -> tuple[float, float]:
    scale = (1 - correlation) / correlation
    return rate * scale, (1 - rate) * scale


def _strategy_chances(mean: Floats, decisions: int, within: float) -> Floats:
    """Chances that a strategy cooperates 0, 1, … times, on a new last axis."""
    times = np.arange(decisions + 1)
    p = mean[..., None]
    ways = special.gammaln(decisions + 1) - special.gammaln(times + 1) - special.gammaln(decisions - times + 1)
    if within == 0:
        logs = times * np.log(p) + (decisions - times) * np.log1p(-p)
    else:
        scale = (1 - within) / within
        a, b = p * scale, (1 - p) * scale
        logs = special.betaln(times + a, decisions - times + b) - special.betaln(a, b)
    chances = np.exp(ways + logs)
    return np.asarray(chances / chances.sum(-1, keepdims=True))
