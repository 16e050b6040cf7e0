"""How fast and how wide a model may be asked."""

from __future__ import annotations

import asyncio
from types import TracebackType

from aiolimiter import AsyncLimiter


class Limits:
    """A model's requests per minute and its calls in flight, shared by all agents that use it.

    Args:
        rate_limit: Requests per minute; None: no limit.
        max_concurrency: Calls in flight at most.
    """

    def __init__(self, rate_limit: float | None, max_concurrency: int) -> None:
        # One permit per 60/rate seconds: a bucket of `rate_limit` permits would let a whole minute's worth go at once.
        self._limiter = None if rate_limit is None else AsyncLimiter(1, 60 / rate_limit)
        self._slots = asyncio.Semaphore(max_concurrency)

    async def __aenter__(self) -> None:
        """Take a slot, then a permit: every attempt takes its own, and gives the slot back while it waits to retry."""
        await self._slots.acquire()
        try:
            if self._limiter is not None:
                await self._limiter.acquire()
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()
