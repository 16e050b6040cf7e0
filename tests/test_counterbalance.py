"""Words and orders are balanced inside each replicate, recorded, and mapped back by the parser."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

import pytest
from dsl import play
from hypothesis import given
from hypothesis import strategies as st
from test_play import ScriptedModel, played
from test_prompts import GOLDEN, HISTORY, as_text

from acausal.analysis.position import answers_summary, position_effects
from acausal.config import conf_dir, defines_the_cell, identity
from acausal.design.counterbalance import Variant, assigned_variants, variants
from acausal.design.parsing import read_decision
from acausal.design.population import population, seat_seed
from acausal.design.prompts import Prompts, anonymous_id
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.models.body import chat_body
from acausal.play.tournament import play_tournament
from acausal.records import Decision, Purpose, Reply, Request
from acausal.settings.elicitation import CounterbalanceConfig, LabelsConfig
from acausal.settings.game_schema import GameConfig
from acausal.settings.schema import AnswerFormat, Config, ScenarioConfig
from acausal.settings.treatment import ConditionConfig

C, D = Action.COOPERATE, Action.DEFECT
PAIRS = [["A", "B"], ["X", "Y"], ["Option 1", "Option 2"], ["zarn", "plok"], ["fenu", "moki"]]
LABEL_FILES = sorted(path.stem for path in (conf_dir() / "labels").glob("*.yaml"))


def design(
    seats: dict[str, int], pairs: int = 0, seed: int = 0, balance: tuple[bool, bool, bool] = (True, True, True)
) -> Config:
    return Config(
        seed=seed,
        num_agents=sum(seats.values()),
        scenario=ScenarioConfig("s", seats),
        condition=ConditionConfig("c"),
        game=GameConfig("g", labels=LabelsConfig(pairs=PAIRS[:pairs])),
        counterbalance=CounterbalanceConfig(*balance),
    )


def spread(values: Iterable[Hashable], among: int) -> int:
    """Most minus fewest, over so many values that might have come up."""
    counts = Counter(values)
    return max(counts.values()) - (min(counts.values()) if len(counts) == among else 0)


designs = st.builds(
    design,
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 12), min_size=1),
    st.integers(0, 5),
    st.integers(0, 2**31),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)


@given(config=designs, replicate=st.integers(1, 200))
def test_every_variant_is_held_equally_often_in_each_replicate_give_or_take_one(config: Config, replicate: int) -> None:
    assigned, known = assigned_variants(config, replicate), variants(config)
    assert set(assigned) == set(range(1, config.num_agents + 1))
    assert set(assigned.values()) <= set(known)
    assert spread(assigned.values(), len(known)) <= 1
    seated = population(config.seats, seed=seat_seed(config.seed, replicate))
    for slot in config.seats:
        assert spread([assigned[agent.id] for agent in seated if agent.model == slot], len(known)) <= 1


@given(config=designs, replicate=st.integers(1, 200))
def test_each_order_is_held_by_half_of_the_agents(config: Config, replicate: int) -> None:
    held = list(assigned_variants(config, replicate).values())
    balance = config.counterbalance
    columns: list[tuple[bool, list[Hashable]]] = [
        (balance.options, [variant.first_option for variant in held]),
        (balance.payoff_rows, [variant.payoff_order for variant in held]),
        (balance.labels and bool(config.game.labels.pairs), [[v.cooperate, v.defect] in PAIRS for v in held]),
    ]
    for on, values in columns:
        assert (spread(values, 2) == len(held) % 2) if on else len(set(values)) == 1


@given(config=designs, block=st.integers(0, 3))
def test_over_as_many_replicates_as_variants_every_seat_of_the_deal_has_each_once(config: Config, block: int) -> None:
    """So nothing is left over between models either: each variant is held exactly `seats` times by each."""
    known, held = variants(config), Counter[tuple[str, Variant]]()
    for replicate in range(block * len(known) + 1, (block + 1) * len(known) + 1):
        assigned = assigned_variants(config, replicate)
        for agent in population(config.seats, seed=seat_seed(config.seed, replicate)):
            held[agent.model, assigned[agent.id]] += 1
    assert held == {(slot, variant): seats for slot, seats in config.seats.items() for variant in known}


def test_pairs_go_both_ways_and_the_default_words_do_not() -> None:
    assert {variant.label for variant in variants(design({"a": 4}))} == {"COOPERATE/DEFECT"}
    labels = Counter(variant.label for variant in variants(design({"a": 4}, pairs=2)))
    assert labels == {"A/B": 4, "B/A": 4, "X/Y": 4, "Y/X": 4}
    fixed = variants(design({"a": 4}, pairs=2, balance=(True, True, False)))
    assert {variant.label for variant in fixed} == {"A/B", "X/Y"}
    assert variants(design({"a": 4}, balance=(False,) * 3)) == [Variant("COOPERATE", "DEFECT")]


def test_the_deal_depends_on_the_seed_and_the_replicate_alone() -> None:
    deals = [tuple(assigned_variants(design({"a": 10}, seed=seed), 1).values()) for seed in range(20)]
    assert len(set(deals)) > 15
    assert assigned_variants(design({"a": 5, "b": 5}), 3) == assigned_variants(design({"b": 5, "a": 5}), 3)


@pytest.mark.parametrize("labels", LABEL_FILES)
def test_what_each_variant_renders_is_read_back(composed: Callable[..., Config], labels: str) -> None:
    config = composed(f"labels={labels}")
    for variant in variants(config):
        for action, label in variant.labels.items():
            for text in (label, f"**{label}**", f'{{"action": "{label}"}}', f"I choose {label}."):
                reply = Reply("k", "m", "m", False, text, finish_reason="stop")
                assert read_decision(reply, variant.labels).action is action, (variant, text)


@pytest.mark.parametrize("text", ["A good question.", "I pick a random one", "A is tempting, and so is B.", "not A."])
def test_a_label_of_one_letter_is_no_article(text: str) -> None:
    reading = read_decision(Reply("k", "m", "m", False, text, finish_reason="stop"), {C: "A", D: "B"})
    assert reading.action is None


def test_a_mirrored_prompt_is_the_golden_one(composed: Callable[..., Config]) -> None:
    prompts = Prompts(composed()).of(Variant("B", "A", D, D))
    shown = [prompts.strategy(), prompts.decision(strategy="S.", history=HISTORY, coplayer=anonymous_id(3))]
    assert "\n".join(as_text(messages) for messages in shown) == (GOLDEN / "mirrored_delegated.txt").read_text()


def test_a_mirrored_request_for_a_program_is_the_golden_one(composed: Callable[..., Config]) -> None:
    prompts = Prompts(composed("protocol=compiled")).of(Variant("B", "A", D, D))
    assert as_text(prompts.strategy()) == (GOLDEN / "mirrored_compiled.txt").read_text()


def test_variants_share_their_words_and_are_rendered_once(composed: Callable[..., Config]) -> None:
    prompts = Prompts(composed())
    mirrored = Variant("COOPERATE", "DEFECT", D, D)
    assert prompts.of(mirrored) is prompts.of(mirrored) is not prompts
    plain, other = as_text(prompts.strategy()), as_text(prompts.of(mirrored).strategy())
    assert plain != other
    assert Counter(re.findall(r"\w+", plain)) == Counter(re.findall(r"\w+", other))


def test_answer_formats_follow_the_order_of_the_options(composed: Callable[..., Config]) -> None:
    model = composed().models["a"]
    request = Request(None, "a", (), ("DEFECT", "COOPERATE"), 0)  # type: ignore[arg-type]  # a body has no place
    assert chat_body(model, request)["grammar"] == 'root ::= "DEFECT" | "COOPERATE"'
    body = chat_body(replace(model, answer_format=AnswerFormat.json_schema), request)
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["action"]["enum"] == ["DEFECT", "COOPERATE"]


def test_an_agent_keeps_its_variant_and_every_decision_records_it(scripted: Callable[..., Config]) -> None:
    config = scripted("num_rounds=2", "labels=balanced")
    model = ScriptedModel(lambda request: request.choices[0] if request.choices else "S.")
    record = played(config, model)
    assigned = assigned_variants(config, 1)
    for decision in record.decisions:
        variant = assigned[decision.agent]
        assert (decision.label, decision.first_option, decision.payoff_order) == (
            variant.label,
            variant.first_option,
            variant.payoff_order,
        )
        assert decision.action is variant.first_option
    for request in model.asked:
        variant = assigned[request.place.agent]
        first, second = variant.labels.values()
        assert f"choose {first} or {second}" in request.messages[0].content
        if request.place.purpose is Purpose.DECISION:
            assert request.choices == (first, second)


def test_the_first_options_chooser_cooperates_half_the_time_and_is_named(scripted: Callable[..., Config]) -> None:
    model = ScriptedModel(lambda request: request.choices[0] if request.choices else "S.")
    config = scripted("num_rounds=1", "scenario=homogeneous")
    decisions = [d for n in (1, 2) for d in asyncio.run(play_tournament(config, model, n)).decisions]
    assert sum(d.action is C for d in decisions) == len(decisions) / 2
    (effects,) = position_effects(decisions)
    assert (effects.first_option_share, effects.payoff_order_effect, effects.flags) == (1.0, 0.0, ("first option",))
    assert answers_summary(decisions)["position_by_model"]["scripted/always_c"]["first_option_share"] == 1.0


def shown(decisions: list[Decision], **covariates: object) -> list[Decision]:
    return [replace(decision, **covariates) for decision in decisions]  # type: ignore[arg-type]


def test_a_label_that_draws_is_flagged_with_its_pair_and_ten_points_exactly_are_not() -> None:
    one, other = (play("C" * n + "D" * (10 - n), "D" * 10, models=("m", "z")) for n in (6, 5))
    decisions = shown(one, label="X/Y") + shown(other, label="Y/X")
    effects = position_effects(decisions)[0]
    assert effects.label_effect == pytest.approx(0.1)
    assert (effects.label, effects.flags) == ("X/Y", ())
    worse = shown(play("C" * 7 + "DDD", "D" * 10, models=("m", "z")), label="X/Y") + shown(other, label="Y/X")
    assert position_effects(worse)[0].flags == ("label",)


def test_what_was_not_varied_is_not_judged() -> None:
    (effects, _) = position_effects(shown(play("CCCC", "DDDD"), label="X/Y", first_option=C, payoff_order=C))
    assert (effects.first_option_share, effects.payoff_order_effect, effects.label_effect, effects.flags) == (
        (None,) * 3 + ((),)
    )


def test_counterbalancing_is_part_of_what_a_cell_is(composed: Callable[..., Config]) -> None:
    assert identity(composed("counterbalance.options=false")) != identity(composed())
    assert not defines_the_cell("counterbalance.options")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("game.labels.pairs=[[A,B],[X]]", r"^each of game.labels.pairs must be two words, but one is \['X'\]"),
        ("game.labels.pairs=[[A,a]]", "^game.labels must be two different words, but both are 'A'"),
        ("game.labels.pairs=[[A,' ']]", "^game.labels must not be empty"),
    ],
)
def test_a_pair_that_is_none_is_refused(composed: Callable[..., Config], override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        composed(override)


def test_shipped_pairs_are_text(composed: Callable[..., Config]) -> None:
    for name in LABEL_FILES:
        assert all(isinstance(word, str) for pair in composed(f"labels={name}").game.labels.pairs for word in pair)


def test_the_conditions_own_pair_wins_and_is_not_swapped(composed: Callable[..., Config]) -> None:
    own = ("condition.labels.cooperate=J", "condition.labels.defect=F")
    config = composed("labels=balanced", *own)
    assert config.label_pairs == [("J", "F")]
    assert {(each.cooperate, each.defect) for each in variants(config)} == {("J", "F")}
    with pytest.raises(ConfigError, match="^condition.labels must be two different words, but both are 'J'"):
        composed(own[0], "condition.labels.defect=j")
