"""An agent asks its model: for a strategy once a round, for an action in each match."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol

from acausal.design.counterbalance import Variant, assigned_variants
from acausal.design.logprobs import p_cooperate
from acausal.design.parsing import Reading, read_decision, read_probability, read_strategy
from acausal.design.population import Agent
from acausal.design.prompts import PastMatch, PastRound, Prompts, anonymous_id, messages_hash
from acausal.design.seeds import placed_seed
from acausal.elicitation import Elicit
from acausal.game import Action
from acausal.models.classical import Player, Rule, Turns, rules_of
from acausal.records import Message, Outcome, Place, Purpose, Reply, Request, Status, StrategyRecord
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
    variant: Variant | None
    """The words and orders in which it was asked; None where a rule plays, which reads nothing."""
    messages_hash: str | None = None
    """Of what was asked first, without reminders; None when nothing was."""
    reasks: int = 0
    """How often it was asked again because the reply was illegible."""
    samples_agree: float | None = None
    """Share of the pairs of legible samples that chose alike; None with fewer than two."""


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
        self._variants: dict[int, dict[int, Variant]] = {}

    def variant(self, replicate: int, agent: int) -> Variant:
        """The words and orders that an agent, by id, reads in a replicate."""
        if replicate not in self._variants:
            self._variants[replicate] = assigned_variants(self._config, replicate)
        return self._variants[replicate][agent]

    @property
    def paraphrase(self) -> int:
        """Which wording of the condition it asks in, from 1."""
        return self._prompts.paraphrase

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
        return Choice(reading, self._config.models[agent.model].model_type, False, None, None)

    async def strategy(
        self, agent: Agent, replicate: int, round_: int, past: Sequence[PastRound] = ()
    ) -> StrategyRecord:
        """Ask an agent for its strategy of a round.

        Args:
            past: The earlier rounds, of which the condition may show something.
        """
        messages = self._prompts.of(self.variant(replicate, agent.id)).strategy(past, power=agent.power)
        place = Place(replicate, round_, agent.id, Purpose.STRATEGY)
        seed = placed_seed(self._config.seed, "strategy", replicate, round_, agent.id)
        reply = await self._model.complete(Request(place, agent.model, messages, (), seed))
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
            messages_hash=messages_hash(messages),
            paraphrase=self.paraphrase,
        )

    async def decision(
        self,
        agent: Agent,
        place: Place,
        strategy: StrategyRecord | None,
        history: Sequence[PastMatch],
        meeting: int,
        past: Sequence[PastRound] = (),
        turns: Sequence[PastMatch] = (),
    ) -> Choice:
        """Ask an agent for its action in a match, as often as `samples` says; the first is the one on record.

        The first whatever became of it: taking the first legible one instead would select.

        Args:
            place: Of the decision; names match, co-player and turn.
            strategy: What the agent wrote this round; None under a protocol without strategies.
            history: Its own earlier matches of this round, in schedule order.
            meeting: Number of this meeting among the agent's own of the round, from 1.
            past: The earlier rounds, of which the condition may show something.
            turns: The turns of this match before; always shown.
        """
        variant = self.variant(place.replicate, agent.id)
        if strategy is not None and strategy.status is not Status.LEGIBLE:
            # Nothing to decide with: the strategy's fate is the decision's, and no call is wasted on it.
            reading = Reading(None, strategy.status, f"no strategy: {strategy.reason}")
            return Choice(reading, None, False, strategy.call_key, variant)
        shown = history if self._config.condition.shows.own_matches else ()
        messages = self._prompts.of(variant).decision(
            strategy=strategy.strategy if strategy is not None else None,
            history=shown,
            coplayer=anonymous_id(meeting),
            past=past,
            power=agent.power,
            turns=turns,
        )
        samples = [replace(place, sample=number) for number in range(1, self._config.samples + 1)]
        first, *others = await asyncio.gather(*(self._sample(agent, each, variant, messages) for each in samples))
        actions = [choice.reading.action for choice in (first, *others) if choice.reading.action is not None]
        pairs = [own is other for own, other in combinations(actions, 2)]
        return replace(
            first,
            substituted=first.substituted or (strategy is not None and strategy.substituted),
            samples_agree=sum(pairs) / len(pairs) if pairs else None,
        )

    async def _sample(self, agent: Agent, place: Place, variant: Variant, messages: tuple[Message, ...]) -> Choice:
        """Ask once, and again while the reply is illegible and `max_reasks` allows.

        What was cut off, filtered, refused or failed is not asked again: those are answers, or need another cure.
        """
        prompts, slot = self._prompts.of(variant), self.deciding_slot(agent)
        choices, asked = tuple(prompts.labels.values()), messages
        for ask in range(1, self._config.max_reasks + 2):
            here = replace(place, ask=ask)
            request = Request(here, slot, asked, choices, decision_seed(self._config, here), self._config.elicit)
            reply = await self._model.complete(request)
            reading = read_choice(self._config, prompts.labels, reply, here)
            if reading.outcome is not Outcome.ILLEGIBLE:
                break
            asked = prompts.again(messages)
        asked_first = messages_hash(messages)
        return Choice(reading, reply.served_by, reply.substituted, reply.key, variant, asked_first, ask - 1)


def decision_seed(config: Config, place: Place) -> int:
    """The seed of a decision; later turns, samples and re-asks have seeds of their own."""
    later = () if place.turn == 1 else (place.turn,)
    repeated = () if place.sample == place.ask == 1 else (place.sample, place.ask)
    named = (place.replicate, place.round, place.agent, place.coplayer)
    return placed_seed(config.seed, "decision", *named, *later, *repeated)


def read_choice(config: Config, labels: Mapping[Action, str], reply: Reply, place: Place) -> Reading:
    """What an agent chose at a place, as its reply was elicited.

    Args:
        labels: Action → its word, in the agent's own variant.
    """
    if config.elicit is Elicit.probability:
        chance = placed_seed(decision_seed(config, place), "draw") / 2**31
        return read_probability(reply, labels, chance=chance)
    reading = read_decision(reply, labels)
    if reading.action is None or config.elicit is Elicit.choice:
        return reading
    return replace(reading, p_cooperate=p_cooperate(reply.logprobs, labels))


def deciding_slot(config: Config, slot: str) -> str:
    """The slot that decides for agents of a slot: `sub_model` where strategies are delegated to one, else their own.

    A rule has no strategy to delegate.
    """
    delegated = config.protocol.strategy is not None and not config.plays_by_rule(slot)
    return config.sub_model if delegated and config.sub_model is not None else slot
