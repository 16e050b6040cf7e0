"""What a cell will ask, without asking: how many calls of each kind, and how much text they carry.

A small cell is played through the real dataflow by a model that answers with placeholders, once with everybody giving
the shorter label and once the longer: between the two lies every history that real answers can make. Replicates and
rounds ask the same number of calls with the same words, but for the wording of the condition, so one replicate stands
for all; where the lengths of matches are drawn they are drawn here as in the run, and every replicate is played. A
large cell is counted from its schedule, and so is one where some agents play a match less than others, now these and
now those; its decisions are rendered at some depths of history only, drawn lengths taken at their mean, in the words of
one agent a model: where label pairs differ in length, agents and replicates differ by as much. Under evolution
everybody is taken to keep their model: what the population will become, nobody knows.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from acausal.design.arms import questions, used_paraphrases
from acausal.design.counterbalance import Variant, assigned_variants
from acausal.design.horizon import MOST_TURNS, decisions_by_slot, turns_by_agent
from acausal.design.matching import meetings_of
from acausal.design.population import Agent, population, seat_seed
from acausal.design.program import constant, written
from acausal.design.prompts import PastMatch, PastRound, Prompts, anonymous_id
from acausal.disclosure import paraphrase_of
from acausal.elicitation import Elicit
from acausal.encounters import decisions_per_round, is_even, matches_by_slot
from acausal.game import Action
from acausal.game_schema import HorizonConfig
from acausal.matching_schema import EvolutionConfig
from acausal.models.body import chat_body
from acausal.models.classical import Classical, cooperator, defector
from acausal.play.agent import Asker, deciding_slot
from acausal.play.tournament import play_tournament
from acausal.records import Place, Purpose, Reply, Request, StrategyRecord
from acausal.schema import Config

PLACEHOLDER = "I will choose what I would want every other participant to choose in my place."
"""A strategy that no model writes, so that it is found again in the prompts that quote it."""
PLAYED_UP_TO = 5_000
"""Strategies and decisions of the replicates that are played: rendering them all takes about a second."""
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
        played_up_to: Strategies and decisions up to which the replicates that differ are played in full rather than
            sampled.

    Raises:
        ConfigError: A prompt does not render, or a match is drawn with more turns than any may have.
    """
    config = replace(config, evolution=EvolutionConfig())
    varies = config.game.horizon.varies
    calls = _strategies(config) + sum(decisions_by_slot(config).values()) * config.samples
    counted = config.replicates if varies or not is_even(config) else 1
    is_played = calls * counted // config.replicates <= played_up_to and (varies or is_even(config))
    count = _played if is_played else _sampled
    counted = counted if is_played else config.replicates
    times = config.replicates // counted
    least, most = (asyncio.run(count(config, each)) for each in (False, True))
    over = {} if is_played and varies else _bytes_over_the_first_wording(config)

    def longer(purpose: Purpose, calls: int) -> int:
        return round(calls / counted * over.get(purpose, 0))

    return {
        kind: Load(
            calls=tally.calls * times,
            least_bytes=tally.bytes * times + longer(kind[1], tally.calls),
            most_bytes=most[kind].bytes * times + longer(kind[1], tally.calls),
            quotes=tally.quotes * times,
            max_tokens=tally.max_tokens,
        )
        for kind, tally in sorted(least.items(), key=lambda item: (item[0][0], item[0][1] is Purpose.DECISION))
    }


def calls_in_all(config: Config) -> int:
    """The calls of a cell, if every one is answered and legible.

    Raises:
        ConfigError: A match is drawn with more turns than any may have.
    """
    decided = {} if config.protocol.is_compiled else decisions_by_slot(config)
    decisions = sum(count for slot, count in decided.items() if not config.plays_by_rule(slot))
    return _strategies(config) + decisions * config.samples


def _strategies(config: Config) -> int:
    writers = sum(count for slot, count in config.seats.items() if not config.plays_by_rule(slot))
    return writers * config.num_rounds * config.replicates if config.protocol.strategy is not None else 0


def _bytes_over_the_first_wording(config: Config) -> dict[Purpose, int]:
    """By how many bytes a call of every replicate together is longer than if all were in the first wording."""
    sizes: dict[tuple[Purpose, int], int] = {}
    for wording in used_paraphrases(config):
        for question in questions(config, wording):
            purpose = Purpose.DECISION if question.asks_for_action else Purpose.STRATEGY
            sizes.setdefault((purpose, wording), sum(len(message.content.encode()) for message in question.messages))
    used = [paraphrase_of(config, replicate) for replicate in range(1, config.replicates + 1)]
    return {
        purpose: sum(sizes[purpose, wording] - sizes[purpose, 1] for wording in used)
        for purpose in Purpose
        if (purpose, 1) in sizes
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

    def __init__(self, config: Config, longer: bool) -> None:
        self._models = config.models
        self._longer = longer
        self.tallies: defaultdict[Kind, _Tally] = defaultdict(_Tally)

    async def complete(self, request: Request) -> Reply:
        """A placeholder; the request is counted."""
        body = chat_body(self._models[request.slot], request)
        quotes = sum(str(message["content"]).count(PLACEHOLDER) for message in body["messages"])
        size = text_bytes(body["messages"]) - quotes * len(PLACEHOLDER)
        ceiling = int(body.get("max_completion_tokens") or body["max_tokens"])
        self.tallies[request.slot, request.place.purpose].add(_Tally(1, size, quotes, ceiling))
        text = _answer(request, self._longer) if request.choices or request.program else PLACEHOLDER
        model = self._models[request.slot].model_type
        return Reply(key="", model=model, served_by=model, substituted=False, text=text, finish_reason="stop")


def _answer(request: Request, longer: bool) -> str:
    """A legible answer with which the histories come out as short, or as long, as they can."""
    wanted = sorted(request.choices or request.program, key=lambda label: len(label.encode()))[longer]
    if request.program:
        first, second = request.program
        return written(constant(float(wanted == first)), {Action.COOPERATE: first, Action.DEFECT: second})
    if request.elicit is Elicit.probability:
        return "100" if wanted == request.choices[0] else "0"
    return wanted


async def _played(config: Config, longer: bool) -> Mapping[Kind, _Tally]:
    """One replicate, played in full; every one where matches differ in length."""
    recorder = _Recorder(config, longer)
    labels = Prompts(config).labels
    action = sorted(labels, key=lambda each: len(labels[each].encode()))[longer]
    always = Classical(cooperator if action is Action.COOPERATE else defector, config.payoffs)
    rules = {slot: always for slot in config.seats if config.plays_by_rule(slot)}
    for replicate in range(1, config.replicates + 1 if config.game.horizon.varies else 2):
        await play_tournament(config, recorder, replicate, rules=rules)
    return recorder.tallies


async def _sampled(config: Config, longer: bool) -> Mapping[Kind, _Tally]:
    """All replicates: strategies in the variants of the first, decisions from one agent a slot.

    Its agents are asked equally long questions at equal depths of history.
    """
    total: defaultdict[Kind, _Tally] = defaultdict(_Tally)
    shows = config.condition.shows
    differ = shows.round_summaries or shows.global_rate
    distinct = config.num_rounds if differ else 1
    schedule, times = _schedule(config, distinct), config.num_rounds // distinct * config.replicates
    for slot, alike in _readers(config).items():
        for round_ in range(1, distinct + 1):
            for agent, agents in alike:
                sampler = _Sampler(config, agent, longer, round_)
                if config.protocol.strategy is not None:
                    total[slot, Purpose.STRATEGY].add(await sampler.strategy(), agents * times)
            if not config.protocol.is_compiled:
                decided = await sampler.decisions(*schedule[slot, round_])
                total[deciding_slot(config, slot), Purpose.DECISION].add(decided)
    return total


def _readers(config: Config) -> dict[str, list[tuple[Agent, int]]]:
    """Slot that is asked → an agent of each variant in the first replicate, and how many of the slot's have it."""
    variants = assigned_variants(config, 1)
    readers: defaultdict[str, dict[Variant, tuple[Agent, int]]] = defaultdict(dict)
    for agent in population(config.seats, seed=seat_seed(config.seed, 1)):
        if not config.plays_by_rule(agent.model):
            alike = readers[agent.model]
            _, agents = alike.pop(variants[agent.id], (agent, 0))
            alike[variants[agent.id]] = agent, agents + 1
    return {slot: list(readers[slot].values()) for slot in config.seats if slot in readers}


def _schedule(config: Config, distinct: int) -> Mapping[tuple[str, int], tuple[Mapping[int, int], int]]:
    """(slot, round) → matches → how many of its agents play so many, 0 left out; and their turns; over all replicates.

    Args:
        distinct: 1, if the rounds are to be counted together as the first; else their number.
    """
    played: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    turns: Counter[tuple[str, int]] = Counter()
    horizon = config.game.horizon
    for replicate in range(1, config.replicates + 1):
        slots = [agent.model for agent in population(config.seats, seed=seat_seed(config.seed, replicate))]
        for round_ in range(1, config.num_rounds + 1):
            drawn = turns_by_agent(config, slots, replicate, round_) if horizon.varies else {}
            for agent, matches in meetings_of(config, slots, replicate, round_).items():
                place = slots[agent - 1], min(round_, distinct)
                played[place][matches] += matches > 0
                turns[place] += drawn.get(agent, matches * horizon.turns)
    return {place: (+counts, turns[place]) for place, counts in played.items()}


class _Sampler:
    """Renders what one agent is asked in a round, at chosen depths."""

    def __init__(self, config: Config, agent: Agent, longer: bool, round_: int) -> None:
        self._agent = agent
        self._recorder = _Recorder(config, longer)
        self._asker = Asker(config, Prompts(config), self._recorder, {})
        labels = self._asker.variant(1, agent.id).labels
        self._action = sorted(labels, key=lambda each: len(labels[each].encode()))[longer]
        self._lasts = _survival(config.game.horizon)
        self._turns = math.fsum(self._lasts)
        self._past = [_past_round(config, number, self._action, self._turns) for number in range(1, round_)]
        self._strategy: StrategyRecord | None = None

    async def strategy(self) -> _Tally:
        """The question for a strategy, which later questions quote."""
        self._strategy = await self._asker.strategy(self._agent, 1, 1, self._past)
        return self._taken()

    async def decisions(self, played: Mapping[int, int], turns: int) -> _Tally:
        """So many times so many matches, which have so many turns together."""
        matches, total = sum(count * times for count, times in played.items()), _Tally()
        meetings = sorted({depth for count in played for depth in _depths(count)})
        asked = {meeting: await self._match(meeting) for meeting in meetings}
        for count, times in played.items():
            total.add(_between({depth: asked[depth] for depth in asked if depth <= count}), times)
        if not matches:
            return total
        longer = turns / (matches * self._turns)  # than the mean, by as much as was drawn
        calls, quotes = total.calls // matches * turns, total.quotes // matches * turns
        return _Tally(calls, round(total.bytes * longer), quotes, total.max_tokens)

    async def _match(self, meeting: int) -> _Tally:
        """A decision of a match of mean length after matches of mean length, with the bytes of the whole match."""
        first = await self._asked(meeting, 1, past=meeting - 1)
        alone = {turn: (await self._asked(meeting, turn, past=0)).bytes for turn in _depths(len(self._lasts))}
        growth = math.fsum(
            lasts * (size - alone[1]) for lasts, size in zip(self._lasts, _every(alone), strict=True)
        )  # what is shown of this match comes on top of what is shown of earlier ones
        return replace(first, bytes=round(self._turns * first.bytes + growth))

    async def _asked(self, meeting: int, turn: int, past: int) -> _Tally:
        length = round(self._turns)
        history = [seen for number in range(1, past + 1) for seen in self._seen(number, length)]
        place, turns = (
            Place(1, 1, self._agent.id, Purpose.DECISION, meeting, 2, turn=turn),
            self._seen(meeting, turn - 1),
        )
        await self._asker.decision(self._agent, place, self._strategy, history, meeting, self._past, turns)
        return self._taken()

    def _seen(self, meeting: int, turns: int) -> list[PastMatch]:
        coplayer = anonymous_id(meeting)
        return [PastMatch(coplayer, self._action, self._action, turn) for turn in range(1, turns + 1)]

    def _taken(self) -> _Tally:
        (tally,) = self._recorder.tallies.values()
        self._recorder.tallies.clear()
        return tally


def _past_round(config: Config, number: int, action: Action, turns: float) -> PastRound:
    """A round in which everybody did the same, in matches of so many turns."""
    decisions, most = round(decisions_per_round(config) * turns), matches_by_slot(config)
    payoff = config.payoffs.payoff(action, action)
    points = tuple(payoff * most[slot][1] * round(turns) for slot, seats in config.seats.items() for _ in range(seats))
    return PastRound(number, decisions * (action is Action.COOPERATE), decisions, points)


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
    """All steps, from those at some: linear between them, in all else alike."""
    sizes, last = _every({step: tally.bytes for step, tally in asked.items()}), asked[max(asked)]
    return _Tally(len(sizes) * last.calls, round(math.fsum(sizes)), len(sizes) * last.quotes, last.max_tokens)
