"""Before the first call: are keys valid, models offered, parameters taken, and what does it all cost?

Nothing here stops a run that could go on: a server that tells nothing about keys or models is asked for replies all the
same. What is certain is acted on: a key that is refused, a parameter that the endpoint will refuse, a model that is not
offered, an account without credit, a server that nobody answers at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from acausal.config import key_variable
from acausal.errors import ConfigError, ModelError, ModelRejected, ModelUnavailable
from acausal.models.catalog import NO_SUCH_ROUTE, Catalog, Listing, fetch_catalog, fetch_key
from acausal.models.completion import UNREACHABLE
from acausal.models.connect import http_endpoint, servers
from acausal.models.parameters import not_taken
from acausal.models.retry import Effort, with_retries
from acausal.settings.schema import Config, FallbackPolicy, ModelConfig, Preflight

if TYPE_CHECKING:
    from acausal.models.endpoint import HttpEndpoint

log = logging.getLogger(__name__)

_T = TypeVar("_T")

PATIENCE_S = 20.0
"""With one question; a list of several hundred models takes a few seconds."""


@dataclass(slots=True)
class Inspection:
    """What was found out, by slot."""

    gone: dict[str, ModelError] = field(default_factory=dict)
    """Models that are not to be had, and why."""
    listings: dict[str, Listing] = field(default_factory=dict)
    """What the endpoint says of a model."""
    remarks: list[str] = field(default_factory=list)
    """Worth a line to the user."""


async def inspect(config: Config, environment: Mapping[str, str]) -> Inspection:
    """Ask every server that the run will use about keys and models; no model is called.

    Raises:
        ConfigError: A key is refused, or a model would refuse every request of this configuration.
        ModelError: A model is not to be had, and its fallback policy is `abort`.
    """
    found = Inspection()
    if config.preflight is Preflight.off:
        return found
    await asyncio.gather(*(_server(slots, config, environment, found) for slots in servers(config)))
    for slot in config.asked_slots:
        if slot in found.gone:
            condemned(config, slot, found.gone[slot], found)
        elif slot in found.listings:
            _check_parameters(config, slot, found)
    return found


def condemned(config: Config, slot: str, error: ModelError, found: Inspection) -> None:
    """Enter that a model is not to be had, with what the fallback policy makes of it.

    Raises:
        ModelError: The policy is `abort`.
    """
    found.gone[slot] = error
    name = f"models.{slot} ({config.models[slot].model_type})"
    if slot not in {*config.seats, config.sub_model}:
        found.remarks.append(f"{name}, the substitute, is not to be had: {error}")
        return
    if config.fallback_of(slot).policy is FallbackPolicy.abort:
        raise error.about(f"{name}: {error}; fallback.policy=abort refuses to start, and nothing was asked")
    substitute = config.substitute_for(slot)
    then = "its decisions will be missing" if substitute is None else f"models.{substitute} answers for it, marked"
    policy = config.fallback_of(slot).policy.name
    found.remarks.append(f"{name} is not to be had: {error}; {then} (fallback.policy={policy})")


async def _server(slots: Sequence[str], config: Config, environment: Mapping[str, str], found: Inspection) -> None:
    """One server with one key, and the models of these slots on it."""
    model = config.models[slots[0]]
    server = http_endpoint(model.endpoint, key_variable(model), environment, PATIENCE_S)
    try:
        error = await _key_problem(model, environment, server)
        catalog = await _catalog(model, server, found) if error is None else None
    except ModelUnavailable as unreachable:
        error, catalog = unreachable, None
    finally:
        await server.close()
    for slot in slots:
        if error is not None:
            found.gone[slot] = error
        elif catalog is not None:
            _look_up(slot, config.models[slot], catalog, found)


async def _key_problem(model: ModelConfig, environment: Mapping[str, str], server: HttpEndpoint) -> ModelError | None:
    """Why nothing will be answered with this key; None where it will, or nobody can tell.

    Raises:
        ConfigError: The key is refused.
        ModelUnavailable: The server cannot be reached.
    """
    variable = key_variable(model)
    if variable is None or not environment.get(variable, "").strip():
        return None
    try:
        facts = await _patiently(lambda: fetch_key(server), model)
    except ModelRejected as error:
        if error.status == 401:
            raise ConfigError(
                f"{server.base_url} refuses the key in {variable}: {error}; correct it in the environment or in .env"
            ) from None
        log.info("preflight: %s tells nothing about the key: %s", server.base_url, error)
        return None
    except ModelUnavailable as error:
        if error.cause == UNREACHABLE:
            raise
        log.info("preflight: %s tells nothing about the key: %s", server.base_url, error)
        return None
    if facts is not None and facts.limit_remaining_usd is not None and facts.limit_remaining_usd <= 0:
        message = f"402 nothing is left to spend with the key in {variable}: add credit, or raise the key's limit"
        return ModelRejected(message, model=model.model_type, endpoint=server.base_url, status=402)
    return None


async def _catalog(model: ModelConfig, server: HttpEndpoint, found: Inspection) -> Catalog | None:
    """What the server offers; None where it does not tell.

    Raises:
        ModelUnavailable: The server cannot be reached.
    """
    try:
        catalog = await _patiently(lambda: fetch_catalog(server, kept=False), model)
    except ModelRejected as error:
        if error.status not in NO_SUCH_ROUTE:
            found.remarks.append(f"{server.base_url} does not list its models: {error}")
        return None
    except ModelUnavailable as error:
        if error.cause == UNREACHABLE:
            raise
        found.remarks.append(f"{server.base_url} does not list its models: {error}")
        return None
    return catalog if catalog.models else None


def _look_up(slot: str, model: ModelConfig, catalog: Catalog, found: Inspection) -> None:
    """Whether a model is offered."""
    name = model.model_type
    listing = catalog.listing(name)
    if listing is not None:
        found.listings[slot] = listing
        return
    message = f"404 {name!r} is not offered by {catalog.base_url}{catalog.nearest(name)}; see `acausal models`"
    if model.endpoint.lists_every_model:
        found.gone[slot] = ModelRejected(message, model=name, endpoint=catalog.base_url, status=404)
    else:
        found.remarks.append(f"models.{slot}: {message.removeprefix('404 ')}; asked all the same")


def _check_parameters(config: Config, slot: str, found: Inspection) -> None:
    model = config.models[slot]
    for wrong in not_taken(config, slot, found.listings[slot]):
        said = f"models.{slot} sends {wrong.parameter}, which {model.model_type!r} does not take"
        if wrong.refused:
            raise ConfigError(f"{said}, so that every request would be refused: {wrong.cure}, or preflight=off")
        found.remarks.append(f"{said}: it may be dropped silently; {wrong.cure}")


async def _patiently(question: Callable[[], Awaitable[_T]], model: ModelConfig) -> _T:
    """The answer to a question that is not worth a model's full patience."""

    async def ask() -> _T:
        return await question()

    return await with_retries(ask, replace(model, max_retries=min(2, model.max_retries)), Effort())
