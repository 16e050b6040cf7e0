"""What the configuration says is what the agents read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from acausal.design.prompts import PastMatch, Prompts, anonymous_id, points
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Message
from acausal.schema import Config

GOLDEN = Path(__file__).parent / "prompts"
HISTORY = [
    PastMatch(anonymous_id(1), Action.COOPERATE, Action.DEFECT),
    PastMatch(anonymous_id(2), Action.DEFECT, Action.DEFECT),
]


def as_text(messages: tuple[Message, ...]) -> str:
    return "\n".join(f"[{message.role}]\n{message.content}\n" for message in messages)


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
    told = as_text(Prompts(identity).strategy())
    assert told.replace(f"\n{identity.condition.disclosure}", "") == control != told


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
