"""A fault as words on a command line, e.g. `429:rate=0.3,retry_after=2`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from acausal.config import nearest
from acausal.errors import ConfigError
from acausal.models.faults import FAULTS, Fault


def parse_fault(text: str) -> Fault:
    """The fault that `NAME` or `NAME:key=value,key=value` describes.

    Keys of every fault: rate, requests (`3` or `1-5`), model, from, until, delay (seconds); of an error answer also
    retry_after (seconds) and message; of drip also total (seconds); of wrong_model also served (an id).

    Raises:
        ConfigError: There is no such fault or key, or a value is out of range.
    """
    name, _, conditions = text.partition(":")
    if name not in FAULTS:
        raise ConfigError(
            f"--fault {text!r}: there is no fault {name!r}{nearest(name, list(FAULTS))}; "
            "acausal serve --list-faults shows them all"
        )
    prototype = FAULTS[name]
    known = _keys(prototype)
    changes: dict[str, Any] = {}
    for condition in conditions.split(",") if conditions else ():
        key, equals, value = condition.partition("=")
        if key not in known:
            raise ConfigError(
                f"--fault {text!r}: {name} takes no {key!r}{nearest(key, list(known))}; it takes {', '.join(known)}"
            )
        field, read, example = known[key]
        try:
            changes[field] = read(value)
        except ValueError:
            raise ConfigError(
                f"--fault {text!r}: {key}{equals}{value} is not understood; write e.g. {example}"
            ) from None
    try:
        return replace(prototype, **changes)
    except ConfigError as error:
        raise ConfigError(f"--fault {text!r}: {error}") from None


def _keys(fault: Fault) -> Mapping[str, tuple[str, Callable[[str], Any], str]]:
    """Key → the field it sets, how its value is read, and an example."""
    keys: dict[str, tuple[str, Callable[[str], Any], str]] = {
        "rate": ("rate", float, "rate=0.3"),
        "requests": ("requests", _numbers, "requests=1-5"),
        "model": ("model", _word, "model=gpt-4"),
        "from": ("from_s", float, "from=10"),
        "until": ("until_s", float, "until=20"),
        "delay": ("delay_s", float, "delay=2"),
    }
    if fault.status is not None:
        keys["retry_after"] = ("retry_after_s", float, "retry_after=2")
        keys["message"] = ("message", _word, "message=overloaded")
    if fault.drip_s:
        keys["total"] = ("drip_s", float, "total=30")
    if fault.served_model is not None:
        keys["served"] = ("served_model", _word, "served=openai/gpt-4o-mini")
    return keys


def _numbers(value: str) -> range:
    """`3` or `1-5`, both ends included, counted from 1."""
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", value)
    if found is None or not 1 <= int(found[1]) <= int(found[2] or found[1]):
        raise ValueError(value)
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _word(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value
