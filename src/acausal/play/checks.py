"""Asks the questions beside the game: each in a conversation of its own, of which no game ever hears."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from acausal.design.checks import STAGES, CheckQuestion, agent_questions, canary, canary_slots, quizzed_before
from acausal.design.parsing import Reading
from acausal.design.population import Agent
from acausal.design.prompts import messages_hash
from acausal.design.seeds import placed_seed
from acausal.game import Action
from acausal.play.agent import Asker
from acausal.records import Check, CheckRecord, Place, Purpose, Reply, Request, Status
from acausal.settings.schema import Config

ROUND = 1
"""The round around which agents are asked: before they decide in it, or after."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A question beside the game in its place."""

    question: CheckQuestion
    request: Request
    agent: Agent | None
    """None of a canary."""


def agent_asides(config: Config, asker: Asker, replicate: int, agent: Agent) -> list[Aside]:
    """Everything that an agent is asked beside the games of a replicate, of the model that decides for it."""
    if config.plays_by_rule(agent.model):
        return []
    prompts = asker.prompts_of(replicate, agent.id)
    slot = asker.deciding_slot(agent)
    return [
        Aside(question, _request(config, question, replicate, ROUND, agent.id, slot, question.name), agent)
        for question in agent_questions(config, prompts, power=agent.power)
    ]


def canary_asides(config: Config, replicate: int, stage: str) -> list[Aside]:
    """The canary of each model at one of STAGES; its place names no agent: 0."""
    round_ = {"start": 1, "middle": (config.num_rounds + 1) // 2, "end": config.num_rounds}[stage]
    return [
        Aside(question, _request(config, question, replicate, round_, 0, slot, f"{stage}/{slot}"), None)
        for question in [canary(config)]
        for slot in canary_slots(config)
    ]


def all_asides(config: Config, asker: Asker, replicate: int, agents: Sequence[Agent]) -> Iterator[Aside]:
    """Everything that is asked beside the games of a replicate."""
    for agent in agents:
        yield from agent_asides(config, asker, replicate, agent)
    for stage in STAGES:
        yield from canary_asides(config, replicate, stage)


class Checker:
    """Asks what one replicate is asked beside its games, while they are played.

    Args:
        group: In which the questions are asked; a failure ends it.
        agents: As they are seated in the first round, by id.
    """

    def __init__(
        self, config: Config, asker: Asker, replicate: int, group: asyncio.TaskGroup, agents: Mapping[int, Agent]
    ) -> None:
        self._config = config
        self._asker = asker
        self._replicate = replicate
        self._group = group
        self._tasks: dict[Place, asyncio.Task[CheckRecord]] = {}
        self._first: dict[int, list[asyncio.Task[CheckRecord]]] = {}
        """Agent → what it is asked before it decides."""
        self._before = quizzed_before(config, replicate)
        self._asides = {
            agent.id: agent_asides(config, asker, replicate, agent) if config.checks.any else []
            for agent in agents.values()
        }

    def start(self) -> None:
        """Ask the first canary, and those agents that are asked before they decide."""
        self._ask(canary_asides(self._config, self._replicate, "start"))
        for agent, asides in self._asides.items():
            if self._before[agent]:
                self._first[agent] = self._ask(a for a in asides if a.question.check is not Check.MANIPULATION)

    async def before(self, agent: int) -> None:
        """Wait until an agent that is asked before it decides has answered."""
        if self._before[agent] and self._first.get(agent):
            await asyncio.wait(self._first[agent])

    def middle(self) -> None:
        """Ask the second canary."""
        self._ask(canary_asides(self._config, self._replicate, "middle"))

    def decided(self) -> None:
        """Ask what comes after the decisions of the first round."""
        for asides in self._asides.values():
            self._ask(aside for aside in asides if aside.request.place not in self._tasks)

    def end(self) -> None:
        """Ask the last canary."""
        self._ask(canary_asides(self._config, self._replicate, "end"))

    def records(self) -> list[CheckRecord]:
        """What came of everything that was asked, once the group has ended."""
        return [task.result() for task in self._tasks.values()]

    def _ask(self, asides: Iterable[Aside]) -> list[asyncio.Task[CheckRecord]]:
        asked = {aside.request.place: self._group.create_task(self._answered(aside)) for aside in asides}
        self._tasks |= asked
        return list(asked.values())

    async def _answered(self, aside: Aside) -> CheckRecord:
        reply = await self._asker.model.complete(aside.request)
        answer, reading = aside.question.read(reply)
        return self._record(aside, reply, answer, reading)

    def _record(self, aside: Aside, reply: Reply, answer: str | None, reading: Reading) -> CheckRecord:
        config, question, place, agent = self._config, aside.question, aside.request.place, aside.agent
        known = reading.status is Status.LEGIBLE and question.expected is not None
        variant = None if agent is None else self._asker.variant(place.replicate, agent.id)
        is_first = question.check is not Check.MANIPULATION and agent is not None and self._before[agent.id]
        seat = aside.request.slot if agent is None else agent.model
        return CheckRecord(
            replicate=place.replicate,
            round=place.round,
            agent=None if agent is None else agent.id,
            model=config.models[aside.request.slot].model_type,
            served_by=reply.served_by,
            substituted=reply.substituted,
            condition=config.condition.name,
            scenario=config.scenario.name,
            paraphrase=self._asker.paraphrase,
            check=question.check,
            question=question.name or place.question.partition("/")[2],
            expected=question.expected,
            answer=answer,
            status=reading.status,
            correct=answer == question.expected if known else None,
            before_decision=None if agent is None else is_first,
            call_key=reply.key,
            reason=reading.reason,
            p_cooperate=self._p_cooperate(aside, reading),
            label=None if variant is None else variant.label,
            first_option=None if variant is None else variant.first_option,
            payoff_order=None if variant is None else variant.payoff_order,
            messages_hash=messages_hash(aside.request.messages),
            agent_model=config.models[seat].model_type,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            cost_usd=reply.cost_usd,
        )

    def _p_cooperate(self, aside: Aside, reading: Reading) -> float | None:
        """The percentage was given to the label named first."""
        if reading.p_cooperate is None or aside.agent is None:
            return None
        first = self._asker.variant(self._replicate, aside.agent.id).first_option
        return reading.p_cooperate if first is Action.COOPERATE else 1 - reading.p_cooperate


def _request(
    config: Config, question: CheckQuestion, replicate: int, round_: int, agent: int, slot: str, name: str
) -> Request:
    named = f"{question.check}/{name}"
    place = Place(replicate, round_, agent, Purpose.CHECK, question=named)
    seed = placed_seed(config.seed, "check", replicate, agent, named)
    return Request(place, slot, question.messages, question.choices, seed, question.elicit)
