"""From the models of a configuration to the endpoints that serve them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from acausal.config import key_variable
from acausal.models.classical import rules_of
from acausal.models.endpoint import Completion, Endpoint, HttpEndpoint, read_completion
from acausal.models.local import EmbeddedEndpoint
from acausal.models.scripted import ScriptedEndpoint
from acausal.schema import Config, EndpointConfig, EndpointKind


class _Script:
    """A persona behind the interface of an endpoint."""

    def __init__(self) -> None:
        self._personas = ScriptedEndpoint()

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        reply = await self._personas.complete(body)
        return read_completion(reply, latency_s=0.0, model=str(body["model"]), endpoint="scripted")

    async def close(self) -> None:
        """Nothing to release."""


def connect(config: Config, environment: Mapping[str, str]) -> dict[str, Endpoint]:
    """Slot → endpoint, for every slot that the run may ask; nothing is sent or loaded yet.

    Slots that bind the same embedded weights share one server. Rules need none, but that each exists is seen here.

    Raises:
        ConfigError: An embedded model cannot be loaded, or a rule is not to be had.
    """
    rules_of(config)
    models = {slot: config.models[slot] for slot in config.asked_slots}
    embedded = {
        repr((model.model_type, model.embedded))
        for model in models.values()
        if model.endpoint.kind is EndpointKind.embedded
    }
    # More threads than processors make llama.cpp collapse, so its servers share what there is.
    threads = max(1, (os.cpu_count() or 1) // max(1, len(embedded)))
    loaded: dict[str, EmbeddedEndpoint] = {}
    endpoints: dict[str, Endpoint] = {}
    for slot, model in models.items():
        if model.endpoint.kind is EndpointKind.embedded:
            weights = repr((model.model_type, model.embedded))
            if weights not in loaded:
                loaded[weights] = EmbeddedEndpoint(model, threads=threads)
            endpoints[slot] = loaded[weights]
        elif model.endpoint.kind is EndpointKind.scripted:
            endpoints[slot] = _Script()
        else:
            endpoints[slot] = http_endpoint(model.endpoint, key_variable(model), environment, model.timeout_s)
    return endpoints


def http_endpoint(
    endpoint: EndpointConfig, variable: str | None, environment: Mapping[str, str], timeout_s: float
) -> HttpEndpoint:
    """A server behind its configuration.

    Args:
        variable: The environment variable that holds the key, if any.
        timeout_s: Patience with one request.
    """
    api_key = environment.get(variable, "").strip() if variable is not None else None
    return HttpEndpoint(endpoint.base_url or "", api_key, endpoint.headers, timeout_s)


def servers(config: Config) -> list[list[str]]:
    """The slots that the run may ask over HTTP, grouped by server and key."""
    groups: dict[tuple[str, str | None, str | None], list[str]] = {}
    for slot in config.asked_slots:
        model = config.models[slot]
        if model.endpoint.kind is EndpointKind.openai:
            place = (model.endpoint.name, model.endpoint.base_url, key_variable(model))
            groups.setdefault(place, []).append(slot)
    return list(groups.values())
