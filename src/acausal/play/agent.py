"""An agent asks its model: for a strategy once a round, for an action in each match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from acausal.design.parsing import Reading, read_decision, read_strategy
from acausal.design.population import Agent
from acausal.design.prompts import PastMatch, Prompts, anonymous_id
from acausal.design.seeds import placed_seed
from acausal.models.classical import Player, Rule, Turns, rules_of
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
    call_key: str | None


class Asker:
    """Puts the questions of one cell to its models, and its rules into their seats.

    Args:
        rules: Slot → what plays there without being asked; None: as the models of the configuration say.

    Raises:
        ConfigError: A model of the configuration is a rule that does not exist.
    """

    def __init__(self, config: Config, prompts: Prompts, model: Model, rules: Mapping[str, Rule] | None = None) -> None:
        self._rules = rules_of(config) if rules is None else rules
        self._config = config
        self._prompts = prompts
        self._model = model
        self._choices = tuple(prompts.labels.values())

    def deciding_slot(self, agent: Agent) -> str:
        """The slot that decides for an agent."""
        return deciding_slot(self._config, agent.model)

    def player(self, agent: Agent, place: Place) -> Player | None:
        """What plays a match for an agent by rule; None where a model is asked.

        Args:
            place: Of the agent's decision in the match, in whichever turn.
        """
        rule = self._rules.get(agent.model)
        if rule is None:
            return None
        named = (place.replicate, place.round, agent.id, place.coplayer)
        return rule.sit_down(placed_seed(self._config.seed, "rule", *named))

    def played(self, agent: Agent, player: Player, turns: Turns) -> Choice:
        """The action of a rule; there is no call behind it."""
        reading = Reading(player(turns), Status.LEGIBLE, None)
        return Choice(reading, self._config.models[agent.model].model_type, False, None)

    async def strategy(self, agent: Agent, replicate: int, round_: int) -> StrategyRecord:
        """Ask an agent for its strategy of a round."""
        place = Place(replicate, round_, agent.id, Purpose.STRATEGY)
        seed = placed_seed(self._config.seed, "strategy", replicate, round_, agent.id)
        reply = await self._model.complete(Request(place, agent.model, self._prompts.strategy(), (), seed))
        text, status, reason = read_strategy(reply)
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
        self,
        agent: Agent,
        place: Place,
        strategy: StrategyRecord | None,
        history: Sequence[PastMatch],
        meeting: int,
        turns: Sequence[PastMatch] = (),
    ) -> Choice:
        """Ask an agent for its action in a match.

        Args:
            place: Of the decision; names match, co-player and turn.
            strategy: What the agent wrote this round; None under a protocol without strategies.
            history: Its own earlier matches of this round, in schedule order.
            meeting: Number of this meeting among the agent's own of the round, from 1.
            turns: The turns of this match before; always shown.
        """
        if strategy is not None and strategy.status is not Status.LEGIBLE:
            # Nothing to decide with: the strategy's fate is the decision's, and no call is wasted on it.
            reading = Reading(None, strategy.status, f"no strategy: {strategy.reason}")
            return Choice(reading, None, False, strategy.call_key)
        shown = history if self._config.condition.shows.own_matches else ()
        messages = self._prompts.decision(
            strategy=strategy.strategy if strategy is not None else None,
            history=shown,
            coplayer=anonymous_id(meeting),
            turns=turns,
        )
        later = (place.turn,) if place.turn > 1 else ()  # the seeds of first turns are those of one-shot matches
        named = (place.replicate, place.round, agent.id, place.coplayer, *later)
        seed = placed_seed(self._config.seed, "decision", *named)
        reply = await self._model.complete(Request(place, self.deciding_slot(agent), messages, self._choices, seed))
        substituted = reply.substituted or (strategy is not None and strategy.substituted)
        return Choice(read_decision(reply, self._prompts.labels), reply.served_by, substituted, reply.key)


def deciding_slot(config: Config, slot: str) -> str:
    """The slot that decides for agents of a slot: `sub_model` where strategies are delegated to one, else their own.

    A rule has no strategy to delegate.
    """
    delegated = config.protocol.strategy is not None and not config.plays_by_rule(slot)
    return config.sub_model if delegated and config.sub_model is not None else slot
