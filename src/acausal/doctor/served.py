"""Checks of the models that a configuration uses: keys, servers and what they list; embedded weights and memory."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from acausal.config import key_variable
from acausal.doctor.finding import Finding, failed, guarded, ok, problem, warning
from acausal.doctor.machine import available_memory, gigabytes
from acausal.errors import ModelError
from acausal.models.catalog import NO_SUCH_ROUTE, Catalog, KeyFacts, Listing, fetch_catalog, fetch_key
from acausal.models.classical import rules_of
from acausal.models.connect import http_endpoint, servers
from acausal.models.endpoint import HttpEndpoint
from acausal.models.local import FETCHED, binding_version, check_embedded, weights_at_hand
from acausal.models.parameters import not_taken
from acausal.report.rows import dollars
from acausal.settings.schema import Config, EndpointKind, ModelConfig

PATIENCE_S = 15.0
SOON = datetime.timedelta(days=30)
UNREACHED = "check the connection and the address; offline: roster=local"
MEMORY_PER_WEIGHT = 1.5
"""Memory that an embedded model takes, as a multiple of its file: weights, context and working space."""


def embedded(config: Config) -> Iterator[Finding]:
    """The models that run in this process: library, weights, memory."""
    models = {slot: config.models[slot] for slot in config.used_slots}
    ours = {slot: model for slot, model in models.items() if model.endpoint.kind is EndpointKind.embedded}
    if not ours:
        return
    yield from guarded("llama.cpp", lambda: [ok("llama.cpp", f"xllamacpp {binding_version()}")])
    for slot, model in ours.items():
        yield from guarded(f"models.{slot}", partial(_weights, f"models.{slot}", model))
    yield from guarded("memory", lambda: _memory(list(ours.values())))


def rules(config: Config) -> Iterator[Finding]:
    """The rules that sit in place of models: whether each exists, and its library."""
    found = rules_of(config)
    if found:
        yield ok("rules", ", ".join(f"{slot} = {config.models[slot].model_type}" for slot in found))


def served(config: Config, environment: Mapping[str, str]) -> list[Finding]:
    """The servers that the run would ask, side by side; nothing where it asks none."""
    groups = servers(config)

    async def examine() -> list[Finding]:
        found = await asyncio.gather(*(_server(slots, config, environment) for slots in groups))
        return [finding for findings in found for finding in findings]

    return asyncio.run(examine()) if groups else []


def _weights(check: str, model: ModelConfig) -> Iterator[Finding]:
    check_embedded(model)
    assert model.embedded is not None  # just checked
    path = weights_at_hand(model.embedded)
    if path is not None:
        yield ok(check, f"{model.model_type}: weights on this disk ({gigabytes(path.stat().st_size)})")
    elif model.embedded.weights in FETCHED:
        cure = "be connected to a package registry then"
        yield warning(check, f"{model.model_type}: weights are fetched at first use", cure)
    else:
        yield ok(check, f"{model.model_type}: weights are unpacked at first use")


def _memory(models: Sequence[ModelConfig]) -> Iterator[Finding]:
    paths = {weights_at_hand(model.embedded) for model in models if model.embedded is not None}
    sizes = [path.stat().st_size for path in paths if path is not None]
    free = available_memory()
    if free is None:
        return
    if len(sizes) < len(paths):
        yield ok("memory", f"{gigabytes(free)} available")
        return
    needed = int(MEMORY_PER_WEIGHT * sum(sizes))
    found = f"{gigabytes(free)} available, about {gigabytes(needed)} needed"
    yield ok("memory", found) if free > needed else warning("memory", found, "choose smaller models, or fewer at once")


async def _server(slots: Sequence[str], config: Config, environment: Mapping[str, str]) -> list[Finding]:
    """One server with one key, and the models of these slots on it."""
    model = config.models[slots[0]]
    name, variable = model.endpoint.name, key_variable(model)
    has_key = variable is not None and bool(environment.get(variable, "").strip())
    findings = []
    if variable is None:
        findings.append(ok(f"{name}: key", "none needed"))
    elif not has_key:
        cure = f"export {variable}=…, or write it into .env; offline: roster=local"
        findings.append(problem(f"{name}: key", f"{variable} is not set", cure))
    server = http_endpoint(model.endpoint, variable, environment, PATIENCE_S)
    try:
        if has_key:
            findings.append(await _key(name, str(variable), server))
        finding, catalog = await _listed(name, server)
        findings.append(finding)
    finally:
        await server.close()
    if catalog is not None:
        for slot in slots:
            findings += guarded(f"models.{slot}", partial(_model, slot, config, catalog))
    return findings


async def _key(name: str, variable: str, server: HttpEndpoint) -> Finding:
    check = f"{name}: key"
    try:
        facts = await fetch_key(server)
    except ModelError as error:
        if error.status == 401:
            return problem(check, f"{variable} is set, but not accepted: {error}", f"correct {variable}")
        return failed(check, error, UNREACHED)
    if facts is None:
        return ok(check, f"{variable} is set; this server tells nothing about keys")
    return _credit(check, variable, facts)


def _credit(check: str, variable: str, facts: KeyFacts) -> Finding:
    """What is left to spend."""
    remaining = facts.limit_remaining_usd
    if remaining is not None and remaining <= 0:
        limit = "" if facts.limit_usd is None else f" of {dollars(facts.limit_usd)}"
        return problem(
            check, f"{variable} is valid, but nothing is left{limit}", "add credit, or raise the key's limit"
        )
    left = "no limit of its own" if remaining is None else f"{dollars(remaining)} left"
    found = f"{variable} is valid; {left}"
    if facts.usage_usd is not None:
        found += f", {dollars(facts.usage_usd)} used so far"
    if facts.is_free_tier:
        return warning(check, f"{found}; free tier", "buy credit: the free tier allows few requests a day")
    return ok(check, found)


async def _listed(name: str, server: HttpEndpoint) -> tuple[Finding, Catalog | None]:
    """Whether the server answers, and what it lists."""
    started = time.perf_counter()
    try:
        catalog = await fetch_catalog(server)
    except ModelError as error:
        if error.status in NO_SUCH_ROUTE:
            return warning(name, "answers, but has no list of models", "check the ids of the models yourself"), None
        return failed(name, error, UNREACHED), None
    took = f"{server.base_url} answers in {(time.perf_counter() - started) * 1000:.0f} ms"
    if not catalog.models:
        return warning(name, f"{took}, but lists no models", "check the ids of the models yourself"), None
    return ok(name, f"{took}, {len(catalog.models)} models"), catalog


def _model(slot: str, config: Config, catalog: Catalog) -> Iterator[Finding]:
    """Whether the model of a slot is offered, for how long, and takes what it would be sent."""
    model = config.models[slot]
    check = f"models.{slot}"
    listing = catalog.listing(model.model_type)
    if listing is None:
        yield problem(
            check,
            f"{model.model_type} is not offered{catalog.nearest(model.model_type)}",
            f"model@models.{slot}=NAME or models.{slot}.model_type=ID; `acausal models` lists them",
        )
        return
    findings = [*_expiry(check, slot, listing), *_refused(check, slot, config, listing)]
    yield from findings or [ok(check, f"{model.model_type} is offered and takes what it is sent")]


def _expiry(check: str, slot: str, listing: Listing) -> Iterator[Finding]:
    if listing.expires is None:
        return
    try:
        last = datetime.date.fromisoformat(listing.expires[:10])
    except ValueError:
        return
    today = datetime.datetime.now(datetime.UTC).date()
    cure = f"choose another: model@models.{slot}=NAME"
    if last < today:
        yield problem(check, f"{listing.id} was withdrawn on {last}", cure)
    elif last - today < SOON:
        yield warning(check, f"{listing.id} will be withdrawn on {last}", cure)


def _refused(check: str, slot: str, config: Config, listing: Listing) -> Iterator[Finding]:
    """Parameters of a decision's request that the model does not take."""
    for wrong in not_taken(config, slot, listing):
        found = f"{listing.id} does not take {wrong.parameter}"
        if wrong.refused:
            yield problem(check, f"{found}, so the request will be refused", wrong.cure)
        else:
            yield warning(check, f"{found}: dropped or refused", wrong.cure)
