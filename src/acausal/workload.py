"""What a cell will ask, without asking: how many calls of each kind, and how much text they carry.

A small cell is played through the real dataflow by a model that answers with placeholders, once with everybody giving
the shorter label and once the longer: between the two lies every history that real answers can make. Replicates and
rounds ask the same number of calls with the same words, so one replicate stands for all. A large cell is counted from
its schedule, every pair once a round, and its decisions are rendered at some depths of history only.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from acausal.design.population import Agent
from acausal.design.program import constant, written
from acausal.design.prompts import PastMatch, Prompts, anonymous_id
from acausal.game import Action
from acausal.models.body import chat_body
from acausal.play.agent import Asker
from acausal.play.tournament import play_tournament
from acausal.records import Place, Purpose, Reply, Request, StrategyRecord
from acausal.schema import Config

PLACEHOLDER = "I will choose what I would want every other participant to choose in my place."
"""A strategy that no model writes, so that it is found again in the prompts that quote it."""
PLAYED_UP_TO = 5_000
"""Strategies and decisions of one replicate: rendering them all takes about a second."""
DEPTHS = 48
"""Depths of history at which the decisions of a large cell are rendered; between them the text grows evenly."""

Kind = tuple[str, Purpose]
"""Slot that is asked, and what for."""


@dataclass(frozen=True, slots=True)
class Load:
    """The calls of one kind over the whole cell."""

    calls: int
    least_bytes: int
    """UTF-8 bytes of all prompts, without the strategies they quote, if every answer were the shorter label."""
    most_bytes: int
    """The same for the longer label."""
    quotes: int
    """How often a prompt quotes an agent's own strategy."""
    max_tokens: int
    """Ceiling of one reply, as its request sets it."""


def workload(config: Config, *, played_up_to: int = PLAYED_UP_TO) -> dict[Kind, Load]:
    """The calls of a cell if every one is answered and legible; starts an event loop of its own.

    Args:
        played_up_to: Strategies and decisions of one replicate up to which it is played in full rather than sampled.

    Raises:
        ConfigError: A prompt does not render.
    """
    agents = config.num_agents
    per_round = agents * (agents - 1) + (agents if config.protocol.strategy is not None else 0)
    count = _played if per_round * config.num_rounds <= played_up_to else _sampled
    labels = sorted(Prompts(config).labels.items(), key=lambda label: len(label[1].encode()))
    least, most = (asyncio.run(count(config, action)) for action, _ in labels)
    return {
        kind: Load(
            calls=tally.calls * config.replicates,
            least_bytes=tally.bytes * config.replicates,
            most_bytes=most[kind].bytes * config.replicates,
            quotes=tally.quotes * config.replicates,
            max_tokens=tally.max_tokens,
        )
        for kind, tally in sorted(least.items(), key=lambda item: (item[0][0], item[0][1] is Purpose.DECISION))
    }


def calls_per_round(config: Config) -> int:
    """The calls of one round of one replicate, if every one is answered and legible."""
    agents = config.num_agents
    strategies = agents if config.protocol.strategy is not None else 0
    return strategies if config.protocol.is_compiled else strategies + agents * (agents - 1)


def text_bytes(messages: Sequence[Mapping[str, Any]]) -> int:
    """UTF-8 bytes of the messages of a request body."""
    return sum(len(str(message["content"]).encode()) for message in messages)


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    bytes: int = 0
    quotes: int = 0
    max_tokens: int = 0

    def add(self, other: _Tally, times: int = 1) -> None:
        self.calls += times * other.calls
        self.bytes += times * other.bytes
        self.quotes += times * other.quotes
        self.max_tokens = max(self.max_tokens, other.max_tokens)


class _Recorder:
    """A model that answers with placeholders and measures what it was asked."""

    def __init__(self, config: Config, action: Action) -> None:
        self._models = config.models
        labels = Prompts(config).labels
        self._label = labels[action]
        self._program = written(constant(float(action is Action.COOPERATE)), labels)
        self.tallies: defaultdict[Kind, _Tally] = defaultdict(_Tally)

    async def complete(self, request: Request) -> Reply:
        """A placeholder; the request is counted."""
        body = chat_body(self._models[request.slot], request)
        quotes = sum(str(message["content"]).count(PLACEHOLDER) for message in body["messages"])
        size = text_bytes(body["messages"]) - quotes * len(PLACEHOLDER)
        ceiling = int(body.get("max_completion_tokens") or body["max_tokens"])
        self.tallies[request.slot, request.place.purpose].add(_Tally(1, size, quotes, ceiling))
        strategy = self._program if request.program else PLACEHOLDER
        text = strategy if request.place.purpose is Purpose.STRATEGY else self._label
        model = self._models[request.slot].model_type
        return Reply(key="", model=model, served_by=model, substituted=False, text=text, finish_reason="stop")


async def _played(config: Config, action: Action) -> Mapping[Kind, _Tally]:
    """One replicate, played in full."""
    recorder = _Recorder(config, action)
    await play_tournament(config, recorder, 1)
    return recorder.tallies


async def _sampled(config: Config, action: Action) -> Mapping[Kind, _Tally]:
    """One replicate, from one agent a slot: all agents of a slot are asked equally many and equally long questions."""
    total: defaultdict[Kind, _Tally] = defaultdict(_Tally)
    prompts = Prompts(config)
    for slot, seats in config.seats.items():
        agent, strategy, times = Agent(1, slot), None, seats * config.num_rounds
        if config.protocol.strategy is not None:
            recorder = _Recorder(config, action)
            strategy = await Asker(config, prompts, recorder).strategy(agent, 1, 1)
            for kind, tally in recorder.tallies.items():
                total[kind].add(tally, times)
        if config.protocol.is_compiled:
            continue
        asked: dict[int, _Tally] = {}
        for meeting in _depths(config.num_agents - 1):
            recorder = _Recorder(config, action)
            await _decide(Asker(config, prompts, recorder), agent, strategy, meeting, action)
            ((kind, asked[meeting]),) = recorder.tallies.items()
        total[kind].add(_between(asked), times)
    return total


async def _decide(asker: Asker, agent: Agent, strategy: StrategyRecord | None, meeting: int, action: Action) -> None:
    history = [PastMatch(anonymous_id(number), action, action) for number in range(1, meeting)]
    await asker.decision(agent, Place(1, 1, agent.id, Purpose.DECISION, meeting, 2), strategy, history, meeting)


def _depths(meetings: int) -> list[int]:
    """Meetings at which to look, from the first to the last, evenly spread, and where the numbers gain a digit."""
    if meetings <= DEPTHS:
        return list(range(1, meetings + 1))
    spread = {1 + round(step * (meetings - 1) / (DEPTHS - 1)) for step in range(DEPTHS)}
    return sorted(spread | {10**digits for digits in range(1, len(str(meetings)))})


def _between(asked: Mapping[int, _Tally]) -> _Tally:
    """All decisions of one agent in a round, from those at some meetings: linear between them."""
    meetings = sorted(asked)
    last = asked[meetings[-1]]
    total = _Tally()
    total.add(last)
    size = float(last.bytes)
    for here, there in pairwise(meetings):
        steps = there - here
        total.add(_Tally(1, 0, asked[here].quotes, asked[here].max_tokens), steps)
        size += steps * asked[here].bytes + (asked[there].bytes - asked[here].bytes) * (steps - 1) / 2
    total.bytes = round(size)
    return total
