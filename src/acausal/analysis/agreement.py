"""How far two raters agree beyond chance: Cohen's kappa and Gwet's AC1, of judgements by yes or no."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.959964
"""Of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters on the same items."""

    n: int
    """Items that both rated."""
    both: int
    """Items that both said yes of."""
    first_only: int
    second_only: int
    raw: float
    """Share of items rated alike."""
    kappa: float | None
    """Cohen's; None where both said the same of every item, so that chance explains all [cohen1960]."""
    kappa_low: float | None
    """Of the 95 % interval of kappa by its large-sample standard error; None below 20 items, or without kappa."""
    kappa_high: float | None
    ac1: float
    """Gwet's: keeps its meaning where nearly all items are alike, which kappa does not [gwet2008]."""

    @property
    def prevalence(self) -> float:
        """Mean share of yes."""
        return (2 * self.both + self.first_only + self.second_only) / (2 * self.n)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A rater against a standard."""

    n: int
    true: int
    """Items that are yes by the standard."""
    precision: float | None
    """Share of the rater's yes that is right; None where it never said yes."""
    recall: float | None
    """Share of the standard's yes that it found; None where there is none."""


def agreement(first: Sequence[bool], second: Sequence[bool]) -> Agreement | None:
    """Agreement of two raters, shape (items,) each; None over nothing."""
    n = len(first)
    if n == 0:
        return None
    both = sum(a and b for a, b in zip(first, second, strict=True))
    one, two = sum(first), sum(second)
    raw = sum(a == b for a, b in zip(first, second, strict=True)) / n
    p, q = one / n, two / n
    chance = p * q + (1 - p) * (1 - q)
    mean = (p + q) / 2
    chance_ac1 = 2 * mean * (1 - mean)
    kappa = None if math.isclose(chance, 1.0) else (raw - chance) / (1 - chance)
    low = high = None
    if kappa is not None and n >= 20:
        half = _Z * math.sqrt(raw * (1 - raw) / n) / (1 - chance)
        low, high = max(-1.0, kappa - half), min(1.0, kappa + half)
    ac1 = (raw - chance_ac1) / (1 - chance_ac1)
    return Agreement(n, both, one - both, two - both, raw, kappa, low, high, ac1)


def accuracy(said: Sequence[bool], standard: Sequence[bool]) -> Accuracy:
    """Precision and recall of a rater, shape (items,) each."""
    right = sum(a and b for a, b in zip(said, standard, strict=True))
    yes, true = sum(said), sum(standard)
    return Accuracy(len(said), true, right / yes if yes else None, right / true if true else None)
