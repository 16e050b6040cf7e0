"""What goes wrong at the simulated endpoint, and how it looks on the wire."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with some chat requests; several fields may be combined."""

    model: str = ""
    """Only requests whose model id contains this; empty: all."""
    requests: Collection[int] = ()
    """Only these of the matching requests, counted from 1 in order of arrival, e.g. `range(1, 4)`; empty: all."""
    status: int | None = None
    """HTTP status of an error answer."""
    message: str = "simulated fault"
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
    drop: bool = False
    """The connection breaks without an answer."""
    delay_s: float = 0.0
    """Seconds to wait, beside the latency, before anything else happens."""


NO_FAULT = Fault()


def error_response(
    code: int, message: str, *, status: int | None = None, retry_after_s: float | None = None
) -> web.Response:
    """OpenRouter's error body; `status` where HTTP says something else than the code."""
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
    return web.json_response({"error": {"code": code, "message": message}}, status=status or code, headers=headers)


def failure(fault: Fault) -> web.Response | None:
    """The error answer of a fault; None where it lets a reply through."""
    if fault.raw is not None:
        kind = "text/html" if fault.raw.lstrip().startswith("<") else "application/json"
        return web.Response(status=fault.status or 200, text=fault.raw, content_type=kind)
    if fault.status is None:
        return None
    status = 200 if fault.error_in_body else None
    return error_response(fault.status, fault.message, status=status, retry_after_s=fault.retry_after_s)
