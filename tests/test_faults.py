"""The fault laboratory: each fault as a raw connection meets it, and as the server notes it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from laboratory import Wire, chat, posted, received, visit

from acausal.models.faults import FAULTS, LONGEST_DRIP_S, Fault
from acausal.models.seen import SeenRequest
from acausal.models.simulator import Simulator

STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 524, 529)
OTHERS = """
reset timeout truncated disconnect malformed not_json empty_body error_body rate_limit_body null_choices
empty_choices null_content empty_content finish_error content_filter refusal wrong_model drip duplicate
in_flight_402 slow
"""
WHOLE = Fault(text="COOPERATE")


def met(fault: Fault) -> tuple[Wire, SeenRequest]:
    """What a request that this fault strikes receives, and what the server notes."""

    async def use(simulator: Simulator) -> tuple[Wire, SeenRequest]:
        return await received(simulator), simulator.requests[0]

    return visit(use, fault)


def test_every_fault_has_its_name_and_a_sentence() -> None:
    assert set(FAULTS) == {*map(str, STATUSES), *OTHERS.split()}
    assert all(fault.name == name and fault.about for name, fault in FAULTS.items())


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_comes_with_openrouters_error_body(status: int) -> None:
    wire, seen = met(FAULTS[str(status)])
    assert (wire.status, wire.json["error"]["code"]) == (status, status)
    assert wire.json["error"]["message"]
    assert "retry-after" not in wire.headers
    assert (seen.fault, seen.status, seen.cost_usd, seen.delivered) == (str(status), status, 0.0, True)


def test_the_402_of_calls_in_flight_can_be_told_from_the_other() -> None:
    wire, _ = met(FAULTS["in_flight_402"])
    assert (wire.status, wire.headers["retry-after"]) == (402, "1")
    assert wire.json["error"]["metadata"] == {"limit_source": "openrouter_in_flight_budget"}
    assert "metadata" not in met(FAULTS["402"])[0].json["error"]


@pytest.mark.parametrize(("name", "code"), [("error_body", 502), ("rate_limit_body", 429)])
def test_an_error_can_hide_in_a_200(name: str, code: int) -> None:
    wire, seen = met(FAULTS[name])
    assert (wire.status, seen.status, seen.tokens_out) == (200, 200, 0)
    assert wire.json["error"]["code"] == code


def test_a_reset_comes_before_any_byte() -> None:
    async def use(simulator: Simulator) -> SeenRequest:
        reader, writer = await posted(simulator, chat())
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        return simulator.requests[0]

    seen = visit(use, FAULTS["reset"])
    assert (seen.status, seen.delivered, seen.cost_usd) == (None, False, 0.0)


def test_a_timeout_ends_only_when_the_client_leaves() -> None:
    async def use(simulator: Simulator) -> SeenRequest:
        reader, writer = await posted(simulator, chat())
        reading = asyncio.create_task(reader.read(1))
        await asyncio.wait({reading}, timeout=0.3)
        (seen,) = simulator.requests
        assert not reading.done()
        assert seen.answered_at_s is None
        writer.close()
        while seen.answered_at_s is None:  # noqa: ASYNC110 (the server has no event to wait for)
            await asyncio.sleep(0.01)
        return seen

    seen = visit(use, FAULTS["timeout"])
    assert (seen.fault, seen.status, seen.delivered, seen.cost_usd) == ("timeout", None, False, 0.0)


def test_a_truncated_answer_ends_in_good_order_in_the_middle_of_an_object() -> None:
    whole, _ = met(WHOLE)
    wire, seen = met(replace(FAULTS["truncated"], text="COOPERATE"))
    assert wire.status == 200
    assert int(wire.headers["content-length"]) == len(wire.body)
    assert wire.body == whole.body[: len(whole.body) // 2]
    assert (seen.delivered, seen.status) == (False, 200)
    assert seen.cost_usd > 0


def test_a_disconnect_leaves_half_of_what_was_announced() -> None:
    whole, _ = met(WHOLE)
    wire, seen = met(replace(FAULTS["disconnect"], text="COOPERATE"))
    assert int(wire.headers["content-length"]) == len(whole.body)
    assert wire.body == whole.body[: len(whole.body) // 2]
    assert (seen.delivered, seen.status) == (False, 200)
    assert seen.cost_usd > 0


def test_a_truncated_answer_ends_a_connection_that_was_to_be_kept() -> None:
    async def use(simulator: Simulator) -> tuple[int, str | None]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{simulator.base_url}/chat/completions", json=chat()) as response,
        ):
            return len(await response.read()), response.headers.get("Connection")

    length, connection = visit(use, FAULTS["truncated"])
    assert length > 0
    assert connection == "close"


def test_an_http_client_calls_a_disconnect_a_broken_payload() -> None:
    async def use(simulator: Simulator) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{simulator.base_url}/chat/completions", json=chat()) as response:
                assert response.status == 200
                with pytest.raises(aiohttp.ClientPayloadError):
                    await response.read()
            async with session.post(f"{simulator.base_url}/chat/completions", json=chat()) as response:
                assert (await response.json())["choices"]

    visit(use, replace(FAULTS["disconnect"], requests=[1]))


@pytest.mark.parametrize(
    ("name", "kind", "body"),
    [
        ("malformed", "text/html", b"<!DOCTYPE html>"),
        ("not_json", "application/json", b"upstream"),
        ("empty_body", "application/json", b""),
    ],
)
def test_a_200_can_hold_anything(name: str, kind: str, body: bytes) -> None:
    wire, seen = met(FAULTS[name])
    assert (wire.status, wire.headers["content-type"].split(";")[0]) == (200, kind)
    assert wire.body.startswith(body)
    assert bool(wire.body) == bool(body)
    assert seen.delivered
    with pytest.raises(json.JSONDecodeError):
        json.loads(wire.body)


def test_a_reply_can_lack_each_of_its_parts() -> None:
    def message(name: str) -> Any:
        return met(FAULTS[name])[0].choice["message"]

    assert met(FAULTS["null_choices"])[0].json["choices"] is None
    assert met(FAULTS["empty_choices"])[0].json["choices"] == []
    assert message("null_content")["content"] is None
    assert message("empty_content")["content"] == ""
    assert message("refusal")["content"] is None
    assert message("refusal")["refusal"]
    assert message("content_filter")["content"] is None
    assert met(FAULTS["content_filter"])[0].choice["finish_reason"] == "content_filter"
    broken = met(FAULTS["finish_error"])[0].choice
    assert (broken["finish_reason"], broken["error"]["code"]) == ("error", 502)


def test_another_model_can_serve() -> None:
    wire, seen = met(FAULTS["wrong_model"])
    assert (wire.status, seen.model) == (200, "sim/always_c")
    assert wire.json["model"] == "simulator/another-model"


def test_a_drip_keeps_any_read_waiting_and_ends_in_the_reply() -> None:
    whole, _ = met(WHOLE)
    drip = replace(FAULTS["drip"], drip_s=0.3, text="COOPERATE")

    async def use(simulator: Simulator) -> tuple[bytes, list[bytes]]:
        timeout = aiohttp.ClientTimeout(sock_read=0.2)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{simulator.base_url}/chat/completions", json=chat()) as response,
        ):
            pieces = [piece async for piece in response.content.iter_any()]
            return b"".join(pieces), pieces

    body, pieces = visit(use, drip)
    assert body.strip() == whole.body
    assert pieces[:3] == [b" ", b" ", b" "]
    assert FAULTS["drip"].drip_s == LONGEST_DRIP_S


def test_a_drip_ends_when_the_client_leaves() -> None:
    async def use(simulator: Simulator) -> SeenRequest:
        reader, writer = await posted(simulator, chat())
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        (seen,) = simulator.requests
        while seen.answered_at_s is None:  # noqa: ASYNC110 (the server has no event to wait for)
            await asyncio.sleep(0.01)
        return seen

    assert not visit(use, FAULTS["drip"]).delivered


def test_a_duplicate_is_logged_and_billed_twice_and_answered_once() -> None:
    async def use(simulator: Simulator) -> tuple[Wire, list[SeenRequest], float]:
        return await received(simulator), simulator.requests, simulator.usage_usd

    wire, requests, usage_usd = visit(use, FAULTS["duplicate"])
    cost_usd = wire.json["usage"]["cost"]
    assert [(seen.fault, seen.cost_usd) for seen in requests] == [("duplicate", cost_usd)] * 2
    assert [seen.delivered for seen in requests] == [True, False]
    assert usage_usd == 2 * cost_usd > 0


def test_a_duplicate_takes_two_places_under_the_limit() -> None:
    async def use(simulator: Simulator) -> list[tuple[bool, bool]]:
        await received(simulator)
        await received(simulator)
        return [(seen.limited, seen.cost_usd > 0) for seen in simulator.requests]

    faults = [replace(FAULTS["duplicate"], requests=[1])]
    paid, refused = (False, True), (True, False)
    assert visit(use, *faults, requests_per_minute=2) == [paid, paid, refused]
    assert visit(use, *faults, requests_per_minute=1) == [paid, refused, refused]


def test_a_slow_reply_is_whole_and_late() -> None:
    _, seen = met(replace(FAULTS["slow"], delay_s=0.2))
    assert seen.answered_at_s is not None
    assert seen.answered_at_s - seen.at_s >= 0.2
    assert (seen.status, seen.delivered, seen.fault) == (200, True, "slow")
    assert FAULTS["slow"].delay_s > 0


def test_a_client_that_gives_up_pays_all_the_same() -> None:
    async def use(simulator: Simulator) -> SeenRequest:
        _, writer = await posted(simulator, chat())
        while not simulator.requests:  # noqa: ASYNC110 (the server has no event to wait for)
            await asyncio.sleep(0.005)
        writer.close()
        (seen,) = simulator.requests
        while seen.answered_at_s is None:  # noqa: ASYNC110 (the server has no event to wait for)
            await asyncio.sleep(0.01)
        return seen

    seen = visit(use, replace(FAULTS["slow"], delay_s=0.2))
    assert (seen.status, seen.delivered) == (None, False)
    assert seen.cost_usd > 0
