"""`acausal models`: which models an endpoint offers, what they take and what they cost."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from acausal.models.catalog import Catalog, Listing
    from acausal.settings.schema import EndpointConfig

ABOUT = "list the models that an endpoint offers, with their prices"
LETTERS = {"t": "temperature", "s": "seed", "f": "response_format", "l": "logprobs"}
"""Parameters that decide whether an experiment can be run and repeated, as the table abbreviates them."""
LEGEND = (
    "context: tokens; in, out: USD per million tokens; -: no; ?: not said",
    f"takes: r reasons, {', '.join(f'{letter} {name}' for letter, name in LETTERS.items())}",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("words", nargs="*", metavar="WORD", help="only models whose id or name has every word")
    parser.add_argument("--endpoint", metavar="NAME", help="a file of conf/endpoint (default: openrouter)")
    parser.add_argument("--base-url", metavar="URL", help="another server; without --endpoint, openai_compatible")
    parser.add_argument("--refresh", action="store_true", help="fetch the list anew; it is kept for a day")
    parser.add_argument("--all", action="store_true", help="every model; without words only those in conf/model")


def run(options: argparse.Namespace) -> int:
    """Print the table.

    Raises:
        ConfigError: The endpoint is none, or no model has the words.
        ModelError: The list can neither be fetched nor found in the cache.
    """
    import time

    from acausal.config import model_files
    from acausal.launch import read_dotenv
    from acausal.models.offered import offered
    from acausal.report.terminal import table_console
    from acausal.running.progress import duration

    read_dotenv()
    endpoint = _endpoint(options.endpoint, options.base_url)
    catalog, warning = offered(endpoint, refresh=options.refresh)
    files = model_files(endpoint.name)
    shown = _shown(catalog, files, options.words, every=options.all)
    console = table_console()
    console.print(model_table(shown, files))
    lines = [*LEGEND]
    if len(shown) < len(catalog.models):
        lines.append(f"{len(shown)} of {len(catalog.models)} models{_which(options.words)}")
    if any(listing.id in files for listing in shown):
        lines.append("use as: python run.py model@models.a=NAME")
    if not options.words and (gone := [f"{files[each]} ({each})" for each in files if each not in catalog.models]):
        lines.append(f"in conf/model but not offered: {', '.join(gone)}")
    age = duration(max(0.0, time.time() - catalog.fetched_at))
    lines.append(f"prices of {age} ago, from {catalog.base_url}; --refresh fetches them anew")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    if warning:
        sys.stderr.write(f"acausal: warning: {warning}\n")
    return 0


def model_table(listings: Iterable[Listing], files: Mapping[str, str]) -> Table:
    """A row per model, in 80 columns; a question mark where the endpoint says nothing.

    Args:
        files: Provider's id → name of its file in conf/model; the column is left out where no model has one.
    """
    from rich.table import Table
    from rich.text import Text

    listings = list(listings)
    has_files = any(listing.id in files for listing in listings)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("model", overflow="fold")
    if has_files:
        table.add_column("use as", no_wrap=True)
    for name in ("context", "in", "out"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("takes", no_wrap=True)
    for listing in listings:
        price = listing.price
        table.add_row(
            Text(listing.id),
            *([files.get(listing.id, "")] if has_files else []),
            _tokens(listing.context_length),
            _usd_per_mtok(price.input_usd if price else None),
            _usd_per_mtok(price.output_usd if price else None),
            _takes(listing),
        )
    return table


def _endpoint(name: str | None, base_url: str | None) -> EndpointConfig:
    """The server that is asked.

    Raises:
        ConfigError: There is no such endpoint, or it is no server.
    """
    from acausal.config import endpoint_config
    from acausal.errors import ConfigError
    from acausal.settings.schema import EndpointKind

    # Another server gets no key of OpenRouter's unless it is named as that endpoint.
    endpoint = endpoint_config(name or ("openrouter" if base_url is None else "openai_compatible"))
    if endpoint.kind is not EndpointKind.openai:
        raise ConfigError(
            f"endpoint {endpoint.name!r} is {endpoint.kind.value}, no server with a list of models: "
            "its models are files of conf/model; name another with --endpoint"
        )
    endpoint.base_url = base_url or endpoint.base_url or ""
    if not _is_address(endpoint.base_url):
        raise ConfigError(
            f"the base URL of endpoint {endpoint.name!r} must be an address such as http://127.0.0.1:8000/v1, "
            f"but is {endpoint.base_url!r}: correct --base-url, or the variable that conf/endpoint names"
        )
    return endpoint


def _is_address(url: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _shown(catalog: Catalog, files: Mapping[str, str], words: Sequence[str], *, every: bool) -> list[Listing]:
    """The listings to show, by id.

    Raises:
        ConfigError: None has all the words.
    """
    from acausal.config import nearest
    from acausal.errors import ConfigError

    listings = sorted(catalog.models.values(), key=lambda listing: listing.id)
    if words:
        found = [each for each in listings if all(word.casefold() in _searched(each, files) for word in words)]
        if not found:
            known = {name for each in listings for name in (each.id, each.id.rpartition("/")[2])}
            close = nearest(words[0], sorted(known | set(files.values()))) if len(words) == 1 else ""
            raise ConfigError(
                f"none of the {len(listings)} models of {catalog.base_url} matches {' '.join(words)!r}{close}; "
                "`acausal models --all` lists every one"
            )
        return found
    ready = [listing for listing in listings if listing.id in files]
    return listings if every or not ready else ready


def _searched(listing: Listing, files: Mapping[str, str]) -> str:
    """What words are looked for in."""
    return f"{listing.id} {listing.name or ''} {files.get(listing.id, '')}".casefold()


def _which(words: Sequence[str]) -> str:
    if words:
        return f" match {' '.join(words)!r}"
    return ", those with a file in conf/model; name words to search all, or --all"


def _takes(listing: Listing) -> str:
    """A letter for what the model does, `-` for what it does not, `?` where that is not said."""
    reasons = {True: "r", False: "-", None: "?"}[listing.reasons]
    taken = listing.supported_parameters
    return reasons + "".join(
        "?" if taken is None else (letter if name in taken else "-") for letter, name in LETTERS.items()
    )


def _tokens(count: int | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1e6:.3g}M" if count >= 1e6 else f"{count / 1000:.0f}k" if count >= 1000 else str(count)


def _usd_per_mtok(usd: float | None) -> str:
    if usd is None:
        return "?"
    return f"{usd * 1e6:.3g}" if usd < 0.001 else f"{usd * 1e6:.0f}"
