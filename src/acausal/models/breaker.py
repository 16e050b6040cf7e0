"""The circuit breaker of one model: an outage is probed by one call at a time, and what is gone is not asked again."""

from __future__ import annotations

import asyncio
import math

from acausal.errors import ModelError, ModelRejected, ModelUnavailable

OPENS_AFTER = 10
"""Failed attempts in a row that make an outage."""
LONGEST_COOLDOWN_S = 30.0
_GONE = frozenset({"401", "402", "403", "404"})
"""Rejections of the model, key or account rather than of one request."""
_ALIVE = frozenset({"429", "empty"})
"""Causes of a retry that prove the model to be there."""


class Breaker:
    """Closed: everybody passes. Open: nobody but a probe after each cooldown. Gone: nobody, for good.

    While an outage is young, calls wait for a probe to succeed; once it has outlasted the patience they fail at once,
    so that one outage costs one wait, not one per call.

    Args:
        cooldown_s: Seconds before the first probe; doubled by each probe that fails.
        patience_s: Seconds that calls wait for the end of one outage.
    """

    def __init__(self, *, cooldown_s: float, patience_s: float) -> None:
        self._first_cooldown_s = cooldown_s
        self._patience_s = patience_s
        self._cooldown_s = cooldown_s
        self._failures = 0
        self._since_s = 0.0
        self._probe_at_s = 0.0
        self._probing = False
        self._last: ModelError | None = None
        self._gone: ModelError | None = None
        self._changed = asyncio.Event()

    @property
    def gone(self) -> ModelError | None:
        """Why the model is not worth asking in this run; None while it is."""
        return self._gone

    @property
    def is_open(self) -> bool:
        """Whether the model is out."""
        return self._failures >= OPENS_AFTER

    def outage(self, now_s: float) -> tuple[float | None, float]:
        """Seconds since the outage began, None where there is none; and seconds until the next probe.

        Args:
            now_s: The loop's clock; another thread may ask.
        """
        if not self.is_open:
            return None, 0.0
        return now_s - self._since_s, 0.0 if self._probing else max(0.0, self._probe_at_s - now_s)

    async def admit(self, left_s: float = math.inf) -> bool:
        """Wait until a call may be sent; the caller then reports to exactly one of the methods below.

        Args:
            left_s: Seconds that are left of the caller's own patience.

        Returns:
            Whether the call is the probe that everybody else waits for.

        Raises:
            ModelError: The model is gone, or its outage has outlasted the patience with it or with the call.
        """
        loop = asyncio.get_running_loop()
        leaves_s = loop.time() + left_s
        while True:
            if self._gone is not None:
                raise self._gone
            if not self.is_open:
                return False
            now_s = loop.time()
            if not self._probing and now_s >= self._probe_at_s:
                self._probing = True
                return True
            ends_s = min(self._since_s + self._patience_s, leaves_s)
            if now_s >= ends_s:
                raise self._outage(now_s)
            until_s = ends_s if self._probing else min(ends_s, self._probe_at_s)
            await self._change(until_s - now_s)

    def succeeded(self) -> None:
        """The model answered; whatever it said."""
        self._failures = 0
        self._cooldown_s = self._first_cooldown_s
        self._settle()

    def failed(self, error: ModelError, *, probe: bool) -> None:
        """An attempt failed."""
        if isinstance(error, ModelRejected):
            if error.cause in _GONE:
                self._gone = error
            self.succeeded()
            return
        if error.cause in _ALIVE:
            self.succeeded()
            return
        now_s = asyncio.get_running_loop().time()
        if not self._failures:
            self._since_s = now_s
        self._failures += 1
        self._last = error
        if probe:
            self._cooldown_s = min(2 * self._cooldown_s, LONGEST_COOLDOWN_S)
        if probe or self._failures == OPENS_AFTER:
            self._probe_at_s = now_s + self._cooldown_s
            self._settle()

    def withdrawn(self, *, probe: bool) -> None:
        """The call was not sent after all."""
        if probe:
            self._settle()

    def condemn(self, error: ModelError) -> None:
        """Known from elsewhere: the model is not to be had."""
        self._gone = error
        self._settle()

    def _settle(self) -> None:
        self._probing = False
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self, at_most_s: float) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _outage(self, now_s: float) -> ModelUnavailable:
        last = self._last or ModelUnavailable("no answer")
        outage = ModelUnavailable(f"out for {now_s - self._since_s:.0f} s, last: {last}", status=last.status)
        outage.model, outage.endpoint, outage.cause = last.model, last.endpoint, "outage"
        return outage
