"""A provider's rate limit: no window of time holds more requests or tokens of a model than it allows."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not pass, and when it may."""

    limit: str
    """`requests` or `tokens`."""
    per_minute: float
    remaining: float
    """What the window still has room for."""
    wait_s: float
    """Seconds until a request like this one passes, if none comes before; a whole window where none ever does."""


class Throttle:
    """A strict sliding window per model id; time is handed in, so that it is pure.

    A call leaves the window `window_s` after it passed; refused calls do not enter it.

    Args:
        requests_per_minute: None: no limit.
        tokens_per_minute: None: no limit.
        window_s: Seconds; of a window shorter than a minute the limit is its share, e.g. 10 of 600 in one second.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        window_s: float = MINUTE_S,
    ) -> None:
        limits = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        self._per_minute = {limit: rate for limit, rate in limits.items() if rate is not None}
        self._window_s = window_s
        self._windows: defaultdict[str, _Window] = defaultdict(_Window)

    def admit(self, model: str, tokens: int, now_s: float) -> Refusal | None:
        """Let a request pass and count it, or say why not.

        Args:
            tokens: In and out together.
            now_s: Seconds on any clock that never goes back.
        """
        if not self._per_minute:
            return None
        window = self._windows[model]
        window.forget(now_s - self._window_s)
        amounts = {"requests": 1, "tokens": tokens}
        refusals = [
            refusal
            for limit, per_minute in self._per_minute.items()
            if (refusal := self._refusal(limit, per_minute, amounts[limit], window, now_s))
        ]
        if refusals:
            return max(refusals, key=lambda refusal: refusal.wait_s)
        window.add(now_s, amounts)
        return None

    def _refusal(self, limit: str, per_minute: float, amount: int, window: _Window, now_s: float) -> Refusal | None:
        # Rounded: 200 × 5.1 / 60 is a little less than 17 in binary, and a whole request must not hang on that.
        remaining = round(per_minute * self._window_s / MINUTE_S, 9) - window.used[limit]
        if amount <= remaining:
            return None
        room = remaining
        for at_s, amounts in window.passed:
            room += amounts[limit]
            if amount <= room:
                return Refusal(limit, per_minute, max(0, remaining), at_s + self._window_s - now_s)
        return Refusal(limit, per_minute, max(0, remaining), self._window_s)


@dataclass(slots=True)
class _Window:
    """What passed lately, oldest first, and its sums."""

    passed: deque[tuple[float, dict[str, int]]] = field(default_factory=deque)
    used: Counter[str] = field(default_factory=Counter)

    def add(self, at_s: float, amounts: dict[str, int]) -> None:
        self.passed.append((at_s, amounts))
        self.used.update(amounts)

    def forget(self, until_s: float) -> None:
        """Let go of what passed up to then."""
        while self.passed and self.passed[0][0] <= until_s:
            self.used.subtract(self.passed.popleft()[1])
