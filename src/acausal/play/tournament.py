"""The rounds of one population, as a dataflow: a match starts when both its agents have finished their previous one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace

from acausal.design.evolution import slots_after
from acausal.design.horizon import match_turns
from acausal.design.matching import round_fixtures
from acausal.design.population import Agent, population, seat_seed
from acausal.design.power import empowered
from acausal.design.prompts import PastMatch, PastRound, Prompts, anonymous_id
from acausal.design.schedule import Fixture
from acausal.errors import AcausalError
from acausal.game import Action
from acausal.models.classical import Player, Rule
from acausal.play.agent import Asker, Choice, Model
from acausal.play.checks import ROUND, Checker
from acausal.play.match import Scorer
from acausal.records import CheckRecord, Decision, MatchRecord, Place, Purpose, StrategyRecord
from acausal.settings.disclosure import paraphrase_of
from acausal.settings.matching_schema import EvolutionRule
from acausal.settings.schema import Config

Event = StrategyRecord | MatchRecord


@dataclass(slots=True)
class TournamentRecord:
    """Everything one replicate produced, in schedule order."""

    replicate: int
    strategies: list[StrategyRecord] = field(default_factory=list)
    matches: list[MatchRecord] = field(default_factory=list)
    checks: list[CheckRecord] = field(default_factory=list)
    """What was asked beside the games, in no particular order."""

    @property
    def decisions(self) -> list[Decision]:
        """Two for each turn of each match of two."""
        return [decision for match in self.matches for decision in match.decisions]


async def play_replicates(
    config: Config,
    model: Model,
    observe: Callable[[Event], None] = lambda _: None,
    turn: Callable[[int], AbstractAsyncContextManager[None]] = lambda _: nullcontext(),
) -> list[TournamentRecord]:
    """Play all replicates of a cell, side by side in one loop.

    Args:
        observe: Told of each strategy and match as it ends, in whatever order they end.
        turn: Replicate → what it waits for before it begins, and holds until it has ended.

    Raises:
        AcausalError: What ended the play early.
    """

    async def played(replicate: int) -> TournamentRecord:
        async with turn(replicate):
            return await play_tournament(config, model, replicate, observe)

    try:
        async with asyncio.TaskGroup() as group:
            tournaments = [group.create_task(played(replicate)) for replicate in range(1, config.replicates + 1)]
    except BaseExceptionGroup as errors:
        raise _cause(errors) from None
    return [tournament.result() for tournament in tournaments]


async def play_tournament(
    config: Config,
    model: Model,
    replicate: int,
    observe: Callable[[Event], None] = lambda _: None,
    rules: Mapping[str, Rule] | None = None,
) -> TournamentRecord:
    """Play one replicate of a cell.

    Args:
        replicate: Counted from 1; places every seed.
        observe: Told of each strategy and match as it ends, in whatever order they end.
        rules: Slot → what plays there without being asked; None: as the configuration says.
    """
    asker = Asker(config, Prompts(config, paraphrase_of(config, replicate)), model, rules)
    record = TournamentRecord(replicate)
    try:
        async with asyncio.TaskGroup() as beside:
            seated = population(config.seats, seed=seat_seed(config.seed, replicate))
            agents = {agent.id: agent for agent in seated}
            checker = Checker(config, asker, replicate, beside, empowered(config, replicate, 1, agents, ()))
            await _play_rounds(config, asker, checker, agents, record, observe)
    except BaseExceptionGroup as errors:
        raise _cause(errors) from None
    record.checks = checker.records()
    return record


async def _play_rounds(
    config: Config,
    asker: Asker,
    checker: Checker,
    agents: dict[int, Agent],
    record: TournamentRecord,
    observe: Callable[[Event], None],
) -> None:
    """Play into a record; what is asked beside the games runs on meanwhile."""
    replicate, scorer = record.replicate, Scorer(config, asker)
    last_round: list[Decision] = []
    past: list[PastRound] = []
    checker.start()
    for number in range(1, config.num_rounds + 1):
        agents = empowered(config, replicate, number, agents, last_round)
        round_ = _Round(config, asker, scorer, agents, replicate, number, observe, tuple(past), checker)
        record.strategies += await round_.write_strategies()
        if number == (config.num_rounds + 1) // 2:
            checker.middle()
        matches = await round_.play_matches()
        record.matches += matches
        last_round = [decision for match in matches for decision in match.decisions]
        agents = _evolved(config, round_.agents_after(), last_round, replicate, number)
        past.append(round_.measured())
        if number == ROUND:
            checker.decided()
    checker.end()


def _evolved(
    config: Config, agents: dict[int, Agent], played: Iterable[Decision], replicate: int, number: int
) -> dict[int, Agent]:
    """The agents of the next round: each in its seat, maybe with another model."""
    if config.evolution.rule is EvolutionRule.none:
        return agents
    slots = slots_after(config, [agent.model for agent in agents.values()], played, replicate, number)
    return {agent.id: replace(agent, model=slot) for agent, slot in zip(agents.values(), slots, strict=True)}


@dataclass(slots=True)
class _Side:
    """One agent in one match."""

    agent: Agent
    place: Place
    """Of its decision in the first turn."""
    meeting: int
    """Number of the match among the agent's own of the round, from 1."""
    player: Player | None
    """What decides by rule; None where a model is asked."""
    turns: list[PastMatch] = field(default_factory=list)
    """What was played so far; a void turn is not shown."""

    def saw(self, turn: int, own: Action, other: Action) -> None:
        """Remember a turn."""
        self.turns.append(PastMatch(anonymous_id(self.meeting), own, other, turn))


class _Round:
    """One round: strategies in parallel, then the matches of its matching."""

    def __init__(
        self,
        config: Config,
        asker: Asker,
        scorer: Scorer,
        agents: dict[int, Agent],
        replicate: int,
        number: int,
        observe: Callable[[Event], None],
        past: tuple[PastRound, ...],
        checker: Checker,
    ) -> None:
        self._config = config
        self._asker = asker
        self._scorer = scorer
        self._agents = agents
        self._replicate = replicate
        self._number = number
        self._observe = observe
        self._past = past
        self._checker = checker
        self._strategies: dict[int, StrategyRecord] = {}
        self._histories: dict[int, list[PastMatch]] = {agent: [] for agent in agents}
        self._matches: list[MatchRecord] = []

    async def write_strategies(self) -> list[StrategyRecord]:
        """The strategy of everybody that is asked, ordered by agent; none under a protocol without strategies."""
        if self._config.protocol.strategy is None:
            return []
        async with asyncio.TaskGroup() as group:
            asked = [agent for agent in self._agents.values() if not self._config.plays_by_rule(agent.model)]
            tasks = [group.create_task(self._strategy(agent)) for agent in asked]
        strategies = [task.result() for task in tasks]
        self._strategies = {record.agent: record for record in strategies}
        return strategies

    async def play_matches(self) -> list[MatchRecord]:
        """The matches of the round, in schedule order whatever finished first; of an n-player game, its one match."""
        if self._config.public_goods is not None:
            self._matches = [await self._assembly()]
            return self._matches
        slots = [agent.model for agent in self._agents.values()]
        previous: dict[int, asyncio.Task[MatchRecord]] = {}
        async with asyncio.TaskGroup() as group:
            tasks = []
            for fixture in round_fixtures(self._config, slots, self._replicate, self._number):
                waits_for = [previous[agent] for agent in fixture.agents if agent in previous]
                # With nothing of the past on show there is nothing to wait for.
                task = group.create_task(self._match(fixture, waits_for if self._shows_history else ()))
                previous |= dict.fromkeys(fixture.agents, task)
                tasks.append(task)
        self._matches = [task.result() for task in tasks]
        return self._matches

    def agents_after(self) -> dict[int, Agent]:
        """The agents with this round's strategies and points."""
        scores = self._scores()
        return {
            number: replace(
                agent,
                total_score=agent.total_score + scores[number],
                strategy=(self._strategies[number].strategy or "") if number in self._strategies else "",
            )
            for number, agent in self._agents.items()
        }

    def measured(self) -> PastRound:
        """What later rounds may be shown of this one."""
        counted = [decision for match in self._matches for decision in match.decisions if decision.counts]
        cooperated = sum(decision.action is Action.COOPERATE for decision in counted)
        return PastRound(self._number, cooperated, len(counted), tuple(self._scores().values()))

    def _scores(self) -> dict[int, float]:
        scores = dict.fromkeys(self._agents, 0.0)
        for match in self._matches:
            for decision in match.decisions:
                scores[decision.agent] += decision.payoff or 0.0  # a void turn adds nothing to a total
        return scores

    @property
    def _shows_history(self) -> bool:
        return self._config.condition.shows.own_matches

    async def _strategy(self, agent: Agent) -> StrategyRecord:
        await self._checker.before(agent.id)
        record = await self._asker.strategy(agent, self._replicate, self._number, self._past)
        self._observe(record)
        return record

    async def _match(self, fixture: Fixture, waits_for: Iterable[asyncio.Task[MatchRecord]]) -> MatchRecord:
        for task in waits_for:
            await asyncio.wait([task])
        sides = (self._side(fixture, 0), self._side(fixture, 1))
        played: list[tuple[Choice, Choice]] = []
        for turn in range(1, match_turns(self._config, self._replicate, self._number, fixture.agents) + 1):
            # Both are asked before either is told: the moves are simultaneous.
            async with asyncio.TaskGroup() as group:
                first = group.create_task(self._choice(sides[0], turn))
                second = group.create_task(self._choice(sides[1], turn))
            played.append((first.result(), second.result()))
            own, other = (choice.reading.action for choice in played[-1])
            if own is None or other is None:
                break  # without this turn there is no honest history to decide the next one from
            sides[0].saw(turn, own, other)
            sides[1].saw(turn, other, own)
        match = self._scorer.record(self._replicate, self._number, fixture, (sides[0].agent, sides[1].agent), played)
        for side in sides:
            self._histories[side.agent.id] += side.turns
        self._observe(match)
        return match

    def _side(self, fixture: Fixture, seat: int) -> _Side:
        agent = self._agents[fixture.agents[seat]]
        coplayer = fixture.agents[1 - seat]
        place = Place(self._replicate, self._number, agent.id, Purpose.DECISION, fixture.match, coplayer)
        return _Side(agent, place, fixture.meetings[seat], self._asker.player(agent, place))

    async def _assembly(self) -> MatchRecord:
        """Everybody chooses once and at the same time, with all others at once."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._contribution(agent)) for agent in self._agents.values()]
        choices = [task.result() for task in tasks]
        match = self._scorer.assembly(self._replicate, self._number, tuple(self._agents.values()), choices)
        self._observe(match)
        return match

    async def _contribution(self, agent: Agent) -> Choice:
        place = Place(self._replicate, self._number, agent.id, Purpose.DECISION, match=1)
        return await self._choice(_Side(agent, place, 1, self._asker.player(agent, place)), 1)

    async def _choice(self, side: _Side, turn: int) -> Choice:
        agent = side.agent
        if side.player is not None:
            return self._asker.played(agent, side.player, [(past.own, past.other) for past in side.turns])
        place = replace(side.place, turn=turn)
        strategy, history = self._strategies.get(agent.id), tuple(self._histories[agent.id])
        past, turns = self._past, tuple(side.turns)
        await self._checker.before(agent.id)
        return await self._asker.decision(agent, place, strategy, history, side.meeting, past, turns)


def _cause(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a group of failed tasks is about: the first error of ours, else the first of all."""
    ours = errors.subgroup(AcausalError)
    group: BaseExceptionGroup[BaseException] = ours if ours is not None else errors
    first = group.exceptions[0]
    return _cause(first) if isinstance(first, BaseExceptionGroup) else first
