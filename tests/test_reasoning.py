"""Ideas are related to decisions within an arm, by replicate; nothing is said where a side is missing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from dsl import substituted
from writing import wrote

from acausal.analysis.phrases import Marker
from acausal.analysis.reasoning import Held, judged_alike, relations

IDENTITY = frozenset({Marker.IDENTITY})
NONE = frozenset[Marker]()


def texts(with_it: str, without_it: str, replicates: int) -> list[Held]:
    """In each replicate one text that holds the idea and one that does not, with these decisions after them."""
    return [
        (wrote("…", letters, replicate=replicate, agent=agent), markers)
        for replicate in range(1, replicates + 1)
        for agent, (letters, markers) in enumerate([(with_it, IDENTITY), (without_it, NONE)], start=1)
    ]


def test_the_difference_is_of_rates_with_and_without_the_idea() -> None:
    (found,) = relations(texts("CCCD", "CDDD", 6))
    assert found.texts is not None
    assert found.with_it is not None
    assert found.without_it is not None
    assert (found.texts.value, found.with_it.value, found.without_it.value) == (0.5, 0.75, 0.25)
    assert (found.difference, found.replicates) == (0.5, 6)


def test_equal_replicates_never_give_an_interval_without_width() -> None:
    (found,) = relations(texts("C", "D", 8))
    assert found.difference == 1
    assert found.low is not None
    assert found.low < 0.5


def test_a_replicate_without_either_side_has_no_part() -> None:
    (found,) = relations([*texts("C", "D", 5), (wrote("…", "D", replicate=6), IDENTITY)])
    assert (found.difference, found.replicates) == (1, 5)


def test_an_idea_in_every_text_has_nothing_to_be_compared_with() -> None:
    (found,) = relations([(wrote("…", "C", replicate=r), IDENTITY) for r in range(1, 6)])
    assert found.without_it is None
    assert (found.difference, found.low, found.method) == (None, None, "no replicate has both")


def test_arms_and_models_are_never_pooled() -> None:
    mixed = [
        (wrote("…", "C", condition=condition, model=model), IDENTITY) for condition in ("told", "not") for model in "ab"
    ]
    assert {(each.condition, each.model) for each in relations(mixed)} == {
        (c, m) for c in ("told", "not") for m in "ab"
    }


def test_illegible_and_substituted_decisions_are_not_followed() -> None:
    (found,) = relations(texts("C?x", "DDD", 5))
    assert found.with_it is not None
    assert (found.with_it.value, found.with_it.n) == (1.0, 5)


def test_what_a_substitute_chose_followed_from_no_text_of_the_model() -> None:
    helped = [
        (replace(written, decisions=tuple(substituted(list(written.decisions)))), markers)
        for written, markers in texts("C", "D", 5)
    ]
    (found,) = relations(helped)
    assert (found.with_it, found.without_it, found.difference) == (None, None, None)


def test_a_planted_association_is_covered_as_often_as_stated() -> None:
    chance = random.Random(3)
    covered, studies, planted = 0, 300, 0.4

    def letters(p: float) -> str:
        return "".join("C" if chance.random() < p else "D" for _ in range(9))

    for _ in range(studies):
        bases = [0.1 + 0.4 * chance.random() for _ in range(8)]
        study = [
            (wrote("…", letters(base + planted * holds), replicate=r, agent=agent), IDENTITY if holds else NONE)
            for r, base in enumerate(bases, start=1)
            for agent, holds in enumerate([1, 1, 0, 0], start=1)
        ]
        (found,) = relations(study)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= planted <= found.high
    assert 0.92 <= covered / studies <= 0.985


def test_judges_are_compared_on_what_both_read() -> None:
    first = {"x": IDENTITY, "y": NONE, "z": IDENTITY}
    found = judged_alike(first, {"x": IDENTITY, "y": IDENTITY})[Marker.IDENTITY]
    assert (found.n, found.both, found.second_only, found.raw) == (2, 1, 1, 0.5)
    assert judged_alike(first, {}) == {}
    assert judged_alike(first, first)[Marker.IDENTITY].kappa == pytest.approx(1.0)
