"""What a cell will ask, without asking: how many calls of each kind, and how much text they carry.

A small cell is played through the real dataflow by a model that answers with placeholders, once with everybody giving
the shorter label and once the longer: between the two lies every history that real answers can make. Where matches
are of equal length, replicates ask the same number of calls with the same words, so one stands for all; lengths that
are drawn are drawn here as in the run, so that calls are counted exactly. A large cell is counted from its schedule,
and its decisions are rendered at some depths of history only; drawn lengths are taken at their mean for that.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from acausal.design.horizon import MOST_TURNS, decisions_by_slot
from acausal.design.population import Agent
from acausal.design.prompts import PastMatch, Prompts, anonymous_id
from acausal.game import Action, HorizonConfig
from acausal.models.body import chat_body
from acausal.models.classical import Player, Rule, Turns
from acausal.play.agent import Asker, deciding_slot
from acausal.play.tournament import play_tournament
from acausal.records import Place, Purpose, Reply, Request, StrategyRecord
from acausal.schema import Config

PLACEHOLDER = "I will choose what I would want every other participant to choose in my place."
"""A strategy that no model writes, so that it is found again in the prompts that quote it."""
PLAYED_UP_TO = 5_000
"""Calls of the replicates that differ: rendering them all takes about a second."""
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
        played_up_to: Decisions and strategies up to which the replicates that differ are played in full rather than
            sampled.

    Raises:
        ConfigError: A prompt does not render, or a match is drawn with more turns than any may have.
    """
    decisions = decisions_by_slot(config)
    writers = sum(count for slot, count in config.seats.items() if not config.plays_by_rule(slot))
    strategies = writers * config.num_rounds * config.replicates if config.protocol.strategy is not None else 0
    rendered = (sum(decisions.values()) + strategies) * _to_play(config) // config.replicates
    count = _played if rendered <= played_up_to else _sampled
    labels = sorted(Prompts(config).labels.items(), key=lambda label: len(label[1].encode()))
    least, most = (asyncio.run(count(config, action)) for action, _ in labels)
    return {
        kind: Load(
            calls=tally.calls,
            least_bytes=tally.bytes,
            most_bytes=most[kind].bytes,
            quotes=tally.quotes,
            max_tokens=tally.max_tokens,
        )
        for kind, tally in sorted(least.items(), key=lambda item: (item[0][0], item[0][1] is Purpose.DECISION))
    }


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

    def __init__(self, config: Config, label: str) -> None:
        self._models = config.models
        self._label = label
        self.tallies: defaultdict[Kind, _Tally] = defaultdict(_Tally)

    async def complete(self, request: Request) -> Reply:
        """A placeholder; the request is counted."""
        body = chat_body(self._models[request.slot], request)
        quotes = sum(str(message["content"]).count(PLACEHOLDER) for message in body["messages"])
        size = text_bytes(body["messages"]) - quotes * len(PLACEHOLDER)
        ceiling = int(body.get("max_completion_tokens") or body["max_tokens"])
        self.tallies[request.slot, request.place.purpose].add(_Tally(1, size, quotes, ceiling))
        text = PLACEHOLDER if request.place.purpose is Purpose.STRATEGY else self._label
        model = self._models[request.slot].model_type
        return Reply(key="", model=model, served_by=model, substituted=False, text=text, finish_reason="stop")


class _Constant:
    """A rule that does what everybody does while the workload is counted."""

    def __init__(self, action: Action) -> None:
        self._action = action

    def sit_down(self, seed: int) -> Player:  # noqa: ARG002  # nothing is drawn
        """A player of one match."""
        return self._always

    def _always(self, _: Turns) -> Action:
        return self._action


def _to_play(config: Config) -> int:
    """Replicates that differ in what they ask for."""
    return 1 if config.game.horizon.continuation is None else config.replicates


def _rules(config: Config, action: Action) -> dict[str, Rule]:
    return {slot: _Constant(action) for slot in config.seats if config.plays_by_rule(slot)}


async def _played(config: Config, action: Action) -> Mapping[Kind, _Tally]:
    """The cell, played in full as far as its replicates differ."""
    recorder = _Recorder(config, Prompts(config).labels[action])
    for replicate in range(1, _to_play(config) + 1):
        await play_tournament(config, recorder, replicate, rules=_rules(config, action))
    total: defaultdict[Kind, _Tally] = defaultdict(_Tally)
    for kind, tally in recorder.tallies.items():
        total[kind].add(tally, config.replicates // _to_play(config))
    return total


async def _sampled(config: Config, action: Action) -> Mapping[Kind, _Tally]:
    """The cell, from one agent a slot: all agents of a slot are asked equally many and equally long questions."""
    total: defaultdict[Kind, _Tally] = defaultdict(_Tally)
    prompts, decisions = Prompts(config), decisions_by_slot(config)
    for slot, seats in config.seats.items():
        if config.plays_by_rule(slot):
            continue
        agent, strategy, times = Agent(1, slot), None, seats * config.num_rounds * config.replicates
        if config.protocol.strategy is not None:
            recorder = _Recorder(config, prompts.labels[action])
            strategy = await Asker(config, prompts, recorder, {}).strategy(agent, 1, 1)
            for kind, tally in recorder.tallies.items():
                total[kind].add(tally, times)
        sampler = _Sampler(config, prompts, action, agent, strategy)
        matches = _between({meeting: await sampler.match(meeting) for meeting in _depths(config.num_agents - 1)})
        calls = decisions[slot]
        size = matches.bytes * times * calls / (matches.calls * times * sampler.turns)
        total[deciding_slot(config, slot), Purpose.DECISION].add(
            _Tally(calls, round(size), calls * matches.quotes // matches.calls, matches.max_tokens)
        )
    return total


class _Sampler:
    """Renders decisions of one agent at chosen depths."""

    def __init__(
        self, config: Config, prompts: Prompts, action: Action, agent: Agent, strategy: StrategyRecord | None
    ) -> None:
        self._config = config
        self._prompts = prompts
        self._action = action
        self._agent = agent
        self._strategy = strategy
        self._lasts = _survival(config.game.horizon)
        self.turns = math.fsum(self._lasts)
        """Of a match, on average."""

    async def match(self, meeting: int) -> _Tally:
        """A whole match, of average length and after matches of average length, counted as one call."""
        first = await self._asked(meeting, 1, past=meeting - 1)
        alone = {turn: (await self._asked(meeting, turn, past=0)).bytes for turn in _depths(len(self._lasts))}
        growth = math.fsum(
            lasts * (size - alone[1]) for lasts, size in zip(self._lasts, _every(alone), strict=True)
        )  # what is shown of this match comes on top of what is shown of earlier ones
        return _Tally(1, round(self.turns * first.bytes + growth), first.quotes, first.max_tokens)

    async def _asked(self, meeting: int, turn: int, past: int) -> _Tally:
        recorder = _Recorder(self._config, self._prompts.labels[self._action])
        asker = Asker(self._config, self._prompts, recorder, {})
        length = round(self.turns)
        history = [past_turn for number in range(1, past + 1) for past_turn in self._seen(number, length)]
        place = Place(1, 1, self._agent.id, Purpose.DECISION, meeting, 2, turn)
        await asker.decision(self._agent, place, self._strategy, history, meeting, self._seen(meeting, turn - 1))
        (tally,) = recorder.tallies.values()
        return tally

    def _seen(self, meeting: int, turns: int) -> list[PastMatch]:
        coplayer = anonymous_id(meeting)
        return [PastMatch(coplayer, self._action, self._action, turn) for turn in range(1, turns + 1)]


def _survival(horizon: HorizonConfig) -> list[float]:
    """Turn by turn, the probability that a match gets there, as long as it is not negligible."""
    lasts = [1.0] * horizon.turns
    while horizon.continuation is not None and lasts[-1] > 1e-6 and len(lasts) < MOST_TURNS:
        lasts.append(lasts[-1] * horizon.continuation)
    return lasts


def _depths(steps: int) -> list[int]:
    """Meetings or turns at which to look, from first to last, evenly spread, and where numbers gain a digit."""
    if steps <= DEPTHS:
        return list(range(1, steps + 1))
    spread = {1 + round(step * (steps - 1) / (DEPTHS - 1)) for step in range(DEPTHS)}
    return sorted(spread | {10**digits for digits in range(1, len(str(steps)))})


def _every(sizes: Mapping[int, int]) -> list[float]:
    """The sizes at every step, from those at some, of which the first is 1: linear between them."""
    every = [float(sizes[1])]
    for here, there in pairwise(sorted(sizes)):
        grows = (sizes[there] - sizes[here]) / (there - here)
        every += [sizes[here] + grows * step for step in range(1, there - here + 1)]
    return every


def _between(asked: Mapping[int, _Tally]) -> _Tally:
    """All steps, from those at some: linear between them, quotes and ceilings alike at all."""
    sizes = _every({step: tally.bytes for step, tally in asked.items()})
    last = asked[max(asked)]
    return _Tally(len(sizes), round(math.fsum(sizes)), len(sizes) * last.quotes, last.max_tokens)
