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
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from acausal.design.arms import questions, used_paraphrases
from acausal.design.counterbalance import Variant, assigned_variants
from acausal.design.horizon import decisions_by_slot, turns_by_agent
from acausal.design.matching import meetings_of
from acausal.design.population import Agent, population, seat_seed
from acausal.design.prompts import Prompts
from acausal.game import Action
from acausal.models.classical import Classical, cooperator, defector
from acausal.play.agent import deciding_slot
from acausal.play.tournament import play_tournament
from acausal.pricing.check_load import check_loads
from acausal.pricing.sampled import Kind, Recorder, Sampler, Tally
from acausal.records import Purpose
from acausal.settings.checks_schema import ChecksConfig
from acausal.settings.disclosure import paraphrase_of
from acausal.settings.encounters import decisions_per_round, is_even
from acausal.settings.matching_schema import EvolutionConfig
from acausal.settings.schema import Config

PLAYED_UP_TO = 5_000
"""Strategies and decisions of the replicates that are played: rendering them all takes about a second."""


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


_Schedule = Mapping[tuple[str, int], tuple[Mapping[int, int], int]]
"""(slot, round) → matches → how many of its agents play so many, 0 left out; and the turns of all these matches."""


def workload(config: Config, *, played_up_to: int = PLAYED_UP_TO) -> dict[Kind, Load]:
    """The calls of a cell if every one is answered and legible; starts an event loop of its own.

    Args:
        played_up_to: Strategies and decisions up to which the replicates that differ are played in full rather than
            sampled.

    Raises:
        ConfigError: A prompt does not render, or a match is drawn with more turns than any may have.
    """
    beside = {
        (slot, Purpose.CHECK): Load(asked.calls, asked.bytes, asked.bytes, 0, asked.max_tokens)
        for slot, asked in check_loads(config).items()
    }
    config = replace(config, evolution=EvolutionConfig(), checks=ChecksConfig())
    is_played, varies = _is_small(config, played_up_to), config.game.horizon.varies
    count = _played if is_played else partial(_sampled, schedule=_schedule(config))
    least, most = (asyncio.run(count(config, each)) for each in (False, True))
    counted = 1 if is_played and not varies else config.replicates
    times = config.replicates // counted
    over = {} if is_played and varies else _bytes_over_the_first_wording(config)

    def longer(purpose: Purpose, calls: int) -> int:
        return round(calls / counted * over.get(purpose, 0))

    loads = beside | {
        kind: Load(
            calls=tally.calls * times,
            least_bytes=tally.bytes * times + longer(kind[1], tally.calls),
            most_bytes=most[kind].bytes * times + longer(kind[1], tally.calls),
            quotes=tally.quotes * times,
            max_tokens=tally.max_tokens,
        )
        for kind, tally in least.items()
    }
    order = [Purpose.STRATEGY, Purpose.DECISION, Purpose.CHECK]
    return dict(sorted(loads.items(), key=lambda item: (item[0][0], order.index(item[0][1]))))


def calls_in_all(config: Config) -> int:
    """The calls of a cell, if every one is answered and legible.

    Raises:
        ConfigError: A match is drawn with more turns than any may have.
    """
    decided = {} if config.protocol.is_compiled else decisions_by_slot(config)
    decisions = sum(count for slot, count in decided.items() if not config.plays_by_rule(slot))
    return _strategies(config) + decisions * config.samples


def _is_small(config: Config, played_up_to: int) -> bool:
    """Whether the replicates that differ can be played, and one of them stands for all that do not."""
    horizon = config.game.horizon
    differ = config.replicates if horizon.varies else 1
    certain = decisions_per_round(config) * horizon.turns * config.num_rounds * differ
    if certain * config.samples > played_up_to or not (horizon.varies or is_even(config)):
        return False  # without a draw of every length
    calls = _strategies(config) + sum(decisions_by_slot(config).values()) * config.samples
    return calls * differ // config.replicates <= played_up_to


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


async def _played(config: Config, longer: bool) -> Mapping[Kind, Tally]:
    """One replicate, played in full; every one where matches differ in length."""
    recorder = Recorder(config, longer)
    labels = Prompts(config).labels
    action = sorted(labels, key=lambda each: len(labels[each].encode()))[longer]
    always = Classical(cooperator if action is Action.COOPERATE else defector, config.payoffs)
    rules = {slot: always for slot in config.seats if config.plays_by_rule(slot)}
    for replicate in range(1, config.replicates + 1 if config.game.horizon.varies else 2):
        await play_tournament(config, recorder, replicate, rules=rules)
    return recorder.tallies


async def _sampled(config: Config, longer: bool, *, schedule: _Schedule) -> Mapping[Kind, Tally]:
    """All replicates: strategies in the variants of the first, decisions from one agent a slot.

    Its agents are asked equally long questions at equal depths of history.
    """
    total: defaultdict[Kind, Tally] = defaultdict(Tally)
    distinct = _distinct_rounds(config)
    times = config.num_rounds // distinct * config.replicates
    for slot, alike in _readers(config).items():
        for round_ in range(1, distinct + 1):
            for agent, agents in alike:
                sampler = Sampler(config, agent, longer, round_)
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


def _distinct_rounds(config: Config) -> int:
    """Rounds whose questions differ; 1 where all rounds can be counted together as the first."""
    shows = config.condition.shows
    return config.num_rounds if shows.round_summaries or shows.global_rate else 1


def _schedule(config: Config) -> _Schedule:
    """What is played over all replicates, drawn."""
    distinct = _distinct_rounds(config)
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
