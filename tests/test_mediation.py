"""E12: beliefs stand beside the choices of the same agents, wording by wording."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dsl import play

from acausal.analysis.mediation import beliefs_equal, mediation
from acausal.game import Payoffs
from acausal.records import Check, CheckRecord, Decision, Status

POINTS = Payoffs()


def believes(replicate: int, q1: float | None, q0: float | None, *, model: str = "a") -> list[CheckRecord]:
    """What agent 1 of this replicate, and of the wording of this number, believes."""
    return [
        CheckRecord(
            *(replicate, 0, 1, model, model, False, "arm", "pair", replicate, Check.BELIEFS, question),
            *(None, None, Status.LEGIBLE if q is not None else Status.ILLEGIBLE, None, False, "k", None),
            p_cooperate=q,
        )
        for question, q in (("belief_c", q1), ("belief_d", q0))
    ]


def chooses(letters: str) -> list[Decision]:
    """Agent 1 in one replicate a letter."""
    return [
        replace(play(letter, "D", replicate=number)[0], paraphrase=number)
        for number, letter in enumerate(letters, start=1)
    ]


def test_the_score_is_what_cooperation_pays_by_their_own_beliefs() -> None:
    records = believes(1, 1.0, 0.0) + believes(2, 0.5, 0.5)
    found = mediation(chooses("CD"), records, POINTS)
    assert found.score is not None
    assert found.evidential is not None
    assert found.score.value == pytest.approx(((3 - 1) + (1.5 - 3)) / 2)
    assert found.evidential.value == pytest.approx(0.5)
    assert (found.score.clusters, found.score.method) == (2, "t interval over wordings")
    assert found.believed == {1: 1.0, 2: 0.5}


def test_following_ones_beliefs_is_choosing_what_pays_by_them() -> None:
    evidential, causal = believes(1, 1.0, 0.0) + believes(2, 1.0, 0.0), believes(3, 0.5, 0.5)
    found = mediation(chooses("CDD"), evidential + causal, POINTS)
    assert found.follows is not None
    assert found.follows.value == pytest.approx(2 / 3)


def test_only_agents_with_both_numbers_and_a_choice_count() -> None:
    records = believes(1, 1.0, None) + believes(2, 1.0, 0.0) + believes(3, 1.0, 0.0, model="another")
    found = mediation(chooses("CxC"), records, POINTS)
    assert (found.score, found.evidential, found.follows, found.believed) == (None, None, None, {})


def test_the_first_choice_counts_and_not_a_later_one() -> None:
    (decision,) = chooses("C")
    later = replace(decision, match=2, matchday=2, action=play("D", "D")[0].action)
    assert mediation([later, decision], believes(1, 0.9, 0.1), POINTS).believed == {1: 0.9}


def test_beliefs_that_agree_are_shown_to_and_few_are_not() -> None:
    numbers = range(1, 11)
    linked = mediation(chooses("C" * 10), [r for n in numbers for r in believes(n, 0.96 - n / 500, 0.1)], POINTS)
    cut = mediation(chooses("C" * 10), [r for n in numbers for r in believes(n, 0.95, 0.95)], POINTS)
    test = beliefs_equal([linked], [cut])
    assert test is not None
    assert test.p_value is not None
    assert test.p_value < 0.001
    doubting = mediation(chooses("D" * 10), [r for n in numbers for r in believes(n, 1, 0)], POINTS)
    apart = beliefs_equal([linked], [doubting])
    assert apart is not None
    assert apart.p_value == 1
    few = beliefs_equal([mediation(chooses("C"), believes(1, 1, 0), POINTS)], [cut])
    assert few is not None
    assert few.p_value is None
    assert beliefs_equal([], []) is None
