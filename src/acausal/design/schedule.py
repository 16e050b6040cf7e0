"""Matches in the order in which they are played, and the round robin by the circle method [kirkman1847]."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Pair = tuple[int, int]
"""Ids of two agents who meet."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """A match that is to be played."""

    matchday: int
    match: int
    """Number within the round, from 1, in schedule order."""
    agents: Pair
    """Ids of the two agents."""
    meetings: tuple[int, int]
    """Which of its own meetings of the round this is for each of the two, from 1."""


def schedule(num_agents: int, *, seed: int) -> tuple[Fixture, ...]:
    """A single round robin in schedule order: every pair once, each agent at most once a matchday.

    Args:
        num_agents: At least 2; with an odd number one agent rests on each matchday.
        seed: Draws which agent takes which place of the circle, so that the order of meetings changes by round.

    Returns:
        `num_agents * (num_agents - 1) / 2` fixtures over `num_agents - 1` matchdays (`num_agents` if odd).
    """
    return numbered(all_matchdays(circle(range(1, num_agents + 1), seed=seed)))


def numbered(matchdays: Iterable[Iterable[Pair]]) -> tuple[Fixture, ...]:
    """Fixtures of a round from the pairs of its matchdays."""
    fixtures: list[Fixture] = []
    met: Counter[int] = Counter()
    for matchday, pairs in enumerate(matchdays, start=1):
        for first, second in pairs:
            met.update((first, second))
            fixtures.append(Fixture(matchday, len(fixtures) + 1, (first, second), (met[first], met[second])))
    return tuple(fixtures)


def circle(agents: Iterable[int], *, seed: int) -> list[int | None]:
    """Agents in random places around the table of the circle method; None is the place of whoever rests."""
    places: list[int | None] = list(agents)
    random.Random(seed).shuffle(places)
    return places if len(places) % 2 == 0 else [*places, None]


def all_matchdays(places: Sequence[int | None]) -> Iterator[list[Pair]]:
    """The matchdays on which everybody around the table meets everybody once."""
    return (matchday_of(places, turn) for turn in range(len(places) - 1))


def matchday_of(places: Sequence[int | None], turn: int) -> list[Pair]:
    """Who meets when all but the first have moved on by so many places: on any two turns nobody meets the same.

    Args:
        places: From `circle`.
        turn: From 0 to two less than the number of places.
    """
    cut = len(places) - turn
    seated = [places[0], *places[cut:], *places[1:cut]]
    opposite = zip(seated, reversed(seated[len(seated) // 2 :]), strict=False)
    return [(first, second) for first, second in opposite if first is not None and second is not None]
