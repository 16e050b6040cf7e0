"""Intervals: never without width, however floating point rounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from acausal.analysis.inference import share


@given(shape=st.integers(2, 60).flatmap(lambda d: st.tuples(st.integers(1, d - 1), st.just(d))), n=st.integers(2, 30))
def test_equal_replicates_get_no_interval_whatever_their_share(shape: tuple[int, int], n: int) -> None:
    won, total = shape
    rate = share([won] * n, [total] * n)
    assert rate is not None
    assert (rate.low, rate.high) == (None, None)


def test_thirds_are_equal_though_their_float_mean_is_not() -> None:
    rate = share([1] * 20, [3] * 20)
    assert rate is not None
    assert rate.method == "all replicates equal: no interval, look for copies"


def test_replicates_of_unequal_size_are_equal_when_their_shares_are() -> None:
    rate = share([1, 2, 3], [10, 20, 30])
    assert rate is not None
    assert (rate.value, rate.low) == (0.1, None)


def test_an_empty_replicate_is_no_cluster() -> None:
    rate = share([1, 0, 2], [4, 0, 4])
    assert rate is not None
    assert (rate.n, rate.clusters) == (8, 2)
    assert rate.low is not None


def test_nearly_equal_replicates_get_an_interval() -> None:
    rate = share([500, 501], [1000, 1000])
    assert rate is not None
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low < rate.value < rate.high
