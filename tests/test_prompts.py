"""What the configuration says is what the agents read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from acausal.design.arms import differing, questions
from acausal.design.prompts import PastMatch, PastRound, Prompts, anonymous_id, messages_hash, percent, points
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Message
from acausal.settings.disclosure import paraphrase_count
from acausal.settings.schema import Config

GOLDEN = Path(__file__).parent / "prompts"
HISTORY = [
    PastMatch(anonymous_id(1), Action.COOPERATE, Action.DEFECT),
    PastMatch(anonymous_id(2), Action.DEFECT, Action.DEFECT),
]


def as_text(messages: tuple[Message, ...]) -> str:
    return "\n".join(f"[{message.role}]\n{message.content}\n" for message in messages)


FACTORIAL = [
    f"{claim}{linkage}"
    for claim in ("identical_copy", "different_model")
    for linkage in ("", "_linked", "_u95", "_u50", "_known_c")
]
ONE_SHOT = [*FACTORIAL, "identical_copy_mirror", "no_information", "human"]
KNOWN = [
    *("baseline_control", "original_biased", "cooperation_rates_only", "implicit_identity", "anti_cooperation"),
    *("veil_of_ignorance", "superrational_hint", "mixed_info", "local_only", "game_theory_framing", "trust_building"),
]
STEPS = ["another_ai", "similar_llm", "same_model", "match_probability", "similarity", "similarity_random"]

DESCRIPTIONS = [
    *("rational_ai", "same_family", "same_prompt", "same_prompt_linked", "rational_human"),
    *("copy_that_knows", "copy_that_does_not_know"),
]


def every_wording(config: Config) -> str:
    """The question of an agent's first decision, once for each wording of its condition."""
    texts = []
    for paraphrase in range(1, paraphrase_count(config) + 1):
        first, *_ = [one for one in questions(config, paraphrase) if one.asks_for_action]
        texts.append(f"--- paraphrase {paraphrase}\n{as_text(first.messages)}")
    return "\n".join(texts)


@pytest.mark.parametrize("condition", [*ONE_SHOT, *STEPS, *DESCRIPTIONS, "similarity_unknown"])
def test_every_wording_is_the_golden_one(composed: Callable[..., Config], condition: str) -> None:
    text = every_wording(composed(f"condition={condition}", "protocol=direct"))
    assert text == (GOLDEN / f"{condition}_direct_wordings.txt").read_text()


@pytest.mark.parametrize("condition", KNOWN)
def test_the_known_conditions_say_the_golden_words(composed: Callable[..., Config], condition: str) -> None:
    asked = differing(questions(composed(f"condition={condition}"), 1))
    text = "\n".join(f"--- {question.title}\n{as_text(question.messages)}" for question in asked)
    assert text == (GOLDEN / f"{condition}_delegated_questions.txt").read_text()


@pytest.mark.parametrize("condition", ["control", "identity_only"])
@pytest.mark.parametrize("protocol", ["delegated", "direct"])
def test_every_word_is_the_golden_one(composed: Callable[..., Config], condition: str, protocol: str) -> None:
    prompts = Prompts(composed(f"condition={condition}", f"protocol={protocol}"))
    strategy = "Do as the last one did." if protocol == "delegated" else None
    shown = [as_text(prompts.strategy())] if strategy else []
    shown += [as_text(prompts.decision(strategy=strategy, history=(), coplayer=anonymous_id(1)))]
    shown += [as_text(prompts.decision(strategy=strategy, history=HISTORY, coplayer=anonymous_id(3)))]
    assert "\n".join(shown) == (GOLDEN / f"{condition}_{protocol}.txt").read_text()


@pytest.mark.parametrize("shows", [True, False])
def test_every_word_that_asks_for_a_program_is_the_golden_one(composed: Callable[..., Config], shows: bool) -> None:
    config = composed("protocol=compiled", f"condition.shows.own_matches={shows}")
    name = "control_compiled" if shows else "control_compiled_without_history"
    assert as_text(Prompts(config).strategy()) == (GOLDEN / f"{name}.txt").read_text()


def test_conditions_differ_in_their_disclosure_and_nowhere_else(composed: Callable[..., Config]) -> None:
    identity = composed("condition=identity_only")
    control = as_text(Prompts(composed("condition=control")).strategy())
    prompts = Prompts(identity)
    told = as_text(prompts.strategy())
    assert told.replace(f"\n{prompts.disclosure}", "") == control != told


def test_the_control_says_nothing_of_who_the_others_are(composed: Callable[..., Config]) -> None:
    prompts = Prompts(composed("condition=control"))
    text = as_text(prompts.strategy()) + as_text(
        prompts.decision(strategy="S.", history=HISTORY, coplayer="participant 3")
    )
    found = re.findall(r"identical|same|similar|copy|copies|instance|\bAI\b|model|human|opponent|rational|%", text)
    assert found == []


def test_payoffs_in_the_text_come_from_the_matrix_in_force(composed: Callable[..., Config]) -> None:
    system = Prompts(composed("game.payoffs.temptation=9.5", "game.payoffs.sucker=-2"))._system
    assert "You DEFECT, the other COOPERATE: 9.5 points" in system
    assert "You COOPERATE, the other DEFECT: -2 points" in system


def test_labels_replace_the_words_everywhere(composed: Callable[..., Config]) -> None:
    prompts = Prompts(composed("game.labels.cooperate=J", "game.labels.defect=F"))
    text = as_text(prompts.strategy()) + as_text(
        prompts.decision(strategy="S.", history=HISTORY, coplayer="participant 3")
    )
    assert not re.search("cooperate|defect", text, re.IGNORECASE)
    assert "you J, the other F" in text


def test_numbers_of_points_are_worded_once() -> None:
    assert [points(number) for number in (0, 1, 1.0, 0.5, 3)] == [
        "0 points",
        "1 point",
        "1 point",
        "0.5 points",
        "3 points",
    ]


def test_a_strategy_with_template_marks_is_quoted_not_executed(composed: Callable[..., Config]) -> None:
    prompts = Prompts(composed())
    _, user = prompts.decision(strategy="{{ 7 * 7 }}", history=(), coplayer="participant 1")
    assert "{{ 7 * 7 }}" in user.content


def test_a_template_with_an_unknown_word_is_refused(composed: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match="condition.disclosure does not render: 'average_rate' is undefined"):
        Prompts(composed("condition.disclosure='The rate was {{ average_rate }}.'"))


def test_shares_are_worded_once() -> None:
    assert [percent(share) for share in (0, 0.05, 0.5, 0.625, 11 / 18, 0.9996, 1, 1.0)] == [
        *("0 %", "5 %", "50 %", "62.5 %", "61.1 %", "100 %", "100 %", "100 %"),
    ]


def test_the_past_is_shown_as_it_was_measured_and_only_where_declared(composed: Callable[..., Config]) -> None:
    past = [PastRound(1, 55, 90, tuple([10.0] * 9 + [20.5])), PastRound(2, 0, 0, (0.0,) * 10)]
    past.append(PastRound(3, 90, 90, (27.0,) * 10))
    told = Prompts(composed("condition=original_biased")).strategy(past)[1].content
    assert told.splitlines()[:4] == [
        "The earlier rounds:",
        "- Round 1: 61.1 % of all choices were COOPERATE; each participant collected 11.1 points on average, between "
        "10 points and 20.5 points.",
        "- Round 3: 100 % of all choices were COOPERATE; each participant collected 27 points on average, between "
        "27 points and 27 points.",
        "Over the earlier rounds, 80.6 % of all choices were COOPERATE; each participant collected 38 points on "
        "average, between 37 points and 47.5 points.",
    ]
    for condition in ("control", "baseline_control", "identity_only", "local_only"):
        prompts = Prompts(composed(f"condition={condition}"))
        assert prompts.strategy(past) == prompts.strategy()


def test_nothing_of_the_past_is_shown_before_it_is_measured(composed: Callable[..., Config]) -> None:
    prompts = Prompts(composed("condition=cooperation_rates_only"))
    assert "%" not in as_text(prompts.strategy())
    assert prompts.strategy([PastRound(1, 0, 0, (0.0,) * 10)]) == prompts.strategy()


def test_known_cooperation_is_told_in_the_labels_in_force(composed: Callable[..., Config]) -> None:
    labels = ["condition.labels.cooperate=J", "condition.labels.defect=F"]
    prompts = Prompts(composed("condition=identical_copy_known_c", *labels))
    assert "has already chosen J" in prompts.disclosure
    assert "COOPERATE" not in as_text(prompts.strategy())


def test_the_hash_of_messages_tells_apart_every_word_and_role() -> None:
    one = (Message("system", "Play."), Message("user", "Now."))
    assert messages_hash(one) == messages_hash(list(one))
    others = [one[:1], one[::-1], (Message("user", "Play."), one[1]), (one[0], Message("user", "Now"))]
    assert len({messages_hash(messages) for messages in [one, *others]}) == 5
