"""From a scenario to agents in seats."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from acausal.design.seeds import placed_seed


@dataclass(frozen=True, slots=True)
class Agent:
    """A member of the population, as seated for one replicate."""

    id: int
    """Counted from 1."""
    model: str
    """Slot of the agent's model: a key of `models`."""
    power: float = 100.0
    strategy: str = ""
    """Written each round under protocol=delegated; empty before."""
    total_score: float = 0.0
    """Points over the rounds played so far."""


def seat_seed(seed: int, replicate: int) -> int:
    """The seed that shuffles the seats of a replicate."""
    return placed_seed(seed, "seats", replicate)


def population(seats: Mapping[str, int], *, seed: int, power: float = 100.0) -> tuple[Agent, ...]:
    """The agents of one replicate, ordered by id, their models shuffled over the seats.

    Args:
        seats: Slot → number of agents.
        seed: From `seat_seed`; without the shuffle a model's agents would cluster in the schedule.
    """
    slots = [slot for slot, count in sorted(seats.items()) for _ in range(count)]
    random.Random(seed).shuffle(slots)
    return tuple(Agent(id=number, model=slot, power=power) for number, slot in enumerate(slots, start=1))
