"""Planted readers understand every sentence that ships: claim, linkage and numbers, in every wording and order."""

from __future__ import annotations

from functools import cache

import pytest

from acausal.config import conf_dir
from acausal.design.arms import questions
from acausal.design.counterbalance import Variant, variants
from acausal.game import Action
from acausal.launch import compose_cell
from acausal.models.planted import PLANTED
from acausal.models.question import Question, labels_of
from acausal.models.told import understood, worth_cooperating
from acausal.records import Message
from acausal.settings.disclosure import paraphrase_count
from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, Linkage

CONDITIONS = sorted(path.stem for path in (conf_dir() / "condition").glob("*.yaml"))
NOTHING_TOLD = ("control", "no_information", "baseline_control", "local_only", "cooperation_rates_only")
TABLE = (
    "You A, the other A: 3 points\nYou A, the other B: 0 points\n"
    "You B, the other A: 5 points\nYou B, the other B: 1 point"
)


@cache
def config_of(condition: str, *overrides: str) -> Config:
    return compose_cell([f"condition={condition}", "protocol=direct", "labels=neutral", *overrides])


@cache
def prompts(condition: str, *overrides: str) -> list[tuple[Variant, str, tuple[Message, ...]]]:
    """(variant, text, messages) of every question: each wording in each order and pair of labels."""
    config = config_of(condition, *overrides)
    return [
        (variant, "\n".join(message.content for message in question.messages), question.messages)
        for paraphrase in range(1, paraphrase_count(config) + 1)
        for variant in variants(config)
        for question in questions(config, paraphrase, variant)
    ]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_wording_is_understood_as_its_condition_declares(condition: str) -> None:
    declared = config_of(condition).condition
    for variant, text, _ in prompts(condition):
        heard = understood(text)
        assert (heard.claim, heard.linkage) == (declared.claim, declared.linkage), text
        assert labels_of(text) == variant.labels
        if declared.linkage is Linkage.match_probability:
            assert heard.match_probability == declared.match_probability
        if declared.similarity is not None:
            assert heard.similarity == declared.similarity / 100


@pytest.mark.parametrize("probability", ["0", "0.625"])
def test_a_step_of_the_match_probability_is_read_as_it_is_told(probability: str) -> None:
    told = prompts("match_probability", f"condition.match_probability={probability}")
    assert {understood(text).match_probability for _, text, _ in told} == {float(probability)}


@pytest.mark.parametrize(("linkage", "chance"), [("u95", 0.95), ("u50", 0.5), ("known_c", 1.0), ("linked", None)])
def test_the_told_chance_that_the_other_cooperates_is_read(linkage: str, chance: float | None) -> None:
    for claim in ("identical_copy", "different_model"):
        assert {understood(text).other_cooperates for _, text, _ in prompts(f"{claim}_{linkage}")} == {chance}


@pytest.mark.parametrize("condition", NOTHING_TOLD)
def test_no_word_of_a_control_moves_a_reader_of_identity(condition: str) -> None:
    for variant, text, messages in prompts(condition, "num_rounds=2"):
        for reader in ("super", "ingroup", "reciter", "edt", "cdt", "projector", "similarity_blind"):
            assert PLANTED[reader](Question(messages, seed=0)) == variant.defect, (reader, text)


def test_what_is_not_said_is_not_heard() -> None:
    heard = understood(f"{TABLE}\nNow you play participant 3. Reply with one word, A or B.")
    assert (heard.claim, heard.linkage, heard.match_probability) == (Claim.none, Linkage.none, None)
    assert (heard.other_cooperates, heard.similarity) == (None, None)


@pytest.mark.parametrize(("r", "worth"), [(0.0, False), (5 / 7, False), (0.72, True), (1.0, True)])
def test_cooperation_pays_above_r_star_of_the_payoffs_in_the_text(r: float, worth: bool) -> None:
    assert worth_cooperating(TABLE, if_i_cooperate=r, if_i_defect=1 - r) is worth


def test_no_belief_that_ignores_the_own_choice_makes_cooperation_pay_in_a_dilemma() -> None:
    assert not any(worth_cooperating(TABLE, if_i_cooperate=q / 10, if_i_defect=q / 10) for q in range(11))
    harmony = TABLE.replace("5 points", "2 points").replace("0 points", "2 points")
    assert worth_cooperating(harmony, if_i_cooperate=0.5, if_i_defect=0.5)
    assert not worth_cooperating("no payoffs here", if_i_cooperate=1, if_i_defect=0)


def test_the_labels_of_the_text_decide_which_word_is_cooperation() -> None:
    swapped = TABLE.translate(str.maketrans("AB", "BA"))
    assert labels_of(TABLE) == {Action.COOPERATE: "A", Action.DEFECT: "B"}
    assert labels_of(swapped) == {Action.COOPERATE: "B", Action.DEFECT: "A"}
