"""Which models an endpoint offers, what they take and what they cost: read from its answers, kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from platformdirs import user_cache_path

from acausal.config import nearest
from acausal.errors import ModelRejected, ModelUnavailable
from acausal.settings.schema import EndpointKind, ModelConfig

if TYPE_CHECKING:
    from acausal.models.endpoint import HttpEndpoint  # loads the SDK, which a catalog from the cache does without

NO_SUCH_ROUTE = (404, 405)


@dataclass(frozen=True, slots=True)
class Price:
    """USD per token, and per request where the provider takes a fee for each."""

    input_usd: float
    output_usd: float
    request_usd: float = 0.0

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """USD of one call."""
        return self.request_usd + tokens_in * self.input_usd + tokens_out * self.output_usd


@dataclass(frozen=True, slots=True)
class Listing:
    """One model as its endpoint describes it; None where the endpoint says nothing."""

    id: str
    name: str | None = None
    context_length: int | None = None
    """Tokens."""
    price: Price | None = None
    supported_parameters: frozenset[str] | None = None
    reasons: bool | None = None
    """Whether the model spends tokens on reasoning of its own."""
    expires: str | None = None
    """ISO date after which the endpoint withdraws it."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The models of one endpoint."""

    base_url: str
    models: Mapping[str, Listing]
    """Provider's id → listing."""
    fetched_at: float
    """Unix seconds: the age of prices is always shown."""

    def listing(self, model: str) -> Listing | None:
        """What is said of a model; OpenRouter lists `openai/gpt-4`, but serves `openai/gpt-4:nitro` too."""
        return self.models.get(model) or self.models.get(model.rpartition(":")[0])

    def nearest(self, model: str) -> str:
        """`; did you mean …?` with the most similar id offered, or an empty string."""
        return nearest(model, list(self.models))


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What an endpoint tells about a key, never the key itself; None where it says nothing."""

    label: str | None = None
    limit_usd: float | None = None
    limit_remaining_usd: float | None = None
    """None also where the key has no limit."""
    usage_usd: float | None = None
    is_free_tier: bool | None = None


async def fetch_catalog(endpoint: HttpEndpoint, *, kept: bool = True) -> Catalog:
    """What the endpoint offers at this moment.

    Args:
        kept: Whether the cache keeps it.

    Raises:
        ModelUnavailable: It cannot be reached, or answers with something else than a list.
        ModelRejected: It refuses; status 404 or 405 where it has no such route.
    """
    catalog = read_catalog(await endpoint.get("/models"), base_url=endpoint.base_url, fetched_at=time.time())
    if kept:
        keep(catalog)
    return catalog


async def fetch_key(endpoint: HttpEndpoint) -> KeyFacts | None:
    """What the endpoint tells about the key in use; None where it has no such route.

    Raises:
        ModelUnavailable: It cannot be reached.
        ModelRejected: It does not know the key.
    """
    try:
        return read_key(await endpoint.get("/key"))
    except ModelRejected as error:
        if error.status in NO_SUCH_ROUTE:
            return None
        raise


def read_catalog(reply: Any, *, base_url: str, fetched_at: float) -> Catalog:
    """The models in an answer to GET /models: OpenRouter's, or a plain list of ids. Malformed entries are skipped.

    Raises:
        ModelUnavailable: The answer holds no list.
    """
    entries = reply
    if isinstance(reply, Mapping):
        entries = next((reply[key] for key in ("data", "models") if isinstance(reply.get(key), list)), None)
    if not isinstance(entries, list):
        raise ModelUnavailable("malformed reply to /models (no list of models)", endpoint=base_url)
    listings = (_listing(entry) for entry in entries)
    return Catalog(base_url, {listing.id: listing for listing in listings if listing is not None}, fetched_at)


def read_key(reply: Any) -> KeyFacts:
    """The facts in an answer to GET /key.

    Raises:
        ModelUnavailable: The answer is no object.
    """
    facts = reply.get("data", reply) if isinstance(reply, Mapping) else None
    if not isinstance(facts, Mapping):
        raise ModelUnavailable("malformed reply to /key (no facts about a key)")
    free = facts.get("is_free_tier")
    return KeyFacts(
        label=_text(facts.get("label")),
        limit_usd=_number(facts.get("limit")),
        limit_remaining_usd=_number(facts.get("limit_remaining")),
        usage_usd=_number(facts.get("usage")),
        is_free_tier=free if isinstance(free, bool) else None,
    )


def cached(base_url: str) -> Catalog | None:
    """The catalog kept from an earlier fetch, however old; None where there is none that can be read."""
    try:
        kept = orjson.loads(_cache_path(base_url).read_bytes())
        listings = [_kept_listing(fields) for fields in kept["models"]]
        return Catalog(base_url, {listing.id: listing for listing in listings}, float(kept["fetched_at"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(catalog: Catalog) -> None:
    """Keep a catalog for `cached`; where the disk refuses, it is fetched again next time."""
    path = _cache_path(catalog.base_url)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    models = [asdict(listing) for listing in catalog.models.values()]
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(orjson.dumps({"fetched_at": catalog.fetched_at, "models": models}, default=sorted))
        temporary.replace(path)


def _cache_path(base_url: str) -> Path:
    # Named by a hash: an address may hold credentials, and it holds characters that no file name may.
    name = hashlib.blake2b(base_url.rstrip("/").encode(), digest_size=8).hexdigest()
    return user_cache_path("acausal") / "catalogs" / f"{name}.json"


def _kept_listing(fields: Mapping[str, Any]) -> Listing:
    price, parameters = fields["price"], fields["supported_parameters"]
    told = {
        "price": None if price is None else Price(**price),
        "supported_parameters": None if parameters is None else frozenset(parameters),
    }
    return Listing(**dict(fields) | told)


def _listing(entry: Any) -> Listing | None:
    """One entry of a list of models; None where it names no model."""
    if not isinstance(entry, Mapping):
        return None
    model = _text(entry.get("id")) or _text(entry.get("name"))  # Ollama's own list has names only
    if model is None:
        return None
    tokens = _number(entry.get("context_length")) or _number(entry.get("max_model_len"))  # OpenRouter's word, vLLM's
    taken = entry.get("supported_parameters")
    parameters = frozenset(filter(None, map(_text, taken))) if isinstance(taken, list) else None
    pricing = entry.get("pricing")
    return Listing(
        id=model,
        name=_text(entry.get("name")),
        context_length=int(tokens) if tokens is not None and tokens > 0 else None,
        price=_price(pricing) if isinstance(pricing, Mapping) else None,
        supported_parameters=parameters,
        reasons=_reasons(entry.get("reasoning"), pricing if isinstance(pricing, Mapping) else {}, parameters),
        expires=_text(entry.get("expiration_date")),
    )


def _price(pricing: Mapping[str, Any]) -> Price | None:
    """None where a part is unknown; routers, whose price depends on where they route to, say -1."""
    parts = [_number(pricing.get("prompt")), _number(pricing.get("completion")), _number(pricing.get("request") or 0)]
    known = [part for part in parts if part is not None and part >= 0]
    return Price(*known) if len(known) == len(parts) else None


def _reasons(described: Any, pricing: Mapping[str, Any], parameters: frozenset[str] | None) -> bool | None:
    """Whether a model reasons when a request does not mention it; None where it might."""
    if isinstance(described, bool):
        return described
    if isinstance(described, Mapping):
        if described.get("mandatory") is True:
            return True
        enabled = described.get("default_enabled")
        return enabled if isinstance(enabled, bool) else None
    if (_number(pricing.get("internal_reasoning")) or 0) > 0:
        return True
    return False if parameters is not None and "reasoning" not in parameters else None


def _number(value: Any) -> float | None:
    """A finite number, also one written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    with contextlib.suppress(ValueError, OverflowError):
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def _text(value: Any) -> str | None:
    """Text that says something, on one line and without control characters: a terminal will show it."""
    if not isinstance(value, str):
        return None
    return "".join(letter for letter in " ".join(value.split()) if letter.isprintable()) or None


def price_of(model: ModelConfig, listing: Listing | None) -> Price | None:
    """What a model costs: nothing on this machine, else what the configuration says, else its endpoint's catalog."""
    if model.endpoint.kind is not EndpointKind.openai:
        return Price(0.0, 0.0)
    if model.price is not None:
        return Price(model.price.input_usd_per_mtok / 1e6, model.price.output_usd_per_mtok / 1e6)
    return listing.price if listing is not None else None
