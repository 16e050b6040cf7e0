"""Several turns and classical rules in every corner of the design: matchings, elicitation, claims, evolution, kills."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from axelrod_tables import DETERMINISTIC, TURNS
from dsl import letters, seated
from invariants import ledger_of, tables_of
from small_cell import KEY, at, changed, play
from small_cell import composed as simulated
from test_classical import ORACLE
from test_kill import LATENCY_S, PROCESSES, born, killed
from test_turns import QUIET, Model, arbitrary, played, run, settled_of, slots_of

from acausal.design.horizon import decisions_by_slot, match_turns, turns_by_match
from acausal.design.lint import lint
from acausal.design.matching import round_fixtures
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.models.scripted import PERSONAS, Question
from acausal.models.simulator import SimulatorSettings, running
from acausal.pricing.estimate import estimate
from acausal.pricing.settled import steps_left
from acausal.pricing.workload import workload
from acausal.records import Purpose, Request, Status
from acausal.report.tables import read_decisions
from acausal.running.status import ExitCode
from acausal.settings.disclosure import claim_is_true
from acausal.settings.schema import Config

NINE = ["num_agents=9", "scenario.model_distribution={a: 5, b: 4}", "num_rounds=2"]
MATCHINGS = pytest.mark.parametrize(
    "matching",
    [
        ["random_pairs", "matching.matches=3"],
        ["ring", "matching.matches=2"],
        ["lattice"],
        ["strangers", "matching.matches=2"],
        ["self_play"],
    ],
    ids=lambda matching: matching[0],
)
C = Action.COOPERATE
KNOWN, DRAWN = "game.horizon.turns=3", "game.horizon.continuation=0.6"


def calls(config: Config) -> Counter[tuple[str, Purpose]]:
    return Counter({kind: load.calls for kind, load in workload(config).items()})


def asked(models: Iterable[Model]) -> Counter[tuple[str, Purpose]]:
    return Counter((request.slot, request.place.purpose) for model in models for request in model.asked)


@MATCHINGS
@pytest.mark.parametrize("horizon", [[KNOWN], [DRAWN]], ids=" ".join)
def test_every_matching_plays_the_turns_of_its_matches_and_they_are_counted_exactly(
    scripted: Callable[..., Config], matching: list[str], horizon: list[str]
) -> None:
    config = scripted(*NINE, f"matching={matching[0]}", *matching[1:], *horizon, "replicates=2")
    models = [Model(arbitrary), Model(arbitrary)]
    records = [played(config, model, replicate) for replicate, model in enumerate(models, start=1)]
    for record in records:
        slots = slots_of(config, record.replicate)
        for round_ in (1, 2):
            fixtures = round_fixtures(config, slots, record.replicate, round_)
            lengths = [match_turns(config, record.replicate, round_, fixture.agents) for fixture in fixtures]
            assert [len(match.turns) for match in record.matches if match.round == round_] == lengths
    assert calls(config) == asked(models)
    assert sum(decisions_by_slot(config).values()) == sum(len(record.decisions) for record in records)
    replies = [call for model in models for call in model.replies]
    assert settled_of(config, replies) == sum(calls(config).values())
    assert steps_left(config, replies) == 0


def test_a_continuation_of_nine_tenths_gives_ten_turns_on_average(scripted: Callable[..., Config]) -> None:
    config = scripted("game.horizon.continuation=0.9", "replicates=40")
    slots, rounds = slots_of(config), [(replicate, round_) for replicate in range(1, 41) for round_ in (1, 2, 3)]
    lengths = [turns for place in rounds for _, turns in turns_by_match(config, slots, *place)]
    assert len(lengths) == 40 * 3 * 45
    assert sum(lengths) / len(lengths) == pytest.approx(10, abs=0.5)
    assert lengths == [turns for place in rounds for _, turns in turns_by_match(config, slots, *place)]


def test_labels_and_orders_hold_in_every_turn_and_in_the_history_shown(scripted: Callable[..., Config]) -> None:
    model = Model(lambda request: request.choices[0] if request.choices else "S.")  # the first option, whatever it is
    record = played(scripted(*NINE, KNOWN, "labels=neutral"), model)
    decided = {(d.round, d.agent, d.coplayer, d.turn): d for d in record.decisions}
    variants = {(d.label, d.first_option, d.payoff_order) for d in record.decisions}
    assert len(variants) > 4
    words = {d.agent: dict(zip(Action, (d.label or "").split("/"), strict=True)) for d in record.decisions}
    for request in model.decisions():
        place = request.place
        rows = [line for line in request.messages[0].content.splitlines() if line.startswith("- You ")]
        now = decided[place.round, place.agent, place.coplayer, place.turn]
        assert now.first_option is not None
        assert now.payoff_order is not None
        own = words[place.agent]
        assert request.choices[0] == own[now.first_option]
        assert rows[0].startswith(f"- You {own[now.payoff_order]}, the other {own[now.payoff_order]}:")
        seen = [line for line in request.messages[1].content.splitlines() if line.startswith("- Turn ")]
        expected = []
        for turn in range(1, place.turn):
            mine = decided[place.round, place.agent, place.coplayer, turn].action
            theirs = decided[place.round, place.coplayer or 0, place.agent, turn].action
            assert mine is not None
            assert theirs is not None
            expected.append(f"- Turn {turn}: you {own[mine]}, the other {own[theirs]}.")
        assert seen == expected


def mumbles_once(request: Request) -> str:
    place = request.place
    return "Hmm." if (place.agent, place.turn, place.ask) == (2, 2, 1) else arbitrary(request)


def mumbles_in_the_second_turn(request: Request) -> str:
    return "Hmm." if (request.place.agent, request.place.turn) == (2, 2) else arbitrary(request)


def test_a_reask_that_is_legible_lets_the_match_go_on(scripted: Callable[..., Config]) -> None:
    config = scripted(*NINE, KNOWN, "max_reasks=1", "num_rounds=1")
    model = Model(mumbles_once)
    record = played(config, model)
    assert {len(match.turns) for match in record.matches} == {3}
    assert {d.reasks for d in record.decisions if (d.agent, d.turn) == (2, 2)} == {1}
    assert {d.reasks for d in record.decisions if (d.agent, d.turn) != (2, 2)} == {0}
    assert settled_of(config, model.replies) == sum(calls(config).values())
    first_ask = [call for call in model.replies if not (call.place.agent == 2 and call.place.ask > 1)]
    assert steps_left(config, first_ask) == 0, "an illegible reply that is asked again ends nothing"


def test_samples_and_turns_have_places_and_seeds_of_their_own(scripted: Callable[..., Config]) -> None:
    config = scripted(*NINE, KNOWN, "samples=2", "max_reasks=1", "num_rounds=1")
    model = Model(mumbles_in_the_second_turn)
    record = played(config, model)
    assert len({request.place for request in model.asked}) == len(model.asked)
    assert len({request.seed for request in model.asked}) == len(model.asked)
    assert {len(m.turns) for m in record.matches if m.is_void} == {2}
    assert {d.status for d in record.decisions if (d.agent, d.turn) == (2, 2)} == {Status.ILLEGIBLE}
    assert settled_of(config, model.replies) == sum(calls(config).values())
    assert steps_left(config, model.replies) == 0


def test_probabilities_are_elicited_turn_by_turn(scripted: Callable[..., Config]) -> None:
    def percentage(request: Request) -> str:
        if request.place.purpose is Purpose.STRATEGY:
            return "S."
        return "perhaps" if (request.place.agent, request.place.turn) == (2, 2) else str(10 * request.place.turn)

    config = scripted(*NINE, KNOWN, "elicit=probability", "num_rounds=1", "max_reasks=0")
    model = Model(percentage)
    record = played(config, model)
    last = [d for d in record.decisions if d.turn == 3]
    assert len(last) == 2 * (36 - 8)
    assert [d.p_cooperate for d in last] == pytest.approx([0.3 if d.first_option is C else 0.7 for d in last])
    assert {len(m.turns) for m in record.matches} == {2, 3}
    assert settled_of(config, model.replies) == sum(calls(config).values())
    assert steps_left(config, model.replies) == 0


def test_compiled_tit_for_tat_is_the_classical_one_in_the_librarys_own_tournament(
    composed: Callable[..., Config],
) -> None:
    names = [name for name in DETERMINISTIC if name != "tit_for_tat"]
    agents = seated(**dict.fromkeys(names, 1), scripted=1)
    overrides = ["protocol=compiled", f"game.horizon.turns={TURNS}", "num_rounds=1", "labels=neutral"]
    config = composed(*agents, *overrides)
    model = Model(lambda request: personas_program(request, "tit_for_tat"))
    record = played(config, model)
    assert [request.place.purpose for request in model.asked] == [Purpose.STRATEGY]
    scores = dict.fromkeys(DETERMINISTIC, 0.0)
    for match in record.matches:
        sides = {d.agent: d.agent_model.removeprefix("classical/") for d in match.decisions}
        kinds = {agent: kind if kind in DETERMINISTIC else "tit_for_tat" for agent, kind in sides.items()}
        first, second = sorted(kinds, key=lambda agent: list(DETERMINISTIC).index(kinds[agent]))
        assert [letters(match, first), letters(match, second)] == ORACLE["matches"][f"{kinds[first]} {kinds[second]}"]
        for decision in match.decisions:
            scores[kinds[decision.agent]] += decision.payoff or 0
    assert scores == ORACLE["scores"]
    assert calls(config) == asked([model])
    assert (settled_of(config, model.replies), steps_left(config, model.replies)) == (1, 0)


@pytest.mark.parametrize("shows", ["true", "false"])
def test_a_program_tosses_anew_in_each_turn_and_never_knows_another_match(
    scripted: Callable[..., Config], shows: str
) -> None:
    text = '{"first": 0.5, "after": {"AA": 0.5, "AB": 0.5, "BA": 0.5, "BB": 0.5}}'
    overrides = ["protocol=compiled", "game.labels.pairs=[[A, B]]", f"condition.shows.own_matches={shows}"]
    record = played(scripted(*NINE, *overrides, "game.horizon.turns=8"), Model(lambda _: text))
    sequences = [letters(match, agent) for match in record.matches for agent in {d.agent for d in match.decisions}]
    assert len(set(sequences)) > 90, "of 144; they would be fewer if turns or matches shared their chance"
    grim = '{"first": "A", "after": {"AA": "A", "AB": "B", "BA": "B", "BB": "B"}}'
    fixed = played(scripted(*NINE, *overrides, "counterbalance.labels=false", KNOWN), Model(lambda _: grim))
    assert {letters(match, agent) for match in fixed.matches for agent in {d.agent for d in match.decisions}} == {"CCC"}


def personas_program(request: Request, name: str) -> str:
    """What a persona writes as a program when it is asked as the request asks."""
    return PERSONAS[name](Question(request.messages, 0))


def test_public_goods_are_played_once_a_round_and_rules_contribute(composed: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match="game.horizon.turns is 3, but public_goods is played once a round"):
        composed("game=public_goods", KNOWN)
    with pytest.raises(ConfigError, match="game.horizon.continuation is 0.6, but public_goods"):
        composed("game=public_goods", DRAWN)
    model = Model()
    config = composed("game=public_goods", *seated(defector=2, scripted=4), "num_rounds=2")
    record = played(config, model)
    assert {d.action for d in record.decisions if d.call_key is None} == {Action.DEFECT}
    assert {d.payoff for d in record.decisions if d.call_key is None} == {10 + 10 * 3 * 4 / 6}
    assert calls(config) == asked([model])


@pytest.mark.parametrize(
    ("claim", "truth"),
    [
        *(("another_ai", False), ("similar_llm", False), ("same_model", False), ("different_model", False)),
        *(("identical_copy", False), ("human", False), ("similarity_unknown", False), ("control", None)),
    ],
)
def test_no_claim_that_a_coplayer_is_an_ai_is_true_of_a_rule(
    composed: Callable[..., Config], claim: str, truth: bool | None
) -> None:
    overrides = [*seated(tit_for_tat=2, scripted=2), f"condition={claim}", "condition.claims=as_stated"]
    config = composed(*overrides)
    assert claim_is_true(config, "scripted", "tit_for_tat") is truth
    assert claim_is_true(config, "tit_for_tat", "scripted") is None, "a rule is told nothing"
    record = played(config, Model())
    assert {d.claim_is_true for d in record.decisions if d.agent_model.startswith("classical/")} == {None}
    if truth is False:
        with pytest.raises(ConfigError, match="is false where agents of scripted .* and tit_for_tat"):
            composed(*overrides, "condition.claims=truthful")


@pytest.mark.parametrize(
    ("overrides", "sentence", "rule"),
    [
        ([KNOWN], "A match has 4 turns.", "'4 turns' is not what game.horizon tells agents"),
        ([KNOWN, "game.horizon.told=false"], "A match has 3 turns.", "'3 turns' is not what game.horizon tells"),
        ([DRAWN], "It goes on with 70 %.", "the share '70 %' is declared nowhere"),
        ([DRAWN, "game.horizon.told=false"], "It goes on with 60 %.", "the share '60 %' is declared nowhere"),
    ],
)
def test_a_horizon_other_than_the_games_is_a_leak(
    scripted: Callable[..., Config], overrides: list[str], sentence: str, rule: str
) -> None:
    lint(scripted(*overrides))
    config = scripted(*overrides)
    config.protocol.system += f"\n{sentence}"
    with pytest.raises(ConfigError, match=rule):
        lint(config)


def test_rules_breed_and_die_with_the_models_they_meet(composed: Callable[..., Config], tmp_path: Path) -> None:
    evolving = ["evolution.rule=replicator", "evolution.strength=0.3", "num_rounds=3", "matching=random_pairs"]
    overrides = [*QUIET, *seated(tit_for_tat=3, defector=3, scripted=4), *evolving, DRAWN]
    config = composed(*overrides, "models.scripted.model_type=scripted/coin")
    assert run(config, tmp_path / "o") == (ExitCode.DONE, "")
    decisions = read_decisions(tmp_path / "o" / "decisions.parquet")
    assert all((d.call_key is None) == d.agent_model.startswith("classical/") for d in decisions)
    seats = {(d.round, d.agent): d.agent_model for d in decisions}
    assert any(seats[1, agent] != seats[3, agent] for agent in range(1, 11))
    before = tables_of(tmp_path / "o")
    strict = composed(*overrides, "models.scripted.model_type=scripted/coin", "replay=strict")
    assert run(strict, tmp_path / "o") == (ExitCode.DONE, "")
    assert tables_of(tmp_path / "o") == before


@pytest.mark.slow
def test_a_mixed_cell_of_several_turns_that_is_killed_ends_as_one_that_is_not(tmp_path: Path) -> None:
    population = ["+model@models.tit_for_tat=tit_for_tat", "scenario.model_distribution={a: 3, b: 0, tit_for_tat: 3}"]
    config = simulated(*population, "num_agents=6", "num_rounds=2", "replicates=2", "game.horizon.continuation=0.7")
    config = changed(config, "a", max_concurrency=4, retry_delay=0.001, max_retries=9, timeout_s=30)
    expected = estimate(config, {}).calls
    undisturbed, directory = tmp_path / "undisturbed", tmp_path / "killed"
    for path in (undisturbed, directory):
        path.mkdir()
    assert play(config, undisturbed).code is ExitCode.DONE
    PROCESSES.set_forkserver_preload(["acausal.experiment", "acausal.launch"])
    with running(SimulatorSettings("coin", api_key=KEY, latency_s=LATENCY_S)) as simulator:
        config = at(config, simulator.base_url)
        for _ in range(3):
            killed(config, directory, simulator, random.Random(1))
        assert 0 < len(ledger_of(directory)) < expected
        child = born(config, directory)
        child.join()
    assert child.exitcode == ExitCode.DONE
    assert tables_of(directory) == tables_of(undisturbed)
    lines = ledger_of(directory)
    assert len({line["key"] for line in lines}) == len(lines) == expected
    assert max(line["turn"] for line in lines) > 1
