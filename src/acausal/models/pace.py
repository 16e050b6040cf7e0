"""How many requests and tokens a minute may go: evenly, with no burst at the start or after a pause."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

WINDOW_S = 60.0
"""The window in which providers count."""
MARGIN = 0.01
"""Share of a limit left unused: even spacing alone puts the next minute's first request on the edge of this one."""
_NOTHING_S = 1e-6
"""A wait that a clock of doubles may not be able to express."""
_SLACK_S = 0.05
"""A permit may come this much early, at most a fifth of a period: it makes up for wake-ups that came late."""


class RequestPace:
    """Evenly spaced permits: look first, then take, so that two limits can be met at the same moment.

    Args:
        per_minute: Requests in any window of a minute, at most.
    """

    def __init__(self, per_minute: float) -> None:
        self._period_s = WINDOW_S / (per_minute * (1 - MARGIN))
        # A bucket of `per_minute` permits would let a whole minute's worth go at once; one of a single permit adds
        # each late wake-up to the next period.
        capacity = 1 + min(_SLACK_S / self._period_s, 0.2)
        self._limiter = AsyncLimiter(capacity, capacity * self._period_s)

    def wait_s(self) -> float:
        """Seconds after which to look again; 0: a permit is there."""
        return 0.0 if self._limiter.has_capacity() else min(self._period_s / 20, _SLACK_S)

    async def take(self) -> None:
        """Use the permit that is there."""
        await self._limiter.acquire()


@dataclass(slots=True)
class Spent:
    """The tokens of one call, as booked."""

    at_s: float
    tokens: float


class TokenPace:
    """Tokens a minute, whose number is known only when the reply is there: expected first, corrected then.

    A call goes when the tokens before it have had their share of the minute, and never when the last minute would
    then hold more than the limit. A call that is expected to use more than a minute's worth goes alone.

    Args:
        per_minute: Tokens in any window of a minute, at most, as far as calls use what was expected of them.
    """

    def __init__(self, per_minute: float) -> None:
        self._per_minute = per_minute
        self._per_s = per_minute / WINDOW_S
        self._free_at_s = 0.0
        self._last_minute: deque[Spent] = deque()
        self._sum = 0.0

    def wait_s(self, tokens: float) -> float:
        """Seconds until a call of so many tokens may go; 0: now."""
        now_s = asyncio.get_running_loop().time()
        while self._last_minute and self._last_minute[0].at_s + WINDOW_S * (1 + MARGIN) - now_s <= _NOTHING_S:
            self._sum -= self._last_minute.popleft().tokens
        wait_s = max(0.0, self._free_at_s - now_s)
        if self._last_minute and self._sum + tokens > self._per_minute:
            wait_s = max(wait_s, self._last_minute[0].at_s + WINDOW_S * (1 + MARGIN) - now_s)
        return wait_s if wait_s > _NOTHING_S else 0.0

    def take(self, tokens: float) -> Spent:
        """Book a call of so many tokens."""
        spent = Spent(asyncio.get_running_loop().time(), tokens)
        share_s = tokens / self._per_s
        self._free_at_s = max(self._free_at_s, spent.at_s - min(_SLACK_S, 0.2 * share_s)) + share_s
        self._last_minute.append(spent)
        self._sum += tokens
        return spent

    def correct(self, spent: Spent, tokens: float) -> None:
        """What a call used in truth."""
        excess = tokens - spent.tokens
        self._free_at_s += excess / self._per_s
        if self._last_minute and spent.at_s >= self._last_minute[0].at_s:
            self._sum += excess
            spent.tokens = tokens


class Forecast:
    """How many tokens a call will use: its ceiling at first, then what calls of its kind used."""

    def __init__(self) -> None:
        self._share: dict[str, float] = {}

    def tokens(self, kind: str, ceiling: float) -> float:
        """Tokens expected of a call of a kind that uses at most so many."""
        return ceiling * self._share.get(kind, 1.0)

    def learn(self, kind: str, ceiling: float, tokens: float) -> None:
        """A call of a kind used so many of at most so many."""
        share = tokens / ceiling
        known = self._share.get(kind)
        self._share[kind] = share if known is None else known + (share - known) / 10
