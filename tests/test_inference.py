"""Intervals: never without width, however floating point rounds, and those that their formulas say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from acausal.analysis.inference import jackknifed, pooled_mean, share, unit_mean
from acausal.analysis.shares import intervals, logit_t, posterior

counts = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=8
)


@given(units=counts)
def test_the_interval_of_a_share_has_width_and_holds_the_value(
    units: list[tuple[int, int]],
) -> None:
    won, total = zip(*units, strict=True)
    rate = share(won, total)
    assert rate is not None
    if rate.low is not None and rate.high is not None:
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert rate.low < rate.high
        mirrored = share([n - own for own, n in units], total)
        assert mirrored is not None
        assert mirrored.low == pytest.approx(1 - rate.high, abs=1e-6), "of defection it is the same, seen from 1"


def test_the_posterior_is_that_of_the_beta_binomial_summed_over_a_fine_grid() -> None:
    won, totals = np.array([1, 7, 0, 12]), np.array([20, 20, 9, 30])
    means, correlations = np.linspace(0.0005, 0.9995, 1000), np.linspace(0.0005, 0.9995, 1000)
    scale = (1 - correlations) / correlations
    logs = np.zeros((1000, 1000))
    for own, n in zip(won, totals, strict=True):
        logs += stats.betabinom.logpmf(own, n, means[:, None] * scale, (1 - means[:, None]) * scale)
    weight = np.exp(logs - logs.max()) / np.sqrt(correlations) / np.sqrt(means * (1 - means))[:, None]
    below = np.cumsum(weight.sum(1)) / weight.sum()
    expected = np.interp([0.025, 0.975], below, means)
    assert np.ravel(posterior(won, totals, 0.95)) == pytest.approx(expected, abs=0.004)


def test_the_other_interval_is_students_on_logits_of_the_share() -> None:
    won, totals = np.array([2, 5, 4, 8]), np.array([10, 10, 10, 10])
    error = stats.sem(won / 10) / (0.475 * 0.525)
    ends = np.log(0.475 / 0.525) + stats.t.ppf([0.025, 0.975], 3) * error
    assert np.ravel(logit_t(won, totals, 0.95)) == pytest.approx(1 / (1 + np.exp(-ends)))
    both = np.array([logit_t(won, totals, 0.95), posterior(won, totals, 0.95)])
    assert intervals(won, totals, 0.95) == pytest.approx((both[:, 0].min(), both[:, 1].max()))


def test_a_thousand_studies_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    totals = rng.integers(1, 30, (20, 5))
    won = rng.binomial(totals, 0.3)
    low, high = intervals(won, totals, 0.9)
    each = [intervals(own, n, 0.9) for own, n in zip(won, totals, strict=True)]
    assert np.allclose(low, [own for own, _ in each])
    assert np.allclose(high, [own for _, own in each])


@pytest.mark.parametrize("share_", [0, 1])
def test_one_decision_of_thousands_does_not_turn_a_bound_into_certainty(share_: int) -> None:
    """Three replicates of nothing leave room up to .63; one decision among 2,700 must not shrink that to .002."""
    none, one = share([0, 0, 0], [900] * 3), share([0, 0, 1], [900] * 3)
    assert none is not None
    assert one is not None
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 3))
    assert one.high is not None
    assert one.high > 0.25


@pytest.mark.parametrize(
    ("won", "totals"), [([450] * 5, [900] * 5), ([1] * 20, [3] * 20), ([10, 20, 30, 40], [100, 200, 300, 400])]
)
def test_replicates_equal_beyond_chance_get_no_interval_but_a_warning(won: list[int], totals: list[int]) -> None:
    """In floats, the mean of twenty thirds is no third."""
    rate = share(won, totals)
    assert rate is not None
    assert (rate.low, rate.high) == (None, None)
    assert rate.method == "all replicates equal: no interval, look for copies"


def test_few_decisions_are_equal_by_chance_and_get_an_interval() -> None:
    rate = share([1, 1, 1], [2, 2, 2])
    assert rate is not None
    assert rate.low is not None
    assert rate.low < 0.25


def test_an_empty_replicate_is_no_cluster() -> None:
    rate = share([1, 0, 2], [4, 0, 4], unit="wording")
    assert rate is not None
    assert (rate.n, rate.clusters) == (8, 2)
    assert rate.low is not None
    assert rate.method.endswith("over wordings")


def test_the_mean_of_units_of_one_size_has_students_interval() -> None:
    values = [[3.0, 5.0], [1.0, 1.0], [0.0, 5.0]]
    found, means = pooled_mean(values), [4.0, 1.0, 2.5]
    expected = stats.t.interval(0.95, 2, loc=2.5, scale=stats.sem(means))
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2.5, *expected))
    assert (found.n, found.clusters) == (6, 3)
    assert unit_mean(means) == pooled_mean([[mean] for mean in means], unit="unit")


def test_a_large_unit_weighs_in_the_error_as_in_the_mean() -> None:
    """The ratio's error, with weights: not that of the unweighted means."""
    found = pooled_mean([[1.0] * 98, [0.0], [0.0]])
    assert found is not None
    assert found.value == pytest.approx(0.98)
    assert found.low is not None
    assert found.low < 0.1, "one unit says nearly all, so little is known"


def test_what_rests_on_one_unit_or_varies_in_none_has_no_interval() -> None:
    assert jackknifed(0.5, [None, 0.4], 9, 0.95, "ratio").method == "ratio: rests on a single unit, no interval"
    assert (
        jackknifed(0.5, [0.5, 0.5], 9, 0.95, "ratio", unit="prompt").method == "ratio: all prompts equal, no interval"
    )
    assert pooled_mean([[], []]) is None
    single = pooled_mean([[1.0, 2.0]])
    assert single is not None
    assert (single.low, single.method) == (None, "t interval over replicates: one replicate, no interval")
