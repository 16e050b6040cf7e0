"""What the simulated endpoint leaves to chance: whom a fault strikes, and how long an answer takes.

Every draw is a function of the seed, what is drawn, the request's body and how often that body was let in before. So
two runs that send the same requests meet the same faults and latencies, in whatever order they arrive.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

from acausal.design.seeds import placed_seed
from acausal.models.faults import NO_FAULT, Fault
from acausal.models.seen import SeenRequest

_STANDARD_NORMAL = NormalDist()


class Strikes:
    """Decides which of several faults strikes a request.

    Args:
        faults: The first whose conditions a request meets strikes; `requests` counts for each of them, struck or not.
        seed: The simulator's.
    """

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self._matched: Counter[int] = Counter()

    def on(self, seen: SeenRequest, since_start_s: float) -> Fault:
        """The fault that strikes a request, called once for each in order of arrival.

        Args:
            seen: The request.
            since_start_s: Seconds from the server's start to its arrival.
        """
        struck = NO_FAULT
        for place, fault in enumerate(self._faults):
            if fault.model in seen.model:
                self._matched[place] += 1
                if struck is NO_FAULT and self._strikes(place, fault, seen, since_start_s):
                    struck = fault
        return struck

    def _strikes(self, place: int, fault: Fault, seen: SeenRequest, since_start_s: float) -> bool:
        return (
            (not fault.requests or self._matched[place] in fault.requests)
            and fault.from_s <= since_start_s < fault.until_s
            and (fault.rate == 1 or _uniform(self._seed, "fault", place, seen) < fault.rate)
        )


def latency_s(median_s: float, spread: float, seed: int, seen: SeenRequest) -> float:
    """Seconds that an answer takes: log-normal around its median.

    Args:
        spread: Standard deviation of the logarithm; 0: always the median.
    """
    if not median_s or not spread:
        return median_s
    return median_s * math.exp(spread * _STANDARD_NORMAL.inv_cdf(_uniform(seed, "latency", 0, seen)))


def _uniform(seed: int, what: str, place: int, seen: SeenRequest) -> float:
    """A number in (0, 1)."""
    return (placed_seed(seed, what, place, seen.digest, seen.repeat) + 0.5) / 2**31
