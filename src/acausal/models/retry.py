"""Which faults are worth another attempt, how long to wait for it, and when patience ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_base

from acausal.errors import ModelUnavailable
from acausal.settings.schema import ModelConfig

TEMPORARY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Statuses (of the response or of an error body) after which the same request may succeed."""
OVERLOAD = frozenset({"429", "503", "529", "timeout"})
"""Causes that ask for fewer calls in flight."""
LONGEST_WAIT_S = 60.0
_HOPELESS = frozenset({"outage", "pause"})
"""Causes of not being sent at all: what outlasts everybody's patience is not waited for by each call anew."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Effort:
    """What one call has taken so far."""

    attempts: int = 0
    retries: list[str] = field(default_factory=list)
    """Cause of each attempt that was followed by another."""
    queued_s: float = 0.0
    """Seconds in the queue for the model's limits, over all attempts."""
    started_s: float = 0.0
    """When the call began, on the loop's clock."""
    _failed: str | None = None

    def spent_s(self) -> float:
        """Seconds since the call began, without the queue: what is held against its patience."""
        return asyncio.get_running_loop().time() - self.started_s - self.queued_s

    def sends(self) -> None:
        """A request goes out; where one went before it, that one's failure was worth it."""
        if self._failed is not None:
            self.retries.append(self._failed)
        self.attempts += 1

    def failed(self, cause: str) -> None:
        """The request that went out last brought no reply."""
        self._failed = cause


def outage_patience_s(model: ModelConfig) -> float:
    """Seconds for which calls wait for a model that is out: as long as one call's own retries would take."""
    waits = (backoff_ceiling_s(model.retry_delay, number) for number in range(1, model.max_retries + 1))
    return min(model.patience_s, sum(waits))


def backoff_ceiling_s(base_s: float, attempt: int) -> float:
    """The longest wait after the n-th failed attempt, without the server's own wish."""
    return min(LONGEST_WAIT_S, base_s * 2.0 ** min(attempt - 1, 32))


class _Backoff(wait_base):
    """Exponential with jitter; none after a fault that paused the model, because the pause is everybody's.

    Jitter comes from the machine's entropy on purpose: it never touches a result, and replicates that share a
    seed must not knock at the same moment.
    """

    def __init__(self, base_s: float) -> None:
        self._base_s = base_s

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, ModelUnavailable) and pauses(error):
            return 0.0
        return jittered(backoff_ceiling_s(self._base_s, retry_state.attempt_number))


def jittered(ceiling_s: float) -> float:
    """A wait between half a ceiling and the ceiling."""
    return random.SystemRandom().uniform(ceiling_s / 2, ceiling_s)


def pauses(error: ModelUnavailable) -> bool:
    """Whether a fault tells all callers of the model to wait, not only the one who was told."""
    return error.cause == "429" or error.retry_after_s is not None


async def with_retries(
    attempt: Callable[[], Awaitable[_T]],
    model: ModelConfig,
    effort: Effort,
    *,
    goes_on: Callable[[], bool] = lambda: True,
) -> _T:
    """The first success of up to `max_retries + 1` attempts within `patience_s`.

    Args:
        attempt: One request; raises ModelUnavailable where another attempt may help.
        effort: Its queueing time is no part of the patience.
        goes_on: Asked after each failure; False ends the waiting.

    Raises:
        ModelError: That of the last attempt.
    """
    effort.started_s = asyncio.get_running_loop().time()

    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, ModelUnavailable) and error.cause in _HOPELESS:
            return True
        spent_s = effort.spent_s() + state.upcoming_sleep
        return state.attempt_number > model.max_retries or spent_s > model.patience_s or not goes_on()

    retrying = AsyncRetrying(
        stop=stop,
        wait=_Backoff(model.retry_delay),
        retry=retry_if_exception_type(ModelUnavailable),
        reraise=True,
    )
    return await retrying(attempt)
