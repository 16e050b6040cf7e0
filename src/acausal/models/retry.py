"""Which faults are worth another attempt, and how long to wait for it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base

from acausal.errors import ModelUnavailable

TEMPORARY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Statuses (of the response or of an error body) after which the same request may succeed."""
LONGEST_WAIT_S = 60.0

_T = TypeVar("_T")


class _Backoff(wait_base):
    """Exponential with full jitter; never shorter than the endpoint asked for with Retry-After.

    Jitter comes from the machine's entropy on purpose: it never touches a result, and replicates that share a
    seed must not knock at the same moment.
    """

    def __init__(self, base_s: float) -> None:
        self._base_s = base_s
        self._random = random.SystemRandom()

    def __call__(self, retry_state: RetryCallState) -> float:
        ceiling = min(LONGEST_WAIT_S, self._base_s * 2 ** (retry_state.attempt_number - 1))
        wait = self._random.uniform(ceiling / 2, ceiling)
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after_s if isinstance(error, ModelUnavailable) else None
        if asked is None:
            return wait
        return min(LONGEST_WAIT_S, max(asked, 0.0)) + self._random.uniform(0, self._base_s / 4)


async def with_retries(
    attempt: Callable[[], Awaitable[_T]],
    *,
    max_retries: int,
    retry_delay_s: float,
    goes_on: Callable[[], bool] = lambda: True,
) -> _T:
    """The first success of up to `max_retries + 1` attempts.

    Args:
        attempt: One request; raises ModelUnavailable where another attempt may help.
        max_retries: Attempts after the first.
        retry_delay_s: Base of the exponential backoff.
        goes_on: Asked after each failure; False ends the waiting.

    Raises:
        ModelError: That of the last attempt.
    """
    stop = stop_after_attempt(max_retries + 1)
    retrying = AsyncRetrying(
        stop=lambda state: stop(state) or not goes_on(),
        wait=_Backoff(retry_delay_s),
        retry=retry_if_exception_type(ModelUnavailable),
        reraise=True,
    )
    return await retrying(attempt)
