"""Over simulated studies the default tests err as often as they say, and find what was planted.

Each bound leaves three Monte-Carlo standard errors; benchmarks/calibration.py makes the table of docs/methods.md.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from calibration import ALPHA, pairs, replicates, two_arms
from scipy import stats

STUDIES = 1_500


def error(share: float) -> float:
    return math.sqrt(share * (1 - share) / STUDIES)


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("n", [5, 10, 20])
def test_arms_that_do_not_differ_are_told_apart_in_at_most_one_study_of_twenty(n: int, rho: float) -> None:
    found = two_arms(np.random.default_rng(n), STUDIES, n, rho)
    assert found.false_positives is not None
    assert found.false_positives <= ALPHA + 3 * error(ALPHA)
    assert 0.93 - 3 * error(0.93) <= found.coverage <= 0.97 + 3 * error(0.97)


def test_a_pilot_of_three_is_never_a_finding() -> None:
    assert two_arms(np.random.default_rng(0), 10, 3, 0.1).false_positives is None
    assert pairs(np.random.default_rng(0), 10, 5).false_positives is None


@pytest.mark.parametrize("n", [6, 10, 20])
def test_wordings_that_do_not_differ_on_average_are_told_apart_as_seldom(n: int) -> None:
    found = pairs(np.random.default_rng(n), STUDIES, n)
    assert found.false_positives is not None
    assert found.false_positives <= ALPHA + 3 * error(ALPHA)
    assert 0.93 - 3 * error(0.93) <= found.coverage <= 0.97 + 3 * error(0.97)


@pytest.mark.parametrize(
    ("n", "rho", "ten", "twenty"), [(20, 0.05, 0.75, 0.99), (10, 0.05, 0.4, 0.9), (20, 0.1, 0.4, 0.95)]
)
def test_planted_effects_of_ten_and_twenty_points_are_found(n: int, rho: float, ten: float, twenty: float) -> None:
    power = two_arms(np.random.default_rng(1), STUDIES, n, rho).power
    assert power is not None
    assert (power[0] >= ten, power[1] >= twenty) == (True, True)


def test_sharing_wordings_finds_an_effect_of_ten_points_with_forty() -> None:
    power = pairs(np.random.default_rng(1), STUDIES, 40).power
    assert power is not None
    assert power[0] >= 0.9


def test_decisions_as_units_would_find_effects_in_nothing() -> None:
    """What the units are for: the same studies, tested decision by decision, find an effect in most."""
    rng = np.random.default_rng(2)
    a, b = (replicates(rng, 400, 5, 0.4, 0.05).mean(-1) for _ in range(2))
    spread = np.sqrt((a * (1 - a) + b * (1 - b)) / (5 * 900))
    assert (2 * stats.norm.sf(np.abs(a - b) / spread) <= ALPHA).mean() > 0.6
