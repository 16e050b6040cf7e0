"""How fast and how wide a model may be asked: one gate per model, shared by every call of the process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from weakref import WeakSet

from acausal.errors import ModelUnavailable
from acausal.models.meter import GateReport, Meter, WidthChange
from acausal.models.pace import Forecast, RequestPace, Spent, TokenPace
from acausal.settings.schema import Config, ModelConfig

_LONGEST_HISTORY = 500

Rank = tuple[float, ...]
"""Place in a queue: the lowest goes first, equal ones in the order in which they came."""


@dataclass(frozen=True, slots=True)
class Dials:
    """The limits of a model or of an endpoint; None: none."""

    requests_per_minute: float | None
    tokens_per_minute: float | None
    max_concurrency: int | None


class Slots:
    """Calls in flight: as many as configured, halved by each overload, widened again by success.

    Additive increase, multiplicative decrease, as in TCP's congestion control [jacobson1988]: one more slot after as
    many successes as there are slots, half of them after a 429 or a timeout.

    Args:
        ceiling: Calls in flight at most, and at the start.
        is_open: False: none is given before `open`, so that those who wait by then go by their rank.
    """

    def __init__(self, ceiling: int, *, is_open: bool = True) -> None:
        self._ceiling = ceiling
        self.width = ceiling if is_open else 0
        self._in_flight = 0
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._arrivals = count()
        self._successes = 0
        self._shrunk_at_s = float("-inf")
        self.used_since_s: float | None = None
        """On the loop's clock."""
        self.history: deque[WidthChange] = deque(maxlen=_LONGEST_HISTORY)
        self.changes = 0
        """Changes of the width, also those that the history has dropped."""

    async def acquire(self, rank: Rank = ()) -> None:
        """Wait for a slot, the lowest rank first, and among equals first come first served."""
        loop = asyncio.get_running_loop()
        if self.used_since_s is None:
            self.used_since_s = loop.time()
        if self._in_flight < self.width and not self._waiting:
            self._in_flight += 1
            return
        turn = loop.create_future()
        heappush(self._waiting, (rank, next(self._arrivals), turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.release()  # given at the moment of being cancelled
            raise

    def open(self) -> None:
        """Begin to give slots."""
        self.width = self._ceiling
        self._admit()

    def release(self) -> None:
        """Give a slot back."""
        self._in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._in_flight < self.width:
            _, _, turn = heappop(self._waiting)
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)

    def succeeded(self) -> None:
        """A call was answered."""
        if self.width == self._ceiling:
            return
        self._successes += 1
        if self._successes >= self.width:
            self._successes = 0
            self.width += 1
            self._admit()
            self._note("success")

    def overloaded(self, sent_at_s: float, cause: str) -> None:
        """A call met an overload; those sent before the last halving tell nothing new."""
        self._successes = 0
        if sent_at_s < self._shrunk_at_s or self.width == 1:
            return
        self._shrunk_at_s = asyncio.get_running_loop().time()
        self.width = max(1, self.width // 2)
        self._note(cause)

    def _note(self, cause: str) -> None:
        now_s = asyncio.get_running_loop().time()
        since_s = now_s if self.used_since_s is None else self.used_since_s
        self.history.append(WidthChange(round(now_s - since_s, 3), self.width, cause))
        self.changes += 1


@dataclass(frozen=True, slots=True)
class Load:
    """What an attempt will take."""

    kind: str
    """Calls of one kind use tokens alike."""
    ceiling: float
    """Tokens it uses at most."""
    patience_s: float
    """A pause longer than this is not waited for."""
    rank: Rank = ()


@dataclass(slots=True)
class Passage:
    """One attempt's way through a gate."""

    queued_s: float = 0.0
    """Seconds waited for a slot and for permits."""
    sent_at_s: float = 0.0
    tokens: float | None = None
    """What the reply says it used; set by the caller."""


class Gate:
    """What every attempt passes: a slot, then the end of any pause, then permits.

    Args:
        dials: The model's own limits.
        endpoint: The gate of its endpoint, shared with the endpoint's other models; None where it has no limits.
    """

    def __init__(self, dials: Dials, endpoint: Gate | None = None) -> None:
        self._dials = dials
        self._endpoint = endpoint
        self.slots = Slots(dials.max_concurrency) if dials.max_concurrency is not None else None
        self._requests = RequestPace(dials.requests_per_minute) if dials.requests_per_minute is not None else None
        self._tokens = TokenPace(dials.tokens_per_minute) if dials.tokens_per_minute is not None else None
        self._forecast = Forecast()
        self._turn = asyncio.Lock()
        self._paused_until_s = 0.0
        self._meters = WeakSet[Meter]()

    @asynccontextmanager
    async def passage(self, load: Load) -> AsyncIterator[Passage]:
        """Wait, then hold a slot.

        Raises:
            ModelUnavailable: The endpoint asked for a pause longer than the patience.
        """
        loop = asyncio.get_running_loop()
        passage = Passage()
        came_s = loop.time()
        gates = [self] if self._endpoint is None else [self, self._endpoint]
        held: list[Slots] = []
        try:
            for gate in gates:
                if gate.slots is not None:
                    await gate.slots.acquire(load.rank)
                    held.append(gate.slots)
            permits = await self._permits(load) if any(gate._is_paced for gate in gates) else []
            passage.sent_at_s = loop.time()
            passage.queued_s = passage.sent_at_s - came_s
            for meter in self._meters:
                meter.count(passage.queued_s, passage.sent_at_s)
            yield passage
            if passage.tokens is not None:
                for gate, spent in zip(gates, permits, strict=False):
                    gate._correct(load, spent, passage.tokens)
        finally:
            for slots in held:
                slots.release()

    def pause(self, seconds: float) -> None:
        """Nobody is sent for so long: the endpoint said so to one of us, and means all."""
        self._paused_until_s = max(self._paused_until_s, asyncio.get_running_loop().time() + seconds)

    def paused_s(self, now_s: float | None = None) -> float:
        """Seconds left of a pause.

        Args:
            now_s: The loop's clock, where no loop runs.
        """
        return max(0.0, self._paused_until_s - (asyncio.get_running_loop().time() if now_s is None else now_s))

    def meter(self) -> Meter:
        """One that counts from now on, as long as somebody keeps it."""
        slots = self.slots
        meter = Meter(self._dials.requests_per_minute, slots.width if slots else None, slots.changes if slots else 0)
        self._meters.add(meter)
        return meter

    def report(self, meter: Meter, model: str, endpoint: str) -> GateReport:
        """What one of its meters has counted."""
        changes: list[WidthChange] = []
        if self.slots is not None and (fresh := self.slots.changes - meter.changes_before):
            began_s = meter.first_sent_s - (self.slots.used_since_s or 0.0)
            changes = list(self.slots.history)[-fresh:]
            changes = [replace(change, at_s=round(max(0.0, change.at_s - began_s), 3)) for change in changes]
        return GateReport(model, endpoint, meter.sent, meter.queued_s, meter.share_used(), meter.width, tuple(changes))

    @property
    def _is_paced(self) -> bool:
        return self._requests is not None or self._tokens is not None or self.paused_s() > 0

    async def _permits(self, load: Load) -> list[Spent | None]:
        """Permits of the model and of its endpoint, taken at the same moment: one held while the other is waited for
        would go late, and the next one soon after it.
        """
        # One at a time: permits taken during a pause would all be used at its end.
        async with self._turn:
            while True:
                await self._ready(load)
                if self._endpoint is None:
                    return [await self._take(load)]
                async with self._endpoint._turn:
                    await self._endpoint._ready(load)
                    if not self.paused_s():
                        return [await self._take(load), await self._endpoint._take(load)]

    async def _ready(self, load: Load) -> None:
        while True:
            wait_s = self.paused_s()
            if wait_s > load.patience_s:
                raise ModelUnavailable(
                    f"the endpoint asks for a pause of {wait_s:.0f} s, and patience_s is {load.patience_s:g}",
                    status=429,
                    cause="pause",
                )
            if self._requests is not None:
                wait_s = max(wait_s, self._requests.wait_s())
            if self._tokens is not None:
                wait_s = max(wait_s, self._tokens.wait_s(self._expected(load)))
            if not wait_s:
                return
            await asyncio.sleep(wait_s)

    async def _take(self, load: Load) -> Spent | None:
        if self._requests is not None:
            await self._requests.take()
        return None if self._tokens is None else self._tokens.take(self._expected(load))

    def _expected(self, load: Load) -> float:
        return self._forecast.tokens(load.kind, load.ceiling)

    def _correct(self, load: Load, spent: Spent | None, tokens: float) -> None:
        if self._tokens is not None and spent is not None:
            self._tokens.correct(spent, tokens)
            self._forecast.learn(load.kind, load.ceiling, tokens)


class Gates:
    """The gates of one process and its event loop: cells that share a model share its limits."""

    def __init__(self) -> None:
        self._models: dict[tuple[object, ...], Gate] = {}
        self._endpoints: dict[tuple[object, ...], Gate] = {}

    def of(self, config: Config) -> dict[str, Gate]:
        """Slot → gate; slots that bind the same model at the same endpoint share one, and the lower dials hold."""
        same: dict[tuple[str, str | None, str], list[str]] = {}
        for slot in config.asked_slots:
            model = config.models[slot]
            same.setdefault((model.endpoint.name, model.endpoint.base_url, model.model_type), []).append(slot)
        by_slot: dict[str, Gate] = {}
        for identity, slots in same.items():
            models = [config.models[slot] for slot in slots]
            dials = Dials(
                _least([model.rate_limit for model in models]),
                _least([model.token_limit for model in models]),
                min(model.width for model in models),
            )
            gate = self._models.get((identity, dials))
            if gate is None:
                gate = self._models[identity, dials] = Gate(dials, self._endpoint(models[0]))
            by_slot |= dict.fromkeys(slots, gate)
        return by_slot

    def _endpoint(self, model: ModelConfig) -> Gate | None:
        endpoint = model.endpoint
        dials = Dials(endpoint.rate_limit, endpoint.token_limit, endpoint.max_concurrency)
        if dials == Dials(None, None, None):
            return None
        identity = (endpoint.name, endpoint.base_url, dials)
        return self._endpoints.setdefault(identity, Gate(dials))


def _least(limits: list[float | None]) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
