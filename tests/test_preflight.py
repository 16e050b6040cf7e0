"""Before the first call: what is certain is acted on, what nobody can tell stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from acausal.config import identity
from acausal.errors import AcausalError, ConfigError, ModelError, ModelRejected
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.faults import FAULTS, Fault
from acausal.models.ledger import Ledger
from acausal.models.preflight import Inspection, inspect
from acausal.models.simulator import Simulator, SimulatorSettings
from acausal.records import Message, Place, Purpose, Reply, Request
from acausal.settings.schema import Config

KEY = "sk-secret-of-this-test"
MODELS = ("openai/gpt-4", "anthropic/claude-3-sonnet-20240229", "google/gemini-pro")
SERVED = SimulatorSettings(persona="always_c", models=MODELS, api_key=KEY, faults=(Fault(text="COOPERATE"),))


class Bench:
    """A configuration of roster=openrouter whose preflight asks a simulator."""

    def __init__(self, composed: Callable[..., Config], directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._composed, self._directory, self._monkeypatch = composed, directory, monkeypatch

    def inspect(self, settings: SimulatorSettings, *overrides: str, key: str = KEY) -> Inspection:
        async def live() -> Inspection:
            async with Simulator(settings) as simulator:
                config = self.config(simulator.base_url, *overrides)
                found = await inspect(config, {"OPENROUTER_API_KEY": key})
                assert simulator.requests == [], "no model is called"
                return found

        return asyncio.run(live())

    def ask(self, settings: SimulatorSettings, *overrides: str) -> tuple[list[Reply], list[str], int]:
        """The replies to one request a slot, the remarks made, and how many chat requests the server saw."""

        async def live() -> tuple[list[Reply], list[str], int]:
            async with Simulator(settings) as simulator:
                config, environment = self.config(simulator.base_url, *overrides), {"OPENROUTER_API_KEY": KEY}
                remarks: list[str] = []
                with Ledger(self._directory, identity(config)) as ledger:
                    endpoints = connect(config, environment)
                    preflight = partial(inspect, config, environment)
                    client = Client(config, ledger, endpoints, preflight=preflight, on_remark=remarks.append)
                    try:
                        answers = await asyncio.gather(
                            *(client.complete(request(slot)) for slot in config.seats), return_exceptions=True
                        )
                    finally:
                        await client.close()
                for answer in answers:
                    if isinstance(answer, BaseException):
                        assert simulator.requests == [], "refused before any call"
                        raise answer
                replies = [answer for answer in answers if not isinstance(answer, BaseException)]
                return replies, remarks, len(simulator.requests)

        return asyncio.run(live())

    def config(self, base_url: str, *overrides: str) -> Config:
        self._monkeypatch.setenv("OPENROUTER_BASE_URL", base_url)
        return self._composed("roster=openrouter", *(f"models.{slot}.retry_delay=0.01" for slot in "abc"), *overrides)


def request(slot: str) -> Request:
    return Request(Place(1, 1, 1, Purpose.DECISION, 1, 2), slot, (Message("user", "?"),), ("COOPERATE", "DEFECT"), 1)


@pytest.fixture
def bench(composed: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(composed, tmp_path, monkeypatch)


def test_a_healthy_endpoint_tells_prices_and_nothing_else(bench: Bench) -> None:
    found = bench.inspect(SERVED)
    assert (found.gone, found.remarks) == ({}, [])
    assert {listing.id for listing in found.listings.values()} == set(MODELS[:2])
    assert all(listing.price == SERVED.price for listing in found.listings.values())


def test_preflight_off_asks_nothing(bench: Bench) -> None:
    found = bench.inspect(replace(SERVED, models=MODELS[:1]), "preflight=off")
    assert found == Inspection()


def test_a_refused_key_is_the_users_mistake(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="refuses the key in OPENROUTER_API_KEY: 401 .*; correct it") as caught:
        bench.inspect(SERVED, key="sk-wrong")
    assert "sk-wrong" not in str(caught.value)


def test_a_key_with_nothing_left_follows_the_policy(bench: Bench) -> None:
    found = bench.inspect(replace(SERVED, credit_usd=0.0))
    assert {error.status for error in found.gone.values()} == {402}
    assert "its decisions will be missing (fallback.policy=missing)" in found.remarks[0]


def test_a_typo_gets_the_nearest_name(bench: Bench) -> None:
    found = bench.inspect(SERVED, "models.a.model_type=openai/gpt-44")
    assert str(found.gone["a"]).startswith("404 'openai/gpt-44' is not offered by http://127.0.0.1")
    assert "did you mean openai/gpt-4?" in str(found.gone["a"])
    assert set(found.gone) == {"a"}


@pytest.mark.parametrize("name", ["openai/gpt-4:nitro", "openai/gpt-4"])
def test_variants_of_a_listed_model_are_offered(bench: Bench, name: str) -> None:
    assert bench.inspect(SERVED, f"models.a.model_type={name}").gone == {}


def test_a_local_server_may_serve_what_it_does_not_list(bench: Bench) -> None:
    found = bench.inspect(SERVED, "models.a.model_type=my-model", "models.a.endpoint.lists_every_model=false")
    assert found.gone == {}
    assert "'my-model' is not offered by" in found.remarks[0]
    assert found.remarks[0].endswith("asked all the same")


def test_a_parameter_that_would_be_refused_is_named_with_its_cure(bench: Bench) -> None:
    settings = replace(SERVED, supported_parameters=("max_tokens",))
    with pytest.raises(
        ConfigError, match=r"models.a sends temperature, .* models.a.temperature=null, or preflight=off"
    ):
        bench.inspect(settings)
    quiet = [f"models.{slot}.temperature=null" for slot in "ab"]
    assert bench.inspect(settings, *quiet).remarks == []
    dropped = [f"models.{slot}.endpoint.params.provider.require_parameters=false" for slot in "ab"]
    assert "it may be dropped silently" in bench.inspect(settings, *dropped).remarks[0]


@pytest.mark.parametrize(
    "settings",
    [replace(SERVED, serves_models=False), replace(SERVED, serves_key=False)],
    ids=["no /models", "no /key"],
)
def test_a_server_that_tells_nothing_is_asked_all_the_same(bench: Bench, settings: SimulatorSettings) -> None:
    replies, _, asked = bench.ask(settings)
    assert [reply.text for reply in replies] == ["COOPERATE"] * 2
    assert asked == 2


def test_policy_missing_warns_marks_and_goes_on(bench: Bench) -> None:
    replies, remarks, asked = bench.ask(replace(SERVED, models=MODELS[:1]))
    assert [reply.text for reply in replies] == ["COOPERATE", None]
    assert "is not offered" in str(replies[1].error)
    assert len(remarks) == 1
    assert asked == 1, "the model that is not there is not asked"


def test_policy_substitute_warns_marks_and_goes_on(bench: Bench) -> None:
    replies, remarks, asked = bench.ask(replace(SERVED, models=MODELS[:1]), "fallback.policy=substitute")
    assert [(reply.text, reply.substituted) for reply in replies] == [("COOPERATE", False), ("COOPERATE", True)]
    assert replies[1].served_by == MODELS[0]
    assert "models.a answers for it, marked (fallback.policy=substitute)" in remarks[0]
    assert asked == 2


def test_policy_abort_refuses_before_any_call(bench: Bench) -> None:
    with pytest.raises(ModelRejected, match="models.b .*is not offered.*fallback.policy=abort refuses to start"):
        bench.ask(replace(SERVED, models=MODELS[:1]), "fallback.policy=abort")


def test_a_models_own_policy_wins(bench: Bench) -> None:
    with pytest.raises(ModelRejected, match="refuses to start"):
        bench.ask(replace(SERVED, models=MODELS[:1]), "models.b.fallback.policy=abort")
    replies, _, _ = bench.ask(
        replace(SERVED, models=MODELS[:1]), "fallback.policy=abort", "models.b.fallback.policy=missing"
    )
    assert [reply.text for reply in replies] == ["COOPERATE", None]


def test_a_ping_finds_what_a_list_does_not_tell(bench: Bench) -> None:
    broken = replace(SERVED, faults=(replace(FAULTS["404"], model="claude"), *SERVED.faults))
    replies, remarks, asked = bench.ask(broken, "preflight=ping")
    assert [reply.text for reply in replies] == ["COOPERATE", None]
    assert "not to be had: 404" in remarks[0]
    assert asked == 3, "two pings and one call"


def test_nobody_at_the_address_is_said_before_anything_is_waited_for(bench: Bench) -> None:
    config = bench.config("http://127.0.0.1:9/api/v1")
    found = asyncio.run(inspect(config, {"OPENROUTER_API_KEY": KEY}))
    assert all("no connection to http://127.0.0.1:9" in str(error) for error in found.gone.values())
    assert set(found.gone) == {"a", "b"}


@pytest.mark.parametrize("error", [ModelRejected("x"), ConfigError("y")])
def test_a_run_that_must_not_start_asks_preflight_once(bench: Bench, tmp_path: Path, error: AcausalError) -> None:
    asked = 0

    async def preflight() -> Inspection:
        nonlocal asked
        asked += 1
        raise error

    async def live() -> list[Reply | BaseException]:
        config = bench.config("http://127.0.0.1:9/api/v1")
        with Ledger(tmp_path, identity(config)) as ledger:
            client = Client(config, ledger, connect(config, {"OPENROUTER_API_KEY": KEY}), preflight=preflight)
            try:
                requests = [replace(request("a"), seed=seed) for seed in range(5)]
                return await asyncio.gather(*map(client.complete, requests), return_exceptions=True)
            finally:
                await client.close()

    ended = asyncio.run(live())
    assert {type(each) for each in ended} == {type(error)}
    assert asked == 1
    assert (tmp_path / "calls.jsonl").read_text() == ""


def test_recorded_replies_need_no_preflight(bench: Bench) -> None:
    first, _, _ = bench.ask(SERVED)
    again, _, asked = bench.ask(replace(SERVED, models=("another/model",), api_key="sk-another"))
    assert [reply.text for reply in again] == [reply.text for reply in first]
    assert all(reply.replayed for reply in again)
    assert asked == 0


def test_errors_of_preflight_are_ours() -> None:
    assert issubclass(ModelError, AcausalError)


def test_a_simulator_that_serves_anything_lists_the_models_of_the_configuration(bench: Bench) -> None:
    found = bench.inspect(replace(SERVED, models=()), "model@models.a=claude_sonnet_4_5", "models.b.model_type=a/typo")
    assert set(found.gone) == {"b"}


def test_a_reply_without_a_cost_is_priced_from_the_catalog(bench: Bench) -> None:
    unpriced = Fault(
        raw='{"model": "openai/gpt-4", "choices": [{"message": {"content": "DEFECT"}, "finish_reason": "stop"}],'
        ' "usage": {"prompt_tokens": 1000, "completion_tokens": 10}}'
    )
    replies, _, _ = bench.ask(replace(SERVED, faults=(unpriced,)), "scenario=homogeneous")
    assert replies[0].cost_usd == pytest.approx(SERVED.price.of(1000, 10))
    configured = ["models.a.price.input_usd_per_mtok=3", "models.a.price.output_usd_per_mtok=5"]
    replies, _, _ = bench.ask(
        replace(SERVED, faults=(unpriced,)), "scenario=homogeneous", "models.a.temperature=0", *configured
    )
    assert replies[0].cost_usd == pytest.approx(0.00305)
