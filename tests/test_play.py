"""A tournament: simultaneous, own history only, the same whatever reply comes first."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from acausal.design.schedule import schedule
from acausal.design.seeds import placed_seed
from acausal.game import Action
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.records import MatchRecord, Purpose, Reply, Request, Status
from acausal.settings.schema import Config

C, D = Action.COOPERATE, Action.DEFECT


@dataclass
class ScriptedModel:
    """Answers each request by a rule; remembers what it was asked, and waits as long as `delay` says."""

    answer: Callable[[Request], str | None] = lambda _: "COOPERATE"
    delay: Callable[[Request], float] = lambda _: 0.0
    asked: list[Request] = field(default_factory=list)
    in_flight: int = 0
    widest: int = 0

    async def complete(self, request: Request) -> Reply:
        self.asked.append(request)
        self.in_flight += 1
        self.widest = max(self.widest, self.in_flight)
        await asyncio.sleep(self.delay(request))
        self.in_flight -= 1
        text = self.answer(request)
        return Reply(
            key=f"{request.place}",
            model=request.slot,
            served_by=request.slot if text else None,
            substituted=False,
            text=text,
            finish_reason="stop",
            error=None if text else "503",
        )

    def decisions(self) -> list[Request]:
        return [request for request in self.asked if request.place.purpose is Purpose.DECISION]


def played(config: Config, model: ScriptedModel) -> TournamentRecord:
    return asyncio.run(play_tournament(config, model, 1))


def arbitrary(request: Request) -> str:
    """A rule that depends on what is asked alone, and answers strategies in words."""
    if request.place.purpose is Purpose.STRATEGY:
        return f"Strategy of {request.place.agent} in round {request.place.round}."
    return "COOPERATE" if placed_seed(1, str(request.messages), request.place.agent) % 2 else "DEFECT"


def _jitter(chance: random.Random) -> Callable[[Request], float]:
    return lambda _: chance.random() / 200


def test_everybody_meets_everybody_once_a_round(scripted: Callable[..., Config]) -> None:
    record = played(scripted("num_rounds=2"), ScriptedModel())
    assert len(record.strategies) == 20
    assert len(record.matches) == 90
    meetings = Counter((match.round, frozenset(d.agent for d in match.decisions)) for match in record.matches)
    assert set(meetings.values()) == {1}


def test_results_do_not_depend_on_reply_order(scripted: Callable[..., Config]) -> None:
    config = scripted("num_rounds=2")
    records = [played(config, ScriptedModel(arbitrary, _jitter(random.Random(seed)))) for seed in range(3)]
    assert records[0] == records[1] == records[2]


def test_an_agent_sees_its_own_earlier_matches_of_the_round_and_no_other(scripted: Callable[..., Config]) -> None:
    model = ScriptedModel(arbitrary, lambda request: (request.place.agent % 3) / 500)
    record = played(scripted("num_rounds=2"), model)
    outcomes: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    shown = {(r.place.round, r.place.agent, r.place.coplayer): r.messages[-1].content for r in model.decisions()}
    for match in record.matches:  # in schedule order
        for own, other in (match.decisions, match.decisions[::-1]):
            place = own.round, own.agent
            text = shown[(*place, own.coplayer)]
            assert [line for line in text.splitlines() if line.startswith("- With")] == outcomes[place]
            meeting = len(outcomes[place]) + 1
            assert f"Now you play participant {meeting}." in text
            assert own.action is not None
            assert other.action is not None
            outcomes[place].append(
                f"- With participant {meeting}: you {own.action.value}, the other {other.action.value}."
            )


def test_nobody_is_told_before_everybody_is_asked(scripted: Callable[..., Config]) -> None:
    """Both moves of a match are under way before either has been answered."""
    unasked: list[Request] = []

    def answer(request: Request) -> str:
        place = request.place
        counterpart = (place.round, place.coplayer, place.agent)
        if counterpart not in {(r.place.round, r.place.agent, r.place.coplayer) for r in model.decisions()}:
            unasked.append(request)
        return "DEFECT"

    model = ScriptedModel(answer, lambda request: request.place.agent / 1000)
    played(scripted("num_rounds=1", "protocol=direct"), model)
    assert len(model.asked) == 90
    assert unasked == []


def test_a_match_waits_for_its_own_agents_only(scripted: Callable[..., Config]) -> None:
    """One slow agent holds up its own matches; the others' go on, so a round takes its chain, not nine barriers."""
    config = scripted("num_rounds=1", "protocol=direct")
    fixtures = schedule(10, seed=placed_seed(config.seed, "schedule", 1, 1))
    slow = fixtures[0].agents[0]
    order: list[tuple[int, bool]] = []

    def observe(event: object) -> None:
        if isinstance(event, MatchRecord):
            order.append((event.matchday, slow in [d.agent for d in event.decisions]))

    model = ScriptedModel(delay=lambda request: 0.02 if request.place.agent == slow else 0.0)
    asyncio.run(play_tournament(config, model, 1, observe))
    first_of_slow = next(position for position, (_, is_slow) in enumerate(order) if is_slow)
    assert any(matchday > 1 for matchday, _ in order[:first_of_slow])


def test_a_condition_without_history_asks_everything_at_once(scripted: Callable[..., Config]) -> None:
    model = ScriptedModel(delay=lambda _: 0.01)
    played(scripted("num_rounds=1", "protocol=direct", "condition.shows.own_matches=false"), model)
    assert model.widest == 90
    assert not any("earlier matches" in request.messages[-1].content for request in model.asked)


def test_single_and_homogeneous_are_the_same_decision_for_decision(scripted: Callable[..., Config]) -> None:
    single, homogeneous = (
        [
            (d.replicate, d.round, d.match, d.agent, d.coplayer, d.model, d.action, d.payoff, d.call_key)
            for d in record.decisions
        ]
        for record in (
            played(scripted(f"scenario={name}", "num_rounds=2"), ScriptedModel(arbitrary))
            for name in ("single", "homogeneous")
        )
    )
    assert single == homogeneous
    assert len({action for *_, action, _, _ in single}) == 2


def test_payoffs_follow_the_matrix(scripted: Callable[..., Config]) -> None:
    record = played(scripted("num_rounds=1"), ScriptedModel(arbitrary))
    expected = {(C, C): 3.0, (C, D): 0.0, (D, C): 5.0, (D, D): 1.0}
    seen = set()
    for match in record.matches:
        for own, other in (match.decisions, match.decisions[::-1]):
            assert own.action is not None
            assert other.action is not None
            assert own.payoff == expected[own.action, other.action]
            seen.add((own.action, other.action))
    assert seen == set(expected)


def test_a_missing_action_voids_the_match_and_is_shown_to_nobody(scripted: Callable[..., Config]) -> None:
    def mumbling(request: Request) -> str:
        if request.place.purpose is Purpose.DECISION and request.place.agent == 4:
            return "Hmm."
        return arbitrary(request)

    model = ScriptedModel(mumbling)
    record = played(scripted("num_rounds=1"), model)
    for match in record.matches:
        mumblers = [d for d in match.decisions if d.agent == 4]
        assert all(
            (d.action, d.status, d.reason) == (None, Status.ILLEGIBLE, "not exactly one label") for d in mumblers
        )
        assert match.is_void == bool(mumblers)
        assert all((d.payoff is None) == match.is_void for d in match.decisions)
    last = [request.messages[-1].content for request in model.decisions() if request.place.agent == 4]
    assert not any("- With" in text for text in last)


@pytest.mark.parametrize(("answer", "status"), [(None, Status.FAILED), ("I'm sorry, I cannot answer.", Status.REFUSED)])
def test_an_agent_without_a_strategy_is_asked_for_no_decision(
    scripted: Callable[..., Config], answer: str | None, status: Status
) -> None:
    def speechless(request: Request) -> str | None:
        if request.place.purpose is Purpose.STRATEGY and request.place.agent == 2:
            return answer
        return arbitrary(request)

    model = ScriptedModel(speechless)
    record = played(scripted("num_rounds=1"), model)
    assert not [request for request in model.decisions() if request.place.agent == 2]
    lost = [d for d in record.decisions if d.agent == 2]
    keys = {s.call_key for s in record.strategies if s.agent == 2}
    assert len(lost) == 9
    assert all((d.action, d.status, {d.call_key}) == (None, status, keys) for d in lost)
    assert all((d.reason or "").startswith("no strategy: ") for d in lost)


def test_a_sub_model_decides_but_the_seat_keeps_its_model(scripted: Callable[..., Config]) -> None:
    model = ScriptedModel(arbitrary)
    record = played(scripted("num_rounds=1", "sub_model=c"), model)
    assert {request.slot for request in model.decisions()} == {"c"}
    assert {decision.model for decision in record.decisions} == {"scripted/tit_for_tat"}
    assert {decision.agent_model for decision in record.decisions} == {"scripted/always_c", "scripted/always_d"}
    direct = ScriptedModel(arbitrary)
    played(scripted("num_rounds=1", "sub_model=c", "protocol=direct"), direct)
    assert {request.slot for request in direct.asked} == {"a", "b"}
