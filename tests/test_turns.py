"""Matches of several turns: simultaneous in each, one history for both, as long as the game says or a seed draws."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dsl import letters, seated
from rich.console import Console

from acausal.config import identity
from acausal.design.horizon import MOST_TURNS, decisions_by_slot, match_turns, turns_by_match
from acausal.design.population import population, seat_seed
from acausal.errors import ConfigError
from acausal.experiment import Cell, run_cell
from acausal.models.ledger import call_key, lines_on_record, replies_on_record
from acausal.models.recorded import RecordedCall, recorded_calls
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.pricing.estimate import estimate
from acausal.pricing.settled import settled_calls, steps_left
from acausal.pricing.workload import workload
from acausal.records import Place, Purpose, Reply, Request, Status
from acausal.report.tables import read_decisions
from acausal.running.process import Process
from acausal.running.progress import Progress
from acausal.running.status import ExitCode
from acausal.settings.game_schema import HorizonConfig
from acausal.settings.schema import Config

QUIET = ["tracking.enabled=false", "progress=off"]
FOUR = ["num_agents=4", "scenario.model_distribution={a: 2, b: 2}", "num_rounds=2"]
KNOWN = "game.horizon.turns=3"
DRAWN = "game.horizon.continuation=0.7"
HORIZONS = pytest.mark.parametrize("horizon", [[KNOWN], [DRAWN], [KNOWN, DRAWN]], ids=" ".join)


class Model:
    """Answers by a rule and remembers what it was asked, in order."""

    def __init__(self, answer: Callable[[Request], str] = lambda _: "COOPERATE") -> None:
        self._answer = answer
        self.asked: list[Request] = []
        self.replies: list[RecordedCall] = []

    async def complete(self, request: Request) -> Reply:
        self.asked.append(request)
        await asyncio.sleep(0)
        text = self._answer(request)
        slot = request.slot
        reply = Reply(
            key="", model=slot, served_by=slot, substituted=False, text=text, finish_reason="stop", tokens_in=1
        )
        messages = [{"content": message.content} for message in request.messages]
        self.replies.append(RecordedCall(request.place, {"messages": messages}, reply))
        return reply

    def decisions(self) -> list[Request]:
        return [request for request in self.asked if request.place.purpose is Purpose.DECISION]


def arbitrary(request: Request) -> str:
    """Depends on the place alone, and in every turn anew."""
    place = request.place
    if place.purpose is Purpose.STRATEGY:
        return "Sometimes."
    return ("COOPERATE", "DEFECT")[(place.agent * 3 + place.turn * place.turn + (place.coplayer or 0)) % 2]


def mumbles_in_turn(turn: int, agent: int) -> Callable[[Request], str]:
    return lambda request: "Hmm." if (request.place.turn, request.place.agent) == (turn, agent) else arbitrary(request)


def played(config: Config, model: Model, replicate: int = 1) -> TournamentRecord:
    return asyncio.run(play_tournament(config, model, replicate))


def run(config: Config, directory: Path) -> tuple[ExitCode, str]:
    directory.mkdir(exist_ok=True)
    with Process() as process:
        return run_cell(Cell(config, directory, "again", "run.py"), {}, Console(file=io.StringIO()), process)


def horizon_of(config: Config, **horizon: Any) -> Config:
    return replace(config, game=replace(config.game, horizon=HorizonConfig(**horizon)))


def slots_of(config: Config, replicate: int = 1) -> list[str]:
    return [agent.model for agent in population(config.seats, seed=seat_seed(config.seed, replicate))]


@pytest.fixture
def small(scripted: Callable[..., Config]) -> Callable[..., Config]:
    return lambda *overrides: scripted(*QUIET, *FOUR, *overrides)


def test_a_match_has_as_many_turns_as_the_game_says(small: Callable[..., Config]) -> None:
    record = played(small(KNOWN), Model(arbitrary))
    assert len(record.matches) == 2 * 6
    for match in record.matches:
        assert [decision.turn for decision in match.decisions] == [1, 1, 2, 2, 3, 3]
        assert len(match.turns) == 3
        assert len({tuple(decision.agent for decision in turn) for turn in match.turns}) == 1
        assert all(decision.payoff is not None for decision in match.decisions)


def test_both_are_asked_for_a_turn_before_either_is_told_and_the_next_waits(small: Callable[..., Config]) -> None:
    model = Model(arbitrary)
    played(small(KNOWN, "protocol=direct"), model)
    asked = Counter[tuple[int, frozenset[int]]]()
    for request in model.decisions():
        place = request.place
        match = place.round, frozenset((place.agent, place.coplayer or 0))
        assert place.turn == asked[match] // 2 + 1, "turns of a match follow one another, two questions each"
        asked[match] += 1
    assert set(asked.values()) == {6}


@pytest.mark.parametrize("shows", ["true", "false"])
def test_an_agent_sees_the_turns_of_this_match_and_where_shown_those_of_earlier_ones(
    small: Callable[..., Config], shows: str
) -> None:
    model = Model(arbitrary)
    record = played(small(KNOWN, f"condition.shows.own_matches={shows}"), model)
    asked = ((request.place, request.messages[-1].content) for request in model.decisions())
    texts = {(place.round, place.agent, place.coplayer, place.turn): text for place, text in asked}
    earlier: Counter[tuple[int, int]] = Counter()
    for match in record.matches:
        for own, other in [(turn[seat], turn[1 - seat]) for turn in match.turns for seat in (0, 1)]:
            lines = texts[own.round, own.agent, own.coplayer, own.turn].splitlines()
            seen = [line for line in lines if line.startswith("- Turn ")]
            assert len(seen) == own.turn - 1
            past = sum(line.startswith("- With ") for line in lines)
            assert past == (3 * earlier[own.round, own.agent] if shows == "true" else 0)
            number = earlier[own.round, own.agent] + 1
            assert any(line.startswith(f"Now you play participant {number}, turn {own.turn}.") for line in lines)
            if own.turn < 3:
                shown = texts[own.round, own.agent, own.coplayer, own.turn + 1].splitlines()
                assert f"Your earlier turns with participant {number}:" in shown
                assert own.action is not None
                assert other.action is not None
                assert f"- Turn {own.turn}: you {own.action.value}, the other {other.action.value}." in shown
        earlier.update((match.round, decision.agent) for decision in match.turns[0])


def test_a_missing_action_voids_its_turn_and_ends_the_match_there(small: Callable[..., Config]) -> None:
    model = Model(mumbles_in_turn(2, 3))
    record = played(small(KNOWN), model)
    for match in record.matches:
        agents = {decision.agent for decision in match.decisions}
        assert match.is_void == (3 in agents)
        assert len(match.turns) == (2 if match.is_void else 3)
        for turn in match.turns:
            void = match.is_void and turn[0].turn == 2
            assert all((decision.payoff is None) == void for decision in turn)
        if match.is_void:
            assert {d.status for d in match.turns[1] if d.agent == 3} == {Status.ILLEGIBLE}
            assert {d.status for d in match.turns[1] if d.agent != 3} == {Status.LEGIBLE}
            assert letters(match, 3)[1] == "?"
    last = max((r for r in model.decisions() if r.place.agent == 3), key=lambda r: (r.place.round, r.place.match or 0))
    shown = [line for line in last.messages[-1].content.splitlines() if line.startswith("- With")]
    assert [line.split(":")[0].split(", ")[1] for line in shown] == ["turn 1"] * len(shown) != []


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], None),
        (["game.horizon.turns=5"], "A match has 5 turns."),
        ([DRAWN], "After each turn the match goes on with a probability of 70 %, otherwise it ends."),
        ([KNOWN, DRAWN], "A match has at least 3 turns; after the last of these and each later turn it goes on with a"),
        ([KNOWN, "game.horizon.told=false"], None),
        ([DRAWN, "game.horizon.told=false"], None),
    ],
)
def test_the_horizon_is_told_in_words_or_not_at_all(
    small: Callable[..., Config], overrides: list[str], told: str | None
) -> None:
    model = Model()
    played(small(*overrides), model)
    for request in model.asked:
        rules = request.messages[0].content
        assert (told or "") in rules
        if told is None:
            assert "probability" not in rules
            assert " turns" not in rules
        assert ("Points for you in a turn:" in rules) == bool(overrides)


def test_one_shot_prompts_speak_of_no_turn(small: Callable[..., Config]) -> None:
    model = Model()
    played(small(), model)
    assert not [r for r in model.asked for message in r.messages if "turn" in message.content]


def test_a_drawn_length_is_geometric_and_the_same_for_both(small: Callable[..., Config]) -> None:
    config = horizon_of(small("num_rounds=1"), turns=2, continuation=0.8)
    lengths = [match_turns(config, replicate, 1, (1, 2)) for replicate in range(1, 4001)]
    assert lengths == [match_turns(config, replicate, 1, (2, 1)) for replicate in range(1, 4001)]
    assert min(lengths) == 2
    for turns in range(2, 8):
        at_risk = [length for length in lengths if length >= turns]
        assert sum(length > turns for length in at_risk) / len(at_risk) == pytest.approx(0.8, abs=0.04)


def test_a_length_belongs_to_its_place(small: Callable[..., Config]) -> None:
    config = horizon_of(small(), continuation=0.9)
    drawn = {
        (seed, replicate, round_, pair): turns
        for seed in (0, 1)
        for replicate in (1, 2)
        for round_ in (1, 2)
        for pair, turns in turns_by_match(replace(config, seed=seed), slots_of(config), replicate, round_)
    }
    assert len(drawn) == 2 * 2 * 2 * 6
    assert len(set(drawn.values())) > 12
    renamed = replace(config, protocol=replace(config.protocol, name="x"))
    assert match_turns(renamed, 1, 1, (1, 2)) == drawn[0, 1, 1, (1, 2)]


@HORIZONS
def test_the_turns_played_are_those_drawn(small: Callable[..., Config], horizon: list[str]) -> None:
    config = small(*horizon)
    record = played(config, Model(), 2)
    lengths = {(m.round, tuple(sorted(d.agent for d in m.turns[0]))): len(m.turns) for m in record.matches}
    slots = slots_of(config)
    drawn = {(round_, pair): turns for round_ in (1, 2) for pair, turns in turns_by_match(config, slots, 2, round_)}
    assert lengths == drawn


def test_a_match_that_would_never_end_is_refused_before_the_first_call(
    small: Callable[..., Config], tmp_path: Path
) -> None:
    config = small("game.horizon.continuation=0.99999", "game.horizon.told=false")
    code, message = run(config, tmp_path / "o")
    assert code is ExitCode.REFUSED
    assert f"and {MOST_TURNS:,} are the most: lower the continuation, or change the seed" in message
    assert not list((tmp_path / "o").iterdir())
    with pytest.raises(ConfigError, match="game.horizon.continuation=0.99999 drew a match of"):
        workload(config)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("game.horizon.turns=0", "game.horizon.turns must be at least 1, but is 0"),
        ("game.horizon.continuation=1", "game.horizon.continuation must lie between 0 and 1, but is 1"),
        ("game.horizon.continuation=0", "game.horizon.continuation must lie between 0 and 1, but is 0"),
        ("game.horizon.continuation=0.9999", "told to a tenth of a percent, so 0.9999 would be read as 100.0 %"),
    ],
)
def test_an_impossible_horizon_is_refused(small: Callable[..., Config], override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        small(override)


def test_calls_of_first_turns_keep_the_keys_of_one_shot_ledgers() -> None:
    """The keys are those that ledgers had before matches had turns."""
    body = {"model": "m", "messages": [{"role": "user", "content": "choose"}], "temperature": 0.7}
    decision = Place(1, 2, 3, Purpose.DECISION, match=4, coplayer=5)
    assert call_key(decision, body) == "e3bbffe949549e11e9142286e989f84d"
    assert call_key(Place(1, 2, 3, Purpose.STRATEGY), body) == "71f80082271b6b1188839843970e0a47"
    keys = {call_key(replace(decision, turn=turn), body) for turn in range(1, 6)}
    assert len(keys) == 5
    assert replace(decision, turn=2).in_words == f"{decision.in_words}, turn 2"


def test_a_one_shot_cell_is_the_cell_it_was_before_there_were_horizons(small: Callable[..., Config]) -> None:
    assert not [key for key in identity(small()) if "horizon" in key]
    assert identity(small(KNOWN))["game.horizon.turns"] == 3


@HORIZONS
@pytest.mark.parametrize("protocol", ["delegated", "direct"])
def test_calls_are_counted_exactly(small: Callable[..., Config], horizon: list[str], protocol: str) -> None:
    config = small(*horizon, f"protocol={protocol}", "replicates=3")
    model = Model()
    for replicate in (1, 2, 3):
        played(config, model, replicate)
    loads = workload(config)
    assert Counter((r.slot, r.place.purpose) for r in model.asked) == {kind: load.calls for kind, load in loads.items()}
    assert sum(decisions_by_slot(config).values()) == len(model.decisions())
    progress = Progress(config, Console(file=io.StringIO()))
    assert progress._total_calls == len(model.asked)
    sizes = sum(len(m.content.encode()) for r in model.asked for m in r.messages)
    quoted = len(b"COOPERATE") * sum(load.quotes for load in loads.values())
    assert sum(load.most_bytes for load in loads.values()) + quoted == sizes


@pytest.mark.parametrize("shows", ["true", "false"])
@pytest.mark.parametrize("protocol", ["delegated", "direct"])
def test_sampled_prompts_of_a_known_horizon_agree_with_played_ones(
    small: Callable[..., Config], protocol: str, shows: str
) -> None:
    config = small(KNOWN, f"protocol={protocol}", f"condition.shows.own_matches={shows}", "replicates=2")
    assert workload(config, played_up_to=0) == workload(config)


def test_sampled_prompts_of_a_drawn_horizon_have_the_same_calls_and_about_the_length(
    small: Callable[..., Config],
) -> None:
    config = small("game.horizon.continuation=0.6", "replicates=12")
    sampled, rendered = workload(config, played_up_to=0), workload(config, played_up_to=10**6)
    for kind, load in rendered.items():
        assert (sampled[kind].calls, sampled[kind].quotes) == (load.calls, load.quotes)
        assert sampled[kind].most_bytes == pytest.approx(load.most_bytes, rel=0.15)


def settled_of(config: Config, calls: Iterable[RecordedCall]) -> int:
    loads = workload(config)
    return sum(done.calls for done in settled_calls(config, list(calls), loads).values())


@HORIZONS
@pytest.mark.parametrize("answer", [arbitrary, mumbles_in_turn(2, 3), mumbles_in_turn(1, 1)])
def test_at_any_moment_what_is_settled_and_what_is_still_made_add_up(
    small: Callable[..., Config], horizon: list[str], answer: Callable[[Request], str]
) -> None:
    config = small(*horizon, "num_rounds=1")
    model = Model(answer)
    played(config, model)
    total = sum(load.calls for load in workload(config).values())
    assert settled_of(config, model.replies) == total
    assert steps_left(config, model.replies) == 0
    assert steps_left(config, model.replies[:-1]) == 1 or answer is not arbitrary, "an end that is not yet on record"
    for made in (5, 12, 20):
        assert settled_of(config, model.replies[:made]) >= made


def test_a_mixed_cell_of_rules_and_personas_runs_resumes_and_replays(
    composed: Callable[..., Config], tmp_path: Path
) -> None:
    population = seated(tit_for_tat=2, scripted=2)
    overrides = [*QUIET, *population, "models.scripted.model_type=scripted/coin", "num_rounds=2", "replicates=2", DRAWN]
    config = composed(*overrides)
    expected = estimate(config, {})
    assert [row.slot for row in expected.rows] == ["scripted", "scripted"], "rules are not priced"
    code, message = run(composed(*overrides, "budget.calls=15"), tmp_path / "o")
    assert code is ExitCode.BUDGET, message
    left = estimate(config, {}, recorded_calls(tmp_path / "o", identity(config)))
    assert (left.calls, left.recorded) == (expected.calls - 15, 15)
    assert run(config, tmp_path / "o") == (ExitCode.DONE, "")
    lines = list(lines_on_record(tmp_path / "o" / "calls.jsonl"))
    assert len(lines) == len({line.reply.key for line in lines}) == expected.calls
    assert {line.reply.model for line in lines} == {"scripted/coin"}
    assert max(line.place.turn for line in lines) > 1
    decisions = read_decisions(tmp_path / "o" / "decisions.parquet")
    keys = replies_on_record(tmp_path / "o", identity(config)).keys()
    for decision in decisions:
        assert (decision.call_key is None) == (decision.model == "classical/tit_for_tat")
        assert decision.call_key is None or decision.call_key in keys
    actions = {(d.replicate, d.round, d.agent, d.coplayer, d.turn): d.action for d in decisions}
    echoes = [d for d in decisions if d.model.startswith("classical/") and d.turn > 1]
    assert echoes
    for d in echoes:
        assert d.coplayer is not None
        assert d.action == actions[d.replicate, d.round, d.coplayer, d.agent, d.turn - 1]
    assert json.loads((tmp_path / "o" / "summary.json").read_text())["calls"] == expected.calls
    code, message = run(composed(*overrides, "replay=strict"), tmp_path / "o")
    assert (code, message) == (ExitCode.DONE, "")


def test_a_cell_of_rules_alone_needs_no_model_and_no_key(composed: Callable[..., Config], tmp_path: Path) -> None:
    config = composed(*QUIET, *seated(tit_for_tat=2, defector=2), KNOWN, "num_rounds=1", "roster=openrouter")
    assert estimate(config, {}).calls == 0
    assert run(config, tmp_path / "o") == (ExitCode.DONE, "")
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert (summary["calls"], summary["cost_usd"], summary["decisions"]) == (0, 0, 36)
    assert math.isclose(summary["cooperation_rate_by_model"]["classical/defector"], 0)
    assert {turns: rate["value"] for turns, rate in summary["cooperation_rate_by_turn"].items()} == {
        "first": 6 / 12,
        "later": 4 / 24,
        "last": 2 / 12,
    }
    report = (tmp_path / "o" / "report.md").read_text()
    assert "A match has 3 turns, which agents were told; what follows holds of one turn." in report
    assert "Cooperation: 50.0 % in first turns (n 12), 16.7 % in later turns (n 24), 16.7 % in last turns" in report
    assert run(replace(config, replay=type(config.replay).strict), tmp_path / "o") == (ExitCode.DONE, "")
