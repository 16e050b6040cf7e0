"""Power: drawn by place or moved by what was measured, and told only where declared."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest
from dsl import play
from hypothesis import given
from hypothesis import strategies as st
from test_play import ScriptedModel, arbitrary, played
from test_public_goods import run

from acausal.analysis.rules import game_facts
from acausal.config import conf_dir
from acausal.design.population import Agent
from acausal.design.power import drawn, evolved
from acausal.design.prompts import Prompts
from acausal.errors import ConfigError
from acausal.game import Action, Payoffs, PowerRule, factor
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.records import Purpose
from acausal.settings.complaint import complaint
from acausal.settings.game_schema import PowerConfig
from acausal.settings.schema import Config

TWO = {1: Agent(1, "a", power=100.0), 2: Agent(2, "b", power=100.0)}
powers = st.floats(50, 150)


def by_round(record: TournamentRecord) -> dict[tuple[int, int], float]:
    return {(decision.round, decision.agent): decision.power for decision in record.decisions}


def test_off_is_recorded_and_without_effect(scripted: Callable[..., Config]) -> None:
    record = played(scripted("game.power.mean=120"), ScriptedModel(arbitrary))
    assert set(by_round(record).values()) == {120.0}
    assert {decision.payoff for decision in record.decisions} == {0.0, 1.0, 3.0, 5.0}


def test_random_power_belongs_to_its_place(scripted: Callable[..., Config]) -> None:
    config = scripted("game.power.mode=random")
    first, again = (by_round(played(config, ScriptedModel(answer))) for answer in (arbitrary, lambda _: "DEFECT"))
    assert first == again, "whatever is answered"
    assert len(set(first.values())) > 20, "anew for each agent and round"
    other = asyncio.run(play_tournament(config, ScriptedModel(arbitrary), 2))
    assert by_round(other) != first


def test_random_power_has_the_declared_mean_and_spread_and_stays_inside() -> None:
    draws = [drawn(PowerConfig(), 0, "power", number) for number in range(2000)]
    assert fmean(draws) == pytest.approx(100, abs=1.5)
    assert stdev(draws) == pytest.approx(19.6, abs=1), "clipped at 2.5 sd"
    assert (min(draws), max(draws)) == (50.0, 150.0)
    assert {drawn(PowerConfig(sd=0), 0, number) for number in range(9)} == {100.0}


def test_evolving_power_moves_with_points_a_match_above_the_mean() -> None:
    moved = evolved(PowerConfig(gain=5), TWO, play("C", "D"), stakes=1)
    assert {number: agent.power for number, agent in moved.items()} == {1: 87.5, 2: 112.5}
    tenfold = [replace(decision, payoff=10 * (decision.payoff or 0)) for decision in play("C", "D")]
    assert evolved(PowerConfig(gain=5), TWO, tenfold, stakes=10) == moved, "in points at stakes 1"
    assert evolved(PowerConfig(gain=500), TWO, play("C", "D"), stakes=1)[2].power == 150.0


def test_a_void_match_moves_no_power() -> None:
    assert evolved(PowerConfig(), TWO, play("C", "x"), stakes=1) == TWO
    third = {**TWO, 3: Agent(3, "a", power=77.0)}
    assert evolved(PowerConfig(), third, play("C", "D"), stakes=1)[3].power == 77.0


def test_evolving_power_starts_as_drawn_and_then_moves(scripted: Callable[..., Config]) -> None:
    model = ScriptedModel(lambda request: "COOPERATE" if request.slot == "a" else "DEFECT")
    record = played(scripted("game.power.mode=evolving", "num_rounds=3"), model)
    drawn_first = by_round(played(scripted("game.power.mode=random", "num_rounds=1"), model))
    found = by_round(record)
    assert {place: power for place, power in found.items() if place[0] == 1} == drawn_first
    for round_ in (1, 2):
        points: dict[int, list[float]] = {}
        for decision in record.decisions:
            if decision.round == round_:
                points.setdefault(decision.agent, []).append(decision.payoff or 0.0)
        mean = fmean(fmean(own) for own in points.values())
        for agent, own in points.items():
            expected = min(max(found[round_, agent] + 5 * (fmean(own) - mean), 50), 150)
            assert found[round_ + 1, agent] == pytest.approx(expected, abs=0.051)


@pytest.mark.parametrize("rule", list(PowerRule))
def test_points_are_multiplied_by_the_factor_of_the_rule(scripted: Callable[..., Config], rule: PowerRule) -> None:
    config = scripted("game.power.mode=random", f"game.power.rule={rule.value}", "num_rounds=1")
    for match in played(config, ScriptedModel(arbitrary)).matches:
        for own, other in (match.decisions, match.decisions[::-1]):
            assert own.action is not None
            assert other.action is not None
            base = config.payoffs.payoff(own.action, other.action)
            assert own.payoff == base * factor(rule, own.power, other.power)


@given(own=powers, other=powers)
def test_only_the_logarithm_can_turn_a_dilemma_round(own: float, other: float) -> None:
    assert factor(PowerRule.constant, own, other) > 0
    assert factor(PowerRule.relative, own, other) > 0
    assert (factor(PowerRule.log, own, other) > 0) == (own > 100)
    turned = Payoffs().payoff(Action.DEFECT, Action.DEFECT) * math.log(own / 100)
    assert (turned < 0) == (own < 100)


def test_the_warning_counts_the_matches_that_were_no_dilemma(composed: Callable[..., Config]) -> None:
    log = composed("game.power.mode=random", "game.power.rule=log")
    powers = {1: 120.0, 2: 110.0}
    fine = [replace(decision, power=powers[decision.agent]) for decision in play("CDC", "DDC")]
    weak = [replace(decision, power=powers[decision.agent] - 10) for decision in play("CD", "xD", replicate=2)]
    facts = game_facts(log, fine + weak)
    assert (facts["power"]["matches"], facts["power"]["matches_of_another_game"]) == (5, 2)
    assert "under this rule 2 of 5 matches were no prisoner's dilemma" in facts["warning"]
    relative = game_facts(composed("game.power.mode=random", "game.power.rule=relative"), weak)
    assert "favours the weaker; under this rule 0 of 2 matches" in relative["warning"]
    for quiet in (["game.power.mode=random"], []):
        assert game_facts(composed(*quiet), weak)["warning"] is None


def test_power_is_told_only_where_declared(scripted: Callable[..., Config]) -> None:
    silent, open_ = ScriptedModel(arbitrary), ScriptedModel(arbitrary)
    played(scripted("game.power.mode=random", "num_rounds=1"), silent)
    record = played(scripted("game.power.mode=random", "game.power.told=true", "num_rounds=1"), open_)
    assert not any("power" in message.content for request in silent.asked for message in request.messages)
    power = by_round(record)
    for request in open_.asked:
        own = power[1, request.place.agent]
        assert request.messages[1].content.startswith(
            f"Your power in this round is {own:g}: your points are multiplied by {own / 100:g}.\n"
        )
    assert {request.place.purpose for request in open_.asked} == {Purpose.STRATEGY, Purpose.DECISION}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("constant", "your points are multiplied by 1.125."),
        ("log", "your points are multiplied by the natural logarithm of 1.125."),
        ("relative", "your points are multiplied by the other participant's power, divided by yours."),
    ],
)
def test_the_sentence_says_what_the_rule_does(composed: Callable[..., Config], rule: str, words: str) -> None:
    config = composed("game.power.mode=random", "game.power.told=true", f"game.power.rule={rule}")
    assert words in Prompts(config).strategy(power=112.5)[1].content


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["game.power.low=0"], "game.power needs 0 < low <= mean <= high, but low, mean, high are 0, 100, 150: e.g."),
        (["game.power.mean=200"], "needs 0 < low <= mean <= high"),
        (["game.power.sd=-1"], "game.power.sd must not be negative, but is -1: e.g. 20"),
        (["game.power.gain=-1"], "game.power.gain must not be negative, but is -1: e.g. 5"),
        (["game.power.rule=log"], "game.power.rule is log, but game.power.mode is off: set game.power.mode=random"),
        (["game.power.told=true"], "game.power.told is true, but game.power.mode is off"),
        (
            ["game=public_goods", "game.power.mode=random", "game.power.rule=relative"],
            "compares the two players of a match, but public_goods has no pairs: set game.power.rule=constant",
        ),
    ],
)
def test_impossible_power_is_refused(composed: Callable[..., Config], overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        composed(*overrides)


def test_power_as_one_number_names_the_key_that_holds_it_now() -> None:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"), pytest.raises(HydraException) as error:
        compose("config", ["game.power=100"])
    assert "game.power has keys of its own, so it cannot be 100: set game.power.mean instead" in complaint(error.value)


def test_a_run_under_a_historical_rule_warns_in_its_output_and_its_report(
    scripted: Callable[..., Config], tmp_path: Path
) -> None:
    quick = ("num_rounds=1", "protocol=direct", "tracking.enabled=false", "game.power.mode=random")
    _, said = run(scripted(*quick, "game.power.rule=log"), tmp_path / "log")
    (line,) = [line for line in said.splitlines() if line.startswith("warning  game.power.rule=log")]
    assert "of 45 matches were no prisoner's dilemma" in line
    assert line.removeprefix("warning  ") in (tmp_path / "log" / "report.md").read_text()
    _, said = run(scripted(*quick), tmp_path / "constant")
    assert "warning" not in said
