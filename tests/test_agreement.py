"""Agreement beyond chance, against scikit-learn and against Gwet's own paradox."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acausal.analysis.agreement import accuracy, agreement

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@settings(deadline=None)  # the first call imports scikit-learn
@given(PAIRS)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = agreement(first, second)
    assert found is not None
    if found.kappa is None:
        assert len({*first, *second}) == 1
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second))


@settings(deadline=None)  # the first call imports scikit-learn
@given(PAIRS)
def test_agreement_is_symmetric_and_bounded(pairs: list[tuple[bool, bool]]) -> None:
    one, two = (agreement([p[i] for p in pairs], [p[1 - i] for p in pairs]) for i in (0, 1))
    assert one is not None
    assert two is not None
    assert (one.raw, one.ac1, one.kappa) == pytest.approx((two.raw, two.ac1, two.kappa)) if one.kappa else True
    assert -1 <= one.ac1 <= 1


def test_ac1_outlives_the_paradox_that_kappa_falls_into() -> None:
    first = [True] * 118 + [True] * 5 + [False] * 2
    second = [True] * 118 + [False] * 5 + [True] * 2
    found = agreement(first, second)  # 118 of 125 alike, and none of them a no
    assert found is not None
    assert found.kappa is not None
    assert found.kappa == pytest.approx(-0.0234, abs=1e-3)
    assert found.ac1 == pytest.approx(0.9408, abs=1e-3)


def test_nothing_rated_is_no_agreement() -> None:
    assert agreement([], []) is None


def test_the_interval_of_kappa_covers() -> None:
    chance = random.Random(7)
    truth, covered, studies = 0.6, 0, 400
    for _ in range(studies):
        first = [chance.random() < 0.5 for _ in range(200)]
        second = [one if chance.random() < truth else chance.random() < 0.5 for one in first]
        found = agreement(first, second)
        assert found is not None
        assert found.kappa_low is not None
        assert found.kappa_high is not None
        covered += found.kappa_low <= truth <= found.kappa_high
    assert 0.92 <= covered / studies <= 0.98


def test_accuracy_of_a_silent_rater_has_no_precision() -> None:
    found = accuracy([False, False], [True, False])
    assert (found.precision, found.recall) == (None, 0.0)
