"""The simulated provider's rate limit, against a clock moved by hand and against the law in plain words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acausal.models.throttle import Refusal, Throttle

GAPS = st.lists(st.integers(0, 90), min_size=1, max_size=40)
"""Seconds between arrivals."""


def arrivals(gaps: list[int]) -> list[int]:
    return [sum(gaps[: number + 1]) for number in range(len(gaps))]


@given(GAPS, st.integers(1, 5))
def test_it_refuses_exactly_what_would_overfill_a_window(gaps: list[int], limit: int) -> None:
    throttle, passed = Throttle(requests_per_minute=limit), list[int]()
    for now_s in arrivals(gaps):
        fits = sum(now_s - at_s < 60 for at_s in passed) < limit
        assert (throttle.admit("m", 0, now_s) is None) == fits
        passed += [now_s] if fits else []


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), min_size=1, max_size=40))
def test_no_window_holds_more_tokens_than_the_limit(calls: list[tuple[int, int]]) -> None:
    throttle, passed, now_s = Throttle(tokens_per_minute=100), list[tuple[int, int]](), 0
    for gap_s, tokens in calls:
        now_s += gap_s
        used = sum(amount for at_s, amount in passed if now_s - at_s < 60)
        refusal = throttle.admit("m", tokens, now_s)
        assert (refusal is None) == (used + tokens <= 100)
        if refusal is None:
            passed.append((now_s, tokens))
        else:
            assert refusal.remaining == 100 - used


@given(GAPS, st.lists(st.integers(0, 70), min_size=40, max_size=40))
def test_the_wait_it_names_is_enough_and_not_a_second_too_long(gaps: list[int], tokens: list[int]) -> None:
    def filled() -> Throttle:
        throttle = Throttle(requests_per_minute=3, tokens_per_minute=100)
        for now_s, amount in zip(arrivals(gaps), tokens, strict=False):
            throttle.admit("m", amount, now_s)
        return throttle

    now_s, asked = arrivals(gaps)[-1], 60
    refusal = filled().admit("m", asked, now_s)
    if refusal is not None:
        assert filled().admit("m", asked, now_s + refusal.wait_s) is None
        assert filled().admit("m", asked, now_s + refusal.wait_s - 1) is not None


def test_a_refusal_says_which_limit_and_what_is_left() -> None:
    throttle = Throttle(requests_per_minute=3, tokens_per_minute=100)
    assert throttle.admit("m", 70, 0.0) is None
    assert throttle.admit("m", 31, 10.0) == Refusal("tokens", 100, 30, 50.0)
    assert throttle.admit("m", 15, 20.0) is None
    assert throttle.admit("m", 15, 30.0) is None
    assert throttle.admit("m", 0, 40.0) == Refusal("requests", 3, 0, 20.0)
    assert throttle.admit("m", 0, 60.0) is None, "what passed a minute ago has left"


def test_of_two_limits_the_later_one_says_when() -> None:
    throttle = Throttle(requests_per_minute=2, tokens_per_minute=100)
    assert throttle.admit("m", 90, 0.0) is None
    assert throttle.admit("m", 5, 10.0) is None
    assert throttle.admit("m", 6, 20.0) == Refusal("requests", 2, 0, 40.0)
    assert throttle.admit("m", 96, 20.0) == Refusal("tokens", 100, 5, 50.0)
    assert throttle.admit("m", 5, 60.0) is None
    assert throttle.admit("m", 20, 60.0) == Refusal("requests", 2, 0, 10.0)


def test_a_refused_call_takes_no_room() -> None:
    throttle = Throttle(requests_per_minute=1)
    assert throttle.admit("m", 0, 0.0) is None
    assert all(throttle.admit("m", 0, now_s) for now_s in range(1, 60))
    assert throttle.admit("m", 0, 60.0) is None


def test_what_never_fits_waits_a_whole_window() -> None:
    assert Throttle(tokens_per_minute=100).admit("m", 101, 5.0) == Refusal("tokens", 100, 100, 60.0)


def test_each_model_has_a_window_of_its_own() -> None:
    throttle = Throttle(requests_per_minute=1)
    assert [throttle.admit(model, 0, 0.0) is None for model in ("a", "b", "a")] == [True, True, False]


@pytest.mark.parametrize(("per_minute", "window_s", "allowed"), [(600, 1, 10), (200, 5.1, 17), (4200, 0.1, 7)])
def test_a_short_window_allows_its_share_of_a_minute(per_minute: float, window_s: float, allowed: int) -> None:
    throttle = Throttle(requests_per_minute=per_minute, window_s=window_s)
    assert [throttle.admit("m", 0, 0.0) is None for _ in range(allowed + 1)] == [True] * allowed + [False]
    assert throttle.admit("m", 0, window_s) is None


def test_without_limits_everything_passes() -> None:
    throttle = Throttle()
    assert not any(throttle.admit("m", 10**6, 0.0) for _ in range(1000))
