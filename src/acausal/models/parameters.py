"""Which parameters of a request a model does not take, and what to set instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acausal.models.body import chat_body
from acausal.models.catalog import Listing
from acausal.records import Place, Purpose, Request
from acausal.settings.schema import Config

_NO_PARAMETERS = frozenset({"model", "messages", "provider", "plugins", "models", "route", "usage", "user", "metadata"})
"""Keys of a request that steer the endpoint; it lists none of them as a parameter of a model."""
_SAME = {
    "max_tokens": {"max_tokens", "max_completion_tokens"},
    "reasoning": {"reasoning", "reasoning_effort", "include_reasoning"},
}
"""Parameter → names under which an endpoint may list it."""
_CURES = {
    "temperature": "models.{slot}.temperature=null",
    "seed": "models.{slot}.send_seed=false",
    "response_format": "models.{slot}.answer_format=text",
    "grammar": "models.{slot}.answer_format=text",
    "logprobs": "elicit=choice, or another model: without them no p_cooperate is read",
    "top_logprobs": "elicit=choice, or another model: without them no p_cooperate is read",
    "max_tokens": "choose another model: without max_tokens nothing bounds its cost",
}


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A parameter that would be sent, to a model that does not list it."""

    parameter: str
    cure: str
    refused: bool
    """Whether the endpoint is told to refuse such requests; otherwise it may drop the parameter silently."""


def not_taken(config: Config, slot: str, listing: Listing) -> list[NotTaken]:
    """The parameters of a decision's request that a slot's model does not take; none where its endpoint lists none."""
    if listing.supported_parameters is None:
        return []
    labels = config.label_pairs[0]
    request = Request(Place(1, 1, 1, Purpose.DECISION), slot, (), labels, 0, config.elicit)
    body = chat_body(config.models[slot], request)
    routing = body.get("provider")
    refused = isinstance(routing, Mapping) and bool(routing.get("require_parameters"))
    return [
        NotTaken(
            parameter,
            _CURES.get(parameter, "remove models.{slot}.custom_params.{parameter}").format(
                slot=slot, parameter=parameter
            ),
            refused,
        )
        for parameter in sorted(set(body) - _NO_PARAMETERS)
        if not _SAME.get(parameter, {parameter}) & listing.supported_parameters
    ]
