"""The one door to language models: ledger, limits, retries, fallback and budget around one request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from acausal.errors import AcausalError, BudgetExceeded, ModelError
from acausal.models.budget import Budget
from acausal.models.calls import Call, calls_for, success_on_record
from acausal.models.endpoint import Completion, Endpoint
from acausal.models.fallback import Availability
from acausal.models.ledger import Ledger
from acausal.models.limits import Limits
from acausal.models.retry import with_retries
from acausal.records import Reply, Request
from acausal.schema import Config, EndpointKind, FallbackPolicy, ModelConfig

log = logging.getLogger(__name__)


class Client:
    """Answers requests of one cell, from its ledger where it can. One per event loop.

    Args:
        config: The cell.
        ledger: Read first, written before any reply is used.
        endpoints: Slot → where its model is served.
        on_reply: Told of every reply, replayed ones included.
    """

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        endpoints: Mapping[str, Endpoint],
        on_reply: Callable[[Reply], None] = lambda _: None,
    ) -> None:
        self._config = config
        self._models = config.models
        self._fallback = config.fallback
        self._ledger = ledger
        self._endpoints = endpoints
        self._on_reply = on_reply
        self._availability = Availability()
        self._budget = Budget(config.budget)
        self._limits = _limits(config)
        self._in_flight = 0
        self._landed = asyncio.Event()
        self._landed.set()
        self._halted: AcausalError | None = None

    async def complete(self, request: Request) -> Reply:
        """The reply to a request, or the reason why there is none; what a fallback served is marked.

        Raises:
            ModelError: Under fallback.policy=abort, when the assigned model gives no reply.
            BudgetExceeded: A cap is reached.
            Interrupted: The run was halted by the user.
            LedgerError: A reply could not be written.
        """
        reply = await self._complete(request)
        self._on_reply(reply)
        return reply

    def halt(self, reason: AcausalError) -> None:
        """Send nothing more: calls in flight land and are written, all others end with `reason`."""
        if self._halted is None:
            self._halted = reason

    async def landed(self) -> None:
        """Wait until no request is in flight."""
        await self._landed.wait()

    async def close(self) -> None:
        """Release every connection and embedded server."""
        for endpoint in set(self._endpoints.values()):
            await endpoint.close()

    async def _complete(self, request: Request) -> Reply:
        calls = calls_for(self._config, request)
        if (settled := success_on_record(calls, self._ledger.get)) is not None:
            return settled
        reply = await self._asked(calls[0])
        for call in calls[1:]:
            if reply.error is not None:
                reply = await self._asked(call)
        return reply

    async def _asked(self, call: Call) -> Reply:
        """Ask one model, with retries, and write what came of it."""
        recorded = self._ledger.get(call.key)
        if recorded is not None:
            return recorded
        model = self._models[call.slot]
        attempts = 0

        async def attempt() -> Reply:
            nonlocal attempts
            async with self._limits[call.slot]:
                await self._may_send()
                attempts += 1
                return await self._sent(call, attempts)

        started = time.monotonic()
        try:
            if (gone := self._availability.why_gone(call.slot)) is not None:
                raise gone
            reply = await with_retries(
                attempt,
                max_retries=model.max_retries,
                retry_delay_s=model.retry_delay,
                goes_on=lambda: self._halted is None and self._availability.why_gone(call.slot) is None,
            )
        except ModelError as error:
            return await self._failed(call, error, attempts, time.monotonic() - started)
        self._availability.answered(call.slot)
        return reply

    async def _sent(self, call: Call, attempts: int) -> Reply:
        """One request in flight; its reply is on disk when this returns."""
        self._in_flight += 1
        self._landed.clear()
        try:
            completion = await self._endpoints[call.slot].complete(call.body)
            reply = _reply(call.key, self._models[call.request.slot], self._models[call.slot], completion, attempts)
            self._budget.spent(reply.cost_usd)
            self._ledger.append(call.request.place, call.body, reply, _provenance(completion, reply))
            return reply
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._landed.set()

    async def _failed(self, call: Call, error: ModelError, attempts: int, waited_s: float) -> Reply:
        """Write that nobody answered; under fallback.policy=abort, end the run."""
        if self._halted is not None:
            await self._may_send()
        if attempts:
            asked = self._models[call.slot].model_type
            tried = "1 attempt" if attempts == 1 else f"{attempts} attempts"
            message = f"no reply from {asked!r} after {tried} in {waited_s:.0f} s: {error}"
            error = type(error)(message, model=error.model, endpoint=error.endpoint, status=error.status)
            self._availability.failed(call.slot, error)
            log.warning(message)
        reply = Reply(
            key=call.key,
            model=self._models[call.request.slot].model_type,
            served_by=None,
            substituted=False,
            text=None,
            attempts=attempts,
            error=str(error),
        )
        self._ledger.append(call.request.place, call.body, reply, {"status": error.status})
        if self._fallback.policy is FallbackPolicy.abort:
            stop = f"{error}; fallback.policy=abort stops here, and what was paid for is kept"
            self.halt(type(error)(stop, model=error.model, endpoint=error.endpoint, status=error.status))
            await self._may_send()
        return reply

    async def _may_send(self) -> None:
        """Pass, or end with what halted the run, once everything in flight has landed: nothing paid for is dropped."""
        if self._halted is None:
            try:
                self._budget.take(self._in_flight)
            except BudgetExceeded as reached:
                self._halted = reached
            else:
                return
        await self._landed.wait()
        raise self._halted


def _limits(config: Config) -> dict[str, Limits]:
    """Slot → limits; slots that bind the same model at the same endpoint share theirs, and the lower dials hold."""
    same: dict[tuple[str, str | None, str], list[str]] = {}
    for slot in config.used_slots:
        model = config.models[slot]
        same.setdefault((model.endpoint.name, model.endpoint.base_url, model.model_type), []).append(slot)
    by_slot: dict[str, Limits] = {}
    for slots in same.values():
        models = [config.models[slot] for slot in slots]
        rates = [model.rate_limit for model in models if model.rate_limit is not None]
        limits = Limits(min(rates, default=None), min(model.max_concurrency for model in models))
        by_slot |= dict.fromkeys(slots, limits)
    return by_slot


def _reply(key: str, assigned: ModelConfig, asked: ModelConfig, completion: Completion, attempts: int) -> Reply:
    served_by = completion.served_by
    if served_by in asked.served_as:
        served_by = asked.model_type
    if served_by is None and asked is not assigned:
        served_by = asked.model_type
    return Reply(
        key=key,
        model=assigned.model_type,
        served_by=served_by,
        substituted=served_by is not None and served_by != assigned.model_type,
        text=completion.text,
        reasoning=completion.reasoning,
        finish_reason=completion.finish_reason,
        refusal=completion.refusal,
        tokens_in=completion.tokens_in,
        tokens_out=completion.tokens_out,
        cost_usd=_cost_usd(asked, completion),
        latency_s=completion.latency_s,
        attempts=attempts,
    )


def _cost_usd(model: ModelConfig, completion: Completion) -> float | None:
    """What the endpoint reported, else what the configured price gives; None when neither is known."""
    if model.endpoint.kind is not EndpointKind.openai:
        return 0.0
    if completion.cost_usd is not None:
        return completion.cost_usd
    if model.price is None or completion.tokens_in is None or completion.tokens_out is None:
        return None
    price = model.price
    return (completion.tokens_in * price.input_usd_per_mtok + completion.tokens_out * price.output_usd_per_mtok) / 1e6


def _provenance(completion: Completion, reply: Reply) -> dict[str, Any]:
    aliased = completion.served_by is not None and completion.served_by != reply.served_by
    return completion.facts | ({"served_id": completion.served_by} if aliased else {})
