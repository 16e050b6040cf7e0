"""Whose turn it is among cells that are played at the same time: block by block, and within a block all equally far."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from acausal.models.limits import Rank, Slots
from acausal.pricing.workload import calls_in_all
from acausal.settings.schema import Config

AT_ONCE = 64
"""Replicates under way at a time by default: what bounds the memory of a sweep of hundreds of cells."""


class Queue:
    """The order in which cells begin their replicates, and in which their calls pass the gates that they share.

    A call's rank is its block, then the share of its replicate's calls that came before it, then its cell's place in
    the block. Calls that wait for the same model so go in such an order that all arms of a block are equally far; a
    later block uses only what the earlier ones leave free.

    Args:
        blocks: The cells of each block, in order.
        at_once: Replicates under way at a time.
    """

    def __init__(self, blocks: Sequence[Sequence[int]], at_once: int = AT_ONCE) -> None:
        self._positions = [{cell: place for place, cell in enumerate(block)} for block in blocks]
        self._under_way = Slots(at_once, is_open=False)
        self._to_come = {(cell, replicate) for replicate, block in enumerate(blocks, start=1) for cell in block}

    def gone(self, cell: int) -> None:
        """A cell has ended, or will never begin: nobody waits for it."""
        self._come({place for place in self._to_come if place[0] == cell})

    @asynccontextmanager
    async def turn(self, cell: int, replicate: int) -> AsyncIterator[None]:
        """Wait until a replicate of a cell may begin; the next one may when this ends.

        None begins before all are there, so that they begin in the order of the blocks.
        """
        self._come({(cell, replicate)})
        await self._under_way.acquire((replicate, self.position(cell, replicate)))
        try:
            yield
        finally:
            self._under_way.release()

    def _come(self, places: set[tuple[int, int]]) -> None:
        before, self._to_come = self._to_come, self._to_come - places
        if before and not self._to_come:
            # The last one is still on its way into the queue.
            asyncio.get_running_loop().call_soon(self._under_way.open)

    def position(self, cell: int, replicate: int) -> int:
        """Place of a cell in a block, from 0."""
        return self._positions[replicate - 1][cell]


class Turns:
    """One cell in a queue.

    Args:
        queue: None: the cell is alone and waits for nobody.
        cell: Its number in the blocks.
    """

    def __init__(self, queue: Queue | None, cell: int, config: Config) -> None:
        self._queue = queue
        self._cell = cell
        self._expected = max(1.0, calls_in_all(config) / config.replicates)
        self._asked: Counter[int] = Counter()

    def rank(self, replicate: int) -> Rank:
        """Of the request that a replicate makes now, and of its attempts."""
        if self._queue is None:
            return ()
        share = self._asked[replicate] / self._expected
        self._asked[replicate] += 1
        return (replicate, share, self._queue.position(self._cell, replicate))

    def turn(self, replicate: int) -> AbstractAsyncContextManager[None]:
        """What a replicate waits for before it begins."""
        return nullcontext() if self._queue is None else self._queue.turn(self._cell, replicate)
