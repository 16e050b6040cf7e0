"""Who meets whom, on which matchday: the circle method [kirkman1847]."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fixture:
    """A match that is to be played."""

    matchday: int
    match: int
    """Number within the round, from 1, in schedule order."""
    agents: tuple[int, int]
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
    circle: list[int | None] = list(range(1, num_agents + 1))
    random.Random(seed).shuffle(circle)
    if num_agents % 2:
        circle.append(None)
    fixtures: list[Fixture] = []
    met: Counter[int] = Counter()
    for matchday in range(1, len(circle)):
        for place in range(len(circle) // 2):
            first, second = circle[place], circle[-1 - place]
            if first is not None and second is not None:
                met.update((first, second))
                fixtures.append(Fixture(matchday, len(fixtures) + 1, (first, second), (met[first], met[second])))
        circle = [circle[0], circle[-1], *circle[1:-1]]
    return tuple(fixtures)
