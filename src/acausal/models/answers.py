"""What the simulated endpoint answers, in OpenRouter's words, before any of it is sent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from acausal.models.catalog import Price
from acausal.models.faults import Fault
from acausal.models.scripted import chat_completion
from acausal.models.throttle import Refusal

PRICE = Price(input_usd=0.000001, output_usd=0.000002)
SUPPORTED = (
    *("logprobs", "max_tokens", "response_format", "seed", "structured_outputs", "temperature", "top_logprobs"),
    "top_p",
)
CONTEXT_LENGTH = 32768
"""Tokens."""
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer, and what it is billed."""

    status: int
    content: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0


NOTHING = Answer(200, b"")
"""In place of an answer that is never sent."""


def error(
    code: int,
    message: str,
    *,
    status: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """OpenRouter's error body; `status` where HTTP says something else than the code."""
    fields = {"code": code, "message": message} | ({"metadata": metadata} if metadata else {})
    return Answer(status or code, orjson.dumps({"error": fields}), headers=headers or {})


def unauthorized(brought_key: bool) -> Answer:
    """The answer to a wrong key, or to none."""
    return error(401, "User not found." if brought_key else "No auth credentials found")


def complaint(body: Mapping[str, Any]) -> Answer | None:
    """The answer to a body that is no chat request; None where it is one."""
    messages = body.get("messages")
    if not isinstance(body.get("model"), str):
        return error(400, "model is required, as a string")
    if not isinstance(messages, list) or not all(isinstance(each, dict) and "role" in each for each in messages):
        return error(400, "messages is required, as a list of objects with role and content")
    return error(400, "streaming is not simulated") if body.get("stream") else None


def failure(fault: Fault) -> Answer | None:
    """The answer of a fault that lets no reply through; None where it does."""
    if fault.raw is not None:
        kind = "text/html" if fault.raw.lstrip().startswith("<") else JSON
        return Answer(fault.status or 200, fault.raw.encode(), kind)
    if fault.status is None:
        return None
    status = 200 if fault.error_in_body else fault.status
    headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
    return error(fault.status, fault.message, status=status, metadata=fault.metadata, headers=headers)


def reply(
    body: Mapping[str, Any], text: str, fault: Fault, price: Price, facts: Mapping[str, Any], *, fair: bool = False
) -> Answer:
    """A chat completion, as a fault bends it.

    Args:
        fair: Whether whoever says this would choose either label with probability one half.
        facts: Laid over the completion: id, provider, …
    """
    completion = chat_completion(body, text, fair=fair)
    usage, choice = completion["usage"], completion["choices"][0]
    tokens_in, tokens_out = usage["prompt_tokens"], usage["completion_tokens"]
    usage["cost"] = price.of(tokens_in, tokens_out)
    choice["message"] |= fault.message_fields
    choice["finish_reason"] = fault.finish_reason or "stop"
    choice |= fault.choice_fields
    completion |= {**facts, "model": fault.served_model or body["model"], **fault.reply_fields}
    return Answer(200, orjson.dumps(completion), tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=usage["cost"])


def rate_limited(refusal: Refusal, now_s: float, *, retry_after: bool) -> Answer:
    """The answer to a request over the limit.

    Args:
        now_s: Unix seconds.
        retry_after: Whether it also says in seconds when to come back.
    """
    headers = {
        "X-RateLimit-Limit": f"{refusal.per_minute:.15g}",
        "X-RateLimit-Remaining": f"{math.floor(refusal.remaining)}",
        "X-RateLimit-Reset": f"{math.ceil((now_s + refusal.wait_s) * 1000)}",
    }
    # Rounded up, so that nobody who obeys comes a moment too early.
    wait = {"Retry-After": f"{math.ceil(refusal.wait_s * 1000) / 1000:.15g}"} if retry_after else {}
    message = f"Rate limit exceeded: {refusal.limit} per minute"
    return error(429, message, metadata={"headers": headers}, headers=headers | wait)


def catalogue(models: Iterable[str], price: Price, supported: Iterable[str]) -> Answer:
    """What GET /models lists."""
    pricing = {
        "prompt": _usd(price.input_usd),
        "completion": _usd(price.output_usd),
        "request": _usd(price.request_usd),
        "internal_reasoning": "0",
    }
    shared = {
        "context_length": CONTEXT_LENGTH,
        "pricing": pricing,
        "supported_parameters": list(supported),
        "expiration_date": None,
    }
    return _data([{"id": model, "name": f"Simulator: {model}"} | shared for model in models])


def key_facts(usage_usd: float, credit_usd: float | None) -> Answer:
    """What GET /key says."""
    remaining = None if credit_usd is None else max(0.0, credit_usd - usage_usd)
    facts = {"label": "simulator", "limit": credit_usd, "limit_remaining": remaining, "usage": usage_usd}
    return _data(facts | {"is_free_tier": False})


def _data(content: object) -> Answer:
    return Answer(200, orjson.dumps({"data": content}))


def _usd(amount: float) -> str:
    """Never in scientific notation: clients read it as a decimal."""
    return f"{Decimal(repr(amount)):f}" if amount else "0"
