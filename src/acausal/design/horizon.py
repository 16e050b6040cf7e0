"""How many turns a match has: as many as the game says, or as many as a seed draws for its place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from acausal.design.matching import meetings_of, round_fixtures
from acausal.design.population import population, seat_seed
from acausal.design.schedule import Pair
from acausal.design.seeds import placed_seed
from acausal.errors import ConfigError
from acausal.settings.encounters import is_even, matches_by_slot
from acausal.settings.schema import Config

MOST_TURNS = 1_000
"""Of one match. A draw beyond is an error before the first call, never a match cut short in silence."""


def match_turns(config: Config, replicate: int, round_: int, agents: Pair) -> int:
    """Turns of a match: of both its agents, whoever comes first, and known before it begins.

    One uniform number of the place (seed, replicate, round, pair) decides: a match goes on after a turn with the
    probability `continuation`, so that the turns after the certain ones are geometric.

    Raises:
        ConfigError: More than MOST_TURNS are drawn.
    """
    horizon = config.game.horizon
    if horizon.continuation is None:
        return horizon.turns
    first, second = sorted(agents)
    drawn = placed_seed(config.seed, "horizon", replicate, round_, first, second)
    turns = horizon.turns + math.floor(math.log((drawn + 0.5) / 2**31) / math.log(horizon.continuation))
    if turns > MOST_TURNS:
        raise ConfigError(
            f"game.horizon.continuation={horizon.continuation:g} drew a match of {turns:,} turns (replicate "
            f"{replicate}, round {round_}, agents {first} and {second}), and {MOST_TURNS:,} are the most: lower the "
            "continuation, or change the seed"
        )
    return turns


def turns_by_match(config: Config, slots: Sequence[str], replicate: int, round_: int) -> Iterator[tuple[Pair, int]]:
    """The matches of a round as pairs of agents, the lower id first, each with its turns, in schedule order.

    Args:
        slots: Of the agents in this round, by id from 1.

    Raises:
        ConfigError: More than MOST_TURNS are drawn for one.
    """
    for fixture in round_fixtures(config, slots, replicate, round_):
        first, second = sorted(fixture.agents)
        yield (first, second), match_turns(config, replicate, round_, fixture.agents)


def turns_by_agent(config: Config, slots: Sequence[str], replicate: int, round_: int) -> Mapping[int, int]:
    """Agent → decisions it makes in a round of one replicate if every action is legible.

    Args:
        slots: Of the agents in this round, by id from 1.

    Raises:
        ConfigError: More than MOST_TURNS are drawn for a match.
    """
    horizon = config.game.horizon
    if not horizon.varies:
        meetings = meetings_of(config, slots, replicate, round_)
        return {agent: matches * horizon.turns for agent, matches in meetings.items()}
    total = Counter(dict.fromkeys(range(1, len(slots) + 1), 0))
    for pair, turns in turns_by_match(config, slots, replicate, round_):
        total.update(dict.fromkeys(pair, turns))
    return total


def decisions_by_slot(config: Config) -> Mapping[str, int]:
    """Slot → decisions that its agents make over the whole cell if every action is legible, rules' included.

    Under evolution everybody is taken to keep their model.

    Raises:
        ConfigError: More than MOST_TURNS are drawn for a match.
    """
    horizon = config.game.horizon
    if is_even(config) and not horizon.varies:  # then nothing needs to be drawn
        most, rounds = matches_by_slot(config), config.num_rounds * config.replicates
        return {slot: count * most[slot][1] * horizon.turns * rounds for slot, count in config.seats.items()}
    decisions: Counter[str] = Counter(dict.fromkeys(config.seats, 0))
    for replicate in range(1, config.replicates + 1):
        slots = [agent.model for agent in population(config.seats, seed=seat_seed(config.seed, replicate))]
        for round_ in range(1, config.num_rounds + 1):
            for agent, turns in turns_by_agent(config, slots, replicate, round_).items():
                decisions[slots[agent - 1]] += turns
    return decisions
