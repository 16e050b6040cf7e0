"""The lexicon hears ideas, not words: negation, condition, report and echo; and how often it is right is measured."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from writing import wrote

from acausal.analysis.agreement import Accuracy, accuracy
from acausal.analysis.lexicon import Stance, held, mentions
from acausal.analysis.phrases import Marker

SENTENCES = Path(__file__).parent / "data" / "reasoning_sentences.csv"


def stances(text: str, told: str = "") -> dict[Marker, Stance]:
    return {mention.marker: mention.stance for mention in mentions(wrote(text, told=told))}


def labelled(split: str) -> list[tuple[str, set[str]]]:
    with SENTENCES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    return [
        (row["sentence"].replace("\\n", "\n"), set(filter(None, row["labels"].split(","))))
        for row in rows
        if row["split"] == split
    ]


def scored(split: str) -> Accuracy:
    """Over every sentence and every marker."""
    found = [({str(marker) for marker in held(mentions(wrote(text)))}, labels) for text, labels in labelled(split)]
    return accuracy(
        [marker in said for said, _ in found for marker in Marker],
        [marker in labels for _, labels in found for marker in Marker],
    )


@pytest.mark.parametrize(
    ("text", "stance"),
    [
        ("We are identical.", Stance.ASSERTED),
        ("We are not identical.", Stance.DENIED),
        ("We aren't identical, so I defect.", Stance.DENIED),
        ("It is not true that we are not identical.", Stance.ASSERTED),
        ("We are identical, and I do not hesitate.", Stance.ASSERTED),
        ("We are not only identical but also sealed.", Stance.ASSERTED),
        ("That we are identical is irrelevant.", Stance.DENIED),
        ("Perhaps we are identical.", Stance.HEDGED),
        ("If we are identical, I cooperate.", Stance.HYPOTHETICAL),
        ("If it pays, fine; we are identical.", Stance.ASSERTED),
        ("I was told that we are identical.", Stance.REPORTED),
        ("Others argue that we are identical.", Stance.REPORTED),
        ("It reads “we are identical copies”.", Stance.REPORTED),
        ("We are “identical”.", Stance.ASSERTED),
        ("Are we identical?", Stance.HYPOTHETICAL),
        ("I help, not because we are identical.", Stance.DENIED),
        ("An identical mind would help, but I do not.", Stance.DENIED),
        ("We are identi-\ncal, as far\nas I see.", Stance.ASSERTED),
    ],
)
def test_an_idea_is_held_only_where_it_is_asserted(text: str, stance: Stance) -> None:
    assert stances(text) == {Marker.IDENTITY: stance}
    assert (Marker.IDENTITY in held(mentions(wrote(text)))) == (stance in (Stance.ASSERTED, Stance.HEDGED))


@pytest.mark.parametrize(
    "text", ["Our identical payoffs are low.", "I copy the move I saw.", "I choose the same as before."]
)
def test_other_senses_of_the_words_are_not_heard(text: str) -> None:
    assert stances(text) == {}


def test_what_was_told_is_no_reasoning_of_ones_own() -> None:
    told = "The other player is an identical copy of you."
    text = "The other player is an identical copy of me, so it will choose the same as I do."
    assert stances(text, told) == {Marker.IDENTITY: Stance.ECHO, Marker.CORRELATION: Stance.ASSERTED}
    assert stances(text) == {Marker.IDENTITY: Stance.ASSERTED, Marker.CORRELATION: Stance.ASSERTED}


def test_a_run_of_the_prompts_words_is_an_echo_although_the_idea_alone_is_not() -> None:
    told = "Each agent was given a twin and a number."
    assert stances("I was given a twin.", told) == {Marker.IDENTITY: Stance.ECHO}
    assert stances("I take the other for my twins.", told) == {Marker.IDENTITY: Stance.ASSERTED}


def test_a_condition_belongs_to_reciprocity_itself() -> None:
    assert stances("If the other defects, I defect.") == {Marker.RECIPROCITY: Stance.ASSERTED}


def test_surprise_is_of_a_defection_whatever_it_is_called() -> None:
    assert Marker.SURPRISE in stances("It is surprising that they defected.")
    assert Marker.SURPRISE not in stances("The points are surprising.")
    assert [each.marker for each in mentions(wrote("I did not expect them to pick Blue.", defect="Blue"))] == [
        "surprise"
    ]


def test_one_sentence_mentions_an_idea_once_and_keeps_what_is_held() -> None:
    found = mentions(wrote("If we were twins I would know, but we are clones."))
    assert [(each.marker, each.stance) for each in found] == [(Marker.IDENTITY, Stance.ASSERTED)]


def test_initials_of_a_theory_are_capitals() -> None:
    assert stances("FDT says so.") == {Marker.DECISION_THEORY: Stance.ASSERTED}
    assert stances("An edt column.") == {}


def test_the_sample_is_large_enough_and_its_labels_are_markers() -> None:
    rows = labelled("tuned") + labelled("held_out")
    assert len(rows) >= 60
    assert set().union(*(labels for _, labels in rows)) == set(Marker)


@pytest.mark.parametrize(
    ("split", "precision", "recall"),
    [
        ("tuned", 1.0, 1.0),
        ("held_out", 1.0, 20 / 27),
        ("hard_tuned", 7 / 9, 7 / 8),
        ("hard_held_out", 7 / 9, 7 / 9),
    ],
)
def test_its_precision_and_recall_are_as_stated(split: str, precision: float, recall: float) -> None:
    found = scored(split)
    assert found.precision == pytest.approx(precision)
    assert found.recall == pytest.approx(recall)
