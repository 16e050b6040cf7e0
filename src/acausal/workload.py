"""What a cell will ask, without asking: how many calls of each kind, and how much text they carry.

A small cell is played through the real dataflow by a model that answers with placeholders, once with everybody giving
the shorter label and once the longer: between the two lies every history that real answers can make. Replicates and
rounds ask the same number of calls with the same words, but for the wording of the condition, so one replicate stands
for all. A large cell is counted from its schedule, and so is one where some agents play a match less than others, now
these and now those; its decisions are rendered at some depths of history only, in the words of one agent a model: where
label pairs differ in length, agents and replicates differ by as much. Under evolution everybody is taken to keep their
model: what the population will become, nobody knows.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from acausal.design.arms import questions, used_paraphrases
from acausal.design.matching import meetings_of
from acausal.design.population import Agent, population, seat_seed
from acausal.design.prompts import PastMatch, PastRound, Prompts, anonymous_id
from acausal.disclosure import paraphrase_of
from acausal.elicitation import Elicit
from acausal.encounters import calls_per_replicate, decisions_per_round, is_even, matches_by_slot
from acausal.game import Action
from acausal.matching_schema import EvolutionConfig
from acausal.models.body import chat_body
from acausal.play.agent import Asker
from acausal.play.tournament import play_tournament
from acausal.records import Place, Purpose, Reply, Request, StrategyRecord
from acausal.schema import Config

PLACEHOLDER = "I will choose what I would want every other participant to choose in my place."
"""A strategy that no model writes, so that it is found again in the prompts that quote it."""
PLAYED_UP_TO = 5_000
"""Calls of one replicate: rendering them all takes about a second."""
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
        played_up_to: Calls of one replicate up to which it is played in full rather than sampled.

    Raises:
        ConfigError: A prompt does not render.
    """
    config = replace(config, evolution=EvolutionConfig())
    if calls_per_replicate(config) <= played_up_to and is_even(config):
        count, counted = _played, 1
    else:
        count, counted = _sampled, config.replicates
    times = config.replicates // counted
    least, most = (asyncio.run(count(config, each)) for each in (False, True))
    over = _bytes_over_the_first_wording(config)

    def longer(purpose: Purpose, calls: int) -> int:
        return round(calls / counted * over[purpose])

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
        text = _answer(request, self._longer) if request.choices else PLACEHOLDER
        model = self._models[request.slot].model_type
        return Reply(key="", model=model, served_by=model, substituted=False, text=text, finish_reason="stop")


def _answer(request: Request, longer: bool) -> str:
    """A legible answer with which the histories come out as short, or as long, as they can."""
    wanted = sorted(request.choices, key=lambda label: len(label.encode()))[longer]
    if request.elicit is Elicit.probability:
        return "100" if wanted == request.choices[0] else "0"
    return wanted


async def _played(config: Config, longer: bool) -> Mapping[Kind, _Tally]:
    """One replicate, played in full."""
    recorder = _Recorder(config, longer)
    await play_tournament(config, recorder, 1)
    return recorder.tallies


async def _sampled(config: Config, longer: bool) -> Mapping[Kind, _Tally]:
    """All replicates, from one agent a slot: its agents are asked equally long questions at equal depths of history."""
    total: defaultdict[Kind, _Tally] = defaultdict(_Tally)
    shows = config.condition.shows
    differ = shows.round_summaries or shows.global_rate
    distinct = config.num_rounds if differ else 1
    played = _matches_played(config, distinct)
    seated = {agent.model: agent for agent in population(config.seats, seed=seat_seed(config.seed, 1))}
    for slot, seats in config.seats.items():
        for round_ in range(1, distinct + 1):
            strategies = seats * config.num_rounds // distinct * config.replicates
            await _add_round(total, config, seated[slot], strategies, played[slot, round_], longer, round_)
    return total


async def _add_round(
    total: defaultdict[Kind, _Tally],
    config: Config,
    agent: Agent,
    strategies: int,
    played: Mapping[int, int],
    longer: bool,
    round_: int,
) -> None:
    """Add what the agents of a slot are asked in a round: so many strategies, and so many times so many matches."""
    prompts, strategy = Prompts(config), None
    recorder = _Recorder(config, longer)
    asker = Asker(config, prompts, recorder)
    labels = asker.variant(1, agent.id).labels
    action = sorted(labels, key=lambda each: len(labels[each].encode()))[longer]
    past = [_past_round(config, number, action) for number in range(1, round_)]
    if config.protocol.strategy is not None:
        strategy = await asker.strategy(agent, 1, 1, past)
        for kind, tally in recorder.tallies.items():
            total[kind].add(tally, strategies)
    asked: dict[int, _Tally] = {}
    for meeting in sorted({depth for matches in played for depth in _depths(matches)}):
        recorder = _Recorder(config, longer)
        await _decide(Asker(config, prompts, recorder), agent, strategy, meeting, action, past)
        ((kind, asked[meeting]),) = recorder.tallies.items()
    for matches, times in played.items():
        total[kind].add(_between({depth: asked[depth] for depth in asked if depth <= matches}), times)


def _matches_played(config: Config, distinct: int) -> Mapping[tuple[str, int], Mapping[int, int]]:
    """(slot, round) → matches → how many of its agents play so many, over all replicates; 0 left out.

    Args:
        distinct: 1, if the rounds are to be counted together as the first; else their number.
    """
    played: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for replicate in range(1, config.replicates + 1):
        slots = [agent.model for agent in population(config.seats, seed=seat_seed(config.seed, replicate))]
        for round_ in range(1, config.num_rounds + 1):
            for agent, matches in meetings_of(config, slots, replicate, round_).items():
                played[slots[agent - 1], min(round_, distinct)][matches] += matches > 0
    return {place: +counts for place, counts in played.items()}


def _past_round(config: Config, number: int, action: Action) -> PastRound:
    """A round in which everybody did the same."""
    decisions, most = decisions_per_round(config), matches_by_slot(config)
    payoff = config.payoffs.payoff(action, action)
    points = tuple(payoff * most[slot][1] for slot, seats in config.seats.items() for _ in range(seats))
    return PastRound(number, decisions * (action is Action.COOPERATE), decisions, points)


async def _decide(
    asker: Asker,
    agent: Agent,
    strategy: StrategyRecord | None,
    meeting: int,
    action: Action,
    past: Sequence[PastRound],
) -> None:
    history = [PastMatch(anonymous_id(number), action, action) for number in range(1, meeting)]
    await asker.decision(agent, Place(1, 1, agent.id, Purpose.DECISION, meeting, 2), strategy, history, meeting, past)


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
        total.add(replace(asked[here], bytes=0), steps)
        size += steps * asked[here].bytes + (asked[there].bytes - asked[here].bytes) * (steps - 1) / 2
    total.bytes = round(size)
    return total
