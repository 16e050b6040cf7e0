"""An agent asks its model: for a strategy once a round, for an action in each match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from acausal.design.parsing import Reading, read_decision, read_strategy
from acausal.design.population import Agent
from acausal.design.program import Program, move, read_program
from acausal.design.prompts import PastMatch, Prompts, anonymous_id
from acausal.design.seeds import placed_seed
from acausal.records import Place, Purpose, Reply, Request, Status, StrategyRecord
from acausal.schema import Config


class Model(Protocol):
    """Whatever answers requests: the client, or a script in a test."""

    async def complete(self, request: Request) -> Reply:
        """The reply, or the reason why there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """What came of asking for an action."""

    reading: Reading
    served_by: str | None
    substituted: bool
    """True also when the strategy it follows was written by a substitute."""
    call_key: str
    p_cooperate: float | None = None
    """Probability with which a program cooperated here; None where a model decided."""


class Asker:
    """Puts the questions of one cell to its models."""

    def __init__(self, config: Config, prompts: Prompts, model: Model) -> None:
        self._config = config
        self._prompts = prompts
        self._model = model
        self._choices = tuple(prompts.labels.values())

    def deciding_slot(self, agent: Agent) -> str:
        """The slot that decides for an agent."""
        return deciding_slot(self._config, agent.model)

    async def strategy(self, agent: Agent, replicate: int, round_: int) -> StrategyRecord:
        """Ask an agent for its strategy of a round."""
        place = Place(replicate, round_, agent.id, Purpose.STRATEGY)
        seed = placed_seed(self._config.seed, "strategy", replicate, round_, agent.id)
        program = self._choices if self._config.protocol.is_compiled else ()
        reply = await self._model.complete(Request(place, agent.model, self._prompts.strategy(), (), seed, program))
        text, status, reason = read_strategy(reply)
        if program and text is not None and isinstance(read := read_program(text, self._prompts.labels), str):
            text, status, reason = None, Status.ILLEGIBLE, read
        return StrategyRecord(
            replicate=replicate,
            round=round_,
            agent=agent.id,
            model=self._config.models[agent.model].model_type,
            served_by=reply.served_by,
            substituted=reply.substituted,
            status=status,
            strategy=text,
            reasoning=reply.reasoning,
            call_key=reply.key,
            reason=reason,
        )

    async def decision(
        self, agent: Agent, place: Place, strategy: StrategyRecord | None, history: Sequence[PastMatch], meeting: int
    ) -> Choice:
        """Ask an agent for its action in a match, or its program where it has one.

        Args:
            place: Of the decision; names match and co-player.
            strategy: What the agent wrote this round; None under a protocol without strategies.
            history: Its own earlier matches of this round, in schedule order.
            meeting: Number of this meeting among the agent's own of the round, from 1.
        """
        if strategy is not None and strategy.status is not Status.LEGIBLE:
            # Nothing to decide with: the strategy's fate is the decision's, and no call is wasted on it.
            reading = Reading(None, strategy.status, f"no strategy: {strategy.reason}")
            return Choice(reading, None, False, strategy.call_key)
        shown = history if self._config.condition.shows.own_matches else ()
        seed = placed_seed(self._config.seed, "decision", place.replicate, place.round, agent.id, place.coplayer)
        if self._config.protocol.is_compiled:
            return self._played(strategy, shown, seed)
        messages = self._prompts.decision(
            strategy=strategy.strategy if strategy is not None else None, history=shown, coplayer=anonymous_id(meeting)
        )
        reply = await self._model.complete(Request(place, self.deciding_slot(agent), messages, self._choices, seed))
        substituted = reply.substituted or (strategy is not None and strategy.substituted)
        return Choice(read_decision(reply, self._prompts.labels), reply.served_by, substituted, reply.key)

    def _played(self, strategy: StrategyRecord | None, shown: Sequence[PastMatch], seed: int) -> Choice:
        """What a legible program does, at no call: it is the strategy's writer that decides."""
        assert strategy is not None  # config.check refuses to play programs that nobody writes
        program = read_program(strategy.strategy or "", self._prompts.labels)
        assert isinstance(program, Program)  # or the strategy would not be legible
        outcomes = [(past.own, past.other) for past in shown]
        reading = Reading(move(program, outcomes, seed), Status.LEGIBLE, None)
        chance = program.p_cooperate(outcomes)
        return Choice(reading, strategy.served_by, strategy.substituted, strategy.call_key, chance)


def deciding_slot(config: Config, slot: str) -> str:
    """The slot that decides for agents of a slot: `sub_model` where strategies are delegated to one, else their own."""
    delegated = config.protocol.strategy is not None and not config.protocol.is_compiled
    return config.sub_model if delegated and config.sub_model is not None else slot
