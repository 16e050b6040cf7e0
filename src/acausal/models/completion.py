"""A reply of a model, and how it is read out of a chat-completions body; no library is needed for it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from acausal.errors import ModelError, ModelRejected, ModelUnavailable
from acausal.models.retry import TEMPORARY
from acausal.records import TokenChances

UNREACHABLE = "unreachable"
"""Cause of a request that never reached a server."""
_SAYS_NOTHING = ("content_filter", "length")
"""Finish reasons under which an empty text is the answer: asking again would give the same."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A well-formed answer of an endpoint."""

    text: str | None
    served_by: str | None
    finish_reason: str | None
    refusal: str | None
    reasoning: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    latency_s: float
    facts: dict[str, Any]
    """Provenance: generation id, provider, system fingerprint."""
    logprobs: tuple[TokenChances, ...] | None = None
    """Of the tokens of the text, where they were asked for and given."""


class Endpoint(Protocol):
    """Something that answers one chat-completions body."""

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The answer; raises ModelUnavailable or ModelRejected."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


def read_completion(reply: Any, *, latency_s: float, model: str, endpoint: str) -> Completion:
    """The fields of a chat-completions body, or the error that it is in truth.

    Raises:
        ModelUnavailable: Not an object, no choices, nothing said, or an error body with a temporary code.
        ModelRejected: An error body with another code.
    """
    reply = parsed(reply)
    if not isinstance(reply, Mapping):
        raise ModelUnavailable("malformed reply (not a JSON object)", model=model, endpoint=endpoint, cause="malformed")
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None
    error = reply.get("error") or (choice or {}).get("error")
    if error:
        raise api_error(error, model=model, endpoint=endpoint)
    message = (choice or {}).get("message")
    if choice is None or not isinstance(message, Mapping):
        raise ModelUnavailable("malformed reply (no choices)", model=model, endpoint=endpoint, cause="empty")
    finish_reason = choice.get("finish_reason")
    text = _text(message.get("content"))
    said = bool(text and text.strip()) or bool(message.get("refusal"))
    if finish_reason == "error" or not (said or finish_reason in _SAYS_NOTHING):
        raise ModelUnavailable(
            f"no content (finish_reason {finish_reason})", model=model, endpoint=endpoint, cause="empty"
        )
    reported = reply.get("usage")
    usage: Mapping[str, Any] = reported if isinstance(reported, Mapping) else {}
    facts = {name: reply.get(name) for name in ("id", "provider", "system_fingerprint") if reply.get(name) is not None}
    return Completion(
        text=text,
        served_by=reply.get("model") or None,
        finish_reason=finish_reason,
        refusal=message.get("refusal"),
        reasoning=message.get("reasoning") or message.get("reasoning_content"),
        tokens_in=usage.get("prompt_tokens"),
        tokens_out=usage.get("completion_tokens"),
        cost_usd=usage.get("cost"),
        latency_s=latency_s,
        facts={("generation_id" if name == "id" else name): value for name, value in facts.items()},
        logprobs=_logprobs(choice.get("logprobs")),
    )


def _logprobs(given: Any) -> tuple[TokenChances, ...] | None:
    """Log-probabilities in OpenAI's form; None where there are none, or in another form."""
    tokens = given.get("content") if isinstance(given, Mapping) else None
    if not isinstance(tokens, list) or not tokens:
        return None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        return tuple(
            TokenChances(
                str(token["token"]),
                tuple(
                    (str(each["token"]), float(each["logprob"]))
                    for each in token.get("top_logprobs") or [token]
                    if math.isfinite(float(each["logprob"]))
                ),
            )
            for token in tokens
        )
    return None


def parsed(reply: Any) -> Any:
    """A reply, also where it is JSON that the server did not label as such."""
    if isinstance(reply, str):
        with contextlib.suppress(ValueError):
            return json.loads(reply)
    return reply


def _text(content: Any) -> str | None:
    """The text of a message, which some servers send in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else None


def api_error(error: Any, *, model: str, endpoint: str) -> ModelError:
    """An error object in OpenRouter's and OpenAI's form, whatever HTTP status carried it."""
    fields = error if isinstance(error, Mapping) else {"message": str(error)}
    code = fields.get("code")
    status = int(code) if isinstance(code, int | float) or (isinstance(code, str) and code.isdigit()) else None
    message = one_line(f"{code or 'error'} {fields.get('message', '')}")
    metadata, availability = _mapping(fields.get("metadata")), _mapping(fields.get("availability"))
    temporary = status is None or status in TEMPORARY
    if isinstance(availability.get("retryable"), bool):
        temporary = availability["retryable"]
    if status == 402 and metadata.get("limit_source") == "openrouter_in_flight_budget":
        temporary = True  # the account's credit is reserved by calls in flight, not spent
    kind = ModelUnavailable if temporary else ModelRejected
    # 403 of moderation is about one prompt; every other 403 is about the key.
    cause = "moderation" if status == 403 and ("reasons" in metadata or "flagged_input" in metadata) else ""
    return kind(message, model=model, endpoint=endpoint, status=status, cause=cause)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def one_line(text: str, limit: int = 200) -> str:
    """What a server said, in one line of our own, cut at so many characters."""
    line = " ".join(json.dumps(text, ensure_ascii=False)[1:-1].replace("\\n", " ").replace('\\"', '"').split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
