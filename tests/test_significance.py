"""Tests are of units, exact where they can be, and refused where they could say nothing."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from acausal.analysis.equivalence import equivalence, over_models
from acausal.analysis.many_tests import paired_p, sign_flip_p, two_sample_p, welch_interval
from acausal.analysis.significance import (
    benjamini_hochberg,
    holm,
    paired,
    two_samples,
)

ONE, OTHER = [0.1, 0.2, 0.3, 0.2, 0.4], [0.3, 0.35, 0.3, 0.25, 0.6]


def test_the_interval_of_two_arms_is_welchs() -> None:
    estimate, _ = two_samples(ONE, OTHER)
    expected = stats.ttest_ind(ONE, OTHER, equal_var=False).confidence_interval()
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert welch_interval(np.array(ONE), np.array(OTHER)) == pytest.approx((expected.low, expected.high))
    assert (estimate.n, estimate.clusters) == (10, 5)


def test_the_permutation_test_counts_every_rearrangement_of_the_studentised_difference() -> None:
    def statistic(chosen: tuple[int, ...]) -> float:
        whole = np.array(ONE + OTHER)
        own = np.isin(np.arange(10), chosen)
        return abs(float(stats.ttest_ind(whole[own], whole[~own], equal_var=False).statistic))

    every = [statistic(chosen) for chosen in combinations(range(10), 5)]
    expected = sum(each >= every[0] - 1e-9 for each in every) / len(every)
    _, test = two_samples(ONE, OTHER)
    assert test.p_value == pytest.approx(expected)
    assert test.method == "exact studentised permutation of replicates"


def test_from_ten_replicates_on_it_is_welchs_t() -> None:
    one, other = ONE * 2, OTHER * 2
    _, test = two_samples(one, other)
    assert test.p_value == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue)
    assert test.method.startswith("Welch t")


@pytest.mark.parametrize(("n", "p"), [(5, 2 / 252), (6, 2 / 924)])
def test_two_arms_without_variance_have_the_p_of_their_number_and_never_0(n: int, p: float) -> None:
    estimate, test = two_samples([0.0] * n, [1.0] * n)
    assert (estimate.value, estimate.low, estimate.high) == (-1, None, None)
    assert test.p_value == pytest.approx(p)
    _, many = two_samples([0.0] * 20, [1.0] * 20)
    assert many.p_value == pytest.approx(1 / 10_000)
    _, same = two_samples([1.0] * n, [1.0] * n)
    assert same.p_value == 1


@pytest.mark.parametrize("n", [3, 4])
def test_a_pilot_is_estimated_and_not_tested(n: int) -> None:
    estimate, test = two_samples(ONE[:n], OTHER[:n])
    assert estimate.low is not None
    assert (test.p_value, test.method) == (
        None,
        f"refused: {n} replicates in an arm, 5 needed; a pilot, estimate only",
    )
    assert two_samples([0.2], [0.4, 0.5])[0].low is None


def test_ties_are_ties_in_thirds_too() -> None:
    thirds = [third / 3 for third in (0, 1, 2, 1, 0)]
    p = two_sample_p(np.array([thirds]), np.array([[2 / 3, 1 / 3, 0, 0, 1 / 3]]))
    assert p[0] == 1, "the same values in another order are as far apart as nothing"


def test_sign_flips_are_counted_one_by_one() -> None:
    values = [0.25, 0.5, -0.25, 0.75, 0.5, 0.25, 0.0]
    flips = [abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in product((1, -1), repeat=7)]
    test = paired(values)
    assert test.p_value == pytest.approx(sum(flip >= abs(sum(values)) - 1e-9 for flip in flips) / len(flips))
    assert test.method == "exact sign flips over units"


def test_many_units_are_tested_by_the_paired_t() -> None:
    values = np.random.default_rng(5).normal(0.1, 0.3, 20)
    test = paired(list(values))
    assert test.p_value == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert test.method == "paired t over units"


def test_units_that_are_all_equal_are_tested_exactly_however_many() -> None:
    assert paired([1.0] * 20).p_value == 2**-19
    assert paired([0.0] * 20).p_value == 1
    assert paired([1.0] * 6).p_value == pytest.approx(2 / 64)
    refused = paired([1.0] * 5)
    assert refused.p_value is None
    assert "6 needed" in refused.method


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_adjusted_p_values_are_no_smaller_than_they_were(p_values: list[float]) -> None:
    for adjust in (holm, benjamini_hochberg):
        assert all(after >= before - 1e-12 for before, after in zip(p_values, adjust(p_values), strict=True))
    assert max(holm(p_values)) >= min(1, len(p_values) * min(p_values)) - 1e-12


def test_families_are_adjusted_as_in_the_field() -> None:
    from statsmodels.stats.multitest import multipletests

    p_values = [0.01, 0.04, 0.03, 0.005, 0.2]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])
    assert holm([]) == benjamini_hochberg([]) == []


def test_equivalence_is_shown_by_two_one_sided_tests() -> None:
    from statsmodels.stats.weightstats import DescrStatsW

    values = [0.02, -0.03, 0.05, 0.0, -0.02, 0.01, 0.03, -0.04]
    expected = DescrStatsW(values).ttost_mean(-0.1, 0.1)[0]
    test = equivalence(values)
    assert test.p_value == pytest.approx(expected)
    assert "±0.1" in test.method
    assert equivalence(values, margin=0.01).p_value == pytest.approx(DescrStatsW(values).ttost_mean(-0.01, 0.01)[0])
    assert equivalence([0.2] * 8).p_value == 1
    assert equivalence([0.0] * 5).p_value is None


def test_no_effect_among_deterministic_units_needs_enough_of_them() -> None:
    few, many = equivalence([0.0] * 28).p_value, equivalence([0.0] * 29).p_value
    assert few is not None
    assert many is not None
    assert many <= 0.05 < few
    assert many == pytest.approx(0.9**29)


def test_the_random_effects_mean_is_that_of_the_field() -> None:
    from statsmodels.stats.meta_analysis import combine_effects

    effects, errors = [0.1, 0.4, 0.35, 0.0, 0.6, 0.2], [0.1, 0.08, 0.12, 0.1, 0.09, 0.2]
    found = over_models(effects, errors)
    assert found is not None
    expected = combine_effects(np.array(effects), np.square(errors), method_re="dl", use_t=True)
    assert found.mean.value == pytest.approx(expected.mean_effect_re)
    assert found.tau**2 == pytest.approx(expected.tau2)
    error = expected.sd_eff_w_re_hksj
    half = stats.t.ppf(0.975, 5) * max(error, expected.sd_eff_w_re)
    assert found.mean.high == pytest.approx(expected.mean_effect_re + half)
    assert found.high is not None
    assert found.mean.high is not None
    assert found.high > found.mean.high, "the next model is less certain than the mean"
    assert "needed" not in found.mean.method


def test_few_models_describe_themselves() -> None:
    found = over_models([1.0, 1.0, 0.0], [0.0, 0.0, 0.0])
    assert found is not None
    assert "3 models, 6 needed" in found.mean.method
    assert found.mean.value == pytest.approx(2 / 3)
    assert over_models([0.3], [0.1]) is None
    equal = over_models([1.0, 1.0], [0.0, 0.0])
    assert equal is not None
    assert (equal.mean.low, equal.low) == (None, None)


def test_many_studies_are_tested_as_one_is() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random((4, 6)), rng.random((4, 6))
    single = [two_samples(list(one), list(other))[1].p_value for one, other in zip(a, b, strict=True)]
    assert list(two_sample_p(a, b)) == pytest.approx(single)
    assert list(paired_p(a - b)) == pytest.approx([paired(list(each)).p_value for each in a - b])


def test_a_unit_without_a_number_refuses_the_test_and_never_makes_a_p_of_0() -> None:
    nan = float("nan")
    assert paired([nan, *ONE, 0.3]).p_value is None
    assert two_samples([nan, *ONE], [*OTHER, 0.4])[1].p_value is None
    assert equivalence([nan] * 8).p_value is None
    assert np.isnan(paired_p(np.array([[nan] * 8]))[0])
    for adjust in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match="a family is made of p values in .0, 1., but holds nan"):
            adjust([0.01, nan])


def test_more_flips_than_can_be_counted_are_drawn_and_what_was_seen_counts_as_one() -> None:
    far = np.random.default_rng(0).normal(3, 0.3, (2, 25))
    assert sign_flip_p(far) == pytest.approx([1e-4, 1e-4]), "not 0 of 2^25, and not 2^-24"
    near = np.random.default_rng(1).normal(0.05, 0.3, 25)
    assert sign_flip_p(near) == pytest.approx(paired_p(near), abs=0.02)


def test_arms_of_unequal_size_are_told_apart_by_the_studentised_difference() -> None:
    one, other = [0.1, 0.2, 0.3, 0.25, 0.15], [0.3, 0.5, 0.45, 0.6, 0.35, 0.4, 0.7]

    def statistic(a: np.ndarray, b: np.ndarray) -> float:
        return abs(float(stats.ttest_ind(a, b, equal_var=False).statistic))

    expected = stats.permutation_test((one, other), statistic, alternative="greater", n_resamples=1_000)
    assert two_samples(one, other)[1].p_value == pytest.approx(expected.pvalue)


def test_an_effect_at_the_margin_itself_is_not_equivalent() -> None:
    assert equivalence([0.1] * 40).p_value == 1
    assert equivalence([0.05, 0.15] * 20).p_value == 1
    assert equivalence([-0.099] * 400).p_value is not None
