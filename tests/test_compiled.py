"""protocol=compiled: one call per agent and round, from which every decision of the round follows."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_cell import at, changed, once, served
from small_cell import composed as paid
from small_cell import play as play_over_http
from test_play import ScriptedModel

from acausal.config import identity
from acausal.design.population import Agent
from acausal.design.program import OUTCOMES, Outcome, Program, constant, move, program_grammar, program_schema, written
from acausal.design.prompts import PastMatch, Prompts, anonymous_id
from acausal.design.seeds import placed_seed
from acausal.errors import ConfigError
from acausal.experiment import Cell, run_cell
from acausal.game import Action
from acausal.models.body import ONE_SENTENCE, chat_body
from acausal.models.faults import Fault
from acausal.models.recorded import recorded_calls
from acausal.models.scripted import PERSONAS, Question
from acausal.models.simulator import SimulatorSettings
from acausal.outputs import TABLES
from acausal.play.agent import Asker, Choice
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.pricing.estimate import estimate
from acausal.pricing.settled import steps_left
from acausal.pricing.workload import workload
from acausal.records import Decision, Place, Purpose, Request, Status
from acausal.report.programs import MOST_SHOWN, ProgramRow, program_rows
from acausal.report.tables import read_decisions
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import AnswerFormat, Config

C, D = Action.COOPERATE, Action.DEFECT
LABELS = {C: "COOPERATE", D: "DEFECT"}
COMPILED = ["protocol=compiled", "num_agents=4", "scenario.model_distribution={a: 2, b: 2}", "num_rounds=2"]
QUIET = ["tracking.enabled=false", "progress=off"]

pytestmark = pytest.mark.usefixtures("without_figures")


def ran(config: Config, directory: Path) -> tuple[ExitCode, str]:
    """Play a cell; its exit code and all that a user reads."""
    directory.mkdir(exist_ok=True)
    console = Console(file=(shown := io.StringIO()), width=200)
    with Process() as process:
        code, message = run_cell(Cell(config, directory, "go on", "run.py"), {}, console, process)
    return code, f"{shown.getvalue()}{message}"


def ledger(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "calls.jsonl").read_text().splitlines()]


def decided(directory: Path) -> tuple[Decision, ...]:
    return read_decisions(directory / "decisions.parquet")


def moves(directory: Path) -> list[tuple[Any, ...]]:
    """Every decision with its place, but how it came about."""
    return [(d.replicate, d.round, d.match, d.agent, d.coplayer, d.action, d.payoff) for d in decided(directory)]


def own_program(request: Request) -> str:
    """A deterministic program of its own for each agent and round."""
    bits = placed_seed(7, request.place.agent, request.place.round)
    chances = [float(bits >> place & 1) for place in range(len(OUTCOMES) + 1)]
    return written(Program(chances[0], dict(zip(OUTCOMES, chances[1:], strict=True))), LABELS)


def played(config: Config, model: ScriptedModel) -> TournamentRecord:
    return asyncio.run(play_tournament(config, model, 1))


def test_one_call_per_agent_and_round_decides_everything(scripted: Callable[..., Config], tmp_path: Path) -> None:
    code, _ = ran(scripted(*COMPILED, "replicates=3", *QUIET), tmp_path)
    assert code is ExitCode.DONE
    lines = ledger(tmp_path)
    assert Counter((line["replicate"], line["round"], line["agent"], line["purpose"]) for line in lines) == Counter(
        {
            (replicate, round_, agent, "strategy"): 1
            for replicate in (1, 2, 3)
            for round_ in (1, 2)
            for agent in range(1, 5)
        }
    )
    calls = {(line["replicate"], line["round"], line["agent"]): line for line in lines}
    decisions = decided(tmp_path)
    assert len(decisions) == 3 * 2 * 12
    for decision in decisions:
        call = calls[decision.replicate, decision.round, decision.agent]
        assert decision.call_key == call["key"]
        assert decision.model == decision.agent_model == decision.served_by == call["model"]
        assert (decision.status, decision.reason, decision.substituted) == (Status.LEGIBLE, None, False)
        assert decision.p_cooperate == (decision.action is C)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["calls"], summary["decisions"], summary["legible"]) == (24, 72, 72)


@pytest.mark.parametrize("persona", sorted(PERSONAS.keys() - {"coin"}))
@pytest.mark.parametrize("told", [[], ["condition=identity_only"], ["condition.shows.own_matches=false"]], ids=str)
def test_a_rule_decides_alike_as_a_program_and_when_it_is_asked_each_time(
    scripted: Callable[..., Config], tmp_path: Path, persona: str, told: list[str]
) -> None:
    rules = persona, "tit_for_tat", "always_d"
    others = [f"models.{slot}.model_type=scripted/{name}" for slot, name in zip("abc", rules, strict=True)]
    for protocol in ("compiled", "delegated"):
        config = scripted(f"protocol={protocol}", "scenario=diverse_3_3_4", "num_rounds=1", *others, *told, *QUIET)
        assert ran(config, tmp_path / protocol)[0] is ExitCode.DONE
    assert moves(tmp_path / "compiled") == moves(tmp_path / "delegated")
    assert (len(ledger(tmp_path / "compiled")), len(ledger(tmp_path / "delegated"))) == (10, 100)


def test_a_coin_is_tossed_by_the_place_of_each_decision(scripted: Callable[..., Config]) -> None:
    config = scripted("protocol=compiled")
    model = ScriptedModel(lambda _: written(constant(0.5), LABELS))
    record = played(config, model)
    assert played(config, ScriptedModel(model.answer)) == record
    assert {decision.p_cooperate for decision in record.decisions} == {0.5}
    for decision in record.decisions:
        place = decision.replicate, decision.round, decision.agent, decision.coplayer
        chance = placed_seed(placed_seed(config.seed, "decision", *place), "draw") / 2**31
        assert decision.action is move(constant(0.5), [], chance=chance)
    by_agent = Counter((decision.round, decision.agent, decision.action) for decision in record.decisions)
    assert len(by_agent) == 2 * 3 * 10, "some agent tossed the same side in all its matches of a round"


@pytest.mark.parametrize("shows", [True, False])
def test_a_program_sees_the_matches_that_a_prompt_would_show(scripted: Callable[..., Config], shows: bool) -> None:
    def mumbling(request: Request) -> str:
        return "Hmm." if request.place.agent == 4 else own_program(request)

    config = scripted("protocol=compiled", f"condition.shows.own_matches={shows}")
    record = played(config, ScriptedModel(mumbling))
    past: defaultdict[tuple[int, int], list[Outcome]] = defaultdict(list)
    by_outcome = set()
    for match in record.matches:  # in schedule order
        for own in match.decisions:
            place = Place(1, own.round, own.agent, Purpose.STRATEGY)
            if own.agent == 4:
                assert (own.action, own.status, own.p_cooperate) == (None, Status.ILLEGIBLE, None)
                continue
            content = json.loads(own_program(Request(place, "a", (), (), 0)))
            seen = past[own.round, own.agent] if shows else []
            outcome = "".join(action.value[0] for action in seen[-1]) if seen else None
            expected = content["after"][outcome] if outcome else content["first"]
            assert own.action is not None
            assert own.action.value == expected
            by_outcome.add(outcome)
        first, second = match.decisions
        if first.action is not None and second.action is not None:  # a void match is shown to nobody
            past[first.round, first.agent].append((first.action, second.action))
            past[second.round, second.agent].append((second.action, first.action))
    assert by_outcome == ({None, "CC", "CD", "DC", "DD"} if shows else {None})


@pytest.mark.parametrize("shows", [True, False])
def test_what_the_condition_hides_no_program_reacts_to(scripted: Callable[..., Config], shows: bool) -> None:
    config = scripted("protocol=compiled", f"condition.shows.own_matches={shows}")
    program = Program(1.0, dict.fromkeys(OUTCOMES, 0.0))
    asker = Asker(config, Prompts(config), ScriptedModel(lambda _: written(program, LABELS)))

    async def second_meeting() -> Choice:
        agent = Agent(1, "a")
        strategy = await asker.strategy(agent, 1, 1)
        place, past = Place(1, 1, 1, Purpose.DECISION, 2, 3), [PastMatch(anonymous_id(1), C, C)]
        return await asker.decision(agent, place, strategy, past, 2)

    choice = asyncio.run(second_meeting())
    assert (choice.reading.action, choice.reading.p_cooperate) == ((D, 0.0) if shows else (C, 1.0))


def test_results_do_not_depend_on_reply_order(scripted: Callable[..., Config]) -> None:
    config = scripted("protocol=compiled", "num_rounds=2")
    delays = (
        lambda _: 0.0,
        lambda request: request.place.agent / 500,
        lambda request: -request.place.agent / 500 + 0.02,
    )
    records = [played(config, ScriptedModel(own_program, delay)) for delay in delays]
    assert records[0] == records[1] == records[2]


def test_illegible_programs_over_http_are_missing_with_their_reason(tmp_path: Path) -> None:
    fault = Fault(model="claude", text='{"first": "COOPERATE", "after": "COOPERATE"}')
    cell = play_over_http(paid(*COMPILED), tmp_path, faults=(fault,))
    assert cell.code is ExitCode.DONE
    assert len(cell.requests) == len(ledger(tmp_path)) == 4 + 4 * 3  # two re-asks for each that is none
    decisions = decided(tmp_path)
    lost = [decision for decision in decisions if decision.agent_model.startswith("anthropic")]
    assert len(lost) == 12
    assert all(
        (d.action, d.status, d.reason, d.p_cooperate, d.payoff)
        == (None, Status.ILLEGIBLE, "no strategy: after is no object", None, None)
        for d in lost
    )
    others = [decision for decision in decisions if decision not in lost]
    assert {(d.status, d.p_cooperate, d.served_by) for d in others} == {(Status.LEGIBLE, 0.5, "openai/gpt-4")}
    assert all((d.payoff is None) == str(d.coplayer_agent_model).startswith("anthropic") for d in others)
    report = (tmp_path / "report.md").read_text()
    assert "no strategy: after is no object" in report
    assert "claude-3-sonnet-20240229 0 of 4 (8 re-asks), openai/gpt-4 4 of 4 (0 re-asks)." in report


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(text="I always cooperate."), "no JSON object"),
        (Fault(finish_reason="length"), "finish_reason length"),
        (Fault(text="I'm sorry, I cannot take part."), "the text declines to answer"),
    ],
    ids=["words", "cut off", "declined"],
)
def test_nothing_legible_is_no_estimate_and_nothing_is_left_to_ask(tmp_path: Path, fault: Fault, reason: str) -> None:
    config = paid(*COMPILED, "condition.shows.own_matches=true")
    cell = play_over_http(config, tmp_path, faults=(fault,))
    assert cell.code is ExitCode.NO_ESTIMATE
    assert "none of 24 decisions is legible" in cell.said
    assert f"24 of them: no strategy: {reason}" in cell.said
    record = recorded_calls(tmp_path, identity(config), settled=True)
    assert estimate(config, {}, record).calls == steps_left(config, record) == 0


def test_a_substitutes_program_counts_for_nobody(tmp_path: Path) -> None:
    config = changed(paid(*COMPILED, "fallback.policy=substitute"), max_retries=0)
    cell = play_over_http(config, tmp_path, faults=(Fault(model="claude", status=404),))
    assert cell.code is ExitCode.DONE
    stand_in = [decision for decision in decided(tmp_path) if decision.agent_model.startswith("anthropic")]
    assert len(stand_in) == 12
    assert {(d.served_by, d.substituted, d.status) for d in stand_in} == {("openai/gpt-4", True, Status.LEGIBLE)}


@pytest.mark.parametrize("answer_format", AnswerFormat)
def test_the_format_is_demanded_of_models_that_can_be_held_to_it(tmp_path: Path, answer_format: AnswerFormat) -> None:
    cell = play_over_http(changed(paid(*COMPILED), answer_format=answer_format), tmp_path)
    assert cell.code is ExitCode.DONE
    assert {decision.status for decision in decided(tmp_path)} == {Status.LEGIBLE}
    orders = set()
    for line in ledger(tmp_path):
        body = line["request"]
        labels = tuple(re.findall(r"choose (\w+) or (\w+),", body["messages"][0]["content"])[0])
        orders.add(labels)
        if answer_format is AnswerFormat.grammar:
            assert body["grammar"] == program_grammar(labels)
        elif answer_format is AnswerFormat.json_schema:
            told = body["response_format"]["json_schema"]
            assert (told["name"], told["strict"]) == ("program", True)
            assert json.dumps(told["schema"]) == json.dumps(program_schema(labels))
        else:
            assert not {"grammar", "response_format"} & body.keys()
    assert orders == {("COOPERATE", "DEFECT"), ("DEFECT", "COOPERATE")}


def test_a_strategy_in_words_is_asked_for_as_before(composed: Callable[..., Config]) -> None:
    model = composed().models["a"]
    request = Request(Place(1, 1, 1, Purpose.STRATEGY), "a", (), (), 0)
    assert chat_body(model, request)["grammar"] == ONE_SENTENCE


def test_a_stopped_run_goes_on_and_pays_for_nothing_twice(tmp_path: Path) -> None:
    config = paid(*COMPILED, "replicates=2", "budget.calls=5")
    with served(SimulatorSettings(persona="coin")) as (process, simulator):
        assert once(at(config, simulator.base_url), tmp_path, process)[0] is ExitCode.BUDGET
        assert len(simulator.requests) == 5
        config.budget.calls = None
        assert once(at(config, simulator.base_url), tmp_path, process)[0] is ExitCode.DONE
        assert len(simulator.requests) == 16
    assert len({line["key"] for line in ledger(tmp_path)}) == len(ledger(tmp_path)) == 16


def test_a_replay_without_models_gives_the_same_tables(tmp_path: Path) -> None:
    config = paid(*COMPILED)
    play_over_http(config, tmp_path, faults=(Fault(model="claude", text="Hmm."),))
    before = {name: (tmp_path / name).read_bytes() for name in TABLES}
    assert len({decision.status for decision in decided(tmp_path)}) == 2
    code, said = ran(paid(*COMPILED, "replay=strict"), tmp_path)
    assert code is ExitCode.DONE
    assert "16 calls, all from the ledger" in said
    assert f"tables identical to those on disk: {', '.join(TABLES)}" in said
    assert {name: (tmp_path / name).read_bytes() for name in TABLES} == before


def test_what_is_to_come_is_counted_without_decisions(scripted: Callable[..., Config], tmp_path: Path) -> None:
    config = scripted(*COMPILED, "replicates=2", "tracking.enabled=false", "progress=plain")
    priced = estimate(config, {})
    assert {(row.slot, row.purpose, row.calls) for row in priced.rows} == {
        ("a", Purpose.STRATEGY, 8),
        ("b", Purpose.STRATEGY, 8),
    }
    assert priced.steps == 2
    _, said = ran(config, tmp_path)
    assert "compiled: 4 rounds, 24 matches, 16 calls" in said
    assert "24/24 matches, 16/16 calls" in said


def test_a_thousand_agents_are_a_thousand_calls(scripted: Callable[..., Config]) -> None:
    config = scripted("protocol=compiled", "num_agents=1000", "scenario.model_distribution={a: 400, b: 600}")
    loads = workload(config)
    assert {kind: (load.calls, load.quotes) for kind, load in loads.items()} == {
        ("a", Purpose.STRATEGY): (1200, 0),
        ("b", Purpose.STRATEGY): (1800, 0),
    }


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("elicit=probability", r"elicit is probability: set elicit=choice"),
        ("elicit=logprobs", r"elicit is logprobs: set elicit=choice"),
        ("samples=2", r"samples is 2: set samples=1"),
        ("sub_model=c", r"sub_model is c: set sub_model=null"),
        (
            "game=public_goods",
            r"game\.kind is public_goods, which all play at once: choose protocol=delegated or direct",
        ),
        ("protocol.strategy=null", r"protocol\.strategy and protocol\.decision are both null, so nobody is ever asked"),
    ],
)
def test_what_programs_have_no_say_in_is_refused(composed: Callable[..., Config], override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        composed("protocol=compiled", override)


def test_a_program_that_is_none_is_asked_for_again_and_the_last_reply_counts(scripted: Callable[..., Config]) -> None:
    def answer(request: Request) -> str:
        agent, ask = request.place.agent, request.place.ask
        return own_program(request) if ask > (agent if agent < 4 else 0) else "Hmm."

    config = scripted(*COMPILED, "num_rounds=1")
    model = ScriptedModel(answer)
    record = played(config, model)
    assert {each.agent: (each.reasks, each.status) for each in record.strategies} == {
        1: (1, Status.LEGIBLE),
        2: (2, Status.LEGIBLE),
        3: (2, Status.ILLEGIBLE),
        4: (0, Status.LEGIBLE),
    }
    asked = [request for request in model.asked if request.place.agent == 2]
    assert len({request.seed for request in asked}) == 3
    first, *again = (request.messages[-1].content for request in asked)
    reminder = "Your reply must consist of one JSON object with these keys and nothing else"
    assert all(text.startswith(f"{first}\n{reminder}") for text in again)
    assert {d.call_key for d in record.decisions if d.agent == 2} == {f"{asked[-1].place}"}
    assert {d.messages_hash for d in record.decisions if d.agent == 2} == {record.strategies[1].messages_hash}


def test_what_was_cut_off_is_not_asked_for_again(tmp_path: Path) -> None:
    cell = play_over_http(paid(*COMPILED), tmp_path, faults=(Fault(finish_reason="length"),))
    assert len(cell.requests) == 8


def test_the_same_program_in_mirrored_words_is_the_same_program(
    scripted: Callable[..., Config], tmp_path: Path
) -> None:
    pairs = ["game.labels.pairs=[[A, B], [J, F]]", "models.a.model_type=scripted/tit_for_tat"]
    assert ran(scripted(*COMPILED, *pairs, *QUIET), tmp_path)[0] is ExitCode.DONE
    report = (tmp_path / "report.md").read_text()
    rule = "first COOPERATE; after CC: COOPERATE, CD: DEFECT, DC: COOPERATE, DD: DEFECT"
    assert f"| scripted/tit\\_for\\_tat | {rule} | 4 |" in report
    assert len({line["reply"] for line in ledger(tmp_path) if "tit_for_tat" in line["model"]}) > 1


MATCHINGS = ["ring", "random_pairs", "strangers", "lattice", "self_play"]


@pytest.mark.parametrize("matching", MATCHINGS)
def test_programs_play_every_matching_and_evolve(
    scripted: Callable[..., Config], tmp_path: Path, matching: str
) -> None:
    nine = ["num_agents=9", "scenario.model_distribution={a: 4, b: 5}", "num_rounds=2", f"matching={matching}"]
    nine += ["matching.matches=2"] if matching in ("ring", "random_pairs", "strangers") else []
    nine += [] if matching == "self_play" else ["evolution.rule=moran"]
    config = scripted("protocol=compiled", *nine, "models.a.model_type=scripted/tit_for_tat", *QUIET)
    assert ran(config, tmp_path)[0] is ExitCode.DONE
    assert len(ledger(tmp_path)) == 18 == estimate(config, {}).calls
    assert {decision.status for decision in decided(tmp_path)} == {Status.LEGIBLE}


def test_a_program_is_asked_for_with_the_past_that_the_condition_shows(scripted: Callable[..., Config]) -> None:
    model = ScriptedModel(own_program)
    played(scripted(*COMPILED, "condition=cooperation_rates_only"), model)
    texts = {round_: {r.messages[-1].content for r in model.asked if r.place.round == round_} for round_ in (1, 2)}
    assert all("%" not in text for text in texts[1])
    assert all(re.search(r"\d %", text) for text in texts[2])


@pytest.mark.parametrize("name", PERSONAS)
def test_personas_write_programs_in_the_words_of_the_game(scripted: Callable[..., Config], name: str) -> None:
    words = ["game.labels.cooperate=share", "game.labels.defect=steal", "condition=identity_only"]
    config = scripted(*COMPILED, *words)
    prompts = Prompts(config)
    returned = Program(1.0, {(own, other): float(other is C) for own, other in OUTCOMES})
    expected = {
        "always_c": constant(1.0),
        "always_d": constant(0.0),
        "coin": constant(0.5),
        "tit_for_tat": returned,
        "superrational": constant(1.0),
        "muddled": constant(1.0),
        "forgetful": constant(1.0),
    }
    assert PERSONAS[name](Question(prompts.strategy(), 0)) == written(expected[name], prompts.labels)


def test_the_report_shows_the_question_and_the_programs(scripted: Callable[..., Config], tmp_path: Path) -> None:
    ran(scripted(*COMPILED, "models.b.model_type=scripted/tit_for_tat", *QUIET), tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert "Write your strategy for this round as a program" in report
    assert "Asked for a decision" not in report
    assert "| scripted/always\\_c | always COOPERATE | 4 |" in report
    rule = "first COOPERATE; after CC: COOPERATE, CD: DEFECT, DC: COOPERATE, DD: DEFECT"
    assert f"| scripted/tit\\_for\\_tat | {rule} | 4 |" in report
    assert f"<td>{rule}</td><td>4</td>" in (tmp_path / "report.html").read_text()


def test_many_programs_are_listed_by_how_often_they_were_written(scripted: Callable[..., Config]) -> None:
    def answer(request: Request) -> str:
        agent = request.place.agent
        return "Hmm." if agent == 20 else written(constant(0.5 if agent < 4 else agent / 100), LABELS)

    config = scripted(
        "protocol=compiled",
        "num_agents=20",
        "scenario.model_distribution={a: 20}",
        "num_rounds=1",
        "scenario=homogeneous",
    )
    rows = program_rows((record, LABELS) for record in played(config, ScriptedModel(answer)).strategies)
    model = "scripted/always_c"
    assert rows[0] == ProgramRow(model, "always 50 % COOPERATE", 3)
    assert rows[-1] == ProgramRow(model, "5 others", 5)
    assert len(rows) == MOST_SHOWN + 1
    assert sum(row.agents for row in rows) == 19


@pytest.mark.slow
def test_embedded_models_are_held_to_the_format(composed: Callable[..., Config], tmp_path: Path) -> None:
    pair = ["num_agents=2", "scenario.model_distribution={a: 1, b: 1}", "num_rounds=1"]
    code, _ = ran(composed("protocol=compiled", *pair, *QUIET), tmp_path)
    assert code is ExitCode.DONE
    assert [line["finish_reason"] for line in ledger(tmp_path)] == ["stop", "stop"]
    assert {decision.status for decision in decided(tmp_path)} == {Status.LEGIBLE}
