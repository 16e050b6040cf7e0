"""The numbers that R and statsmodels document, from the functions that reports use.

Each test names the source of its numbers: a worked example of R's manual or of a book, or the results of R that
statsmodels' own tests hold. Numbers of R are those of R 4.2.2, by the call that stands beside them. Calibration and
agreement over random data are tested elsewhere; the Axelrod library's results in test_axelrod_results.py.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from acausal.analysis import clustered
from acausal.analysis.agreement import agreement
from acausal.analysis.binomial import clopper_pearson, fisher, wilson
from acausal.analysis.equivalence import equivalence, over_models
from acausal.analysis.inference import jackknifed, share, unit_mean
from acausal.analysis.many_tests import paired_interval, two_sample_p, welch_p
from acausal.analysis.outcomes import gini
from acausal.analysis.power import effect_seen
from acausal.analysis.significance import (
    benjamini_hochberg,
    holm,
    paired,
    two_samples,
)

SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
"""R's data set `sleep`: Student's ten patients under two drugs, `extra` by `group`."""
MORE = [one - other for one, other in zip(*SLEEP, strict=True)]
ZEA = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Darwin's maize, crossed minus self-fertilised, in eighths of an inch (Fisher, The Design of Experiments, 1935)."""


def test_welch_is_that_of_the_manual_of_t_test() -> None:
    """?t.test: `t.test(extra ~ group, data = sleep)`: t = -1.8608, df = 17.776, p-value = 0.07939."""
    estimate, test = two_samples(*SLEEP)
    assert test.p_value == pytest.approx(0.0793941401873582, rel=1e-12)
    assert (estimate.low, estimate.high) == pytest.approx((-3.36548323071171, 0.20548323071171), rel=1e-12)
    assert estimate.method.startswith("Welch t")


def test_the_paired_interval_is_that_of_the_manual_of_t_test() -> None:
    """?t.test: the same patients paired: t = -4.0621, df = 9, interval -2.4598858 to -0.7001142."""
    bounds = -2.459885763276982, -0.700114236723018
    found = unit_mean(MORE)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((-1.58, *bounds), rel=1e-12)
    assert paired_interval(np.array(MORE)) == pytest.approx(bounds, rel=1e-12)


def test_sign_flips_of_ten_patients_are_those_that_r_counts() -> None:
    """`e <- as.matrix(expand.grid(rep(list(c(1, -1)), 10))); mean(abs(e %*% d) >= abs(sum(d)) - 1e-9)`: 4 of 1024."""
    assert paired(MORE).p_value == pytest.approx(0.00390625)


def test_darwins_maize_has_fishers_t() -> None:
    """Fisher 1935, section 21: t = 2.148 of 14 degrees of freedom; `t.test(zea)`: p-value = 0.0497029440218009."""
    test = paired(ZEA)
    assert test.p_value == pytest.approx(0.0497029440218009, rel=1e-12)
    assert test.method == "paired t over units"


def test_sign_flips_of_yes_and_no_are_mcnemars_exact_test() -> None:
    """`binom.test(1, 9)$p.value`, McNemar's exact test of 1 and 8 discordant pairs; concordant ones say nothing."""
    assert paired([1.0] * 8 + [-1.0] + [0.0] * 3).p_value == pytest.approx(0.0390625)


def test_permuting_yes_and_no_is_fishers_exact_test() -> None:
    """?fisher.test: the lady tasting tea, 3 of 4 right: p-value = 0.4857; `fisher.test(matrix(c(4, 1, 1, 4), 2))`."""
    tea = two_sample_p(np.array([1.0, 1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0]))
    assert float(tea) == pytest.approx(0.485714285714286)
    for right, p_value in ((5, 0.00793650793650794), (4, 0.206349206349206)):
        one = [1.0] * right + [0.0] * (5 - right)
        assert two_samples(one, [1 - each for each in one])[1].p_value == pytest.approx(p_value)


def test_bounds_of_an_arm_that_never_varies_are_clopper_and_pearsons() -> None:
    """`binom.test(0, 20, alternative = "less")$conf.int` and `binom.test(15, 15, alternative = "greater")$conf.int`."""
    none, all_ = share([0] * 20, [1] * 20), share([1] * 15, [1] * 15)
    assert none is not None
    assert all_ is not None
    assert (none.low, none.high) == pytest.approx((0, 0.139108340668265), rel=1e-12)
    assert (all_.low, all_.high) == pytest.approx((0.818963727477915, 1), rel=1e-12)


def test_intervals_of_shares_are_those_of_rs_manual_and_of_newcombe() -> None:
    """?binom.test: 682 of 925, after Conover: 0.7076683 to 0.7654066. Newcombe (1998), Table I, methods 3 and 5."""
    assert clopper_pearson(682, 925) == pytest.approx((0.7076683, 0.7654066), abs=5e-8)
    exact = [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0000, 0.1684), (1, 29, 0.0009, 0.1776)]
    score = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)]
    for interval, expected in ((clopper_pearson, exact), (wilson, score)):
        for won, n, low, high in expected:
            assert interval(won, n) == pytest.approx((low, high), abs=5e-5)


def test_the_lady_tasting_tea_has_fishers_p() -> None:
    """?fisher.test, `TeaTasting`: two-sided p = 0.4857; and its convictions of twins: p = 0.0005367241."""
    assert fisher((3, 4), (1, 4)) == pytest.approx(0.485714285714286)
    assert fisher((2, 17), (10, 13)) == pytest.approx(0.0005367241, abs=5e-11)


def test_families_are_adjusted_as_benjamini_and_hochbergs_own_example() -> None:
    """Their 15 p (1995, section 3.2): by FDR four are kept, by Bonferroni three. `p.adjust(p, "BH")`, `"holm"`."""
    small = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p_values = [*small, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    by_fdr = [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571428571429, 0.0638571428571429, 0.0645, 0.0765]
    by_fdr += [0.486, 0.581181818181818, 0.714875, 0.753230769230769, 0.813214285714286, 1]
    by_holm = [0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1, 1, 1, 1, 1, 1]
    assert benjamini_hochberg(p_values) == pytest.approx(by_fdr)
    assert holm(p_values) == pytest.approx(by_holm)
    assert [sum(p <= 0.05 for p in adjusted) for adjusted in (by_fdr, by_holm)] == [4, 3]


def test_errors_clustered_by_patient_are_those_of_r() -> None:
    """lm(extra ~ group, sleep) with the sandwich of the 10 patients times 10/9 · 19/18, by matrices in base R."""
    one, other = (clustered.sums(enumerate(arm)) for arm in SLEEP)
    difference, mean = clustered.difference(other, one), clustered.mean(one)
    assert difference is not None
    assert mean is not None
    assert difference.se == pytest.approx(0.399617100685761, rel=1e-12)
    assert difference.value == pytest.approx(1.58)
    assert (difference.n, difference.clusters) == (20, 10)
    assert mean.se == pytest.approx(np.std(SLEEP[0], ddof=1) / math.sqrt(10)), "one value a cluster: the plain error"


def test_equivalence_is_that_of_rs_package_equivalence() -> None:
    """statsmodels' tests/test_tost.py, `tost_clinic_paired` and `_1`: visits of 15 pairs of patients, margin 0.6."""
    second = [4.00, 3.26, 4.14, 3.42, 3.25, 4.34, 4.97, 4.31, 3.11, 3.41, 5.02, 4.21, 4.59, 5.30, 4.32]
    second_there = [3.76, 3.66, 3.65, 3.60, 3.48, 2.87, 3.24, 3.92, 3.99, 4.21, 4.21, 3.31, 3.61, 2.97, 2.73]
    first = [2.84, 2.51, 2.41, 2.95, 3.14, 3.79, 4.14, 3.85, 3.02, 3.45, 5.37, 3.81, 4.19, 3.16, 3.84]
    first_there = [2.60, 2.82, 2.18, 3.46, 4.01, 3.04, 3.47, 4.06, 2.91, 3.59, 4.51, 3.16, 3.86, 3.31, 3.02]
    for one, other, p_value in (
        (second, second_there, 0.4412034046017588),
        (first, first_there, 0.003166881489265175),
    ):
        differences = [a - b for a, b in zip(one, other, strict=True)]
        assert equivalence(differences, margin=0.6).p_value == pytest.approx(p_value, rel=1e-9)


def test_the_mean_over_models_is_that_of_metafor() -> None:
    """Kacker's nine laboratories (2004) by metafor, in statsmodels' results_meta.py: `exk1_dl`, `exk1_dl_hksj`."""
    values = [61.0, 61.4, 62.21, 62.3, 62.34, 62.6, 62.7, 62.84, 65.9]
    variances = [0.2025, 1.21, 0.09, 0.2025, 0.3844, 0.5625, 0.0676, 0.0225, 1.8225]
    found = over_models(values, [math.sqrt(each) for each in variances])
    assert found is not None
    assert found.mean.value == pytest.approx(62.390138604450350, rel=1e-12)
    assert found.tau**2 == pytest.approx(0.288049246972265, rel=1e-10)
    assert found.mean.high is not None
    error = (found.mean.high - found.mean.value) / float(stats.t.ppf(0.975, 8))
    assert error == pytest.approx(0.294776056998564, rel=1e-9), "Hartung and Knapp's"


def test_the_jackknifes_error_is_efrons() -> None:
    """The law schools of Efron and Tibshirani (1993): correlation .776, jackknife standard error .143."""
    lsat = np.array([576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594], dtype=float)
    gpa = np.array([3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96])
    whole = float(np.corrcoef(lsat, gpa)[0, 1])
    without = [float(np.corrcoef(np.delete(lsat, n), np.delete(gpa, n))[0, 1]) for n in range(15)]
    found = jackknifed(whole, without, 15, 0.95, "correlation")
    assert found.value == pytest.approx(0.7764, abs=5e-5)
    assert found.high is not None
    error = (found.high - found.value) / float(stats.t.ppf(0.975, 14))
    assert error == pytest.approx(0.1425, abs=5e-5)


def test_inequality_is_that_of_rs_package_ineq() -> None:
    """?ineq: `x <- c(541, 1463, …, 22261)`, `Gini(x)`: 0.4620911."""
    incomes = [541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261]
    assert gini(incomes) == pytest.approx(0.462091130267624, rel=1e-12)


def test_agreement_is_that_of_gwets_own_example_and_of_statsmodels() -> None:
    """Gwet (2002, 2008): 125 patients, 118 alike; kappa -0.0234 where AC1 is 0.9408. Kappa by `cohens_kappa`."""
    from statsmodels.stats.inter_rater import cohens_kappa

    for both, first_only, second_only, neither in ((118, 5, 2, 0), (20, 5, 10, 15), (40, 9, 6, 45)):
        first = [True] * (both + first_only) + [False] * (second_only + neither)
        second = [True] * both + [False] * first_only + [True] * second_only + [False] * neither
        found = agreement(first, second)
        assert found is not None
        expected = cohens_kappa(np.array([[both, first_only], [second_only, neither]])).kappa
        assert found.kappa == pytest.approx(expected, rel=1e-12)
        if neither == 0:
            assert (round(found.kappa or 0, 4), round(found.ac1, 4)) == (-0.0234, 0.9408)


def test_power_is_that_of_the_manual_of_power_t_test() -> None:
    """?power.t.test: `power.t.test(n = 20, delta = 1, sd = 1)`: power = 0.8689528; here over simulated studies."""
    chance = np.random.default_rng(20)
    studies = 40_000
    p_values = welch_p(chance.normal(1, 1, (studies, 20)), chance.normal(0, 1, (studies, 20)))
    assert float((p_values <= 0.05).mean()) == pytest.approx(0.8689528, abs=3 * math.sqrt(0.87 * 0.13 / studies))


@pytest.mark.parametrize(("units", "spread", "delta"), [(20, 1.0, 0.660440908569987), (8, 0.25, 0.289009260820185)])
def test_the_effect_that_could_be_seen_is_that_of_power_t_test(units: int, spread: float, delta: float) -> None:
    """`power.t.test(n = units, power = .8, sd = spread, type = "paired")$delta`."""
    assert effect_seen(spread, units) == pytest.approx(delta, rel=1e-4)
