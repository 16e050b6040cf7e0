"""What an endpoint offers, without asking it anew each time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping

from acausal.errors import ModelError, ModelUnavailable
from acausal.models.catalog import Catalog, cached, fetch_catalog
from acausal.settings.schema import EndpointConfig

DAY_S = 86_400.0
PATIENCE_S = 20.0


def offered(endpoint: EndpointConfig, *, refresh: bool = False) -> tuple[Catalog, str]:
    """The catalog, from the cache while it is less than a day old, and a warning where an older one has to do.

    Raises:
        ModelUnavailable: It can neither be fetched nor found in the cache.
    """
    kept = cached(endpoint.base_url or "")
    if kept is not None and not refresh and 0 <= time.time() - kept.fetched_at < DAY_S:
        return kept, ""
    try:
        return asyncio.run(_fetched(endpoint, os.environ)), ""
    except ModelError as error:
        if kept is not None:
            return kept, f"{error}; the list is the one kept from before"
        key = endpoint.api_key_env
        unset = f", set {key} if it wants a key" if key is not None and not os.environ.get(key) else ""
        raise ModelUnavailable(
            f"no list of models from {endpoint.base_url}: {error}; none is kept from before either: "
            f"check the connection and the address{unset}"
        ) from None


async def _fetched(endpoint: EndpointConfig, environment: Mapping[str, str]) -> Catalog:
    from acausal.models.connect import http_endpoint  # loads the SDK, which a catalog from the cache does without

    server = http_endpoint(endpoint, endpoint.api_key_env, environment, PATIENCE_S)
    try:
        return await fetch_catalog(server)
    finally:
        await server.close()
