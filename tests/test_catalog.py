"""What an endpoint says of its models and of a key is read as far as it goes, and kept."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import answering

from acausal.errors import ModelRejected, ModelUnavailable
from acausal.models import catalog as module
from acausal.models.catalog import (
    Catalog,
    KeyFacts,
    Listing,
    Price,
    cached,
    fetch_catalog,
    fetch_key,
    keep,
    read_catalog,
    read_key,
)
from acausal.models.endpoint import HttpEndpoint
from acausal.models.simulator import SimulatorSettings, running

T = TypeVar("T")
KEY = "sk-or-v1-secret"
URL = "http://127.0.0.1:1/v1"
OPENROUTER = {
    "id": "openai/gpt-5",
    "canonical_slug": "openai/gpt-5-2025-08-07",
    "name": "OpenAI: GPT-5",
    "context_length": 400000,
    "pricing": {"prompt": "0.00000125", "completion": "0.00001", "request": "0.002", "image": "0"},
    "supported_parameters": ["max_tokens", "reasoning", "seed"],
    "reasoning": {"mandatory": True, "supported_efforts": ["high", "low"]},
    "expiration_date": "2027-01-31",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def ask(
    base_url: str, use: Callable[[HttpEndpoint], Awaitable[T]], *, key: str | None = None, timeout_s: float = 5
) -> T:
    async def asking() -> T:
        endpoint = HttpEndpoint(base_url, key, {}, timeout_s)
        try:
            return await use(endpoint)
        finally:
            await endpoint.close()

    return asyncio.run(asking())


def listing(**fields: Any) -> Listing:
    """What is read of an entry with an id and these fields."""
    (only,) = read_catalog({"data": [{"id": "m"} | fields]}, base_url=URL, fetched_at=0).models.values()
    return only


def test_an_openrouter_entry_is_read_in_full() -> None:
    catalog = read_catalog({"data": [OPENROUTER]}, base_url=URL, fetched_at=5.0)
    assert (catalog.base_url, catalog.fetched_at) == (URL, 5.0)
    assert catalog.models == {
        "openai/gpt-5": Listing(
            id="openai/gpt-5",
            name="OpenAI: GPT-5",
            context_length=400_000,
            price=Price(0.00000125, 0.00001, 0.002),
            supported_parameters=frozenset({"max_tokens", "reasoning", "seed"}),
            reasons=True,
            expires="2027-01-31",
        )
    }


def test_a_call_costs_its_fee_and_its_tokens() -> None:
    price = listing(pricing=OPENROUTER["pricing"]).price
    assert price is not None
    assert price.of(1000, 100) == pytest.approx(0.002 + 0.00125 + 0.001)


@pytest.mark.parametrize(
    ("reply", "ids"),
    [
        ({"object": "list", "data": [{"id": "gpt-4o", "object": "model", "owned_by": "system"}]}, ["gpt-4o"]),
        ({"data": [{"id": "qwen", "max_model_len": 4096}]}, ["qwen"]),
        ({"models": [{"name": "llama3:8b", "size": 1}]}, ["llama3:8b"]),
        ({"models": [{"name": "x", "model": "x"}], "data": [{"id": "/m/x.gguf", "meta": {}}]}, ["/m/x.gguf"]),
        ([{"id": "bare"}], ["bare"]),
        ({"data": []}, []),
    ],
    ids=["OpenAI", "vLLM", "Ollama", "llama.cpp", "bare list", "empty"],
)
def test_plain_lists_have_ids_and_nothing_invented(reply: Any, ids: list[str]) -> None:
    models = read_catalog(reply, base_url=URL, fetched_at=0).models
    assert list(models) == ids
    for each in models.values():
        assert (each.price, each.supported_parameters, each.reasons, each.expires) == (None, None, None, None)


def test_vllm_names_its_context_in_its_own_word() -> None:
    assert listing(max_model_len=4096).context_length == 4096


@pytest.mark.parametrize(
    "pricing",
    [
        {"prompt": "-1", "completion": "-1"},
        {"prompt": -1, "completion": 2},
        {"prompt": "0.1"},
        {"prompt": "free", "completion": "0"},
        {"prompt": "nan", "completion": "0"},
        {"prompt": "inf", "completion": "0"},
        {"prompt": True, "completion": "0"},
        {"prompt": "0", "completion": "0", "request": "-1"},
        [],
        None,
    ],
)
def test_a_price_that_is_not_known_is_none(pricing: Any) -> None:
    assert listing(pricing=pricing).price is None


def test_free_is_a_price() -> None:
    assert listing(pricing={"prompt": "0", "completion": "0"}).price == Price(0.0, 0.0)


def test_malformed_entries_are_skipped_and_malformed_fields_left_out() -> None:
    entries = [
        None,
        "gpt",
        {},
        {"id": 7},
        {"id": "  "},
        {"id": "ok", "name": 3, "context_length": "many", "pricing": 1},
    ]
    models = read_catalog({"data": entries}, base_url=URL, fetched_at=0).models
    assert models == {"ok": Listing("ok")}


def test_what_a_server_says_cannot_steer_a_terminal() -> None:
    assert listing(name="a\x1b[31mred\nb").name == "a[31mred b"


@pytest.mark.parametrize("reply", [{}, {"data": {}}, {"error": 1}, None, 3, "models"])
def test_a_body_without_a_list_is_no_catalog(reply: Any) -> None:
    with pytest.raises(ModelUnavailable, match="malformed reply to /models"):
        read_catalog(reply, base_url=URL, fetched_at=0)


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({"reasoning": {"mandatory": True}}, True),
        ({"reasoning": {"mandatory": False, "default_enabled": True}}, True),
        ({"reasoning": {"mandatory": False, "default_enabled": False}}, False),
        ({"reasoning": {"mandatory": False}}, None),
        ({"reasoning": True}, True),
        ({"pricing": {"internal_reasoning": "0.00001"}}, True),
        ({"pricing": {"internal_reasoning": "0"}}, None),
        ({"supported_parameters": ["seed"]}, False),
        ({"supported_parameters": ["seed", "reasoning"]}, None),
        ({}, None),
    ],
)
def test_whether_a_model_reasons_unasked_is_said_only_where_it_is_known(
    fields: dict[str, Any], reasons: bool | None
) -> None:
    assert listing(**fields).reasons is reasons


def test_a_misspelt_id_is_answered_with_the_nearest() -> None:
    catalog = Catalog(URL, {name: Listing(name) for name in ("openai/gpt-4o", "x-ai/grok-4")}, 0)
    assert catalog.nearest("openai/gpt4o") == "; did you mean openai/gpt-4o?"
    assert catalog.nearest("zzz") == ""


def test_key_facts_are_read_and_gaps_stay_gaps() -> None:
    facts = {
        "label": "sk-or-v1-0e6...1c96",
        "limit": 100,
        "limit_remaining": 74.5,
        "usage": 25.5,
        "is_free_tier": False,
    }
    assert read_key({"data": facts}) == KeyFacts("sk-or-v1-0e6...1c96", 100.0, 74.5, 25.5, False)
    assert read_key({"data": {"limit": None}}) == KeyFacts()
    with pytest.raises(ModelUnavailable, match="malformed reply to /key"):
        read_key([])


amounts = st.floats(min_value=0, max_value=1, allow_nan=False)
listings = st.builds(
    Listing,
    id=st.text(min_size=1),
    name=st.none() | st.text(),
    context_length=st.none() | st.integers(1, 10**7),
    price=st.none() | st.builds(Price, amounts, amounts, amounts),
    supported_parameters=st.none() | st.frozensets(st.text(), max_size=4),
    reasons=st.none() | st.booleans(),
    expires=st.none() | st.just("2027-01-31"),
)


@given(models=st.lists(listings, max_size=4, unique_by=lambda each: each.id), fetched_at=st.floats(0, 2e9))
def test_a_catalog_survives_its_way_to_disk_and_back(models: list[Listing], fetched_at: float) -> None:
    catalog = Catalog(URL, {each.id: each for each in models}, fetched_at)
    keep(catalog)
    assert cached(URL) == catalog


def test_each_server_has_a_catalog_of_its_own(tmp_path: Path) -> None:
    keep(Catalog(URL, {"a": Listing("a")}, 1.0))
    assert cached("http://127.0.0.1:2/v1") is None
    slashed = cached(f"{URL}/")
    assert slashed is not None
    assert list(slashed.models) == ["a"]
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".json"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"models": [{}], "fetched_at": 1}', b'{"models": []}', b"\xff"]
)
def test_a_damaged_cache_is_no_cache(content: bytes) -> None:
    keep(Catalog(URL, {"a": Listing("a")}, 1.0))
    assert cached(URL) is not None
    module._cache_path(URL).write_bytes(content)
    assert cached(URL) is None


def test_a_cache_that_cannot_be_written_loses_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "acausal").write_text("in the way")
    keep(Catalog(URL, {}, 1.0))
    assert cached(URL) is None


def test_a_fetched_catalog_is_kept() -> None:
    with running(SimulatorSettings(models=("openai/gpt-4",))) as simulator:
        catalog = ask(simulator.base_url, fetch_catalog)
        assert cached(simulator.base_url) == catalog
    assert catalog.models["openai/gpt-4"].price == SimulatorSettings().price
    assert "sim/coin" in catalog.models


def test_the_facts_of_a_key_are_for_those_who_have_it() -> None:
    with running(SimulatorSettings(api_key=KEY)) as simulator:
        facts = ask(simulator.base_url, fetch_key, key=KEY)
        assert facts is not None
        assert (facts.usage_usd, facts.is_free_tier) == (0.0, False)
        with pytest.raises(ModelRejected, match="401 User not found"):
            ask(simulator.base_url, fetch_key, key="wrong")


def test_without_a_key_none_is_made_up() -> None:
    with running(SimulatorSettings(api_key=KEY)) as simulator:
        with pytest.raises(ModelRejected, match="401 No auth credentials found"):
            ask(simulator.base_url, fetch_key)
        assert ask(simulator.base_url, fetch_catalog).models


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_key_facts_has_none(status: int) -> None:
    with answering({"/key": (status, {"detail": "Not Found"})}) as base_url:
        assert ask(base_url, fetch_key) is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (200, "<html>", ModelUnavailable, "malformed reply to /models \\(not JSON\\)"),
        (200, 7, ModelUnavailable, "malformed reply to /models \\(not JSON\\)"),
        (200, {"error": {"code": 403, "message": f"no {KEY}"}}, ModelRejected, "403 no \\[key\\]"),
        (503, {"error": {"message": f"busy {KEY}"}}, ModelUnavailable, "503 busy \\[key\\]"),
        (403, {"error": {"message": f"no {KEY}"}}, ModelRejected, "403 no \\[key\\]"),
    ],
)
def test_whatever_a_server_answers_is_translated_and_holds_no_key(
    status: int, body: Any, kind: type[Exception], said: str
) -> None:
    with answering({"/models": (status, body)}) as base_url, pytest.raises(kind, match=said) as caught:
        ask(base_url, fetch_catalog, key=KEY)
    assert KEY not in repr(caught.value)


def test_a_key_that_a_server_quotes_is_not_kept(tmp_path: Path) -> None:
    with answering({"/models": (200, {"data": [{"id": f"of {KEY}"}]})}) as base_url:
        assert list(ask(base_url, fetch_catalog, key=KEY).models) == ["of [key]"]
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_json_without_its_label_is_understood() -> None:
    with answering({"/models": (200, json.dumps({"data": [{"id": "m"}]}))}) as base_url:
        assert list(ask(base_url, fetch_catalog).models) == ["m"]


def test_a_server_that_does_not_answer_is_left() -> None:
    released = threading.Event()
    with answering({"/models": (200, released)}) as base_url:
        try:
            with pytest.raises(ModelUnavailable, match="no answer within 0.2 s"):
                ask(base_url, fetch_catalog, timeout_s=0.2)
        finally:
            released.set()
