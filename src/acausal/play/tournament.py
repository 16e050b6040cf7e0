"""The rounds of one population, as a dataflow: a match starts when both its agents have finished their previous one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from acausal.design.evolution import slots_after
from acausal.design.matching import round_fixtures
from acausal.design.population import Agent, population, seat_seed
from acausal.design.prompts import PastMatch, Prompts, anonymous_id
from acausal.design.schedule import Fixture
from acausal.errors import AcausalError
from acausal.matching_schema import EvolutionRule
from acausal.play.agent import Asker, Choice, Model
from acausal.play.match import Scorer
from acausal.records import Decision, MatchRecord, Place, Purpose, StrategyRecord
from acausal.schema import Config

Event = StrategyRecord | MatchRecord


@dataclass(slots=True)
class TournamentRecord:
    """Everything one replicate produced, in schedule order."""

    replicate: int
    strategies: list[StrategyRecord] = field(default_factory=list)
    matches: list[MatchRecord] = field(default_factory=list)

    @property
    def decisions(self) -> list[Decision]:
        """Two for each match."""
        return [decision for match in self.matches for decision in match.decisions]


async def play_replicates(
    config: Config, model: Model, observe: Callable[[Event], None] = lambda _: None
) -> list[TournamentRecord]:
    """Play all replicates of a cell, side by side in one loop.

    Raises:
        AcausalError: What ended the play early.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tournaments = [
                group.create_task(play_tournament(config, model, replicate, observe))
                for replicate in range(1, config.replicates + 1)
            ]
    except BaseExceptionGroup as errors:
        raise _cause(errors) from None
    return [tournament.result() for tournament in tournaments]


async def play_tournament(
    config: Config, model: Model, replicate: int, observe: Callable[[Event], None] = lambda _: None
) -> TournamentRecord:
    """Play one replicate of a cell.

    Args:
        replicate: Counted from 1; places every seed.
        observe: Told of each strategy and match as it ends, in whatever order they end.
    """
    prompts = Prompts(config)
    asker = Asker(config, prompts, model)
    scorer = Scorer(config, asker)
    seated = population(config.seats, seed=seat_seed(config.seed, replicate), power=config.game.power)
    agents = {agent.id: agent for agent in seated}
    record = TournamentRecord(replicate)
    for number in range(1, config.num_rounds + 1):
        round_ = _Round(config, asker, scorer, agents, replicate, number, observe)
        record.strategies += await round_.write_strategies()
        record.matches += await round_.play_matches()
        agents = _evolved(config, round_.agents_after(), record.matches, replicate, number)
    return record


def _evolved(
    config: Config, agents: dict[int, Agent], matches: Iterable[MatchRecord], replicate: int, number: int
) -> dict[int, Agent]:
    """The agents of the next round: each in its seat, maybe with another model."""
    if config.evolution.rule is EvolutionRule.none:
        return agents
    played = [decision for match in matches if match.round == number for decision in match.decisions]
    slots = slots_after(config, [agent.model for agent in agents.values()], played, replicate, number)
    return {agent.id: replace(agent, model=slot) for agent, slot in zip(agents.values(), slots, strict=True)}


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
    ) -> None:
        self._config = config
        self._asker = asker
        self._scorer = scorer
        self._agents = agents
        self._replicate = replicate
        self._number = number
        self._observe = observe
        self._strategies: dict[int, StrategyRecord] = {}
        self._histories: dict[int, list[PastMatch]] = {agent: [] for agent in agents}
        self._matches: list[MatchRecord] = []

    async def write_strategies(self) -> list[StrategyRecord]:
        """Everybody's strategy, ordered by agent; none under a protocol without strategies."""
        if self._config.protocol.strategy is None:
            return []
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._strategy(agent)) for agent in self._agents.values()]
        strategies = [task.result() for task in tasks]
        self._strategies = {record.agent: record for record in strategies}
        return strategies

    async def play_matches(self) -> list[MatchRecord]:
        """The matches of the round, in schedule order whatever finished first."""
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
        scores = dict.fromkeys(self._agents, 0.0)
        for match in self._matches:
            for decision in match.decisions:
                scores[decision.agent] += decision.payoff or 0.0  # a void match adds nothing to a total
        return {
            number: replace(
                agent,
                total_score=agent.total_score + scores[number],
                strategy=(self._strategies[number].strategy or "") if number in self._strategies else "",
            )
            for number, agent in self._agents.items()
        }

    @property
    def _shows_history(self) -> bool:
        return self._config.condition.shows.own_matches

    async def _strategy(self, agent: Agent) -> StrategyRecord:
        record = await self._asker.strategy(agent, self._replicate, self._number)
        self._observe(record)
        return record

    async def _match(self, fixture: Fixture, waits_for: Iterable[asyncio.Task[MatchRecord]]) -> MatchRecord:
        for task in waits_for:
            await asyncio.wait([task])
        # Both are asked before either is told: the moves are simultaneous.
        async with asyncio.TaskGroup() as group:
            first = group.create_task(self._choice(fixture, 0))
            second = group.create_task(self._choice(fixture, 1))
        agents = (self._agents[fixture.agents[0]], self._agents[fixture.agents[1]])
        match = self._scorer.record(self._replicate, self._number, fixture, agents, (first.result(), second.result()))
        self._remember(match, fixture.meetings)
        self._observe(match)
        return match

    async def _choice(self, fixture: Fixture, seat: int) -> Choice:
        agent, coplayer = fixture.agents[seat], fixture.agents[1 - seat]
        place = Place(self._replicate, self._number, agent, Purpose.DECISION, fixture.match, coplayer)
        strategy, history = self._strategies.get(agent), tuple(self._histories[agent])
        return await self._asker.decision(self._agents[agent], place, strategy, history, fixture.meetings[seat])

    def _remember(self, match: MatchRecord, meetings: tuple[int, int]) -> None:
        """Add a match to what its agents will be shown; a void match is not shown."""
        first, second = match.decisions
        if first.action is None or second.action is None:
            return
        self._histories[first.agent].append(PastMatch(anonymous_id(meetings[0]), first.action, second.action))
        self._histories[second.agent].append(PastMatch(anonymous_id(meetings[1]), second.action, first.action))


def _cause(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a group of failed tasks is about: the first error of ours, else the first of all."""
    ours = errors.subgroup(AcausalError)
    group: BaseExceptionGroup[BaseException] = ours if ours is not None else errors
    first = group.exceptions[0]
    return _cause(first) if isinstance(first, BaseExceptionGroup) else first
