"""Own kind against others: what each model does and attracts is removed, and only first encounters are clean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dsl import play
from hypothesis import given
from hypothesis import strategies as st

from acausal.analysis.own_kind import (
    _coefficient,
    first_encounters,
    matching_effect,
    own_kind,
    pooled_gap,
    told_by_actual,
)
from acausal.records import Decision


def met(actor: str, other: str, letters: str, *, replicate: int = 1, agent: int = 1, match: int = 1) -> list[Decision]:
    """One decision a letter, of agents numbered from `agent`, each in its own match."""
    return [
        replace(
            play(letter, "D", replicate=replicate)[0],
            agent_model=actor,
            coplayer_agent_model=other,
            agent=agent + number,
            match=match + number,
        )
        for number, letter in enumerate(letters)
    ]


def square(*letters: str, replicate: int = 1) -> list[Decision]:
    """a with a, a with b, b with a, b with b."""
    pairs = zip((("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")), letters, strict=True)
    return [
        decision
        for place, ((actor, other), own) in enumerate(pairs)
        for decision in met(actor, other, own, replicate=replicate, agent=1 + 100 * place)
    ]


def test_the_matching_effect_removes_what_each_model_does_and_attracts() -> None:
    assert matching_effect(square("CC", "CC", "CD", "CD")) == 0
    assert matching_effect(square("CC", "DD", "DD", "CC")) == 1
    assert matching_effect(met("a", "a", "CC")) is None
    assert matching_effect(square("C", "C", "?", "C")) is None


@given(noise=st.lists(st.floats(-0.1, 0.1), min_size=7, max_size=7), gamma=st.floats(-0.2, 0.2))
def test_with_three_models_the_coefficient_is_that_of_the_least_squares(noise: list[float], gamma: float) -> None:
    actor, partner = dict(zip("abc", noise[:3], strict=True)), dict(zip("abc", noise[3:6], strict=True))
    pairs = [(a, b) for a in "abc" for b in "abc"]
    rates = [0.5 + actor[a] + partner[b] + gamma * (a == b) + noise[6] * (a + b == "ab") for a, b in pairs]
    design = np.array(
        [[1, a == "a", a == "b", b == "a", b == "b", a == b] for a, b in pairs],
        dtype=float,
    )
    expected = np.linalg.lstsq(design, np.array(rates), rcond=None)[0][-1]
    counts = {pair: (round(rate * 10**9), 10**9) for pair, rate in zip(pairs, rates, strict=True)}
    assert _coefficient(counts) == pytest.approx(expected, abs=1e-7)


def test_a_first_encounter_is_the_first_match_of_an_agent_in_its_replicate() -> None:
    early = play("CD", "DC") + play("C", "D", replicate=2)
    later = [replace(d, match=2, matchday=2) for d in play("D", "D")]
    second_turn = [replace(d, turn=2) for d in play("D", "D")]
    kept = first_encounters([*later, *second_turn, *early])
    assert kept == [early[0], early[1], *early[-2:]]


def test_e10_reads_first_encounters_and_is_not_fooled_by_what_follows() -> None:
    """Later matches answer in kind within model a alone, which the same estimator over all matches takes for E10."""
    plain = [square("CD", "CD", "CD", "CD", replicate=number) for number in range(1, 7)]
    later = [replace(d, matchday=2, round=2) for one in plain for d in one]
    grudging = [replace(d, action=plain[0][0].action) if d.agent_model == d.coplayer_agent_model else d for d in later]
    every = [decision for one in plain for decision in one] + grudging
    direct, total = own_kind(every), own_kind(every, first_only=False)
    assert direct is not None
    assert total is not None
    assert (direct.value, direct.clusters, direct.n) == (0, 6, 48)
    assert total.value == 0.25
    assert direct.low is None, "all replicates are equal: no interval without width"


def test_its_interval_is_that_of_the_replicates_where_they_weigh_the_same() -> None:
    from scipy import stats

    shapes = [("CC", "DD", "DD", "CC"), ("CD", "CD", "CD", "CD"), ("CC", "CD", "CD", "CD"), ("CD", "DD", "CD", "CC")]
    studies = [square(*letters, replicate=number) for number, letters in enumerate(shapes, start=1)]
    each = [matching_effect(study) or 0.0 for study in studies]
    expected = stats.ttest_1samp(each, 0).confidence_interval()
    found = own_kind([decision for study in studies for decision in study])
    assert found is not None
    assert found.value == pytest.approx(sum(each) / 4)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_an_effect_that_rests_on_one_replicate_has_no_interval() -> None:
    whole, part = square("C", "D", "D", "C"), met("a", "a", "C", replicate=2)
    found = own_kind(whole + part)
    assert found is not None
    assert (found.low, found.method.rpartition(": ")[2]) == (None, "rests on a single unit, no interval")
    assert own_kind(part) is None


def test_the_pooled_gap_is_fooled_by_group_sizes() -> None:
    """Model a always cooperates and sits mostly with its own; nobody cares whom it meets."""
    decisions = square("CCCCCC", "C", "D", "D")
    assert matching_effect(decisions) == 0
    assert pooled_gap(decisions) == pytest.approx(6 / 7 - 1 / 2)
    assert pooled_gap(met("a", "a", "C")) is None


def test_told_by_actual_is_a_difference_of_matching_effects_over_shared_replicates() -> None:
    from scipy import stats

    shapes = [("CC", "DD", "DD", "CC"), ("CC", "CD", "CD", "CD"), ("CD", "CD", "CD", "CD"), ("CC", "CD", "DD", "CD")]
    knowing = [square(*letters, replicate=number) for number, letters in enumerate(shapes, start=1)]
    blind = [square("CD", "CD", "CC", "CC", replicate=number) for number in range(1, 5)]
    each = [
        (matching_effect(one) or 0) - (matching_effect(other) or 0) for one, other in zip(knowing, blind, strict=True)
    ]
    expected = stats.ttest_1samp(each, 0).confidence_interval()
    found = told_by_actual([d for one in knowing for d in one], [d for one in blind for d in one])
    assert found is not None
    assert found.value == pytest.approx(sum(each) / 4)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert told_by_actual(knowing[0], met("a", "a", "C")) is None
