"""What the cells of one process share: an event loop, and the limits of every model they ask."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from acausal.models.limits import Gates

_T = TypeVar("_T")


class Process:
    """A loop that outlives a cell, so that a limit holds from one cell of a sweep to the next."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.gates = Gates()

    def run(self, play: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end in the shared loop."""
        return self._runner.run(play)

    def close(self) -> None:
        """Close the loop."""
        self._runner.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
