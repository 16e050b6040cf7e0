"""Questions beside the game: what they ask, how they are read, and what follows from the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from dsl import play
from jinja2 import Template

from acausal.analysis.checks import (
    beliefs,
    canary_shifts,
    checks_summary,
    edt_score,
    failing_units,
    halves,
    per_protocol,
    scores,
    treatment,
)
from acausal.config import conf_dir, fingerprint, identity
from acausal.design.checks import (
    agent_questions,
    canary,
    checks_per_replicate,
    questions_to_read,
    quizzed_before,
)
from acausal.design.counterbalance import Variant, variants
from acausal.design.lint import lint
from acausal.design.population import population, seat_seed
from acausal.design.prompts import Prompts
from acausal.design.recall import NOTHING, recalled_kind, recalled_link, told_kind, told_link
from acausal.errors import ConfigError
from acausal.game import Action, Payoffs
from acausal.models.scripted import PERSONAS, ScriptedEndpoint
from acausal.records import Check, CheckRecord, Reply, Status
from acausal.settings.schema import Config

ALL = [f"checks.{check}=true" for check in ("comprehension", "manipulation", "beliefs", "canary")]
CONDITIONS = sorted(path.stem for path in (conf_dir() / "condition").glob("*.yaml"))
GAMES = ["prisoners_dilemma", "stag_hunt", "chicken", "harmony", "deadlock", "pd_r576", "pd_x10"]


def reply(text: str | None, *, finish_reason: str = "stop", error: str | None = None) -> Reply:
    return Reply("k", "m", "m", False, text, finish_reason=finish_reason, error=error)


def answers(
    name: str, config: Config, variant: Variant | None = None, *, power: float = 100.0
) -> dict[str, bool | None]:
    """Question → whether a persona's answer to it is right; None where none is expected."""
    asked = agent_questions(config, Prompts(config, 1, variant), power=power)
    endpoint, right = ScriptedEndpoint(), dict[str, bool | None]()
    for question in asked:
        messages = [{"role": message.role, "content": message.content} for message in question.messages]
        answer, reading = question.read(
            reply(endpoint.reply(name, {"model": f"scripted/{name}", "messages": messages}))
        )
        assert reading.status is Status.LEGIBLE, (name, question.name, messages[-1])
        right[question.name] = None if question.expected is None else answer == question.expected
    return right


@pytest.mark.parametrize("game", GAMES)
def test_every_persona_but_the_muddled_passes_the_quiz_from_the_text_alone(
    composed: Callable[..., Config], game: str
) -> None:
    config = composed("checks.comprehension=true", f"game={game}", "labels=balanced")
    for variant in variants(config):
        for name in set(PERSONAS) - {"muddled"}:
            assert set(answers(name, config, variant).values()) == {True}, (name, variant)
        assert not any(answers("muddled", config, variant).values())


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_persona_but_the_forgetful_recalls_what_it_was_told(
    composed: Callable[..., Config], condition: str
) -> None:
    config = composed("checks.manipulation=true", f"condition={condition}")
    assert all(answers("coin", config).values())
    assert not any(answers("forgetful", config).values())


@pytest.mark.parametrize("condition", CONDITIONS)
def test_no_question_tells_more_than_its_condition(composed: Callable[..., Config], condition: str) -> None:
    config = composed(*ALL, f"condition={condition}", "num_rounds=1")
    lint(config)
    texts = [question.messages[-1].content for question in questions_to_read(config, 1)]
    assert len(texts) == len(set(texts)) >= 9


def test_a_question_that_reveals_another_arm_is_refused(composed: Callable[..., Config]) -> None:
    config = composed("checks.manipulation=true")
    config.checks.words.told_kind = "Were you told that the other participant is an identical copy of you?"
    with pytest.raises(ConfigError, match=r"'identical' tells of sameness, .*check, manipulation told_kind"):
        lint(config)


def test_the_quiz_expects_the_payoffs_in_force(composed: Callable[..., Config]) -> None:
    config = composed("checks.comprehension=true", "game.stakes=10", "game.payoffs.temptation=4")
    expected = {question.name: question.expected for question in agent_questions(config, Prompts(config))}
    assert expected == {
        "payoff_cc": "30",
        "payoff_cd": "0",
        "payoff_dc": "40",
        "payoff_dd": "10",
        "best_reply_c": "DEFECT",
        "best_reply_d": "DEFECT",
    }


def test_power_counts_in_the_quiz_where_it_is_told(composed: Callable[..., Config]) -> None:
    powered = ["checks.comprehension=true", "game.power.mode=random"]
    told = composed(*powered, "game.power.told=true")
    question = agent_questions(told, Prompts(told), power=120.0)[0]
    assert question.expected == "3.6"
    assert (
        "points do you get, your power included? Reply with one number: 0, 1.2, 3.6 or 6."
        in question.messages[1].content
    )
    assert set(answers("coin", told, power=120.0).values()) == {True}
    assert agent_questions(composed(*powered), Prompts(composed(*powered)), power=120.0)[0].expected == "3"
    log = composed(*powered, "game.power.told=true", "game.power.rule=log")
    question = agent_questions(log, Prompts(log), power=120.0)[0]
    assert (question.expected, "before your power counts" in question.messages[1].content) == ("3", True)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        *(("3", "3"), ("You get 3 points.", "3"), ('{"action": "3"}', "3"), ("**3**", "3"), ("3.0", "3")),
        *(("3 or 5", None), ("4", None), ("", None), ("three", None), ("0.3", None), ("-3", None), ("13", None)),
    ],
)
def test_a_number_is_read_or_it_is_illegible(composed: Callable[..., Config], text: str, answer: str | None) -> None:
    config = composed("checks.comprehension=true")
    found, reading = agent_questions(config, Prompts(config))[0].read(reply(text))
    assert found == answer
    assert reading.status is (Status.ILLEGIBLE if answer is None else Status.LEGIBLE)


def test_what_never_came_was_cut_off_or_declined_is_no_answer(composed: Callable[..., Config]) -> None:
    config = composed("checks.beliefs=true")
    question = agent_questions(config, Prompts(config))[0]
    fates = [
        (reply(None, error="503"), Status.FAILED),
        (reply("50", finish_reason="length"), Status.ILLEGIBLE),
        (reply("I can't help with that."), Status.REFUSED),
        (reply("fifty"), Status.ILLEGIBLE),
    ]
    for came, status in fates:
        answer, reading = question.read(came)
        assert (answer, reading.status, reading.p_cooperate) == (None, status, None)
    assert question.read(reply("40%"))[1].p_cooperate == 0.4


def _told(config: Config) -> list[tuple[str, str, str | None, Callable[[str], str | None]]]:
    """Name, sentence, what it is read as, and by what: every wording of every claim and linkage."""
    words: dict[str, Any] = {"percent": lambda share: f"{share * 100:g} %", "cooperate": "COOPERATE"}
    words |= {"similarity": 0.6, "match_probability": 0.625}
    names = {"linked_different_model": "linked", "match_probability": "match_probability 62.5", "unknown": "unknown"}
    names |= {f"similarity_{source}": "similarity 60" for source in ("measured", "stated", "random")}
    groups = ((config.wording.claim, recalled_kind), (config.wording.linkage, recalled_link))
    return [
        (key, Template(sentence).render(words), names.get(key, key), read)
        for said, read in groups
        for key, sentences in said.items()
        for sentence in sentences
    ]


def test_every_wording_of_every_treatment_is_recalled_as_what_it_is() -> None:
    from omegaconf import OmegaConf

    from acausal.settings.treatment import WordingConfig

    plain = OmegaConf.to_object(OmegaConf.merge(WordingConfig, OmegaConf.load(conf_dir() / "wording" / "plain.yaml")))
    config = Config()
    config.wording = plain  # type: ignore[assignment]  # what the schema merged into makes of it
    said = _told(config)
    assert len(said) > 120
    for key, sentence, name, read in said:
        assert read(sentence) == name, (key, sentence)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The other participant is a human.", "human"),
        ("It is not a copy of me.", None),
        ("It is a human or an AI.", None),
        ("The same AI model as me, an exact copy.", "identical_copy"),
        ("I like games.", None),
        ("Nothing was said about it.", NOTHING),
        ("An AI that is 60% similar to me.", "similarity 60"),
        ("An AI, 60 % or 80 % similar.", None),
        ("A different AI model.", "different_model"),
    ],
)
def test_a_kind_is_recalled_or_not_read(text: str, kind: str | None) -> None:
    assert recalled_kind(text) == kind


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("A random draw replaced it.", None),
        ("It was drawn: COOPERATE with 95 percent.", "u95"),
        ("They coincide with a probability of 62.5 %.", "match_probability 62.5"),
        ("They coincide, and the other is shown my choice.", None),
        ("It is whatever it is.", None),
        ("None.", NOTHING),
    ],
)
def test_a_link_is_recalled_or_not_read(text: str, link: str | None) -> None:
    assert recalled_link(text) == link


def test_what_a_condition_tells_has_a_name(composed: Callable[..., Config]) -> None:
    steps = composed("condition=match_probability", "condition.match_probability=0.625").condition
    assert (told_kind(steps), told_link(steps)) == (NOTHING, "match_probability 62.5")
    assert told_kind(composed("condition=similarity").condition) == "similarity 60"


def test_where_other_words_tell_of_the_same_nothing_is_asked(composed: Callable[..., Config]) -> None:
    hinted = composed("checks.manipulation=true", "condition=implicit_identity")
    assert [question.name for question in agent_questions(hinted, Prompts(hinted))] == ["told_link"]


def test_the_halves_are_balanced_within_each_model_and_turn(composed: Callable[..., Config]) -> None:
    config, turns = composed(*ALL), Counter[int]()
    for replicate in range(1, 9):
        slots = {agent.id: agent.model for agent in population(config.seats, seed=seat_seed(config.seed, replicate))}
        first = quizzed_before(config, replicate)
        by_slot = Counter(slots[agent] for agent, before in first.items() if before)
        assert sum(first.values()) == 5
        assert set(by_slot.values()) <= {2, 3}
        turns.update(agent for agent, before in first.items() if before)
    assert len(turns) == 10
    for order in ("before", "after"):
        assert set(quizzed_before(composed(*ALL, f"checks.order={order}"), 1).values()) == {order == "before"}


def test_yes_and_no_and_the_numbers_change_places_with_the_options(composed: Callable[..., Config]) -> None:
    config = composed("checks.comprehension=true", "checks.manipulation=true")
    asked = [
        " ".join(question.messages[1].content for question in agent_questions(config, Prompts(config, 1, variant)))
        for variant in variants(config)
    ]
    assert {("YES or NO" in text, "0, 1, 3 or 5." in text) for text in asked} == {
        (a, b) for a in (0, 1) for b in (0, 1)
    }


def test_what_speaks_of_one_other_refuses_public_goods(composed: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match=r"the questions of checks speak of one co-player, but game\.kind is public"):
        composed("checks.canary=true", "game=public_goods")
    composed("game=public_goods")


def test_a_match_of_several_turns_is_refused(composed: Callable[..., Config]) -> None:
    with pytest.raises(
        ConfigError, match=r"speak of matches of one choice, but game\.horizon gives them several turns"
    ):
        composed("checks.beliefs=true", "game.horizon.turns=3")


def test_an_undeclared_disclosure_cannot_be_recalled(composed: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match=r"checks\.manipulation compares .* declares nothing: set condition\.claim"):
        composed("checks.manipulation=true", "condition.disclosure=Hello.")
    composed("checks.manipulation=true", "condition.disclosure=Hello.", "condition.claim=human")


def test_checks_that_ask_nothing_are_no_part_of_a_cell(composed: Callable[..., Config]) -> None:
    off = composed()
    assert not any(key.startswith("checks") for key in identity(off))
    assert checks_per_replicate(off) == 0 == len(questions_to_read(off, 1))
    assert fingerprint(identity(composed("checks.order=after"))) == fingerprint(identity(off))
    assert fingerprint(identity(composed("checks.canary=true"))) != fingerprint(identity(off))


def test_a_canary_is_the_same_for_every_cell(composed: Callable[..., Config]) -> None:
    one, other = composed(*ALL), composed(*ALL, "game=chicken", "condition=human", "labels=invented")
    assert canary(one).messages == canary(other).messages


def record(check: Check = Check.COMPREHENSION, question: str = "payoff_cc", **facts: Any) -> CheckRecord:
    usual: dict[str, Any] = {
        "replicate": 1,
        "round": 1,
        "agent": 1,
        "model": "a",
        "served_by": "a",
        "substituted": False,
        "condition": "c",
        "scenario": "s",
        "paraphrase": 1,
        "check": check,
        "question": question,
        "expected": "3",
        "answer": "3",
        "status": Status.LEGIBLE,
        "correct": True,
        "before_decision": False,
        "call_key": "k",
        "reason": None,
        "cost_usd": 0.5,
    }
    return CheckRecord(**usual | facts)


WRONG: dict[str, Any] = {"correct": False, "answer": "5"}
UNREAD: dict[str, Any] = {"correct": None, "answer": None, "status": Status.ILLEGIBLE}
LOST: dict[str, Any] = {"correct": None, "answer": None, "status": Status.FAILED, "cost_usd": None}


def test_an_illegible_answer_shows_no_comprehension_and_a_lost_one_says_nothing() -> None:
    (score,) = scores([record(), record(**WRONG), record(**UNREAD), record(**LOST)], Check.COMPREHENSION)
    assert (score.share, score.n, score.legible, score.asked) == (1 / 3, 3, 2, 4)
    assert scores([record(**LOST)], Check.COMPREHENSION)[0].share is None
    assert scores([record(substituted=True)], Check.COMPREHENSION)[0].share is None


def test_a_unit_is_a_model_in_a_wording_and_passes_at_95_percent() -> None:
    right = [record(model="a") for _ in range(19)]
    assert failing_units([*right, record(**WRONG)]) == []
    assert failing_units([*right[1:], record(**WRONG)]) == [("a", 1)]
    assert failing_units([*right, record(paraphrase=2, **WRONG)]) == [("a", 2)]
    assert failing_units([record(**LOST)]) == [("a", 1)], "nothing was shown"


def test_who_fails_stays_in_intention_to_treat_and_leaves_per_protocol() -> None:
    decisions = [replace(decision, paraphrase=1) for decision in play("CC", "DD")]
    checks = [record(model="a"), record(model="b", **WRONG)]
    found = checks_summary(decisions, checks, Payoffs())
    assert found["cooperation_rate_intention_to_treat"] == 0.5
    assert found["cooperation_rate_per_protocol"] == 1.0
    assert found["failing_units"] == [{"model": "b", "paraphrase": 1}]
    assert (found["calls"], found["cost_usd"]) == (2, 1.0)
    assert per_protocol(decisions, [record(model=model, **WRONG) for model in "ab"]) is None
    unquizzed = checks_summary(decisions, [record(Check.CANARY, "start/a", expected=None)], Payoffs())
    assert unquizzed["cooperation_rate_per_protocol"] is None


def test_an_unknown_price_of_a_check_is_never_zero() -> None:
    assert checks_summary([], [record(), record(cost_usd=None)], Payoffs())["cost_usd"] is None
    assert checks_summary([], [record(), record(**LOST)], Payoffs())["cost_usd"] == 0.5


def test_a_treatment_is_received_at_95_and_not_below_80_percent() -> None:
    said = [treatment(share) for share in (None, 0.79, 0.8, 0.949, 0.95)]
    assert said == ["no data", "not received", "received in part", "received in part", "received"]


def test_the_edt_score_turns_positive_at_r_star() -> None:
    payoffs = Payoffs()
    assert payoffs.r_star is not None
    assert edt_score(payoffs.r_star, 1 - payoffs.r_star, payoffs) == pytest.approx(0)
    assert edt_score(1.0, 0.0, payoffs) == payoffs.reward - payoffs.punishment
    assert edt_score(0.5, 0.5, payoffs) == -1.5


def believed(agent: int, q1: float | None, q0: float | None, replicate: int = 1) -> list[CheckRecord]:
    return [
        record(Check.BELIEFS, f"belief_{letter}", agent=agent, replicate=replicate, p_cooperate=p, expected=None)
        for letter, p in (("c", q1), ("d", q0))
    ]


def test_beliefs_are_means_over_agents_that_gave_both() -> None:
    (found,) = beliefs([*believed(1, 1.0, 0.0), *believed(2, 0.5, 0.5), *believed(3, 0.9, None)], Payoffs())
    assert (found.n, found.q1, found.q0, found.evidential, found.edt_score) == (2, 0.75, 0.25, 0.5, 0.25)
    assert found.edt_half_width is None, "one replicate gives no interval"
    (both,) = beliefs([*believed(1, 1.0, 0.0), *believed(1, 0.5, 0.5, replicate=2)], Payoffs())
    assert both.edt_half_width is not None
    assert beliefs(believed(1, None, None), Payoffs())[0].edt_score is None


def canaries(answers_: str, replicate: int) -> list[CheckRecord]:
    stages = zip(("start", "middle", "end"), answers_, strict=True)
    return [
        record(Check.CANARY, f"{stage}/a", agent=None, replicate=replicate, expected=None, answer=said)
        for stage, said in stages
        if said != "?"
    ]


def test_a_canary_counts_changes_against_the_start() -> None:
    middle, end = canary_shifts([c for number in range(1, 7) for c in canaries("YYN", number)])
    assert (middle.stage, middle.n, middle.changed, middle.p_value) == ("middle", 6, 0, None)
    assert (end.stage, end.n, end.changed, end.p_value) == ("end", 6, 6, 2 / 64)
    both_ways = [*canaries("YYN", 1), *canaries("NNY", 2), *canaries("Y?N", 3)]
    middle, end = canary_shifts(both_ways)
    assert (middle.n, end.changed, end.p_value) == (2, 3, 1.0)


def test_the_halves_compare_the_first_round_alone() -> None:
    decisions = play("CD", "DD")
    asked = [record(agent=1, before_decision=True), record(agent=2, before_decision=False)]
    found = halves(decisions, asked)
    assert found is not None
    assert (found.difference, found.half_width) == (1.0, None)
    assert halves(decisions, asked[:1]) is None
    recalls = [replace(each, check=Check.MANIPULATION) for each in asked]
    assert halves(decisions, recalls) is None


def test_beliefs_are_asked_of_the_label_named_first(composed: Callable[..., Config]) -> None:
    config = composed("checks.beliefs=true")
    for first in Action:
        variant = Variant("COOPERATE", "DEFECT", first_option=first)
        for question in agent_questions(config, Prompts(config, 1, variant)):
            assert question.messages[1].content.endswith(f"the other participant chooses {variant.labels[first]}.")
