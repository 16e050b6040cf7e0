"""How the population changes between rounds: the models in the seats, never the seats themselves.

Fitness is exp(strength · points), the exponential payoff mapping [traulsen2008], over the mean points of an agent's own
decisions of the round that count and were scored. An agent without a measured payoff neither reproduces nor is
replaced: its seat waits, with its model, for a round in which it is measured. A function of records and seed alone, so
that a replay or a resumed run finds the same population.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from acausal.design.population import population, seat_seed
from acausal.design.seeds import placed_seed
from acausal.records import Decision
from acausal.settings.matching_schema import EvolutionConfig, EvolutionRule
from acausal.settings.schema import Config

Slots = tuple[str, ...]
"""Slot of each agent, by id from 1."""


def slots_after(
    config: Config, slots: Sequence[str], decisions: Iterable[Decision], replicate: int, round_: int
) -> Slots:
    """The slots of the next round, from those of a round and its decisions."""
    if config.evolution.rule is EvolutionRule.none:
        return tuple(slots)
    seed = placed_seed(config.seed, "evolution", replicate, round_)
    return evolved(slots, measured(decisions), config.evolution, list(config.seats), seed=seed)


def seatings(config: Config, decisions: Iterable[Decision]) -> dict[int, list[Slots]]:
    """Replicate → slots of the agents in each round, found again from the decisions of a cell."""
    played: defaultdict[tuple[int, int], list[Decision]] = defaultdict(list)
    for decision in decisions:
        played[decision.replicate, decision.round].append(decision)
    seated: dict[int, list[Slots]] = {}
    for replicate in range(1, config.replicates + 1):
        agents = population(config.seats, seed=seat_seed(config.seed, replicate))
        rounds = [tuple(agent.model for agent in agents)]
        for round_ in range(1, config.num_rounds):
            rounds.append(slots_after(config, rounds[-1], played[replicate, round_], replicate, round_))
        seated[replicate] = rounds
    return seated


def measured(decisions: Iterable[Decision]) -> dict[int, float]:
    """Agent → mean points of its decisions that count and were scored; agents without one are absent."""
    points: defaultdict[int, list[float]] = defaultdict(list)
    for decision in decisions:
        if decision.counts and decision.payoff is not None:
            points[decision.agent].append(decision.payoff)
    return {agent: math.fsum(own) / len(own) for agent, own in sorted(points.items())}


def evolved(
    slots: Sequence[str], points: Mapping[int, float], evolution: EvolutionConfig, known: Sequence[str], *, seed: int
) -> Slots:
    """The slots of the agents after selection and mutation; their number stays.

    Args:
        slots: Of the agents, by id from 1.
        points: Agent → its measured mean points; agents without any are absent.
        known: Slots among which a mutant finds another than its parent's.
        seed: The only source of chance.
    """
    if len(points) < 2:
        return tuple(slots)
    chance = random.Random(seed)
    best = max(points.values())
    # Relative to the best: the same shares, and nothing overflows.
    fitness = {agent: math.exp(evolution.strength * (own - best)) for agent, own in points.items()}
    select = _moran if evolution.rule is EvolutionRule.moran else _replicator
    newborn = select(slots, fitness, chance)
    after = list(slots)
    for agent, slot in sorted(newborn.items()):
        others = [other for other in known if other != slot]
        is_mutant = chance.random() < evolution.mutation and others
        after[agent - 1] = chance.choice(others) if is_mutant else slot
    return tuple(after)


def _moran(slots: Sequence[str], fitness: Mapping[int, float], chance: random.Random) -> dict[int, str]:
    """One birth and one death [moran1958]: a parent drawn by fitness, its child in any seat, maybe its own."""
    (parent,) = chance.choices(list(fitness), weights=list(fitness.values()))
    return {chance.choice(list(fitness)): slots[parent - 1]}


def _replicator(slots: Sequence[str], fitness: Mapping[int, float], chance: random.Random) -> dict[int, str]:
    """A generation of the replicator dynamics in discrete time [taylor1978]: shares grow as fitness over its mean.

    What is left of whole seats is drawn so that each slot's expected number is exact and its number less than one seat
    away from it. A slot that shrinks leaves seats drawn at random; those that need not change hands do not.
    """
    held = Counter(slots[agent - 1] for agent in fitness)
    names = sorted(held)
    total = math.fsum(fitness.values())
    expected = [
        len(fitness) * math.fsum(own for agent, own in fitness.items() if slots[agent - 1] == slot) / total
        for slot in names
    ]
    seats = dict(zip(names, _rounded(expected, len(fitness), chance), strict=True))
    after = {agent: slots[agent - 1] for agent in fitness}
    vacant = []
    for slot in names:
        own = [agent for agent in fitness if slots[agent - 1] == slot]
        vacant += chance.sample(own, max(0, held[slot] - seats[slot]))
    taken = [slot for slot in names for _ in range(max(0, seats[slot] - held[slot]))]
    chance.shuffle(taken)
    return after | dict(zip(sorted(vacant), taken, strict=True))


def _rounded(expected: Sequence[float], total: int, chance: random.Random) -> list[int]:
    """Whole numbers with the given expectations and sum: how many of u, u + 1, u + 2, … fall on each's stretch."""
    offset, reached, before, counts = chance.random(), 0.0, 0, []
    for share in expected[:-1]:
        reached += share
        points = min(total, max(before, math.ceil(round(reached, 9) - offset)))
        counts.append(points - before)
        before = points
    return [*counts, total - before]
