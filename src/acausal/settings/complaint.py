"""What Hydra and OmegaConf say about a command line, in one line that names rule, value and cure."""

from __future__ import annotations

import dataclasses
import re

from acausal.config import nearest
from acausal.settings import game_schema, schema

_NOISE = re.compile(r"^(full_key|object_type|reference_type|provider|Config search path|See https)")
_SEE_ALL = "`python run.py --cfg job` prints every key"


def complaint(error: Exception) -> str:
    """One line for a configuration that does not compose.

    Args:
        error: A HydraException, or an OmegaConf error; its cause is read too.
    """
    text = f"{error}\n{error.__cause__ or ''}"
    if missing := re.search(r"Could not find '(?:(.+)/)?(.+)'", text):
        return _no_such_file(missing[1], missing[2], re.findall(r"^\t(\S+)$", text, re.MULTILINE))
    full_key = re.search(r"full_key: (\S+)", text)
    if (unknown := re.search(r"Key '(.+)' not in '(\w+)'", text)) and full_key:
        return f"{full_key[1]} is not a key of the configuration{nearest(unknown[1], _keys(unknown[2]))}; {_SEE_ALL}"
    if (unknown := re.search(r"Key '(.+)' is not in struct", text)) and full_key:
        return f"{full_key[1]} is not bound: a model slot is added with +model@models.{unknown[1]}=NAME; {_SEE_ALL}"
    if scalar := re.search(r"is not a subclass of PowerConfig\. value: (.+)", text):
        return f"game.power has keys of its own, so it cannot be {scalar[1]}: set game.power.mean instead; {_SEE_ALL}"
    said = [line.strip().rstrip(".") for line in text.splitlines()]
    return "; ".join(dict.fromkeys(line for line in said if line and not _NOISE.match(line)))


def _no_such_file(group: str | None, name: str, options: list[str]) -> str:
    where = f"conf/{group}" if group else "conf"
    close = nearest(name, options)
    listed = f": choose one of {', '.join(options)}" if options and not close else ""
    return f"{where} has no file {name}.yaml{close}{listed}"


def _keys(name: str) -> list[str]:
    """The keys of one dataclass of the schema, by its name."""
    kind = getattr(schema, name, None) or getattr(game_schema, name, None)
    return [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
