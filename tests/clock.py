"""An event loop whose clock jumps to the next timer, so that limits of minutes are tested in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _NeverWaits(selectors.SelectSelector):
    """Where asyncio would sleep until the next timer, the clock is put forward instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everything waits for everything: a deadlock")
        if not ready and timeout:
            self.now_s += timeout
        return ready


class FakeClockLoop(asyncio.SelectorEventLoop):
    """Time passes only while everybody sleeps."""

    def __init__(self) -> None:
        self._fake = _NeverWaits()
        super().__init__(self._fake)

    def time(self) -> float:
        return self._fake.now_s


def run_fast(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, without waiting."""
    with asyncio.Runner(loop_factory=FakeClockLoop) as runner:
        return runner.run(main)
