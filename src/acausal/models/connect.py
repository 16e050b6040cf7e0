"""From the models of a configuration to the endpoints that serve them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from acausal.config import key_variable
from acausal.models.classical import rules_of
from acausal.models.completion import Completion, Endpoint, read_completion
from acausal.models.local import EmbeddedEndpoint, check_embedded
from acausal.models.scripted import ScriptedEndpoint
from acausal.settings.schema import Config, EndpointConfig, EndpointKind

if TYPE_CHECKING:
    from acausal.models.endpoint import HttpEndpoint


class _Script:
    """A persona behind the interface of an endpoint."""

    def __init__(self) -> None:
        self._personas = ScriptedEndpoint()

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        reply = await self._personas.complete(body)
        return read_completion(reply, latency_s=0.0, model=str(body["model"]), endpoint="scripted")

    async def close(self) -> None:
        """Nothing to release."""


class Pool:
    """The servers of one process and its event loop: cells that ask the same one share its connections, or weights.

    Each is released when the last cell that uses it is done with it.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Counted] = {}

    def lease(self, identity: str, made: Callable[[], Endpoint]) -> Endpoint:
        """The endpoint of this identity, made where there is none; `close` gives it back."""
        counted = self._open.get(identity)
        if counted is None:
            counted = self._open[identity] = _Counted(made(), 0)
        counted.leases += 1
        return _Lease(counted, lambda: self._open.pop(identity, None))

    def threads(self) -> int:
        """Processor threads for each embedded model: more than processors make llama.cpp collapse, so they share."""
        embedded = sum(isinstance(counted.endpoint, EmbeddedEndpoint) for counted in self._open.values())
        return max(1, (os.cpu_count() or 1) // max(1, embedded))


@dataclass(slots=True)
class _Counted:
    endpoint: Endpoint
    leases: int


class _Lease:
    """One cell's use of a shared endpoint."""

    def __init__(self, counted: _Counted, forget: Callable[[], object]) -> None:
        self._counted = counted
        self._forget = forget
        self._is_over = False

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        return await self._counted.endpoint.complete(body)

    async def close(self) -> None:
        """Give it back, once."""
        if self._is_over:
            return
        self._is_over = True
        self._counted.leases -= 1
        if not self._counted.leases:
            self._forget()
            await self._counted.endpoint.close()


def connect(config: Config, environment: Mapping[str, str], pool: Pool | None = None) -> dict[str, Endpoint]:
    """Slot → endpoint, for every slot that the run may ask; nothing is sent or loaded yet.

    Slots that bind the same embedded weights share one server. Rules need none, but that each exists is seen here.

    Args:
        pool: What this cell shares with the others of its process; None: nothing.

    Raises:
        ConfigError: An embedded model cannot be loaded, or a rule is not to be had.
    """
    pool = pool or Pool()
    rules_of(config)
    models = {slot: config.models[slot] for slot in config.asked_slots}
    for model in models.values():
        if model.endpoint.kind is EndpointKind.embedded:
            check_embedded(model)  # before anything is leased
    leased: dict[str, Endpoint] = {}
    endpoints: dict[str, Endpoint] = {}

    def shared(identity: str, made: Callable[[], Endpoint]) -> Endpoint:
        if identity not in leased:
            leased[identity] = pool.lease(identity, made)
        return leased[identity]

    for slot, model in models.items():
        if model.endpoint.kind is EndpointKind.embedded:
            weights = repr((model.model_type, model.embedded))
            endpoints[slot] = shared(weights, partial(EmbeddedEndpoint, model, threads=pool.threads))
        elif model.endpoint.kind is EndpointKind.scripted:
            endpoints[slot] = _Script()
        else:
            variable = key_variable(model)
            secret = environment.get(variable, "") if variable is not None else ""
            place = repr((model.endpoint.base_url, model.endpoint.headers, model.timeout_s, variable, secret))
            made = partial(http_endpoint, model.endpoint, variable, environment, model.timeout_s)
            endpoints[slot] = shared(place, made)
    return endpoints


def http_endpoint(
    endpoint: EndpointConfig, variable: str | None, environment: Mapping[str, str], timeout_s: float
) -> HttpEndpoint:
    """A server behind its configuration.

    Args:
        variable: The environment variable that holds the key, if any.
        timeout_s: Patience with one request.
    """
    from acausal.models.endpoint import HttpEndpoint  # loads the SDK, which a cell without a server does without

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
