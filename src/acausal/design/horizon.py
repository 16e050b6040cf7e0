"""How many turns a match has: as many as the game says, or as many as a seed draws for its place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

from acausal.design.population import population, seat_seed
from acausal.design.seeds import placed_seed
from acausal.errors import ConfigError
from acausal.schema import Config

MOST_TURNS = 1_000
"""Of one match. A draw beyond is an error before the first call, never a match cut short in silence."""


def match_turns(config: Config, replicate: int, round_: int, agents: tuple[int, int]) -> int:
    """Turns of a match: of both its agents, whoever comes first, and known before it begins.

    One uniform number of the place (seed, replicate, round, pair) decides: a match goes on after a turn with the
    probability `continuation`, so that the turns after the certain ones are geometric.

    Raises:
        ConfigError: More than MOST_TURNS are drawn.
    """
    horizon = config.game.horizon
    if horizon.continuation is None:
        return horizon.turns
    drawn = placed_seed(config.seed, "horizon", replicate, round_, min(agents), max(agents))
    turns = horizon.turns + math.floor(math.log((drawn + 0.5) / 2**31) / math.log(horizon.continuation))
    if turns > MOST_TURNS:
        raise ConfigError(
            f"game.horizon.continuation={horizon.continuation:g} drew a match of {turns:,} turns (replicate "
            f"{replicate}, round {round_}, agents {min(agents)} and {max(agents)}), and {MOST_TURNS:,} are the most: "
            "lower the continuation, or change the seed"
        )
    return turns


def turns_by_match(config: Config, replicate: int, round_: int) -> Iterator[tuple[tuple[int, int], int]]:
    """The matches of a round as pairs of agents, the lower id first, each with its turns.

    Raises:
        ConfigError: More than MOST_TURNS are drawn for one.
    """
    for pair in combinations(range(1, config.num_agents + 1), 2):
        yield pair, match_turns(config, replicate, round_, pair)


def turns_by_agent(config: Config, replicate: int, round_: int) -> Mapping[int, int]:
    """Agent → decisions it makes in a round of one replicate if every action is legible.

    Raises:
        ConfigError: More than MOST_TURNS are drawn for a match.
    """
    if config.game.horizon.continuation is None:
        each = (config.num_agents - 1) * config.game.horizon.turns
        return dict.fromkeys(range(1, config.num_agents + 1), each)
    total: Counter[int] = Counter()
    for (first, second), turns in turns_by_match(config, replicate, round_):
        total[first] += turns
        total[second] += turns
    return total


def decisions_by_slot(config: Config) -> Mapping[str, int]:
    """Slot → decisions that its agents make over the whole cell if every action is legible, rules' included.

    Raises:
        ConfigError: More than MOST_TURNS are drawn for a match.
    """
    if config.game.horizon.continuation is None:
        each = (config.num_agents - 1) * config.game.horizon.turns * config.num_rounds * config.replicates
        return {slot: count * each for slot, count in config.seats.items()}
    decisions: Counter[str] = Counter()
    for replicate in range(1, config.replicates + 1):
        slots = {agent.id: agent.model for agent in population(config.seats, seed=seat_seed(config.seed, replicate))}
        for round_ in range(1, config.num_rounds + 1):
            for agent, turns in turns_by_agent(config, replicate, round_).items():
                decisions[slots[agent]] += turns
    return decisions
