"""The call layer over real HTTP: nothing lost, nothing invented, nothing paid twice, no limit broken."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest
from openai import OpenAIError

from acausal.config import identity
from acausal.errors import (
    AcausalError,
    BudgetExceeded,
    Interrupted,
    ModelError,
    ModelRejected,
    ModelUnavailable,
)
from acausal.models.client import Client
from acausal.models.completion import read_completion
from acausal.models.connect import connect
from acausal.models.endpoint import HttpEndpoint
from acausal.models.faults import Fault
from acausal.models.ledger import Ledger
from acausal.models.retry import TEMPORARY
from acausal.models.simulator import Simulator, SimulatorSettings
from acausal.records import Message, Place, Purpose, Reply, Request
from acausal.settings.schema import Config

T = TypeVar("T")
KEY = "sk-secret-of-this-test"
FAST = [
    "models.a.retry_delay=0.01",
    "models.b.retry_delay=0.01",
    "models.a.rate_limit=null",
    "models.b.rate_limit=null",
]


def request(agent: int = 1, *, slot: str = "a") -> Request:
    place = Place(1, 1, agent, Purpose.DECISION, match=1, coplayer=99)
    return Request(place, slot, (Message("user", "Choose COOPERATE or DEFECT."),), ("COOPERATE", "DEFECT"), agent)


class Bench:
    """One simulated endpoint, and clients of a configuration that talk to it."""

    def __init__(self, composed: Callable[..., Config], directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._composed = composed
        self._directory = directory
        self._monkeypatch = monkeypatch

    def run(
        self,
        act: Callable[[Client, Simulator], Coroutine[Any, Any, T]],
        *overrides: str,
        faults: tuple[Fault, ...] = (),
        settled: bool = False,
    ) -> T:
        """Call `act` with a client of roster=openrouter that talks to a simulator with these faults."""
        settings = SimulatorSettings(persona="always_c", api_key=KEY, faults=(*faults, Fault(text="COOPERATE")))

        async def live() -> T:
            async with Simulator(settings) as simulator:
                self._monkeypatch.setenv("OPENROUTER_BASE_URL", simulator.base_url)
                config = self._composed("roster=openrouter", *FAST, *overrides)
                with Ledger(self._directory, identity(config), settled=settled) as ledger:
                    client = Client(config, ledger, connect(config, {"OPENROUTER_API_KEY": KEY}))
                    try:
                        return await act(client, simulator)
                    finally:
                        await client.close()

        return asyncio.run(live())

    def ledger_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self._directory / "calls.jsonl").read_text().splitlines()]


@pytest.fixture
def bench(composed: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(composed, tmp_path, monkeypatch)


async def once(client: Client, _: Simulator) -> Reply:
    return await client.complete(request())


async def ten(client: Client, _: Simulator) -> list[Reply]:
    return list(await asyncio.gather(*(client.complete(request(agent)) for agent in range(1, 11))))


def test_a_reply_carries_what_was_served_and_what_it_cost(bench: Bench) -> None:
    reply = bench.run(once)
    assert (reply.text, reply.model, reply.served_by, reply.substituted) == (
        "COOPERATE",
        "openai/gpt-4",
        "openai/gpt-4",
        False,
    )
    assert all((reply.tokens_in, reply.tokens_out, reply.cost_usd, reply.latency_s))
    (line,) = bench.ledger_lines()
    assert line["provider"] == "Simulator"
    assert line["generation_id"].startswith("gen-")


def test_the_request_on_the_wire_is_the_one_in_the_ledger(bench: Bench) -> None:
    async def act(client: Client, simulator: Simulator) -> dict[str, Any]:
        await client.complete(request())
        return simulator.requests[0].body

    body = bench.run(act, "+models.a.custom_params.top_p=0.9")
    assert body == bench.ledger_lines()[0]["request"]
    assert body["model"] == "openai/gpt-4"
    assert (body["max_tokens"], body["temperature"], body["top_p"]) == (1000, 0.7, 0.9)
    assert body["provider"] == {"allow_fallbacks": False, "require_parameters": True}


def test_a_second_run_pays_only_for_what_is_missing(bench: Bench) -> None:
    async def five(client: Client, _: Simulator) -> list[Reply]:
        return [await client.complete(request(agent)) for agent in range(1, 6)]

    first = bench.run(five)

    async def all_ten(client: Client, simulator: Simulator) -> tuple[list[Reply], int]:
        return await ten(client, simulator), len(simulator.requests)

    replies, asked = bench.run(all_ten)
    assert asked == 5
    assert [reply.replayed for reply in replies] == [True] * 5 + [False] * 5
    assert [replace(reply, replayed=False) for reply in replies[:5]] == first


@pytest.mark.parametrize(
    "fault",
    [Fault(status=status) for status in (408, 409, 429, 500, 502, 503, 504, 524)]
    + [
        Fault(status=503, error_in_body=True),
        Fault(drop=True),
        Fault(raw="<html>busy</html>"),
        Fault(raw='{"choices": [{"mess'),
        Fault(raw='{"choices": []}'),
        Fault(raw='{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}'),
    ],
    ids=str,
)
def test_a_passing_fault_is_retried(bench: Bench, fault: Fault) -> None:
    reply = bench.run(once, faults=(replace(fault, requests=range(1, 3)),))
    assert (reply.text, reply.attempts, reply.error) == ("COOPERATE", 3, None)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_a_lasting_fault_is_not_retried(bench: Bench, status: int) -> None:
    reply = bench.run(once, faults=(Fault(status=status, message="why not"),))
    assert (reply.text, reply.attempts) == (None, 1)
    assert f"no reply from 'openai/gpt-4' after 1 attempt in 0 s: {status} why not" in str(reply.error)


def test_patience_ends_with_a_reason(bench: Bench) -> None:
    reply = bench.run(once, "models.a.max_retries=2", faults=(Fault(status=503, message="overloaded"),))
    assert reply.attempts == 3
    assert "after 3 attempts" in str(reply.error)
    assert "503 overloaded" in str(reply.error)


def test_a_hanging_server_is_given_up_on(bench: Bench) -> None:
    reply = bench.run(once, "models.a.timeout_s=0.1", "models.a.max_retries=1", faults=(Fault(delay_s=5),))
    assert "no answer within 0.1 s" in str(reply.error)


def test_retry_after_is_honoured(bench: Bench) -> None:
    async def act(client: Client, simulator: Simulator) -> list[float]:
        await client.complete(request())
        return [seen.at_s for seen in simulator.requests]

    first, second = bench.run(act, faults=(Fault(status=429, retry_after_s=0.4, requests=[1]),))
    assert second - first >= 0.4


def test_openrouters_reset_header_is_honoured(bench: Bench) -> None:
    """As OpenRouter sends it: no Retry-After, but when the limit will be free again, in milliseconds since 1970."""

    async def act() -> float | None:
        settings = SimulatorSettings(persona="coin", requests_per_minute=1, window_s=60)
        async with Simulator(settings) as simulator:
            endpoint = HttpEndpoint(simulator.base_url, None, {}, 5)
            body = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
            try:
                await endpoint.complete(body)
                with pytest.raises(ModelUnavailable) as caught:
                    await endpoint.complete(body)
                return caught.value.retry_after_s
            finally:
                await endpoint.close()

    assert asyncio.run(act()) == pytest.approx(60, abs=5)


@pytest.mark.parametrize(
    ("error", "kind", "cause"),
    [
        ({"code": 402, "message": "no credit"}, ModelRejected, "402"),
        ({"code": 402, "metadata": {"limit_source": "openrouter_in_flight_budget"}}, ModelUnavailable, "402"),
        ({"code": 403, "message": "key"}, ModelRejected, "403"),
        ({"code": 403, "metadata": {"reasons": ["violence"]}}, ModelRejected, "moderation"),
        ({"code": 400, "availability": {"retryable": True}}, ModelUnavailable, "400"),
        ({"code": 503, "availability": {"retryable": False}}, ModelRejected, "503"),
        ({"code": "429", "message": "as text"}, ModelUnavailable, "429"),
        ({"message": "without a code"}, ModelUnavailable, "error"),
        ("words alone", ModelUnavailable, "error"),
    ],
    ids=str,
)
def test_an_error_in_a_body_is_read_as_its_endpoint_means_it(error: object, kind: type[ModelError], cause: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_completion({"error": error}, latency_s=0.0, model="m", endpoint="e")
    assert (type(caught.value), caught.value.cause) == (kind, cause)


@pytest.mark.parametrize("content", ["", "  \n", None])
def test_saying_nothing_is_retried_unless_the_finish_reason_explains_it(content: str | None) -> None:
    def body(finish_reason: str) -> dict[str, Any]:
        return {"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]}

    with pytest.raises(ModelUnavailable, match="no content"):
        read_completion(body("stop"), latency_s=0.0, model="m", endpoint="e")
    for explained in ("length", "content_filter"):
        assert read_completion(body(explained), latency_s=0.0, model="m", endpoint="e").finish_reason == explained


def test_the_table_of_retries_in_the_docs_is_the_one_in_force() -> None:
    """Each status of docs/calls.md that is retried, or not, is so in the code."""
    text = (Path(__file__).parents[1] / "docs" / "calls.md").read_text()
    rows = [
        ([int(word) for word in re.findall(r"\b[45]\d\d\b", first)], second.strip())
        for first, second in re.findall(r"^\| ([^|]+)\| (yes|no) +\|", text, re.MULTILINE)
        if not re.search(r"limit_source|moderation", first)
    ]
    told = {status: answer == "yes" for statuses, answer in rows for status in statuses}
    assert len(told) > 15
    assert {status for status, again in told.items() if again} == TEMPORARY
    for status, again in told.items():
        with pytest.raises(ModelUnavailable if again else ModelRejected):
            read_completion({"error": {"code": status}}, latency_s=0.0, model="m", endpoint="e")


def test_a_pause_beyond_patience_ends_the_call_and_is_no_retry(bench: Bench) -> None:
    reply = bench.run(once, faults=(Fault(status=503, retry_after_s=1000),))
    assert (reply.attempts, reply.retries) == (1, ())
    assert "after 1 attempt in 0 s: the endpoint asks for a pause of 1000 s, and patience_s is 300" in str(reply.error)


def test_a_model_that_is_gone_is_not_asked_again(bench: Bench) -> None:
    async def act(client: Client, simulator: Simulator) -> tuple[list[Reply], int]:
        replies = [await client.complete(request(agent)) for agent in range(1, 11)]
        return replies, len(simulator.requests)

    replies, asked = bench.run(act, faults=(Fault(status=404, message="no such model"),))
    assert asked == 1
    assert all("404 no such model" in str(reply.error) for reply in replies)
    assert len(bench.ledger_lines()) == 10


def test_another_model_serving_is_marked(bench: Bench) -> None:
    reply = bench.run(once, faults=(Fault(served_model="openai/gpt-4o-mini"),))
    assert (reply.served_by, reply.substituted) == ("openai/gpt-4o-mini", True)


def test_a_declared_alias_is_the_model_itself(bench: Bench) -> None:
    reply = bench.run(once, "models.a.served_as=[gpt-4-0613]", faults=(Fault(served_model="gpt-4-0613"),))
    assert (reply.served_by, reply.substituted) == ("openai/gpt-4", False)
    assert bench.ledger_lines()[0]["served_id"] == "gpt-4-0613"


def test_a_substitute_answers_and_is_marked_and_settles_the_call(bench: Bench) -> None:
    gone = (Fault(model="gpt-4", status=404),)
    overrides = ("fallback.policy=substitute", "fallback.model=b")
    reply = bench.run(once, *overrides, faults=gone)
    assert (reply.text, reply.model, reply.substituted) == ("COOPERATE", "openai/gpt-4", True)
    assert reply.served_by == "anthropic/claude-3-sonnet-20240229"

    async def act(client: Client, simulator: Simulator) -> tuple[Reply, int]:
        return await client.complete(request()), len(simulator.requests)

    assert bench.run(act, *overrides) == (replace(reply, replayed=True), 0)


def test_policy_missing_leaves_a_failure(bench: Bench) -> None:
    reply = bench.run(once, "fallback.policy=missing", faults=(Fault(status=404),))
    assert (reply.text, reply.served_by, reply.substituted) == (None, None, False)
    assert bench.run(once).text == "COOPERATE", "the next run asks again"


def test_a_settled_failure_stays(bench: Bench) -> None:
    failed = bench.run(once, faults=(Fault(status=404),))
    assert bench.run(once, settled=True) == replace(failed, replayed=True)


def test_policy_abort_stops_the_run(bench: Bench) -> None:
    with pytest.raises(ModelRejected, match="404 .*fallback.policy=abort stops here"):
        bench.run(ten, "fallback.policy=abort", faults=(Fault(status=404),))


def test_the_budget_of_calls_is_never_passed(bench: Bench) -> None:
    async def act(client: Client, simulator: Simulator) -> int:
        with pytest.raises(BudgetExceeded, match="budget of 4 calls reached: raise budget.calls"):
            await ten(client, simulator)
        await client.landed()
        return len(simulator.requests)

    assert bench.run(act, "budget.calls=4") == 4
    assert len(bench.ledger_lines()) == 4


def test_the_budget_of_money_counts_calls_in_flight(bench: Bench) -> None:
    price = bench.run(once).cost_usd or 0.0

    async def act(client: Client, simulator: Simulator) -> None:
        for agent in range(2, 20):
            await client.complete(request(agent))

    with pytest.raises(BudgetExceeded, match="raise budget.usd"):
        bench.run(act, f"budget.usd={5.5 * price}")
    assert sum(line["cost_usd"] for line in bench.ledger_lines()) == pytest.approx(6 * price)


def test_a_budget_of_money_is_not_spent_blindly(bench: Bench) -> None:
    """A server that names no cost: the cap could never be reached, so the run stops instead of going on for free."""
    unpriced = Fault(raw='{"model": "openai/gpt-4", "choices": [{"message": {"content": "DEFECT"}}]}')

    async def act(client: Client, _: Simulator) -> None:
        for agent in range(1, 5):
            await client.complete(request(agent))

    with pytest.raises(BudgetExceeded, match="cannot be held: a reply came without a cost; set the model's price"):
        bench.run(act, "budget.usd=1", faults=(unpriced,))
    assert [line["reply"] for line in bench.ledger_lines()] == ["DEFECT"]
    bench.run(act, faults=(unpriced,))
    assert len(bench.ledger_lines()) == 4


def test_halting_lets_calls_in_flight_land(bench: Bench) -> None:
    async def act(client: Client, simulator: Simulator) -> int:
        calls = [asyncio.create_task(client.complete(request(agent))) for agent in range(1, 11)]
        while len(simulator.requests) < 3:  # noqa: ASYNC110 (the server has no event to wait for)
            await asyncio.sleep(0.005)
        client.halt(Interrupted("interrupted"))
        await client.landed()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(error) for error in ended if not isinstance(error, Reply)} == {Interrupted}
        return len(simulator.requests)

    sent = bench.run(act, "models.a.max_concurrency=3", faults=(Fault(delay_s=0.2, text="COOPERATE"),))
    assert len(bench.ledger_lines()) == sent == 3


def test_no_window_holds_more_than_the_rate_limit(bench: Bench) -> None:
    async def act(client: Client, simulator: Simulator) -> list[float]:
        await ten(client, simulator)
        return [seen.at_s for seen in simulator.requests]

    at_s = bench.run(act, "models.a.rate_limit=1200")  # one each 50 ms
    gaps = [later - earlier for earlier, later in pairwise(at_s)]
    assert at_s[-1] - at_s[0] >= 9 * 0.05 * 0.95
    assert all(at_s[number + 4] - at_s[number] >= 3 * 0.05 for number in range(6)), gaps


def test_the_key_is_in_no_byte_of_the_ledger_or_of_an_error(bench: Bench, tmp_path: Path) -> None:
    faults = (Fault(requests=[1], text=f"my key is {KEY}"), Fault(requests=[2], status=401, message=f"bad key {KEY}"))

    async def act(client: Client, _: Simulator) -> list[Reply]:
        return [await client.complete(request(agent)) for agent in (1, 2)]

    replies = bench.run(act, faults=faults)
    assert replies[0].text == "my key is [key]"
    assert "401 bad key [key]" in str(replies[1].error)
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_key_that_is_no_secret_leaves_the_words_of_replies_alone() -> None:
    """`OPENROUTER_API_KEY=any`, as for a simulated endpoint, must not eat the word "any"."""

    async def act() -> str | None:
        async with Simulator(SimulatorSettings(persona="coin", faults=(Fault(text="as good as any"),))) as simulator:
            endpoint = HttpEndpoint(simulator.base_url, "any", {}, 5)
            try:
                return (await endpoint.complete({"model": "m", "messages": [{"role": "user", "content": "?"}]})).text
            finally:
                await endpoint.close()

    assert asyncio.run(act()) == "as good as any"


def test_another_providers_key_never_travels(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")

    async def act() -> bool:
        settings = SimulatorSettings(persona="coin", api_key="sk-of-openai")
        async with Simulator(settings) as simulator:
            endpoint = HttpEndpoint(simulator.base_url, None, {}, 5)
            with pytest.raises(ModelRejected):
                await endpoint.complete({"model": "sim/coin", "messages": [{"role": "user", "content": "?"}]})
            await endpoint.close()
            return any(seen.key_is_right for seen in simulator.requests)

    assert asyncio.run(act()) is False


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": [{"type": "text", "text": "DEF"}, {"type": "text", "text": "ECT"}]}}]},
        json.dumps({"choices": [{"message": {"content": "DEFECT"}}]}),
    ],
    ids=["parts", "unlabelled JSON"],
)
def test_servers_that_take_liberties_are_understood(body: object) -> None:
    completion = read_completion(body, latency_s=0.0, model="m", endpoint="e")
    assert completion.text == "DEFECT"
    assert completion.served_by is None
    assert (completion.tokens_in, completion.cost_usd) == (None, None)


def _sdk_errors() -> list[type[OpenAIError]]:
    found: list[type[OpenAIError]] = []
    waiting = [OpenAIError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return sorted(set(found), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", _sdk_errors(), ids=lambda kind: kind.__name__)
def test_every_sdk_error_is_translated(kind: type[OpenAIError]) -> None:
    async def act() -> ModelError:
        endpoint = HttpEndpoint("http://127.0.0.1:9/v1", KEY, {}, 5)
        error = kind.__new__(kind)
        error.args = ("broken",)
        for name, value in (("status_code", 418), ("body", None), ("response", _Response())):
            setattr(error, name, value)
        try:
            return endpoint._translated(error, "m")
        finally:
            await endpoint.close()

    translated = asyncio.run(act())
    assert isinstance(translated, ModelError)
    assert KEY not in f"{translated} {translated.__dict__}"


class _Response:
    reason_phrase = "I'm a teapot"
    headers: dict[str, str] = {}  # noqa: RUF012 (never changed)


def test_a_dead_endpoint_is_named() -> None:
    async def act() -> None:
        endpoint = HttpEndpoint("http://127.0.0.1:9/v1", None, {}, 5)
        try:
            with pytest.raises(ModelUnavailable, match="no connection to http://127.0.0.1:9/v1"):
                await endpoint.complete({"model": "m", "messages": []})
        finally:
            await endpoint.close()

    asyncio.run(act())


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("openai/gpt-4", [("openai/gpt-4", "openrouter", 6)]),
        ("x/other", [("openai/gpt-4", "openrouter", 3), ("x/other", "openrouter", 3)]),
    ],
)
def test_slots_that_share_a_gate_report_it_once(bench: Bench, other: str, expected: list[tuple[str, str, int]]) -> None:
    async def act(client: Client, _: Simulator) -> list[tuple[str, str, int]]:
        await asyncio.gather(*(client.complete(request(agent, slot="ab"[agent % 2])) for agent in range(6)))
        return [(gate.model, gate.endpoint, gate.sent) for gate in client.gate_reports()]

    assert bench.run(act, f"models.b.model_type={other}") == expected


def test_errors_survive_pickling() -> None:
    import pickle

    error = ModelRejected("404 gone", model="m", endpoint="e", status=404)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (ModelRejected, "404 gone", error.__dict__)
    assert issubclass(ModelError, AcausalError)


def test_the_sdk_does_not_retry_behind_our_back(bench: Bench) -> None:
    async def act(client: Client, simulator: Simulator) -> int:
        await client.complete(request())
        return len(simulator.requests)

    started = time.monotonic()
    assert bench.run(act, "models.a.max_retries=0", faults=(Fault(status=503),)) == 1
    assert time.monotonic() - started < 5
    assert openai.DEFAULT_MAX_RETRIES > 0
