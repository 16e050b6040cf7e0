"""One request over the OpenAI SDK, and the translation of everything that can come back.

Requests go through the SDK's `post`, which skips the typed construction of requests and replies: the same bytes for a
third of the processor time of `chat.completions.create`. Replies are read here, field by field, instead.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import cache
from ssl import SSLContext
from typing import Any

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
from acausal.models.completion import (
    UNREACHABLE,
    Completion,
    api_error,
    one_line,
    parsed,
    read_completion,
)

# One INFO line per call with its URL would drown the run's own log; bodies and headers stay out at any level.
for _name in ("httpx2", "httpcore2", "openai", "aiohttp"):
    logging.getLogger(_name).setLevel(logging.WARNING)

SHORTEST_SECRET = 8
"""Characters of the shortest key that is kept out of what servers say."""


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
        reply = parsed(await self._answered(self._sdk.get(path, cast_to=object, options={"headers": headers}), ""))
        if not isinstance(reply, Mapping | list):
            message = f"malformed reply to {path} (not JSON)"
            raise ModelUnavailable(message, endpoint=self.base_url, cause="malformed")
        if isinstance(reply, Mapping) and reply.get("error"):
            raise self._keyless(api_error(reply["error"], model="", endpoint=self.base_url))
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
            translated = api_error(fields, model=model, endpoint=self.base_url)
            if isinstance(translated, ModelUnavailable):
                translated.retry_after_s = _retry_after_s(error.response.headers)
        elif isinstance(error, APIConnectionError):
            message = one_line(f"no connection to {self.base_url}: {error.__cause__ or error}")
            translated = ModelUnavailable(message, model=model, endpoint=self.base_url, cause=_broken_at(error))
        elif isinstance(error, APIError | ValueError):
            message = f"malformed reply ({type(error).__name__})"
            translated = ModelUnavailable(message, model=model, endpoint=self.base_url, cause="malformed")
        else:
            translated = ModelRejected(one_line(f"{type(error).__name__}: {error}"), model=model)
        return self._keyless(translated)


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
