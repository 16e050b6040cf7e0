"""Matches spread over matchdays, each agent at most once on each: an edge colouring."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

from acausal.design.schedule import Pair


def matchdays(pairs: Iterable[Pair], *, seed: int) -> list[list[Pair]]:
    """The pairs on matchdays, at most one more of them than any agent has matches [misra1992].

    Args:
        pairs: Each two agents at most once.
        seed: Draws the order of matchdays and of the matches on each.
    """
    chance = random.Random(seed)
    shuffled = [pair if chance.random() < 0.5 else pair[::-1] for pair in pairs]
    chance.shuffle(shuffled)
    colouring = _Colouring()
    for first, second in shuffled:
        colouring.add(first, second)
    days: dict[int, list[Pair]] = {}
    for first, second in shuffled:
        days.setdefault(colouring.of(first, second), []).append((first, second))
    ordered = [days[colour] for colour in sorted(days)]
    chance.shuffle(ordered)
    return ordered


class _Colouring:
    """A proper edge colouring that grows edge by edge."""

    def __init__(self) -> None:
        self._across: dict[int, dict[int, int]] = {}
        """Vertex → colour → neighbour across the edge of that colour."""
        self._colours: dict[Pair, int] = {}
        """Edge, either way round → colour."""

    def of(self, one: int, other: int) -> int:
        """The colour of an edge."""
        return self._colours[one, other]

    def add(self, centre: int, first: int) -> None:
        """Colour one more edge, with at most one colour more than its ends have edges."""
        for vertex in (centre, first):
            self._across.setdefault(vertex, {})
        fan = self._fan(centre, first)
        here, there = self._free(centre), self._free(fan[-1])
        self._swap(centre, there, here)
        # Of the fan what still is one, up to a neighbour at which the colour is free: theory says that there is.
        for length, neighbour in enumerate(fan, start=1):
            if there not in self._across[neighbour] and self._is_fan(centre, fan[:length]):
                self._rotate(centre, fan[:length], there)
                return
        raise AssertionError("a fan without a free colour")

    def _free(self, vertex: int) -> int:
        """The lowest colour that no edge of a vertex has."""
        taken = self._across[vertex]
        return next(colour for colour in range(len(taken) + 1) if colour not in taken)

    def _fan(self, centre: int, first: int) -> list[int]:
        """Neighbours, as many as can be, the colour of each one's edge free at the one before."""
        fan, left = [first], dict(self._across[centre])
        while (colour := next((c for c in left if c not in self._across[fan[-1]]), None)) is not None:
            fan.append(left.pop(colour))
        return fan

    def _is_fan(self, centre: int, neighbours: Sequence[int]) -> bool:
        return all(self._colours[centre, after] not in self._across[before] for before, after in pairwise(neighbours))

    def _swap(self, start: int, colour: int, other: int) -> None:
        """Exchange two colours along the path that leaves a vertex by the first of them."""
        path, vertex = [], start
        while (beyond := self._across[vertex].get(colour)) is not None:
            path.append((vertex, beyond, other))
            vertex, colour, other = beyond, other, colour
        for one, two, _ in path:
            self._remove(one, two)
        for one, two, changed in path:
            self._set(one, two, changed)

    def _rotate(self, centre: int, fan: Sequence[int], last: int) -> None:
        """Give each edge of a fan the colour of the next, and the last one a colour of its own."""
        colours = [self._colours[centre, neighbour] for neighbour in fan[1:]]
        for neighbour in fan[1:]:
            self._remove(centre, neighbour)
        for neighbour, colour in zip(fan, [*colours, last], strict=True):
            self._set(centre, neighbour, colour)

    def _set(self, one: int, other: int, colour: int) -> None:
        self._colours[one, other] = self._colours[other, one] = colour
        self._across[one][colour] = other
        self._across[other][colour] = one

    def _remove(self, one: int, other: int) -> None:
        colour = self._colours.pop((one, other))
        del self._colours[other, one]
        del self._across[one][colour]
        del self._across[other][colour]
