"""The one door to language models: ledger, routes, fallback and budget around one request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from acausal.errors import AcausalError, BudgetExceeded, Interrupted, ModelError
from acausal.models.body import PING, ping_body
from acausal.models.budget import Budget
from acausal.models.calls import Call, calls_for, success_on_record
from acausal.models.catalog import price_of
from acausal.models.completion import Completion, Endpoint
from acausal.models.connect import servers
from acausal.models.ledger import Ledger
from acausal.models.limits import Gates, Passage, Rank
from acausal.models.meter import GateReport
from acausal.models.preflight import Inspection, condemned
from acausal.models.receipt import answered, cost_usd, facts_of, unanswered
from acausal.models.retry import Effort
from acausal.models.route import Route
from acausal.records import Reply, Request
from acausal.settings.schema import Config, FallbackPolicy, Preflight

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
        preflight: Awaited before the first call that is not on record; None: nothing is checked.
        on_reply: Told of every reply, replayed ones included.
        on_call: Told of every call to a model that was made and has ended, failed ones included.
        on_remark: Told in a line what the user should know.
        rank: Replicate → place of its next request in the queues that cells share.
    """

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        endpoints: Mapping[str, Endpoint],
        gates: Gates | None = None,
        preflight: Callable[[], Awaitable[Inspection]] | None = None,
        on_reply: Callable[[Reply], None] = lambda _: None,
        on_call: Callable[[Reply], None] = lambda _: None,
        on_remark: Callable[[str], None] = lambda _: None,
        rank: Callable[[int], Rank] = lambda _: (),
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._preflight = preflight
        self._inspecting: asyncio.Future[None] | None = None
        self._on_reply = on_reply
        self._on_call = on_call
        self._on_remark = on_remark
        self._rank = rank
        shared = (gates or Gates()).of(config)
        self.routes = {slot: Route(config.models[slot], endpoints[slot], shared[slot]) for slot in config.asked_slots}
        self._prices = {slot: price_of(config.models[slot], None) for slot in config.asked_slots}
        self.asked_anew = 0
        """Requests asked again because a changed prompt or dial made what is on record for their place worthless."""
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

    def gate_reports(self) -> list[GateReport]:
        """What was taken of every limit; slots that share a gate appear once."""
        return list({id(route.gate): route.report() for route in self.routes.values()}.values())

    async def close(self) -> None:
        """Release every connection and embedded server."""
        for endpoint in {route.endpoint for route in self.routes.values()}:
            await endpoint.close()

    async def _complete(self, request: Request) -> Reply:
        calls = calls_for(self._config, request)
        rank = self._rank(request.place.replicate)
        if (settled := success_on_record(calls, self._ledger.get)) is not None:
            return settled
        self.asked_anew += self._ledger.is_superseded(calls[0].request.place, [call.key for call in calls])
        reply = await self._asked(calls[0], rank)
        for call in calls[1:]:
            if reply.error is not None:
                reply = await self._asked(call, rank)
        return reply

    async def _inspected(self) -> None:
        """Before the first call that is not on record, and once: what the preflight finds out, and acts on.

        Raises:
            AcausalError: The run must not start.
        """
        if self._preflight is None:
            return
        if self._inspecting is None:
            self._inspecting = asyncio.ensure_future(self._inspect(self._preflight))
        await asyncio.shield(self._inspecting)

    async def _inspect(self, preflight: Callable[[], Awaitable[Inspection]]) -> None:
        try:
            found = await preflight()
            for slot, listing in found.listings.items():
                self._prices[slot] = price_of(self._config.models[slot], listing)
            if self._config.preflight is Preflight.ping:
                remote = [slot for slots in servers(self._config) for slot in slots if slot not in found.gone]
                await asyncio.gather(*(self._ping(slot, found) for slot in remote))
        except AcausalError as error:
            self.halt(error)
            raise
        for slot, why in found.gone.items():
            self.routes[slot].breaker.condemn(why)
        for remark in found.remarks:
            log.warning(remark)
            self._on_remark(remark)

    async def _ping(self, slot: str, found: Inspection) -> None:
        """One minimal call, which is no part of the experiment and not in its ledger."""
        body = ping_body(self._config.models[slot])
        try:
            await self.routes[slot].travel(
                lambda passage: self._exchange(slot, body, len(PING), passage),
                Effort(),
                kind="ping",
                characters=len(PING),
                goes_on=lambda: self._halted is None,
            )
        except ModelError as error:
            condemned(self._config, slot, error, found)

    async def _asked(self, call: Call, rank: Rank) -> Reply:
        """Ask one model, with retries, and write what came of it."""
        recorded = self._ledger.get(call.key)
        if recorded is not None:
            return recorded
        await self._inspected()
        effort = Effort()
        started_s = asyncio.get_running_loop().time()
        try:
            reply = await self.routes[call.slot].travel(
                lambda passage: self._sent(call, effort, passage),
                effort,
                kind=call.request.place.purpose,
                characters=call.request.characters,
                goes_on=lambda: self._halted is None,
                rank=rank,
            )
        except ModelError as error:
            reply = await self._failed(call, error, effort, asyncio.get_running_loop().time() - started_s)
        self._on_call(reply)
        return reply

    async def _sent(self, call: Call, effort: Effort, passage: Passage) -> Reply:
        """One request in flight; its reply is on disk when this returns."""
        completion, usd = await self._exchange(call.slot, call.body, call.request.characters, passage)
        models = self._config.models
        reply = answered(call, models[call.request.slot], models[call.slot], completion, effort, usd)
        self._ledger.append(call.request.place, call.body, reply, facts_of(completion, reply))
        return reply

    async def _exchange(
        self, slot: str, body: Mapping[str, Any], characters: int, passage: Passage
    ) -> tuple[Completion, float | None]:
        """A request and its answer, with what it cost in USD: within the budget, and waited for when the run halts."""
        reserved_usd = await self._reserve(slot, characters)
        self._in_flight += 1
        try:
            completion = await self.routes[slot].endpoint.complete(body)
        except ModelError as error:
            (self._budget.broke if error.cause in _BROKE_OFF else self._budget.refused)(reserved_usd)
            raise
        except BaseException:
            self._budget.broke(reserved_usd)
            raise
        else:
            usd = cost_usd(self._config.models[slot], completion, self._prices[slot])
            self._budget.landed(reserved_usd, usd)
            if completion.tokens_in is not None and completion.tokens_out is not None:
                passage.tokens = completion.tokens_in + completion.tokens_out
            return completion, usd
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
        self._ledger.append(call.request.place, call.body, reply, {"status": error.status})
        if self._config.fallback_of(call.request.slot).policy is FallbackPolicy.abort:
            self.halt(error.about(f"{error}; fallback.policy=abort stops here, and what was paid for is kept"))
            raise await self._ended()
        return reply

    async def _reserve(self, slot: str, characters: int) -> float:
        """Room in the budget for one request, or the end of the run."""
        price = self._prices[slot]
        # No token is shorter than a character, so this is a ceiling.
        most_usd = price.of(characters, self._config.models[slot].max_tokens) if price else None
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
