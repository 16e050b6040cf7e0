"""A strategy in words is coded where it says what it does first, and left uncoded where it does not."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from writing import wrote

from acausal.analysis.first_moves import first_move
from acausal.analysis.strategies import coded_texts, execution_fidelity, strategy_level
from acausal.game import Action

SENTENCES = Path(__file__).parent / "data" / "first_moves.csv"
WORDS = {Action.COOPERATE: "COOPERATE", Action.DEFECT: "DEFECT"}


def coded(split: str) -> list[tuple[float | None, float | None]]:
    """What the rules read, and what the hand wrote."""
    with SENTENCES.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="|") if row["split"] == split]
    return [
        (
            first_move(row["strategy"], {Action.COOPERATE: row["cooperate"], Action.DEFECT: row["defect"]}),
            float(row["first"]) if row["first"] else None,
        )
        for row in rows
    ]


@pytest.mark.parametrize(("split", "right", "said", "sayable"), [("tuned", 18, 18, 18), ("held_out", 23, 24, 24)])
def test_they_are_right_as_often_as_stated(split: str, right: int, said: int, sayable: int) -> None:
    found = coded(split)
    assert sum(read is not None and read == hand for read, hand in found) == right
    assert sum(read is not None for read, _ in found) == said
    assert sum(hand is not None for _, hand in found) == sayable


def test_what_is_not_said_is_never_a_defection() -> None:
    for text in ("", "I think about it.", "The other may defect.", "COOPERATE or DEFECT?"):
        assert first_move(text, WORDS) is None


def test_what_else_is_done_is_a_default_only_of_a_condition_on_the_past() -> None:
    assert first_move("If they defected before, I defect. Otherwise I cooperate.", WORDS) == 1.0
    assert first_move("If we are instances of one model I cooperate. Otherwise I defect.", WORDS) is None


def test_a_word_means_what_it_meant_to_its_author() -> None:
    swapped = {Action.COOPERATE: "B", Action.DEFECT: "A"}
    assert first_move("I start with A.", swapped) == 0.0
    assert first_move("I start with A.", {Action.COOPERATE: "A", Action.DEFECT: "B"}) == 1.0


def test_texts_are_coded_into_levels_and_held_against_decisions() -> None:
    labels = {**WORDS}
    texts = [
        replace(wrote("I start with COOPERATE.", "CD", agent=1), labels=labels),
        replace(wrote("I always defect.", "CC", agent=2), labels=labels),
        replace(wrote("Who knows.", "DD", agent=3), labels=labels),
    ]
    found = coded_texts(texts)
    level = strategy_level(found)
    assert level is not None
    assert (level.value, level.n) == (0.5, 2)
    fidelity = execution_fidelity(found, [decision for text in texts for decision in text.decisions])
    assert fidelity is not None
    assert (fidelity.value, fidelity.n) == (0.5, 2)
