"""The way of a call to one model: circuit breaker, gate, attempt, and again where that may help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from acausal.errors import ModelError, ModelUnavailable
from acausal.models.breaker import Breaker
from acausal.models.completion import Endpoint
from acausal.models.limits import Gate, Load, Passage, Rank
from acausal.models.meter import GateReport
from acausal.models.retry import (
    OVERLOAD,
    Effort,
    backoff_ceiling_s,
    jittered,
    outage_patience_s,
    pauses,
    with_retries,
)
from acausal.settings.schema import ModelConfig

_T = TypeVar("_T")
_CHARACTERS_PER_TOKEN = 3
"""On the safe side of English text: a first guess, replaced by what calls of the same kind use."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a model is being asked at a moment, and what keeps calls from it."""

    paused_s: float
    """Seconds left of a pause that its endpoint asked for."""
    out_s: float | None
    """Seconds since its outage began; None where there is none."""
    probe_in_s: float
    """Seconds until one call is let through to an absent model; 0: one is on its way."""
    gone: bool
    """Whether it is not asked again in this run."""


class Route:
    """One model of one cell, with everything that stands between a call and it.

    Args:
        gate: Shared with every other cell of the process that asks this model.
    """

    def __init__(self, model: ModelConfig, endpoint: Endpoint, gate: Gate) -> None:
        self.model = model
        self.endpoint = endpoint
        self.gate = gate
        self.meter = gate.meter()
        self._under_way: dict[int, Effort] = {}
        self.breaker = Breaker(cooldown_s=max(model.retry_delay, 0.001), patience_s=outage_patience_s(model))

    async def travel(
        self,
        send: Callable[[Passage], Awaitable[_T]],
        effort: Effort,
        *,
        kind: str,
        characters: int,
        goes_on: Callable[[], bool],
        rank: Rank = (),
    ) -> _T:
        """What `send` returns at its first success.

        Args:
            send: Makes one request; sets the tokens it used on its passage.
            effort: Counts attempts, the causes of retries and the time in the queue, also where this raises.
            kind: Calls of one kind use tokens alike.
            characters: Length of the prompt.
            goes_on: Asked after each failure; False ends the retries.
            rank: Place in the queue for the model, of each attempt.

        Raises:
            ModelError: That of the last attempt, or why none was made.
        """
        ceiling = characters / _CHARACTERS_PER_TOKEN + self.model.max_tokens
        load = Load(kind, ceiling, self.model.patience_s, rank)

        async def attempt() -> _T:
            return await self._attempt(send, effort, load)

        self._under_way[id(effort)] = effort
        try:
            return await with_retries(attempt, self.model, effort, goes_on=goes_on)
        finally:
            del self._under_way[id(effort)]

    @property
    def retries_under_way(self) -> int:
        """Retries so far of the calls that have not ended."""
        return sum(len(effort.retries) for effort in list(self._under_way.values()))

    def standing(self, now_s: float) -> Standing:
        """Whether the model is being asked.

        Args:
            now_s: The loop's clock; another thread may ask.
        """
        out_s, probe_in_s = self.breaker.outage(now_s)
        return Standing(self.gate.paused_s(now_s), out_s, probe_in_s, self.breaker.gone is not None)

    def report(self) -> GateReport:
        """What has been taken of the model's limits since this route was made."""
        return self.gate.report(self.meter, self.model.model_type, self.model.endpoint.name)

    async def _attempt(self, send: Callable[[Passage], Awaitable[_T]], effort: Effort, load: Load) -> _T:
        while True:
            probe = await self.breaker.admit(self.model.patience_s - effort.spent_s())
            reported = False
            try:
                async with self.gate.passage(load) as passage:
                    effort.queued_s += passage.queued_s
                    if self.breaker.gone is not None or (self.breaker.is_open and not probe):
                        continue  # while it queued, the model went out
                    effort.sends()
                    try:
                        result = await send(passage)
                    except ModelError as error:
                        reported = True
                        effort.failed(error.cause)
                        self._failed(error, passage, effort.attempts, probe=probe)
                        raise
                    reported = True
                    self.breaker.succeeded()
                    if self.gate.slots is not None:
                        self.gate.slots.succeeded()
                    return result
            finally:
                if not reported:
                    self.breaker.withdrawn(probe=probe)

    def _failed(self, error: ModelError, passage: Passage, attempt: int, *, probe: bool) -> None:
        """Tell everybody who waits for this model what one call learned."""
        self.breaker.failed(error, probe=probe)
        if self.gate.slots is not None and error.cause in OVERLOAD:
            self.gate.slots.overloaded(passage.sent_at_s, error.cause)
        if isinstance(error, ModelUnavailable) and pauses(error):
            asked_s = error.retry_after_s
            self.gate.pause(
                jittered(backoff_ceiling_s(self.model.retry_delay, attempt)) if asked_s is None else asked_s
            )
