"""Trends over rounds: replicates are the unit, changes are found where they are and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from dsl import play
from scipy import stats

from acausal.analysis.trends import change_point, rates_by_round, settled_from, trend, trends_by_model
from acausal.records import Decision


def cell(*series: Sequence[str], **changed: object) -> list[Decision]:
    """A replicate for each series: a word a round, whose letters are what agents chose in it."""
    return [
        replace(decision, agent=agent, round=round_, **changed)  # type: ignore[arg-type]  # fields of a decision
        for replicate, rounds in enumerate(series, start=1)
        for round_, letters in enumerate(rounds, start=1)
        for agent, letter in enumerate(letters, start=1)
        for decision in play(letter, "D", models=("a", "b"), replicate=replicate)[:1]
    ]


STEP = [
    ["CCCC", "CCCD", "CCCC", "DDDD", "CDDD", "DDDD"],
    ["CCCD", "CCCC", "CCCC", "CDDD", "DDDD", "DDDD"],
    ["CCCC", "CCCC", "CCCD", "DDDD", "DDDD", "CDDD"],
    ["CCCD", "CCCC", "CCCC", "DDDD", "CDDD", "DDDD"],
    ["CCCC", "CCCD", "CCCC", "CDDD", "DDDD", "DDDD"],
    ["CCCC", "CCCC", "CCCD", "DDDD", "DDDD", "CDDD"],
    ["CCCD", "CCCC", "CCCC", "DDDD", "CDDD", "DDDD"],
]
DRIFT = [["CCCC", "CCCC", "CCCD", "CCDD", "CDDD", "DDDD"], ["CCCC", "CCCD", "CCDD", "CCDD", "CDDD", "CDDD"]] * 4


def test_the_slope_is_that_of_each_replicate_with_a_t_interval_over_them() -> None:
    series = [["DDDD", "CDDD", "CCDD"], ["DDDD", "DDDD", "CDDD"], ["CDDD", "CDDD", "CCCC"]]
    found = trend(cell(*series))
    assert found is not None
    slopes = [stats.linregress([1, 2, 3], list(own.values())).slope for own in rates_by_round(cell(*series)).values()]
    expected = stats.ttest_1samp(slopes, 0).confidence_interval()
    assert found.slope.value == pytest.approx(np.mean(slopes))
    assert (found.slope.low, found.slope.high) == pytest.approx((expected.low, expected.high))
    assert found.slope.replicates == 3


def test_a_slope_without_spread_has_no_interval() -> None:
    found = trend(cell(*[["DDDD", "CDDD"]] * 4))
    assert found is not None
    assert (found.slope.value, found.slope.low) == (0.25, None)


def test_one_round_is_no_trend() -> None:
    assert trend(cell(["CCCC"], ["DDDD"])) is None
    assert trend([]) is None
    assert trend(cell(["CCCC", "????"])) is None


def test_a_rate_settles_where_it_stays() -> None:
    assert settled_from({1: 0.9, 2: 0.6, 3: 0.32, 4: 0.3, 5: 0.28}) == 3
    assert settled_from({1: 0.5, 2: 0.5, 3: 0.5}) == 1
    assert settled_from({1: 0.9, 2: 0.6, 3: 0.3, 4: 0.2, 5: 0.1}) is None
    assert settled_from({1: 0.5, 2: 0.5}) is None, "two rounds do not say"


def test_replicates_that_go_separate_ways_spread() -> None:
    found = trend(cell(*[["CCDD", "CCCC"], ["CCDD", "DDDD"]] * 3))
    assert found is not None
    assert found.spread_first == 0
    assert found.spread_last == pytest.approx(np.std([1, 0] * 3, ddof=1))
    assert found.slope.value == 0


def test_a_sudden_change_is_found_at_its_round() -> None:
    found = trend(cell(*STEP))
    assert found is not None
    [change] = found.changes
    assert (change.round, change.replicates, change.of) == (4, 7, 7)
    assert change.before == pytest.approx(0.917, abs=0.02)
    assert change.after == pytest.approx(0.083, abs=0.02)
    assert change.p == pytest.approx(2 / 2**7)
    assert change.in_words.endswith("look at the strategies and prompts of rounds 3 and 4")


def test_two_changes_are_both_found() -> None:
    back = [[*rounds, *other[:3]] for rounds, other in zip(STEP, STEP[::-1], strict=True)]
    found = trend(cell(*back))
    assert found is not None
    assert [change.round for change in found.changes] == [4, 7]


def test_a_drift_is_no_change() -> None:
    found = trend(cell(*DRIFT))
    assert found is not None
    assert found.changes == ()
    assert found.slope.high is not None
    assert found.slope.high < 0


def test_too_little_to_look_for_a_change_is_said() -> None:
    few, short = trend(cell(*STEP[:5])), trend(cell(*[rounds[2:4] for rounds in STEP]))
    assert few is not None
    assert few.why_no_changes == "it takes 6 replicates with data in every round, and there are 5"
    assert short is not None
    assert short.why_no_changes == "it takes 3 rounds, and there are 2"


def test_what_else_changed_is_named() -> None:
    later = [
        replace(decision, served_by="other", coplayer_agent_model="c") if decision.round > 3 else decision
        for decision in cell(*[[*rounds[:3], *(f"{letters}??" for letters in rounds[3:])] for rounds in STEP])
    ]
    found = trend(later)
    assert found is not None
    assert found.changes[0].look_at == (
        "what is missing: 0% before, 33% after",
        "who answered: other",
        "who was met: co-players' models changed",
        "the strategies and prompts of rounds 3 and 4",
    )


def test_a_change_is_found_no_more_often_than_it_should_however_rounds_hang_together() -> None:
    rng = np.random.default_rng(5)
    studies, replicates, rounds = 300, 7, 8
    walks = rng.normal(size=(studies, replicates, rounds)).cumsum(axis=2)
    rejected = sum(change_point(walk)[1] <= 0.05 for walk in walks)
    assert rejected / studies <= 0.05 + 3 * (0.05 * 0.95 / studies) ** 0.5


def test_many_replicates_draw_their_flips_from_the_seed() -> None:
    rng = np.random.default_rng(1)
    series = rng.normal(size=(20, 5))
    series[:, 2:] += 2
    place, p = change_point(series)
    assert place == 2
    assert p == pytest.approx(1 / 10_000)
    assert change_point(series, seed=3) == change_point(series, seed=3)


def test_each_model_has_its_own_trend() -> None:
    both = [*cell(["CCCC", "DDDD"], ["CCCC", "CDDD"]), *cell(["DDDD", "DDDD"], ["DDDD", "DDDD"], agent_model="b")]
    found = trends_by_model(both)
    assert found["a"] is not None
    assert found["b"] is not None
    assert found["a"].slope.value < -0.5
    assert found["b"].slope.value == 0
