"""What the cells of one process share: an event loop, the limits and servers of every model they ask, and one desk."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from types import TracebackType
from typing import Any, TypeVar

from acausal.errors import Interrupted
from acausal.models.client import Client
from acausal.models.connect import Pool
from acausal.models.limits import Gates

_T = TypeVar("_T")


class Process:
    """A loop that outlives a cell, so that a limit holds from one cell of a sweep to the next."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self.gates = Gates()
        self.pool = Pool()

    def run(self, play: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end in the shared loop."""
        return self._runner.run(play)

    async def at_desk(self, work: Callable[[], _T]) -> _T:
        """Do what blocks, files and MLflow, while the loop goes on: one piece at a time, since Matplotlib is not made
        for several threads.
        """
        return await asyncio.get_running_loop().run_in_executor(self._desk, copy_context().run, work)

    def close(self) -> None:
        """Close the loop, once what lies on the desk is done."""
        self._desk.shutdown(cancel_futures=True)
        self._runner.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Signals:
    """Ctrl-C and SIGTERM stop sending and let calls in flight land, in all cells at once; a second one leaves at once.

    Use as a context manager in the loop's thread; an outer and an inner one may be the same.
    """

    def __init__(self) -> None:
        self.came = False
        self._watched: dict[Client, asyncio.Task[Any] | None] = {}
        self._landing: dict[Client, asyncio.Task[None]] = {}
        self._depth = 0
        self._outermost: asyncio.Task[Any] | None = None

    def __enter__(self) -> Signals:
        self._depth += 1
        if self._depth == 1:
            self._outermost = asyncio.current_task()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self._halt)
        return self

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().remove_signal_handler(number)

    @contextmanager
    def halting(self, client: Client) -> Iterator[None]:
        """Halt this client, too, and end the task that waits for its replies."""
        with self:
            self._watched[client] = asyncio.current_task()
            try:
                if self.came:
                    self._stop(client)
                yield
            finally:
                del self._watched[client]
                if (landing := self._landing.pop(client, None)) is not None:
                    landing.cancel()

    def _halt(self) -> None:
        again, self.came = self.came, True
        if again and not self._watched and self._outermost is not None:
            self._outermost.cancel()  # all that is left is to write
        for client, play in self._watched.items():
            if not again:
                self._stop(client)
            elif play is not None:
                play.cancel()

    def _stop(self, client: Client) -> None:
        client.halt(Interrupted("interrupted"))
        self._landing[client] = asyncio.get_running_loop().create_task(self._land(client))

    async def _land(self, client: Client) -> None:
        await client.landed()
        if (play := self._watched.get(client)) is not None:
            play.cancel()


_SHARED: list[Process] = []
"""Hydra hands a task and a launcher nothing but their configuration."""


def shared_process() -> Process:
    """The process of the Hydra application, once something is played."""
    if not _SHARED:
        _SHARED.append(Process())
    return _SHARED[0]


def close_shared() -> None:
    """End it, if there is one."""
    while _SHARED:
        _SHARED.pop().close()
