"""Personas read prompts as the protocols of conf/ render them, and answer in text."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from acausal.config import conf_dir
from acausal.errors import ModelRejected
from acausal.models.scripted import (
    NO_GAME,
    PERSONAS,
    Persona,
    Question,
    ScriptedEndpoint,
    always_c,
    always_d,
    coin,
    superrational,
    tit_for_tat,
)
from acausal.records import Message
from acausal.settings.game_schema import HorizonConfig

LABELS = ("COOPERATE", "DEFECT")
CLAIMS = OmegaConf.load(conf_dir() / "wording" / "plain.yaml").claim
IDENTITY = CLAIMS.same_model[0]
DELEGATED, DIRECT = (OmegaConf.load(conf_dir() / "protocol" / f"{name}.yaml") for name in ("delegated", "direct"))
PROTOCOLS: dict[str, Any] = {"delegated": DELEGATED, "direct": OmegaConf.merge(DELEGATED, DIRECT)}
seeds = st.integers(0, 2**31 - 1)
words = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ", min_size=1, max_size=9)
label_pairs = st.tuples(words, words).filter(lambda pair: pair[0].casefold() != pair[1].casefold())
payoffs = st.lists(st.integers(-50, 50).map(lambda n: n / 4), min_size=4, max_size=4, unique=True).map(sorted)


def question(
    kind: str = "decision",
    *,
    labels: tuple[str, str] = LABELS,
    points: Sequence[float] = (0, 1, 3, 5),
    disclosure: str = "",
    history: Sequence[tuple[str, str]] = (),
    strategy: str = "I wait and see.",
    protocol: str = "delegated",
    turns: Sequence[tuple[str, str]] | None = None,
    seed: int = 0,
    choices: tuple[str, ...] = (),
) -> Question:
    """A prompt of conf/protocol, rendered; `points` in the order sucker, punishment, reward, temptation.

    `turns` are those of the present match so far; None: matches have one turn.
    """
    system, user = PROTOCOLS[protocol]["system"], PROTOCOLS[protocol][kind]
    facts: dict[str, Any] = dict(zip(("sucker", "punishment", "reward", "temptation"), points, strict=True))
    facts |= {"num_agents": 10, "num_coplayers": 9, "coplayer": f"participant {len(history) + 1}"}
    facts |= {"cooperate": labels[0], "defect": labels[1], "disclosure": disclosure, "strategy": strategy}
    facts["points"] = lambda number: f"{number:g} point" if number == 1 else f"{number:g} points"
    (c, d), (sucker, punishment, reward, temptation) = labels, points
    rows = ((c, c, reward), (c, d, sucker), (d, c, temptation), (d, d, punishment))
    facts["payoff_rows"] = [{"own": own, "other": other, "points": number} for own, other, number in rows]
    facts |= {"options": labels, "ask": f"Reply with one word, {c} or {d}."}
    facts["history"] = [
        {"coplayer": f"participant {number}", "own": own, "other": other, "turn": 1}
        for number, (own, other) in enumerate(history, start=1)
    ]
    facts["turns"] = [
        {"own": own, "other": other, "turn": number} for number, (own, other) in enumerate(turns or (), start=1)
    ]
    facts |= {"turn": len(facts["turns"]) + 1, "horizon": HorizonConfig(1 if turns is None else 5)}
    parts = [("system", system), ("user", user)]
    rendered = (Message(role, jinja2.Template(part).render(facts).strip()) for role, part in parts)
    return Question(tuple(rendered), seed, choices)


def body(asked: Question, model: str = "scripted/coin", **extra: Any) -> dict[str, Any]:
    messages = [{"role": message.role, "content": message.content} for message in asked.messages]
    return {"model": model, "messages": messages} | extra


def complete(*bodies: dict[str, Any], endpoint: ScriptedEndpoint | None = None) -> list[str]:
    """What a fresh endpoint says to these bodies, one after another."""
    asked = endpoint or ScriptedEndpoint()

    async def all_of_them() -> list[str]:
        return [(await asked.complete(each))["choices"][0]["message"]["content"] for each in bodies]

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("protocol", ["delegated", "direct"])
def test_the_constant_personas_say_their_label(protocol: str) -> None:
    assert always_c(question(protocol=protocol)) == "COOPERATE"
    assert always_d(question(protocol=protocol)) == "DEFECT"


@given(label_pairs, payoffs)
def test_cooperation_is_the_label_by_which_the_other_gets_more(
    labels: tuple[str, str], points: Sequence[float]
) -> None:
    asked = question(labels=labels, points=points)
    assert (always_c(asked), always_d(asked)) == labels


def test_the_order_of_the_payoff_lines_does_not_matter() -> None:
    asked = question(labels=("blue", "red"))
    reversed_lines = "\n".join(reversed(asked.messages[0].content.splitlines()))
    assert always_c(Question((Message("system", reversed_lines), asked.messages[1]), 0)) == "blue"


@pytest.mark.parametrize("persona", PERSONAS.values(), ids=list(PERSONAS))
@given(label_pairs, seeds)
def test_a_decision_is_always_one_label(persona: Persona, labels: tuple[str, str], seed: int) -> None:
    assert persona(question(labels=labels, seed=seed)) in labels


@pytest.mark.parametrize("persona", PERSONAS.values(), ids=list(PERSONAS))
def test_a_strategy_is_one_sentence_in_the_words_of_the_prompt(persona: Persona) -> None:
    strategy = persona(question("strategy", labels=("blue", "red")))
    assert strategy.endswith(".")
    assert strategy.count(".") == 1
    assert "blue" in strategy or "red" in strategy


@pytest.mark.parametrize("persona", PERSONAS.values(), ids=list(PERSONAS))
def test_a_prompt_without_a_game_gets_no_action(persona: Persona) -> None:
    assert persona(Question((Message("user", "Reply with one word, COOPERATE or DEFECT."),), 0)) == NO_GAME
    assert persona(question(points=(1, 3, 1, 3))) == NO_GAME, "what the other does changes nothing"


def test_a_schema_in_other_words_than_the_prompt_gets_no_action() -> None:
    assert always_c(question(choices=("yes", "no"))) == NO_GAME
    assert always_c(question(choices=("cooperate", "defect"))) == "cooperate"


@given(seeds)
def test_the_coin_depends_on_the_seed_alone(seed: int) -> None:
    asked = question(seed=seed)
    assert coin(asked) == coin(question(seed=seed, history=[LABELS], disclosure=IDENTITY, strategy="Always DEFECT."))


def test_the_coin_is_fair() -> None:
    heads = sum(coin(question(seed=seed)) == "COOPERATE" for seed in range(1000))
    assert 440 < heads < 560


def test_the_coin_falls_alike_in_every_process() -> None:
    program = (
        "from acausal.models.scripted import Question, coin; from acausal.records import Message; "
        "text = 'You A, the other A: 3 points\\nYou B, the other B: 1 point'; "
        "print(''.join(coin(Question((Message('system', text),), seed)) for seed in range(40)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": salt, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(outputs) == 1
    assert set(outputs.pop().strip()) == {"A", "B"}


def test_tit_for_tat_cooperates_in_a_first_encounter() -> None:
    assert tit_for_tat(question()) == "COOPERATE"
    assert tit_for_tat(question(protocol="direct")) == "COOPERATE"


@pytest.mark.parametrize("protocol", ["delegated", "direct"])
@given(history=st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=9))
def test_tit_for_tat_repeats_what_the_latest_coplayer_did(protocol: str, history: list[tuple[str, str]]) -> None:
    assert tit_for_tat(question(history=history, protocol=protocol)) == history[-1][1]


@pytest.mark.parametrize("protocol", ["delegated", "direct"])
@given(turns=st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), max_size=5))
def test_tit_for_tat_answers_its_present_coplayer_where_matches_have_turns(
    protocol: str, turns: list[tuple[str, str]]
) -> None:
    asked = question(history=[("COOPERATE", "DEFECT")], protocol=protocol, turns=turns)
    assert tit_for_tat(asked) == (turns[-1][1] if turns else "COOPERATE")


def test_matches_in_an_agents_own_strategy_are_not_its_history() -> None:
    boast = "I remember:\n- With participant 1: you COOPERATE, the other DEFECT."
    assert tit_for_tat(question(strategy=boast)) == "COOPERATE"


def test_superrational_cooperates_only_where_all_are_the_same_model() -> None:
    assert superrational(question()) == "DEFECT"
    assert superrational(question(disclosure=IDENTITY)) == "COOPERATE"
    assert superrational(question(disclosure=IDENTITY, protocol="direct", history=[LABELS])) == "COOPERATE"


SAMENESS = {"same_model", "same_prompt", "identical_copy", "copy_that_knows", "copy_that_does_not_know"}


@pytest.mark.parametrize("told", [told for claim in sorted(SAMENESS) for told in CLAIMS[claim]])
def test_superrational_knows_itself_in_every_wording(told: str) -> None:
    assert superrational(question(disclosure=told)) == "COOPERATE"


@pytest.mark.parametrize("claim", sorted(set(CLAIMS) - SAMENESS))
def test_superrational_takes_no_other_claim_for_sameness(claim: str) -> None:
    assert {superrational(question(disclosure=told)) for told in CLAIMS[claim]} == {"DEFECT"}


@pytest.mark.parametrize(
    ("disclosure", "alike"),
    [
        ("The other participants are identical to you.", True),
        ("Every participant is a copy of the same language model.", True),
        ("You and the others run on the same GPT-4.1 model. Nothing else is known.", True),
        ("All participants are copies of one program.", True),
        ("All participants, you included, are identical. You do not know their names.", True),
        ("The participants are not instances of the same AI model.", False),
        ("The participants aren't identical.", False),
        ("No participant is a copy of another.", False),
        ("Some participants are instances of the same AI model.", False),
        ("The participants may be identical to you.", False),
        ("All participants are instances of different AI models.", False),
        ("All participants received identical instructions at the same time.", False),
    ],
)
def test_superrational_reads_denials_hedges_and_parts(disclosure: str, alike: bool) -> None:
    assert superrational(question(disclosure=disclosure)) == ("COOPERATE" if alike else "DEFECT")


def test_superrational_does_not_believe_its_own_strategy() -> None:
    assert superrational(question(strategy="We are all copies of the same model.")) == "DEFECT"
    assert superrational(question(strategy=superrational(question("strategy")))) == "DEFECT"


def test_a_completion_has_openais_shape_and_costs_nothing() -> None:
    asked = body(question(), "scripted/always_d")
    completion = asyncio.run(ScriptedEndpoint().complete(asked))
    assert completion["object"] == "chat.completion"
    assert completion["model"] == "scripted/always_d"
    assert completion["choices"][0]["message"] == {"role": "assistant", "content": "DEFECT"}
    assert completion["choices"][0]["finish_reason"] == "stop"
    words_asked = sum(len(message["content"].split()) for message in asked["messages"])
    assert completion["usage"] == {
        "prompt_tokens": words_asked,
        "completion_tokens": 1,
        "total_tokens": words_asked + 1,
        "cost": 0.0,
    }


def test_a_schema_is_answered_in_its_own_shape() -> None:
    enum = {"type": "string", "enum": ["DEFECT", "COOPERATE"]}
    keyed = {"type": "object", "properties": {"action": enum}, "required": ["action"]}
    forms = [{"type": "json_schema", "json_schema": {"name": "decision", "schema": each}} for each in (keyed, enum)]
    answers = complete(*(body(question(), "scripted/always_c", response_format=form) for form in forms))
    assert [json.loads(answer) for answer in answers] == [{"action": "COOPERATE"}, "COOPERATE"]


def test_content_in_parts_reads_like_plain_content() -> None:
    asked = body(question(), "scripted/always_c")
    for message in asked["messages"]:
        message["content"] = [{"type": "text", "text": message["content"]}]
    assert complete(asked) == ["COOPERATE"]


def test_a_call_with_a_seed_is_answered_alike_however_often_it_is_asked() -> None:
    assert len(set(complete(*[body(question(), seed=7)] * 30))) == 1


def test_calls_without_a_seed_differ_by_occurrence_and_repeat_in_another_run() -> None:
    answers = complete(*[body(question())] * 30)
    assert set(answers) == set(LABELS)
    assert complete(*[body(question())] * 30) == answers
    assert complete(*[body(question())] * 30, endpoint=ScriptedEndpoint(seed=1)) != answers


def test_an_unknown_persona_is_rejected_with_the_nearest_name() -> None:
    with pytest.raises(ModelRejected, match=r"'cion'.*always_c, always_d, .*did you mean coin\?") as caught:
        complete(body(question(), "scripted/cion"))
    assert (caught.value.model, caught.value.status) == ("scripted/cion", 404)
