"""From an endpoint's answer to the reply on record: who served it, and what it cost."""

from __future__ import annotations

from typing import Any

from acausal.design.logprobs import deciding_tokens
from acausal.errors import ModelError
from acausal.models.calls import Call
from acausal.models.catalog import Price
from acausal.models.completion import Completion
from acausal.models.retry import Effort
from acausal.records import Reply
from acausal.settings.schema import EndpointKind, ModelConfig


def answered(
    call: Call, assigned: ModelConfig, asked: ModelConfig, completion: Completion, effort: Effort, usd: float | None
) -> Reply:
    """The reply that an answer makes; marked where another model than the one assigned gave it."""
    served_by = completion.served_by
    if served_by in asked.served_as or (served_by is None and asked is not assigned):
        served_by = asked.model_type
    return Reply(
        key=call.key,
        model=assigned.model_type,
        served_by=served_by,
        substituted=served_by is not None and served_by != assigned.model_type,
        text=completion.text,
        reasoning=completion.reasoning,
        finish_reason=completion.finish_reason,
        refusal=completion.refusal,
        tokens_in=completion.tokens_in,
        tokens_out=completion.tokens_out,
        cost_usd=usd,
        latency_s=completion.latency_s,
        attempts=effort.attempts,
        asked=asked.model_type,
        retries=tuple(effort.retries),
        queued_s=round(effort.queued_s, 6),
        logprobs=None if completion.logprobs is None else deciding_tokens(completion.logprobs, call.request.choices),
    )


def unanswered(call: Call, assigned: ModelConfig, asked: ModelConfig, error: ModelError, effort: Effort) -> Reply:
    """The record that nobody answered, and why."""
    return Reply(
        key=call.key,
        model=assigned.model_type,
        served_by=None,
        substituted=False,
        text=None,
        attempts=effort.attempts,
        asked=asked.model_type,
        retries=tuple(effort.retries),
        queued_s=round(effort.queued_s, 6),
        error=str(error),
        cause=error.cause,
    )


def facts_of(completion: Completion, reply: Reply) -> dict[str, Any]:
    """Further provenance for the ledger: generation id, provider, fingerprint, and the id served under an alias."""
    aliased = completion.served_by is not None and completion.served_by != reply.served_by
    return completion.facts | ({"served_id": completion.served_by} if aliased else {})


def cost_usd(model: ModelConfig, completion: Completion, price: Price | None) -> float | None:
    """What the endpoint reported, else what the price in force gives; None when neither is known."""
    if completion.cost_usd is not None and model.endpoint.kind is EndpointKind.openai:
        return completion.cost_usd
    if price is None or completion.tokens_in is None or completion.tokens_out is None:
        return None if model.endpoint.kind is EndpointKind.openai else 0.0
    return price.of(completion.tokens_in, completion.tokens_out)
