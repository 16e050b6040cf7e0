"""The one door to language models: ledger, routes, fallback and budget around one request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from acausal.errors import AcausalError, BudgetExceeded, Interrupted, ModelError
from acausal.models.budget import Budget
from acausal.models.calls import Call, calls_for, success_on_record
from acausal.models.catalog import price_of
from acausal.models.endpoint import Endpoint
from acausal.models.ledger import Ledger
from acausal.models.limits import Gates, Passage
from acausal.models.receipt import answered, facts_of, unanswered
from acausal.models.retry import Effort
from acausal.models.route import Route
from acausal.records import Reply, Request
from acausal.schema import Config, FallbackPolicy

log = logging.getLogger(__name__)

_BROKE_OFF = frozenset({"timeout", "disconnect", "malformed", "empty"})
"""Causes of a failed attempt that the endpoint may bill all the same."""


class Client:
    """Answers requests of one cell, from its ledger where it can. One per event loop.

    Args:
        config: The cell.
        ledger: Read first, written before any reply is used.
        endpoints: Slot → where its model is served.
        gates: Limits that this cell shares with the others of its process; None: none to share.
        on_reply: Told of every reply, replayed ones included.
    """

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        endpoints: Mapping[str, Endpoint],
        gates: Gates | None = None,
        on_reply: Callable[[Reply], None] = lambda _: None,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._on_reply = on_reply
        shared = (gates or Gates()).of(config)
        self.routes = {slot: Route(config.models[slot], endpoints[slot], shared[slot]) for slot in config.used_slots}
        self._prices = {slot: price_of(config.models[slot], None) for slot in config.used_slots}
        self.asked_anew = 0
        """Calls on record that a changed configuration made worthless."""
        self._budget = Budget(config.budget)
        self._in_flight = 0
        self._landing = asyncio.Event()
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
        while self._in_flight:
            await self._landing.wait()

    async def close(self) -> None:
        """Release every connection and embedded server."""
        for endpoint in {route.endpoint for route in self.routes.values()}:
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
        self.asked_anew += self._ledger.is_stale(call.request.place)
        effort = Effort()
        started_s = asyncio.get_running_loop().time()
        try:
            return await self.routes[call.slot].travel(
                lambda passage: self._sent(call, effort, passage),
                effort,
                kind=call.request.place.purpose,
                characters=call.request.characters,
                goes_on=lambda: self._halted is None,
            )
        except ModelError as error:
            return await self._failed(call, error, effort, asyncio.get_running_loop().time() - started_s)

    async def _sent(self, call: Call, effort: Effort, passage: Passage) -> Reply:
        """One request in flight; its reply is on disk when this returns."""
        reserved_usd = await self._reserve(call)
        self._in_flight += 1
        try:
            try:
                completion = await self.routes[call.slot].endpoint.complete(call.body)
            except ModelError as error:
                (self._budget.broke if error.cause in _BROKE_OFF else self._budget.refused)(reserved_usd)
                raise
            except BaseException:
                self._budget.broke(reserved_usd)
                raise
            models = self._config.models
            assigned, asked = models[call.request.slot], models[call.slot]
            reply = answered(call, assigned, asked, completion, effort, self._prices[call.slot])
            self._budget.landed(reserved_usd, reply.cost_usd)
            if reply.tokens_in is not None and reply.tokens_out is not None:
                passage.tokens = reply.tokens_in + reply.tokens_out
            self._ledger.append(call.request.place, call.body, reply, facts_of(completion, reply))
            return reply
        finally:
            self._in_flight -= 1
            self._landing.set()
            self._landing = asyncio.Event()

    async def _failed(self, call: Call, error: ModelError, effort: Effort, waited_s: float) -> Reply:
        """Write that nobody answered; under the policy abort, end the run."""
        if self._halted is not None:
            raise await self._ended()
        models = self._config.models
        assigned, asked = models[call.request.slot], models[call.slot]
        if effort.attempts:
            tried = "1 attempt" if effort.attempts == 1 else f"{effort.attempts} attempts"
            error = error.about(f"no reply from {asked.model_type!r} after {tried} in {waited_s:.0f} s: {error}")
            log.warning(str(error))
        reply = unanswered(call, assigned, asked, error, effort)
        self._ledger.append(call.request.place, call.body, reply, {"status": error.status, "cause": error.cause})
        if self._config.fallback_of(call.request.slot).policy is FallbackPolicy.abort:
            self.halt(error.about(f"{error}; fallback.policy=abort stops here, and what was paid for is kept"))
            raise await self._ended()
        return reply

    async def _reserve(self, call: Call) -> float:
        """Room in the budget for one request, or the end of the run."""
        price = self._prices[call.slot]
        # No token is shorter than a character, so this is a ceiling.
        most_usd = price.of(call.request.characters, self._config.models[call.slot].max_tokens) if price else None
        while self._halted is None:
            try:
                reserved_usd = self._budget.reserve(most_usd)
            except BudgetExceeded as reached:
                self._halted = reached
                break
            if reserved_usd is not None:
                return reserved_usd
            await self._landing.wait()
        raise await self._ended()

    async def _ended(self) -> AcausalError:
        """What halted the run, once everything in flight has landed: nothing paid for is dropped."""
        await self.landed()
        return self._halted or Interrupted("interrupted")
