"""Who meets whom in a round: a function of configuration, seats and place alone.

Sparse matchings cost time and memory in proportion to their matches, never to all pairs.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from acausal.design.colouring import matchdays
from acausal.design.schedule import Fixture, Pair, all_matchdays, circle, matchday_of, numbered
from acausal.design.seeds import placed_seed
from acausal.settings.encounters import is_even, matchdays_of_all_pairs, matches_by_slot, torus_sides
from acausal.settings.matching_schema import MatchingKind, Neighbourhood
from acausal.settings.schema import Config


def round_fixtures(config: Config, slots: Sequence[str], replicate: int, round_: int) -> tuple[Fixture, ...]:
    """The matches of a round in schedule order, each agent at most once a matchday.

    Args:
        slots: Of the agents in this round, by id from 1.
        replicate: With the round, places the seed.
    """
    matching, agents = config.matching, range(1, len(slots) + 1)
    matches = matching.matches or 0
    seed = placed_seed(config.seed, "schedule", replicate, round_)
    match matching.kind:
        case MatchingKind.round_robin:
            days: Iterable[Iterable[Pair]] = all_matchdays(circle(agents, seed=seed))
        case MatchingKind.random_pairs:
            days = random_pairs(agents, matches, seed=seed)
        case MatchingKind.ring:
            days = matchdays(ring_pairs(len(agents), matches), seed=seed)
        case MatchingKind.lattice:
            sides = torus_sides(len(agents), matching.rows)
            days = matchdays(lattice_pairs(*sides, matching.neighbourhood), seed=seed)
        case MatchingKind.strangers:
            days = strangers(agents, matches, round_, seed=placed_seed(config.seed, "schedule", replicate))
        case MatchingKind.self_play:
            days = _self_play(slots, matching.matches, seed)
    return numbered(days)


def meetings_of(config: Config, slots: Sequence[str], replicate: int, round_: int) -> dict[int, int]:
    """Agent → its number of matches in a round."""
    if is_even(config):  # then nothing needs to be drawn
        most = matches_by_slot(config)
        return {agent: most[slot][1] for agent, slot in enumerate(slots, start=1)}
    fixtures = round_fixtures(config, slots, replicate, round_)
    played = Counter(chain.from_iterable(fixture.agents for fixture in fixtures))
    return {agent: played[agent] for agent in range(1, len(slots) + 1)}


def random_pairs(agents: Iterable[int], matches: int, *, seed: int) -> list[list[Pair]]:
    """Everybody meets so many others, each set of others as likely as any, nobody twice.

    An even number of agents plays as many matchdays of a shuffled round robin. An odd number stands in a shuffled
    circle and meets whoever stands at some randomly drawn distances to both sides; where agents × matches is odd, each
    second agent along one more distance meets the next, which leaves one agent a match short.

    Args:
        matches: Per agent, from 1 to one less than there are agents.
    """
    chance = random.Random(seed)
    places = [agent for agent in circle(agents, seed=chance.getrandbits(64)) if agent is not None]
    size = len(places)
    if size % 2 == 0:
        return [matchday_of(places, turn) for turn in chance.sample(range(size - 1), matches)]
    distances = list(range(1, size // 2 + 1))
    pairs: list[Pair] = []
    if matches % 2:
        # One cycle through all of an odd number: only where distance and size share no factor.
        halved = chance.choice([distance for distance in distances if math.gcd(distance, size) == 1])
        distances.remove(halved)
        cycle = [places[step * halved % size] for step in range(size)]
        pairs += zip(cycle[:-1:2], cycle[1::2], strict=True)
    for distance in chance.sample(distances, matches // 2):
        pairs += ((places[place], places[(place + distance) % size]) for place in range(size))
    return matchdays(pairs, seed=chance.getrandbits(64))


def ring_pairs(agents: int, matches: int) -> Iterator[Pair]:
    """Everybody and the nearest `matches` of a circle, half of them on either side.

    Args:
        matches: Even, and below the number of agents.
    """
    return (
        (place + 1, (place + distance) % agents + 1)
        for distance in range(1, matches // 2 + 1)
        for place in range(agents)
    )


def lattice_pairs(rows: int, columns: int, neighbourhood: Neighbourhood) -> Iterator[Pair]:
    """Everybody and its neighbours on a torus, filled row by row.

    Args:
        rows: At least 3, as `columns`: else a neighbour would be met from two sides.
    """
    steps = [(0, 1), (1, 0)] if neighbourhood is Neighbourhood.von_neumann else [(0, 1), (1, 0), (1, 1), (1, -1)]
    return (
        (row * columns + column + 1, (row + down) % rows * columns + (column + right) % columns + 1)
        for row in range(rows)
        for column in range(columns)
        for down, right in steps
    )


def strangers(agents: Sequence[int], matches: int, round_: int, *, seed: int) -> list[list[Pair]]:
    """The matchdays of one round of a tournament in which no two agents meet twice.

    Args:
        matches: Matchdays a round.
        seed: Of the tournament: the same for all of its rounds.

    Returns:
        Fewer matchdays than `matches` where the round robin has no more of them.
    """
    chance = random.Random(seed)
    places = circle(agents, seed=chance.getrandbits(64))
    turns = chance.sample(range(matchdays_of_all_pairs(len(agents))), matchdays_of_all_pairs(len(agents)))
    return [matchday_of(places, turn) for turn in turns[(round_ - 1) * matches : round_ * matches]]


def _self_play(slots: Sequence[str], matches: int | None, seed: int) -> Iterator[list[Pair]]:
    """The agents of each slot among themselves, all slots on the same matchdays."""
    apart = []
    for slot in sorted(set(slots)):
        own = [agent for agent, sits in enumerate(slots, start=1) if sits == slot]
        own_seed = placed_seed(seed, slot)
        apart.append(
            all_matchdays(circle(own, seed=own_seed)) if matches is None else random_pairs(own, matches, seed=own_seed)
        )
    return (list(chain.from_iterable(days)) for days in zip_longest(*apart, fillvalue=()))
