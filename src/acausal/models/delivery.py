"""How an answer of the simulated endpoint goes over the wire: whole, broken, late or never."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from aiohttp import web

from acausal.models.answers import Answer
from acausal.models.faults import Fault
from acausal.models.seen import SeenRequest

DRIP_EVERY_S = 0.05
_LOOK_EVERY_S = 0.1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def deliver(request: web.Request, answer: Answer, fault: Fault, seen: SeenRequest) -> web.StreamResponse:
    """Send an answer as a fault has it, and note in `seen` what was sent."""
    if fault.hang:
        await _gone(request)
        return web.Response()  # goes nowhere
    if fault.drop:
        _reset(request)
        return web.Response()
    response = _response(answer, fault)
    with contextlib.suppress(ConnectionError):  # the client left: nothing more to send, and nobody to tell
        await response.prepare(request)
        if isinstance(response, web.Response):
            await response.write_eof()
        else:
            await _write_by_hand(request, response, answer, fault)
        seen.status = answer.status
        seen.delivered = not (fault.truncated or fault.disconnect)
    return response


def plain(answer: Answer) -> web.Response:
    """A whole answer for aiohttp to send."""
    return web.Response(
        body=answer.content,
        status=answer.status,
        headers=dict(answer.headers),
        content_type=answer.content_type,
        charset="utf-8",
    )


def _response(answer: Answer, fault: Fault) -> web.StreamResponse:
    if not (fault.truncated or fault.disconnect or fault.drip_s):
        return plain(answer)
    response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    response.content_type = answer.content_type
    response.charset = "utf-8"
    if fault.truncated:
        response.force_close()
    if not fault.drip_s:  # with it the length is not known beforehand
        response.content_length = len(answer.content) if fault.disconnect else len(answer.content) // 2
    return response


async def _write_by_hand(request: web.Request, response: web.StreamResponse, answer: Answer, fault: Fault) -> None:
    await _drip(response, fault.drip_s)
    if fault.truncated or fault.disconnect:
        await response.write(answer.content[: len(answer.content) // 2])
    else:
        await response.write(answer.content)
    if fault.disconnect and request.transport is not None:
        request.transport.close()  # after what was written has left
    else:
        await response.write_eof()


async def _drip(response: web.StreamResponse, total_s: float) -> None:
    clock = asyncio.get_running_loop().time
    end_s = clock() + total_s
    while (left_s := end_s - clock()) > 0:
        await response.write(b" ")
        await asyncio.sleep(min(DRIP_EVERY_S, left_s))


async def _gone(request: web.Request) -> None:
    """Wait until the client has closed the connection."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 (no event tells)
        await asyncio.sleep(_LOOK_EVERY_S)


def _reset(request: web.Request) -> None:
    """Close with a TCP reset, as a crashed proxy does, in place of an orderly end."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    request.transport.abort()
