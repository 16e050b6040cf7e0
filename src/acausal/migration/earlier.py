"""A configuration file of the earlier system: read, its shape checked, and what has no place here told apart."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml  # type: ignore[import-untyped]  # comes with omegaconf

from acausal.config import nearest
from acausal.errors import ConfigError

_USED = (
    *("NUM_AGENTS", "NUM_ROUNDS", "MAIN_MODEL", "SUB_MODEL", "ENABLE_MULTI_MODEL", "TEMPERATURE", "API_BASE_URL"),
    *("API_TIMEOUT", "API_MAX_RETRIES", "NUM_ITERATIONS_PER_ROUND", "model_configs", "scenarios"),
)
_WITHOUT_PLACE = {
    "LOG_LEVEL": "every run writes its own run.log",
    "MAX_MESSAGE_HISTORY": "what agents see of the past is the condition's, in its key `shows`",
}
_SAVED = "every run saves all its tables, its ledger and its report"
_DIALS = ("max_tokens", "temperature", "rate_limit", "retry_delay", "custom_params")
_OF_RUN = {"TEMPERATURE": "temperature", "API_TIMEOUT": "timeout_s", "API_MAX_RETRIES": "max_retries"}
"""Dials that the earlier system set once for all models."""
_SECRET_NAME = re.compile(r"api_?key|secret|password|authorization|^token$|(?<!max)_token$", re.IGNORECASE)
_SECRET = re.compile(r"sk-|bearer\s", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]{0,15}(_[A-Z0-9]{1,15})*|[a-z][a-z0-9]{0,15}(_[a-z0-9]{1,15})*")
"""Names of environment variables as people choose them: short words of one case, which keys are not."""
_NO_COPY = "a key is never copied: export it as the variable that api_key_env names, or write it into .env"
_NO_VARIABLE = (
    "its value is no name of an environment variable and may be a key, so it is not copied: name the variable"
)
_OTHER_THAN_TEXT = {"null", "true", "false", "nan", "inf"}
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class OldScenario:
    """A population of the earlier system."""

    title: str
    """Its name as it stands in the file."""
    name: str
    """The same, safe to name a file."""
    about: str
    seats: dict[str, int]
    """Slug → agents; nobody has none."""


@dataclass(slots=True)
class OldFile:
    """What an old file says, and what of it is of no use."""

    scenarios: list[OldScenario] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    """Slug by which the file calls a model → the provider's id."""
    dials: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Slug → what is set for that model, in the words of conf/model."""
    dials_of_run: dict[str, Any] = field(default_factory=dict)
    """What is set for all models."""
    main: str | None = None
    sub: str | None = None
    is_multi_model: bool = True
    num_agents: int | None = None
    num_rounds: Any = None
    turns: int = 1
    """Decisions of a pair in a round, one after the other."""
    base_url: str | None = None
    unused: list[str] = field(default_factory=list)
    """A line for each key that has no counterpart: the key, and why."""


def read_old(path: Path) -> Any:
    """The content of an old file, YAML or JSON.

    Raises:
        ConfigError: It cannot be read, or is neither.
    """
    kind = "JSON" if path.suffix == ".json" else "YAML"
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if kind == "JSON" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}; name a file of the earlier system") from None
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or getattr(error, "msg", None) or "it is not UTF-8 text"
        line = mark.line + 1 if mark else getattr(error, "lineno", None)
        raise ConfigError(f"is no {kind}: {why}{f' in line {line}' if line else ''}; correct it") from None


def checked(content: Any, *, stem: str, known: Mapping[str, str]) -> OldFile:
    """What an old file says.

    Args:
        content: From `read_old`.
        stem: Names the experiment of a file without scenarios.
        known: Provider's id → its file in conf/model.

    Raises:
        ConfigError: It says something impossible, or nothing that could be played.
    """
    settings = {"scenarios": content} if isinstance(content, list) else content
    if not isinstance(settings, dict):
        raise ConfigError("holds neither settings nor a list of scenarios: name a file of the earlier system")
    settings = {str(key): value for key, value in settings.items() if value is not None}
    old = OldFile(num_rounds=settings.get("NUM_ROUNDS"), unused=list(_without_place(settings)))
    old.dials_of_run = {dial: settings[key] for key, dial in _OF_RUN.items() if key in settings}
    old.base_url = _base_url(settings["API_BASE_URL"]) if "API_BASE_URL" in settings else None
    old.num_agents = _count(settings["NUM_AGENTS"], "NUM_AGENTS") if "NUM_AGENTS" in settings else None
    turns: Any = settings.get("NUM_ITERATIONS_PER_ROUND", 1)
    if isinstance(turns, bool) or not isinstance(turns, int) or turns < 1:
        raise ConfigError(f"NUM_ITERATIONS_PER_ROUND must be a whole number from 1, but is {turns!r}: correct it")
    old.turns = turns
    multi = settings.get("ENABLE_MULTI_MODEL", True)
    if not isinstance(multi, bool):
        raise ConfigError(f"ENABLE_MULTI_MODEL must be true or false, but is {multi!r}: correct it")
    old.is_multi_model = multi
    old.ids = {slug: slug for slug in known}
    for slug, config in _mapping(settings.get("model_configs", {}), "model_configs").items():
        _read_model(old, slug, _mapping({} if config is None else config, f"model_configs.{slug}"))
    old.main, old.sub = (
        _known(old, str(settings[key]), key) if key in settings else None for key in ("MAIN_MODEL", "SUB_MODEL")
    )
    old.scenarios = _scenarios(old, settings.get("scenarios", []), stem)
    asked = {old.main, old.sub}.union(*(scenario.seats for scenario in old.scenarios))
    old.unused += [f"model_configs.{slug}: no scenario seats it" for slug in old.dials if slug not in asked]
    return old


def safe_name(text: str) -> str:
    """A name that is safe as a file's, a directory's and an override's value.

    Raises:
        ConfigError: Nothing of it would be left.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_LONGEST_NAME]
    if not name:
        raise ConfigError(f"the name {text!r} has no letter from a to z and no digit: rename it")
    return name if name[0].isalpha() and name not in _OTHER_THAN_TEXT else f"old_{name}"


def _without_place(settings: Mapping[str, Any]) -> Iterator[str]:
    for key in settings:
        if key in _USED:
            continue
        if _SECRET_NAME.search(key):
            yield f"{key}: {_NO_COPY}"
        elif key.startswith("SAVE_"):
            yield f"{key}: {_SAVED}"
        else:
            yield f"{key}: {_WITHOUT_PLACE.get(key, f'it has no counterpart here{nearest(key, list(_USED))}')}"


def _read_model(old: OldFile, slug: str, config: Mapping[str, Any]) -> None:
    """Enter a model's id and its dials, and note what has no place."""
    where, dials = f"model_configs.{slug}", dict[str, Any]()
    for key, value in config.items():
        if key in _DIALS:
            # Without a number there is no limit; of any other dial nothing is said.
            if value is not None or key == "rate_limit":
                dials[key] = _without_secrets(value, f"{where}.{key}", old.unused)
        elif key == "api_key_env":
            if value is not None and _VARIABLE.fullmatch(str(value)):
                dials[key] = value
            elif value is not None:
                old.unused.append(f"{where}.{key}: {_NO_VARIABLE}")
        elif _SECRET_NAME.search(key):
            old.unused.append(f"{where}.{key}: {_NO_COPY}")
        elif key != "model_type":
            old.unused.append(f"{where}.{key}: not a dial of a model{nearest(key, list(_DIALS))}")
    old.ids[slug] = str(config.get("model_type") or slug)
    old.dials[slug] = dials


def _without_secrets(value: Any, where: str, unused: list[str]) -> Any:
    """The same without anything that is a key by its name or its look; noted."""
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            if _SECRET_NAME.search(str(key)) or _looks_secret(item):
                unused.append(f"{where}.{key}: {_NO_COPY}")
            elif (left := _without_secrets(item, f"{where}.{key}", unused)) or not item:
                kept[key] = left  # a mapping of nothing but keys goes with them
        return kept
    if isinstance(value, list):
        unused += [f"{where}: {_NO_COPY}" for item in value if _looks_secret(item)]
        return [_without_secrets(item, where, unused) for item in value if not _looks_secret(item)]
    return value


def _looks_secret(value: Any) -> bool:
    return isinstance(value, str) and _SECRET.match(value) is not None


def _scenarios(old: OldFile, listed: Any, stem: str) -> list[OldScenario]:
    """The scenarios of an old file; one of the main model alone where it had no others.

    Raises:
        ConfigError: There is none, or one is impossible.
    """
    if not isinstance(listed, list):
        raise ConfigError(f"scenarios must be a list of {{name, model_distribution}}, but is {listed!r}: correct it")
    if not listed and not old.is_multi_model and old.main is not None:
        listed = [{"name": stem, "model_distribution": {old.main: old.num_agents or 10}}]
    if not listed:
        raise ConfigError(
            "has no scenario: add scenarios: [{name: …, model_distribution: {PROVIDER/MODEL: 10}}], or MAIN_MODEL "
            "with ENABLE_MULTI_MODEL: false"
        )
    scenarios = [_scenario(old, entry, f"scenarios[{number}]") for number, entry in enumerate(listed)]
    titles: dict[str, str] = {}
    for scenario in scenarios:
        if scenario.name in titles:
            raise ConfigError(
                f"scenarios {titles[scenario.name]!r} and {scenario.title!r} would both be written to "
                f"{scenario.name}.yaml: rename one"
            )
        titles[scenario.name] = scenario.title
    return scenarios


def _scenario(old: OldFile, entry: Any, where: str) -> OldScenario:
    entry = _mapping(entry, where)
    for key in ("name", "model_distribution"):
        if not entry.get(key):
            raise ConfigError(f"{where} has no {key}: write {{name: …, model_distribution: {{PROVIDER/MODEL: 10}}}}")
    title = str(entry["name"]).strip()
    seats = {
        _known(old, slug, f"scenario {title!r}"): _count(count, f"{where}.model_distribution.{slug}")
        for slug, count in _mapping(entry["model_distribution"], f"{where}.model_distribution").items()
    }
    seats = {slug: count for slug, count in seats.items() if count}
    total = sum(seats.values())
    listed = ", ".join(f"{slug}: {count}" for slug, count in seats.items()) or "nobody"
    if total != (total if old.num_agents is None else old.num_agents):
        raise ConfigError(
            f"scenario {title!r} seats {total} agents ({listed}) but NUM_AGENTS is {old.num_agents}: make them equal, "
            "or leave NUM_AGENTS out"
        )
    if not seats:
        raise ConfigError(f"scenario {title!r} seats nobody: give its model_distribution at least two agents")
    if not old.is_multi_model and list(seats) != [old.main]:
        raise ConfigError(
            f"ENABLE_MULTI_MODEL is false, so every agent is MAIN_MODEL {old.main!r}, but scenario {title!r} seats "
            f"{listed}: set ENABLE_MULTI_MODEL: true, or take the scenario out"
        )
    of_use = ("name", "model_distribution", "description")
    old.unused += [
        f"{where}.{key}: of a scenario its name and its model_distribution are used"
        for key in entry
        if key not in of_use
    ]
    return OldScenario(title, safe_name(title), " ".join(str(entry.get("description") or "").split()), seats)


def _known(old: OldFile, slug: str, where: str) -> str:
    if slug not in old.ids:
        raise ConfigError(
            f"{where} names the model {slug!r}, which neither model_configs nor conf/model knows"
            f"{nearest(slug, list(old.ids))}; add it to model_configs"
        )
    return slug


def _base_url(value: Any) -> str:
    parts = urlsplit(str(value).strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
        raise ConfigError("API_BASE_URL must be http(s)://HOST/PATH, without user, key or query: correct it")
    return parts.geturl().rstrip("/").removesuffix("/chat/completions").rstrip("/")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a mapping, but is {type(value).__name__}: correct it")
    return {str(key): item for key, item in value.items()}


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"{where} must be a number of agents, but is {value!r}: write a whole number")
    return value
