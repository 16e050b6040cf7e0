"""Power is that of simulated studies, and agrees with the tables of independent simulations in docs/power.md."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from acausal.analysis.many_tests import paired_t_p, permutation_p, sign_flip_p, welch_p
from acausal.analysis.power import Decides, effect_detectable, effect_seen, power, units_needed
from acausal.analysis.studies import CONTRAST_ARMS, Assumptions, arm_counts, unit_counts, variance

TOURNAMENT = Assumptions()
"""Ten rounds of ten agents: a hundred strategies of nine decisions, correlated by .5."""
WORDINGS = Assumptions(strategies=32, per_strategy=1, paired=True, effect=0.2)
FEW = 2000
ERROR = 3 * (0.25 / FEW) ** 0.5


@pytest.mark.parametrize(
    ("effect", "correlation", "replicates"),
    [
        *[(0.1, rho, n) for rho, n in ((0, 4), (0.02, 11), (0.05, 23), (0.1, 42), (0.2, 80))],
        *[(0.2, rho, n) for rho, n in ((0, 3), (0.02, 4), (0.05, 7), (0.1, 11), (0.2, 20))],
    ],
)
def test_replicates_for_80_percent_power_are_those_of_the_table(
    effect: float, correlation: float, replicates: int
) -> None:
    need = units_needed(replace(TOURNAMENT, effect=effect, correlation=correlation), test=Decides.T, studies=FEW)
    assert (need.low or 0) <= replicates <= (need.high or 0)
    assert (need.high or 0) - (need.low or 0) <= max(2, replicates // 8)


@pytest.mark.parametrize(("rounds", "replicates", "expected"), [(10, 10, 0.07), (5, 20, 0.15), (1, 100, 0.74)], ids=str)
def test_calls_are_better_spent_on_replicates_than_on_rounds(rounds: int, replicates: int, expected: float) -> None:
    grown = replace(TOURNAMENT, effect=0.05, correlation=0.02 + 0.04 * (rounds - 1) / 2, strategies=10 * rounds)
    assert power(grown, replicates, studies=FEW).value == pytest.approx(expected, abs=ERROR)


@pytest.mark.parametrize(
    ("rate", "effect", "correlation", "replicates", "exact", "welchs"),
    [(0.1, 0.2, 0.3, 5, 0.30, 0.19), (0.5, 0.2, 0.05, 5, 0.65, 0.64), (0.1, 0.1, 0.05, 10, 0.73, 0.71)],
)
def test_both_tests_have_the_power_of_the_table(
    rate: float, effect: float, correlation: float, replicates: int, exact: float, welchs: float
) -> None:
    assumed = replace(TOURNAMENT, rate=rate, effect=effect, correlation=correlation)
    t = power(assumed, replicates, test=Decides.T, studies=FEW)
    assert t.value == pytest.approx(welchs, abs=ERROR)
    if replicates < 10:
        assert power(assumed, replicates, test=Decides.EXACT, studies=FEW).value == pytest.approx(exact, abs=ERROR)


@pytest.mark.parametrize("units", [5, 8, 12])
@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("paired", [False, True])
def test_nothing_is_found_more_often_than_it_should_where_there_is_nothing(
    units: int, correlation: float, paired: bool
) -> None:
    assumed = replace(TOURNAMENT, effect=0.0, correlation=correlation, paired=paired)
    found = power(assumed, units, studies=FEW)
    assert found.value <= 0.05 + 3 * (0.05 * 0.95 / FEW) ** 0.5


def test_unit_means_have_the_rate_and_the_variance_of_the_formula() -> None:
    for assumed in (TOURNAMENT, replace(TOURNAMENT, within=0.0), WORDINGS, replace(WORDINGS, correlation=0.0)):
        counts = unit_counts(assumed, 0.3, np.random.default_rng(0), 200, 200)
        means = counts / assumed.decisions
        assert means.mean() == pytest.approx(0.3, abs=0.004)
        assert means.var() == pytest.approx(variance(assumed, 0.3), rel=0.05)


def test_paired_arms_share_as_much_of_their_units_as_is_assumed() -> None:
    for shared in (0.0, 0.5, 1.0):
        assumed = replace(WORDINGS, correlation=0.2, strategies=4000, effect=0.1, shared=shared)
        one, other = arm_counts(assumed, np.random.default_rng(0), 200, 200)
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(shared, abs=0.03)


def test_what_arms_share_raises_the_power_of_pairs() -> None:
    values = [power(replace(WORDINGS, correlation=0.2, shared=shared), 10, studies=FEW).value for shared in (0, 1)]
    assert values[0] + 2 * ERROR < values[1]


def test_the_contrasts_weigh_their_arms_as_the_estimands_do() -> None:
    for name, arms in CONTRAST_ARMS.items():
        assert sum(weight for weight, _ in arms) == 0, name
        assert sum(weight for weight, has_effect in arms if has_effect) == 1, name
    gap, pair, interaction = (
        power(replace(WORDINGS, contrast=name, effect=0.1), 10, studies=FEW).value
        for name in ("gap", "difference", "interaction")
    )
    assert gap > pair > interaction


def test_many_tests_are_the_tests_of_scipy_one_by_one() -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.binomial(20, p, (6, 6)).astype(float) for p in (0.4, 0.6))
    flips = paired_t_p(first - second), sign_flip_p(first - second)
    for row in range(6):
        x, y = first[row], second[row]
        assert welch_p(first, second)[row] == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
        assert flips[0][row] == pytest.approx(stats.ttest_rel(x, y).pvalue)
        swapped = stats.permutation_test((x, y), lambda a, b: abs(a.mean() - b.mean()), alternative="greater")
        assert permutation_p(first, second)[row] == pytest.approx(swapped.pvalue)
        flipped = stats.permutation_test(
            (x, y), lambda a, b: abs((a - b).mean()), permutation_type="samples", alternative="greater"
        )
        assert flips[1][row] == pytest.approx(flipped.pvalue)


def test_arms_that_do_not_vary_have_the_smallest_exact_p_and_never_0() -> None:
    zeros, ones = np.zeros((1, 5)), np.ones((1, 5))
    assert welch_p(zeros, ones) == permutation_p(zeros, ones) == pytest.approx(2 / 252)
    assert paired_t_p(ones) == sign_flip_p(ones) == pytest.approx(2 / 32)
    assert welch_p(ones, ones) == paired_t_p(zeros) == permutation_p(ones, ones) == sign_flip_p(zeros) == 1


def test_too_few_units_are_a_pilot_whatever_the_effect() -> None:
    large = replace(TOURNAMENT, effect=0.5, correlation=0.0)
    assert power(large, 4).value == 0
    assert power(large, 4).test == "none: fewer than 5 units are a pilot"
    assert units_needed(large).units == 5
    assert units_needed(replace(WORDINGS, effect=0.5)).units == 6
    assert power(replace(large, family=7), 5).value == 0, "2 / 252 is above .05 / 7"
    assert power(replace(large, family=6), 5).value == 1


def test_the_test_follows_the_size() -> None:
    assert power(TOURNAMENT, 9, studies=10).test == "exact studentised permutation of replicates"
    assert power(TOURNAMENT, 10, studies=10).test == "Welch t on replicate means"
    assert power(WORDINGS, 13, studies=10).test == "exact sign flips over units"
    assert power(WORDINGS, 14, studies=10).test == "paired t over units"


def test_a_larger_family_needs_more_replicates() -> None:
    need = units_needed(replace(TOURNAMENT, family=6), test=Decides.T, studies=FEW)
    assert (need.low or 0) <= 35 <= (need.high or 0)


@pytest.mark.parametrize(("replicates", "correlation", "effect"), [(8, 0.02, 0.12), (10, 0.05, 0.16), (20, 0.1, 0.15)])
def test_the_smallest_effect_is_that_of_the_table(replicates: int, correlation: float, effect: float) -> None:
    found = effect_detectable(replace(TOURNAMENT, correlation=correlation), replicates, studies=FEW)
    assert found == pytest.approx(effect, abs=0.01)
    lowered = effect_detectable(replace(TOURNAMENT, correlation=correlation, effect=-0.1), replicates, studies=FEW)
    assert lowered == pytest.approx(-effect, abs=0.01)


def test_what_cannot_be_found_is_none() -> None:
    near_one = replace(TOURNAMENT, rate=0.95, effect=0.02, correlation=0.3)
    assert effect_detectable(near_one, 5, studies=FEW) is None
    assert units_needed(replace(TOURNAMENT, effect=0.001, correlation=0.3), studies=200).units is None
    assert units_needed(replace(TOURNAMENT, effect=0.0), studies=200).units is None


def test_the_same_seed_gives_the_same_power() -> None:
    assert power(TOURNAMENT, 10, studies=FEW) == power(TOURNAMENT, 10, studies=FEW)
    assert power(TOURNAMENT, 10, studies=FEW) != power(TOURNAMENT, 10, studies=FEW, seed=1)
    assert power(TOURNAMENT, 10, studies=FEW).error == pytest.approx((0.44 * 0.56 / FEW) ** 0.5, abs=0.001)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"rate": 0.0}, "rate must lie between 0 and 1, but is 0"),
        ({"effect": 0.6}, "rate plus effect must lie in .0, 1., but is 1.1"),
        ({"correlation": 1.0}, "correlation must lie in"),
        ({"contrast": "gap"}, "set paired=true"),
        ({"family": 0}, "family must be at least 1, but is 0"),
    ],
)
def test_impossible_assumptions_are_named(change: dict[str, Any], rule: str) -> None:
    assert re.match(rf".*{rule}", replace(TOURNAMENT, **change).broken() or "")
    assert TOURNAMENT.broken() is None


@pytest.mark.parametrize(("units", "level"), [(10, 0.05), (10, 0.01), (40, 0.05), (5, 0.05)])
def test_the_smallest_effect_of_a_finished_study_is_found_as_often_as_is_said(units: int, level: float) -> None:
    effect = effect_seen(0.3, units, level=level)
    assert effect is not None
    drawn = np.random.default_rng(0).normal(effect, 0.3, (4000, units))
    assert (paired_t_p(drawn) <= level).mean() == pytest.approx(0.8, abs=0.02)
    assert effect_seen(0.0, units) is None
    assert effect_seen(0.3, 1) is None
