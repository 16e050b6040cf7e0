"""One request over the OpenAI SDK, and the translation of everything that can come back.

Requests go through the SDK's `post`, which skips the typed construction of requests and replies: the same bytes for a
third of the processor time of `chat.completions.create`. Replies are read here, field by field, instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import logging
import math
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from ssl import SSLContext
from typing import Any, Protocol

from aiohttp import ClientConnectorError, ClientOSError, ClientPayloadError, ServerDisconnectedError
from httpx2 import create_ssl_context
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAioHttpClient,
    OpenAIError,
    omit,
)

from acausal.errors import ModelError, ModelRejected, ModelUnavailable
from acausal.models.retry import TEMPORARY
from acausal.records import TokenChances

# One INFO line per call with its URL would drown the run's own log; bodies and headers stay out at any level.
for _name in ("httpx2", "httpcore2", "openai", "aiohttp"):
    logging.getLogger(_name).setLevel(logging.WARNING)

SHORTEST_SECRET = 8
"""Characters of the shortest key that is kept out of what servers say."""
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


@cache
def _certificates() -> SSLContext:
    """Whom to trust: read once for all servers of a process, since it takes as long as a hundred small requests."""
    return create_ssl_context()


class HttpEndpoint:
    """An OpenAI-compatible server.

    Args:
        base_url: Ends before `/chat/completions`.
        api_key: None where the server needs none.
        headers: Sent with every request.
        timeout_s: Patience with one request, from sending it to its last byte.
    """

    def __init__(self, base_url: str, api_key: str | None, headers: Mapping[str, str], timeout_s: float) -> None:
        self.base_url = base_url
        self._timeout_s = timeout_s
        # What servers without accounts are given, e.g. "any", is no secret, and stands in many a sentence.
        self._secret = api_key if api_key is not None and len(api_key) >= SHORTEST_SECRET else ""
        self._has_key = bool(api_key)
        self._sdk = AsyncOpenAI(
            base_url=base_url,
            # With None the SDK would take OPENAI_API_KEY from the environment and send it to this server.
            api_key=api_key or "none",
            default_headers=dict(headers),
            max_retries=0,
            timeout=timeout_s,
            http_client=DefaultAioHttpClient(verify=_certificates()),
        )

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """The answer to one request.

        Raises:
            ModelUnavailable: A fault that may pass: connection, timeout, overload, malformed or empty reply.
            ModelRejected: A fault that will not: bad request, key, model, credit.
        """
        model = str(body.get("model", ""))
        start = time.perf_counter()
        reply = await self._answered(self._sdk.post("/chat/completions", cast_to=object, body=dict(body)), model)
        latency_s = time.perf_counter() - start
        try:
            completion = read_completion(reply, latency_s=latency_s, model=model, endpoint=self.base_url)
        except ModelError as error:
            raise self._keyless(error) from None
        return self._keyless_completion(completion)

    async def get(self, path: str) -> Any:
        """What the server tells under a path, e.g. `/models`: parsed JSON, an object or a list.

        Raises:
            ModelUnavailable: As for `complete`; also where the answer is no JSON object or list.
            ModelRejected: As for `complete`; `status` says which refusal it was.
        """
        # Lists of models are public; a server that would refuse a made-up key is asked with none.
        headers = {} if self._has_key else {"Authorization": omit}
        reply = _parsed(await self._answered(self._sdk.get(path, cast_to=object, options={"headers": headers}), ""))
        if not isinstance(reply, Mapping | list):
            message = f"malformed reply to {path} (not JSON)"
            raise ModelUnavailable(message, endpoint=self.base_url, cause="malformed")
        if isinstance(reply, Mapping) and reply.get("error"):
            raise self._keyless(_api_error(reply["error"], model="", endpoint=self.base_url))
        if self._secret and self._secret in (text := json.dumps(reply, ensure_ascii=False)):
            return json.loads(self._without_key(text))
        return reply

    async def close(self) -> None:
        """Release connections."""
        await self._sdk.close()

    async def _answered(self, exchange: Awaitable[object], model: str) -> object:
        """What one request brings back, with its total time bounded and every error translated."""
        try:
            # The SDK's timeout is per read: a server that drips bytes would outlive it.
            async with asyncio.timeout(self._timeout_s):
                return await exchange
        except TimeoutError:
            message = f"no answer within {self._timeout_s:g} s"
            raise ModelUnavailable(message, model=model, endpoint=self.base_url, cause="timeout") from None
        except (OpenAIError, ValueError) as error:  # ValueError: a body that is not JSON
            raise self._translated(error, model) from None

    def _without_key(self, text: str) -> str:
        """Some servers quote the key they were sent; what they said goes on without it."""
        return text.replace(self._secret, "[key]") if self._secret else text

    def _keyless(self, error: ModelError) -> ModelError:
        error.args = (self._without_key(str(error)),)
        return error

    def _keyless_completion(self, completion: Completion) -> Completion:
        words = (completion.text, completion.reasoning, completion.refusal, completion.served_by)
        if not self._secret or not any(self._secret in (text or "") for text in (*words, str(completion.facts))):
            return completion
        text, reasoning, refusal, served_by = (word if word is None else self._without_key(word) for word in words)
        facts = {name: self._without_key(str(value)) for name, value in completion.facts.items()}
        return replace(completion, text=text, reasoning=reasoning, refusal=refusal, served_by=served_by, facts=facts)

    def _translated(self, error: Exception, model: str) -> ModelError:
        """Plain data in place of an SDK exception, whose request holds the key."""
        if isinstance(error, APIStatusError):
            body = error.body if isinstance(error.body, Mapping) else {}
            fields = {"message": error.response.reason_phrase} | dict(body) | {"code": error.status_code}
            translated = _api_error(fields, model=model, endpoint=self.base_url)
            if isinstance(translated, ModelUnavailable):
                translated.retry_after_s = _retry_after_s(error.response.headers)
        elif isinstance(error, APIConnectionError):
            message = _one_line(f"no connection to {self.base_url}: {error.__cause__ or error}")
            translated = ModelUnavailable(message, model=model, endpoint=self.base_url, cause=_broken_at(error))
        elif isinstance(error, APIError | ValueError):
            message = f"malformed reply ({type(error).__name__})"
            translated = ModelUnavailable(message, model=model, endpoint=self.base_url, cause="malformed")
        else:
            translated = ModelRejected(_one_line(f"{type(error).__name__}: {error}"), model=model)
        return self._keyless(translated)


def read_completion(reply: Any, *, latency_s: float, model: str, endpoint: str) -> Completion:
    """The fields of a chat-completions body, or the error that it is in truth.

    Raises:
        ModelUnavailable: Not an object, no choices, nothing said, or an error body with a temporary code.
        ModelRejected: An error body with another code.
    """
    reply = _parsed(reply)
    if not isinstance(reply, Mapping):
        raise ModelUnavailable("malformed reply (not a JSON object)", model=model, endpoint=endpoint, cause="malformed")
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None
    error = reply.get("error") or (choice or {}).get("error")
    if error:
        raise _api_error(error, model=model, endpoint=endpoint)
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


def _parsed(reply: Any) -> Any:
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


def _api_error(error: Any, *, model: str, endpoint: str) -> ModelError:
    """An error object in OpenRouter's and OpenAI's form, whatever HTTP status carried it."""
    fields = error if isinstance(error, Mapping) else {"message": str(error)}
    code = fields.get("code")
    status = int(code) if isinstance(code, int | float) or (isinstance(code, str) and code.isdigit()) else None
    message = _one_line(f"{code or 'error'} {fields.get('message', '')}")
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


def _broken_at(error: APIConnectionError) -> str:
    """Where a connection broke; the transport calls every one of these a timeout of the connection."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, ClientConnectorError):
            return UNREACHABLE
        if isinstance(chain, ServerDisconnectedError | ClientPayloadError | ClientOSError):
            return "disconnect"
        chain = chain.__cause__ or chain.__context__
    return "timeout" if isinstance(error, APITimeoutError) else "disconnect"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the server asked for, in any of the forms in use; None when it did not."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        if (value := headers.get("retry-after")) is not None:
            try:
                return max(0.0, float(value))
            except ValueError:
                return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
        if headers.get("x-ratelimit-remaining") == "0" and (reset := headers.get("x-ratelimit-reset")) is not None:
            return max(0.0, float(reset) / 1000 - time.time())  # OpenRouter: milliseconds since 1970
    except (ValueError, TypeError, OverflowError):
        return None
    return None


def _one_line(text: str, limit: int = 200) -> str:
    line = " ".join(json.dumps(text, ensure_ascii=False)[1:-1].replace("\\n", " ").replace('\\"', '"').split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
