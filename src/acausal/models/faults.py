"""What can go wrong at the simulated endpoint: every fault by name, and the requests that it may strike.

A fault of the table is a prototype; what it strikes is said on a copy:

    replace(FAULTS["429"], rate=0.3, retry_after_s=2)
    replace(FAULTS["timeout"], requests=range(1, 6), model="gpt-4")
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from acausal.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with some chat requests; several fields may be combined.

    A request must pass `model`, `requests`, `rate` and the window of time alike to be struck.

    Raises:
        ConfigError: A number lies outside its range.
    """

    name: str = ""
    about: str = ""
    """A sentence for people: what the client sees."""

    model: str = ""
    """Only requests whose model id contains this; empty: all."""
    requests: Collection[int] = ()
    """Only these of the requests that `model` matches, counted from 1 in order of arrival, e.g. `range(1, 4)`;
    empty: all."""
    rate: float = 1.0
    """The share of them that is struck, in [0, 1]; drawn by the simulator's seed and the request, not by its turn."""
    from_s: float = 0.0
    """Seconds since the server started from which it strikes."""
    until_s: float = math.inf
    """Seconds since the server started from which it strikes no more."""

    status: int | None = None
    """HTTP status of an error answer."""
    message: str = "simulated fault"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """`error.metadata` of an error answer."""
    retry_after_s: float | None = None
    """Seconds in the Retry-After header of an error answer."""
    error_in_body: bool = False
    """The error, with `status` as its code, comes with HTTP 200."""
    raw: str | None = None
    """Sent as it stands in place of a JSON answer, e.g. an HTML page or half an object."""
    text: str | None = None
    """The reply, whatever the persona would say; serves unknown models too."""
    served_model: str | None = None
    """The id that the answer names as the model that served it."""
    finish_reason: str | None = None
    reply_fields: Mapping[str, Any] = field(default_factory=dict)
    """Laid over the reply, e.g. `{"choices": None}`."""
    choice_fields: Mapping[str, Any] = field(default_factory=dict)
    """Laid over its choice."""
    message_fields: Mapping[str, Any] = field(default_factory=dict)
    """Laid over the message of its choice."""

    delay_s: float = 0.0
    """Seconds to wait, beside the latency, before anything else happens."""
    drop: bool = False
    """The connection is reset before any byte of an answer; no reply is made or billed."""
    hang: bool = False
    """Nothing is ever sent: it waits until the client goes away; no reply is made or billed."""
    truncated: bool = False
    """Half of the answer is sent as if it were all, and the connection ends in good order."""
    disconnect: bool = False
    """The answer's length is announced and half of it sent; then the connection breaks."""
    drip_s: float = 0.0
    """Seconds over which white space is sent byte by byte, often enough for any read timeout, before the answer."""
    duplicate: bool = False
    """The request is processed, logged and billed twice; one answer is delivered."""

    def __post_init__(self) -> None:
        label = f"the fault {self.name!r}" if self.name else "a fault"
        if not 0 <= self.rate <= 1:
            raise ConfigError(f"{label} has rate {self.rate!r}: a rate is a fraction in [0, 1], e.g. 0.3")
        for what in ("from_s", "delay_s", "drip_s", "retry_after_s"):
            seconds = getattr(self, what)
            if seconds is not None and not 0 <= seconds < math.inf:
                raise ConfigError(f"{label} has {what} {seconds!r}: give seconds from 0")
        if not self.from_s < self.until_s:
            raise ConfigError(
                f"{label} strikes from {self.from_s!r} s until {self.until_s!r} s, which is never: "
                "let until be later than from"
            )


NO_FAULT = Fault()
LONGEST_DRIP_S = 3600.0

_ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("Invalid request parameters", "the request is called invalid"),
    401: ("User not found.", "the key is called wrong"),
    402: ("Insufficient credits. Add more to go on.", "the account has no credit left"),
    403: ("Your input was flagged by moderation", "moderation refuses the prompt"),
    404: ("No endpoints found for this model.", "the model is not offered"),
    408: ("Request timed out", "the server waited too long"),
    409: ("Conflict", "another request is in the way"),
    413: ("Payload too large", "the prompt is too long"),
    422: ("Unprocessable entity", "a parameter is not understood"),
    429: ("Rate limit exceeded", "too many requests; retry_after=SECONDS for when"),
    500: ("Internal server error", "the server failed"),
    502: ("Provider returned error", "the model's provider is down or answered nonsense"),
    503: ("No available provider meets the routing requirements", "nobody serves the model just now"),
    504: ("Gateway timeout", "the provider did not answer the gateway"),
    524: ("A timeout occurred", "the proxy's patience with the provider ended"),
    529: ("Provider overloaded", "the provider is overloaded"),
}

_IN_FLIGHT = {"limit_source": "openrouter_in_flight_budget"}
_BROKEN_OFF = {"error": {"code": 502, "message": "Provider returned error"}}
_HTML = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"

_NAMED = (
    *(
        Fault(str(status), f"HTTP {status}: {about}", status=status, message=message)
        for status, (message, about) in _ERRORS.items()
    ),
    Fault(
        "in_flight_402",
        "HTTP 402 for calls in flight, with Retry-After: to be retried",
        status=402,
        message="Insufficient credits for the requests in flight",
        metadata=_IN_FLIGHT,
        retry_after_s=1.0,
    ),
    Fault(
        "error_body",
        "HTTP 200 whose body is an error with code 502",
        status=502,
        error_in_body=True,
        message="Provider returned error",
    ),
    Fault(
        "rate_limit_body",
        "HTTP 200 whose body is an error with code 429",
        status=429,
        error_in_body=True,
        message="Rate limit exceeded",
    ),
    Fault("reset", "the connection is reset before any byte; nothing is billed", drop=True),
    Fault("timeout", "no answer ever, until the client goes away; nothing is billed", hang=True),
    Fault("slow", "the reply comes delay=SECONDS (default: 10) later", delay_s=10.0),
    Fault("drip", "white space for total=SECONDS (default: an hour), then the reply", drip_s=LONGEST_DRIP_S),
    Fault("truncated", "half a JSON object, ended in good order; billed", truncated=True),
    Fault("disconnect", "half of the announced body, then the connection breaks; billed", disconnect=True),
    Fault("duplicate", "processed, logged and billed twice, answered once", duplicate=True),
    Fault("malformed", "an HTML page with HTTP 200", raw=_HTML),
    Fault("not_json", "words in place of JSON, with HTTP 200", raw="upstream connect error"),
    Fault("empty_body", "no body, with HTTP 200", raw=""),
    Fault("null_choices", "a reply whose choices are null", reply_fields={"choices": None}),
    Fault("empty_choices", "a reply whose choices are an empty list", reply_fields={"choices": []}),
    Fault("null_content", "a reply whose content is null", message_fields={"content": None}),
    Fault("empty_content", "a reply whose content is an empty string", message_fields={"content": ""}),
    Fault(
        "finish_error",
        "a reply cut off by an error: finish_reason error",
        finish_reason="error",
        choice_fields=_BROKEN_OFF,
        message_fields={"content": ""},
    ),
    Fault(
        "content_filter",
        "no content, and finish_reason content_filter",
        finish_reason="content_filter",
        message_fields={"content": None},
    ),
    Fault(
        "refusal",
        "no content, and a refusal in words",
        message_fields={"content": None, "refusal": "I can't help with that."},
    ),
    Fault(
        "wrong_model", "the reply names another model as the one that served it", served_model="simulator/another-model"
    ),
)

FAULTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in _NAMED})
"""Name → prototype, which strikes every request."""
