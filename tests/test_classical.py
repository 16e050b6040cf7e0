"""Rules in seats: they play as the field's own library says, from their match alone, and nobody is asked for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from axelrod_tables import DETERMINISTIC, FILE, TURNS
from dsl import actions, letters, seated
from hypothesis import given
from hypothesis import strategies as st
from program import QUICK, run

from acausal.errors import ConfigError
from acausal.game import Action, Payoffs
from acausal.models.classical import STRATEGIES, Classical, Moment, generosity, generous_tit_for_tat
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.records import Reply, Request
from acausal.settings.schema import Config

C, D = Action.COOPERATE, Action.DEFECT
ORACLE: dict[str, Any] = json.loads(FILE.read_text())
histories = st.lists(st.tuples(st.sampled_from([C, D]), st.sampled_from([C, D])), max_size=30)


class Nobody:
    """A model that must not be asked."""

    async def complete(self, request: Request) -> Reply:
        raise AssertionError(f"asked for {request.place.in_words}")


def played(config: Config, replicate: int = 1) -> TournamentRecord:
    return asyncio.run(play_tournament(config, Nobody(), replicate))


def against(name: str, history: str, seed: int = 0) -> str:
    """What a rule does, turn by turn, against a co-player that takes no notice."""
    player = Classical(STRATEGIES[name], Payoffs()).sit_down(seed)
    turns: list[tuple[Action, Action]] = []
    for other in actions(history):
        turns.append((player(turns), other))
    return "".join(own.value[0] for own, _ in turns)


@pytest.fixture(scope="module")
def _oracle_is_the_pinned_one() -> None:
    assert (ORACLE["version"], ORACLE["turns"]) == ("4.13.1", TURNS)


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.usefixtures("_oracle_is_the_pinned_one")
def test_a_rule_answers_every_fixed_history_as_the_library_does(name: str) -> None:
    replies = {key.split()[1]: reply for key, reply in ORACLE["replies"].items() if key.split()[0] == name}
    assert len(replies) == 6
    assert {history: against(name, history) for history in replies} == replies


def test_a_cell_of_rules_is_the_librarys_own_tournament_turn_by_turn(composed: Callable[..., Config]) -> None:
    config = composed(*seated(**dict.fromkeys(DETERMINISTIC, 1)), f"game.horizon.turns={TURNS}", "num_rounds=1")
    record = played(config)
    assert (len(record.matches), len(record.decisions)) == (28, 28 * TURNS * 2)
    scores = dict.fromkeys(DETERMINISTIC, 0.0)
    seen = set()
    for match in record.matches:
        sides = {d.agent: d.model.removeprefix("classical/") for d in match.decisions}
        first, second = sorted(sides, key=lambda agent: list(DETERMINISTIC).index(sides[agent]))
        pair = f"{sides[first]} {sides[second]}"
        assert [letters(match, first), letters(match, second)] == ORACLE["matches"][pair], pair
        seen.add(pair)
        for decision in match.decisions:
            assert decision.payoff is not None
            scores[sides[decision.agent]] += decision.payoff
    assert seen == {f"{first} {second}" for first, second in combinations(DETERMINISTIC, 2)}
    assert scores == ORACLE["scores"]


def test_two_of_a_rule_play_each_other_as_in_the_library(composed: Callable[..., Config]) -> None:
    for name in DETERMINISTIC:
        config = composed(*seated(**{name: 2}), f"game.horizon.turns={TURNS}", "num_rounds=1")
        (match,) = played(config).matches
        assert [letters(match, 1), letters(match, 2)] == ORACLE["matches"][f"{name} {name}"]


def test_generosity_is_the_librarys_and_follows_the_payoffs() -> None:
    assert generosity(Payoffs()) == pytest.approx(ORACLE["generosity"])
    assert generosity(Payoffs(4, 3, 1, 0)) == pytest.approx(2 / 3)
    assert generosity(Payoffs(9, 4, 3, 1)) == 0.0, "never a negative chance"
    assert generosity(Payoffs(3.5, 3, 2.9, 0)) == pytest.approx(0.1 / 0.6)


def test_generous_tit_for_tat_is_tit_for_tat_but_for_a_third_of_defections() -> None:
    assert against("generous_tit_for_tat", "C" * 24) == "C" * 24
    forgiven = sum(against("generous_tit_for_tat", "DC", seed)[1] == "C" for seed in range(3000))
    assert forgiven / 3000 == pytest.approx(1 / 3, abs=0.03)


def test_random_is_fair_and_drawn_anew_in_each_turn() -> None:
    drawn = "".join(against("random", "C" * 24, seed) for seed in range(100))
    assert drawn.count("C") / len(drawn) == pytest.approx(ORACLE["random"], abs=0.04)
    repeats = sum(here == there for here, there in pairwise(drawn)) / len(drawn)
    assert repeats == pytest.approx(0.5, abs=0.04)


@given(histories, st.integers(0, 2**31 - 1))
def test_forgiveness_only_ever_adds_cooperation(turns: Sequence[tuple[Action, Action]], seed: int) -> None:
    strict = STRATEGIES["tit_for_tat"](Moment(turns, Random(seed), Payoffs()))
    generous = generous_tit_for_tat(Moment(turns, Random(seed), Payoffs()))
    assert generous is C or strict is D


@pytest.mark.parametrize("name", STRATEGIES)
@given(turns=histories, seed=st.integers(0, 2**31 - 1))
def test_a_rule_depends_on_its_match_and_seed_alone(name: str, turns: list[tuple[Action, Action]], seed: int) -> None:
    rule = Classical(STRATEGIES[name], Payoffs())
    assert rule.sit_down(seed)(turns) is rule.sit_down(seed)(list(turns))


def test_chance_belongs_to_the_place(composed: Callable[..., Config]) -> None:
    config = composed(*seated(random=4), "game.horizon.turns=6", "num_rounds=2")
    first, again = played(config), played(config)
    assert first == again
    sequences = [letters(match, agent) for match in first.matches for agent in {d.agent for d in match.decisions}]
    assert len(set(sequences)) > 15, "of 24; they would all be one if the place were not in the seed"
    assert played(config, replicate=2).decisions != first.decisions


def test_a_rule_writes_no_strategy_is_not_asked_and_has_no_call(composed: Callable[..., Config]) -> None:
    record = played(composed(*seated(tit_for_tat=2, grim=2), "num_rounds=1", "protocol=delegated"))
    assert record.strategies == []
    for decision in record.decisions:
        assert (decision.call_key, decision.substituted, decision.reason) == (None, False, None)
        assert decision.served_by == decision.model == decision.agent_model
        assert decision.counts


def test_a_rule_decides_for_itself_where_others_have_a_sub_model(composed: Callable[..., Config]) -> None:
    record = played(composed(*seated(grim=2), "num_rounds=1", "sub_model=c"))
    assert {decision.model for decision in record.decisions} == {"classical/grim"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["models.grim.model_type=classical/grimm"], "'classical/grimm'; there are classical/cooperator, .*mean grim?"),
        (["models.grim.model_type=tit_for_tat"], "names no classical strategy: 'tit_for_tat'"),
        (["++models.grim.custom_params.p=1"], "custom_params is {'p': 1}, but classical/grim has no parameter"),
        (["sub_model=grim"], "sub_model 'grim' is the rule 'classical/grim', which reads no strategy"),
    ],
)
def test_what_no_rule_can_do_is_refused_in_one_line(
    composed: Callable[..., Config], overrides: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")) as caught:
        played(composed(*seated(grim=2), "num_rounds=1", *overrides))
    assert "\n" not in str(caught.value)


def test_a_sweep_with_a_rule_that_does_not_exist_is_refused_before_its_first_cell(tmp_path: Path) -> None:
    kinds = "models.a.model_type=classical/grim,classical/grimm"
    arguments = ["-m", "scenario=homogeneous", "model@models.a=grim", kinds, *QUICK, "hydra.sweep.dir=s"]
    code, _, err = run(arguments, tmp_path)
    assert code == 1
    assert "did you mean grim?" in err
    assert not list(tmp_path.rglob("calls.jsonl"))


def test_a_rule_is_nobodys_substitute(composed: Callable[..., Config]) -> None:
    fallback = ["fallback.policy=substitute", "fallback.model=grim"]
    with pytest.raises(ConfigError, match="models.scripted falls back on 'grim', the rule 'classical/grim'"):
        composed(*seated(grim=2, scripted=2), *fallback)
    rules_only = composed(*seated(grim=2), "fallback.policy=substitute", "fallback.model=a")
    assert rules_only.used_slots == ["grim"], "a rule never fails, so nobody stands in for it"
    assert rules_only.asked_slots == []
