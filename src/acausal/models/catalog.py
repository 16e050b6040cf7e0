"""Which models an endpoint offers, what they take and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acausal.schema import EndpointKind, ModelConfig


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


def price_of(model: ModelConfig, listing: Listing | None) -> Price | None:
    """What a model costs: nothing on this machine, else what the configuration says, else its endpoint's catalog."""
    if model.endpoint.kind is not EndpointKind.openai:
        return Price(0.0, 0.0)
    if model.price is not None:
        return Price(model.price.input_usd_per_mtok / 1e6, model.price.output_usd_per_mtok / 1e6)
    return listing.price if listing is not None else None
