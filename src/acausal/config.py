"""From conf/ to a checked configuration: the rules that span more than one key, and what makes a cell itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from acausal.errors import ConfigError
from acausal.settings.check_rules import check_checks
from acausal.settings.condition_rules import check_condition
from acausal.settings.disclosure import in_force
from acausal.settings.encounters import check_evolution, check_matching
from acausal.settings.game_schema import check_horizon, check_power, check_stakes
from acausal.settings.protocol_rules import check_protocol
from acausal.settings.schema import Config, EndpointConfig, EndpointKind, ModelConfig
from acausal.settings.spelling import nearest as nearest

OPERATIONAL = (
    *("replicates", "budget", "tracking", "progress", "retry_failed", "replay", "preflight", "roster"),
    *("dry_run", "probe"),
)
"""Keys that change how a cell is run or how far, not what it is."""
OPERATIONAL_MODEL = (
    *("rate_limit", "token_limit", "max_concurrency", "retry_delay", "max_retries", "timeout_s", "patience_s"),
    *("api_key_env", "price"),
)
OPERATIONAL_EMBEDDED = ("parallel", "threads")
LATER = {"game.horizon.turns": 1, "game.horizon.continuation": None, "game.horizon.told": True}
"""Keys that came after the first ledgers, each with the value that leaves a cell what it was before there was the key:
at that value they are no part of its identity, so that older ledgers go on being theirs.
"""
_DEFINING = re.compile(
    r"seed|num_agents|enable_multi_model|main_model|sub_model|(scenario|condition|game|protocol)\.name"
    r"|scenario\.model_distribution.*|matching\.(kind|matches|neighbourhood|rows)|evolution\..*"
    r"|models\.[^.]+\.(model_type|endpoint\.name|embedded.*)"
)
"""Keys without which a directory's calls are another cell's; any other that changes touches calls one by one."""
_IDENTIFYING_ENDPOINT = ("name", "params")
_LEAST_ASKED = (("samples", 1), ("max_reasks", 0))


def identity(config: Config) -> dict[str, Any]:
    """What makes this cell this cell, flat: dotted key → value. Two runs may share a ledger only if it is equal."""
    tree = _plain(asdict(config))
    for key in OPERATIONAL:
        del tree[key]
    if not config.checks.any:
        del tree["checks"]  # asks nothing, so it is no part of the cell; ledgers older than it do not know it
    tree["models"] = {slot: tree["models"][slot] for slot in config.used_slots}
    for model in tree["models"].values():
        for key in OPERATIONAL_MODEL:
            del model[key]
        model["endpoint"] = {key: model["endpoint"][key] for key in _IDENTIFYING_ENDPOINT}
        for key in OPERATIONAL_EMBEDDED:
            (model["embedded"] or {}).pop(key, None)
    return {key: value for key, value in flat(tree).items() if key not in LATER or value != LATER[key]}


def defines_the_cell(key: str) -> bool:
    """Whether a ledger made under another value of this key belongs to another cell altogether."""
    return _DEFINING.fullmatch(key) is not None


def is_operational(key: str) -> bool:
    """Whether a dotted key may change between two runs of a cell: exactly those that `identity` leaves out."""
    first, *rest = key.split(".")
    match rest:
        case [_, "endpoint", dial, *_] if first == "models":
            return dial not in _IDENTIFYING_ENDPOINT
        case [_, "embedded", dial] if first == "models":
            return dial in OPERATIONAL_EMBEDDED
        case [_, dial, *_] if first == "models":
            return dial in OPERATIONAL_MODEL
    return first in OPERATIONAL


def flat_config(config: Config) -> dict[str, Any]:
    """The whole configuration, flat: dotted key → value."""
    return flat(_plain(asdict(config)))


def fingerprint(facts: Mapping[str, Any]) -> str:
    """A short hash of flat facts."""
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=8).hexdigest()


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as dotted key → leaf; empty mappings are leaves."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def register_schema() -> None:
    """Make the schema known to Hydra under the name `config_schema`."""
    ConfigStore.instance().store(name="config_schema", node=Config)


def conf_dir() -> Path:
    """The directory of configuration files: inside the installed package, or beside `src/` in a checkout."""
    here = Path(__file__).resolve().parent
    packaged = here / "conf"
    return packaged if packaged.is_dir() else here.parents[1] / "conf"


def endpoint_config(name: str) -> EndpointConfig:
    """An endpoint as its file in conf/endpoint describes it, the environment's base URL included.

    Raises:
        ConfigError: There is no such file, or it says something that the schema does not know.
    """
    files = {path.stem: path for path in sorted((conf_dir() / "endpoint").glob("*.yaml"))}
    if name not in files:
        known = ", ".join(files)
        raise ConfigError(f"conf/endpoint has no file {name}.yaml: choose one of {known}{nearest(name, list(files))}")
    try:
        endpoint = OmegaConf.to_object(OmegaConf.merge(EndpointConfig, OmegaConf.load(files[name])))
    except OmegaConfBaseException as error:
        why = str(error).splitlines()[0]
        raise ConfigError(f"{files[name]} is no endpoint: {why}; correct it") from None
    assert isinstance(endpoint, EndpointConfig)  # what the schema merged into makes of it
    return endpoint


def model_files(endpoint: str) -> dict[str, str]:
    """Provider's id → name of its file in conf/model, of the files that bind a model to this endpoint."""
    names: dict[str, str] = {}
    for path in sorted((conf_dir() / "model").glob("*.yaml")):
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        if isinstance(content, dict) and {"/endpoint@endpoint": endpoint} in content.get("defaults", []):
            names.setdefault(str(content.get("model_type")), path.stem)
    return names


def from_hydra(node: DictConfig) -> Config:
    """The composed configuration as a `Config`, checked.

    Raises:
        ConfigError: A rule that spans several keys is broken.
    """
    config = OmegaConf.to_object(_without_unset_prices(node))
    if not isinstance(config, Config):
        raise ConfigError("conf/config.yaml must begin its defaults with config_schema")
    check(config)
    config.wording = in_force(config.condition, config.wording)
    return config


def _without_unset_prices(node: DictConfig) -> DictConfig:
    """The same with `price: null` for models of which no price is set; half a price is refused."""
    node = node.copy()
    for slot, model in node.models.items():
        unset = [key for key in model.price or () if OmegaConf.is_missing(model.price, key)]
        if unset and len(unset) < len(model.price):
            raise ConfigError(f"models.{slot}.price.{unset[0]} is not set, but the rest of the price is: set both")
        if unset:
            model.price = None
    return node


def check(config: Config) -> None:
    """Every rule that spans several keys, or that a type cannot say.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    _check_numbers(config)
    _check_slots(config)
    _check_population(config)
    _check_models(config)
    check_condition(config)
    check_matching(config)
    check_evolution(config)
    check_protocol(config)
    _check_labels(config)
    check_stakes(config.game.stakes)
    check_power(config.game.power, config.game.kind)
    check_checks(config)
    check_horizon(config.game.horizon, config.game.kind)
    _check_rules(config)
    _ = config.payoffs


def check_keys(config: Config, environment: Mapping[str, str]) -> None:
    """Whether each model that the run may ask has its key in the environment.

    Raises:
        ConfigError: A variable is unset or empty.
    """
    for slot in config.asked_slots:
        variable = key_variable(config.models[slot])
        if variable is not None and not environment.get(variable, "").strip():
            raise ConfigError(
                f"models.{slot} ({config.models[slot].model_type}) needs a key, but the environment variable "
                f"{variable} is not set: export {variable}=…, write it into .env, or run offline with roster=local"
            )


def key_variable(model: ModelConfig) -> str | None:
    """Name of the environment variable with the model's key; None where no key is needed."""
    return model.api_key_env or model.endpoint.api_key_env


def _check_numbers(config: Config) -> None:
    for key, least in (("num_agents", 2), ("num_rounds", 1), ("replicates", 1), ("probe", 0), *_LEAST_ASKED):
        value = getattr(config, key)
        if value < least:
            raise ConfigError(f"{key} must be at least {least}, but is {value}: e.g. {key}={least}")
    for cap in ("usd", "calls"):
        value = getattr(config.budget, cap)
        if value is not None and value < 0:
            raise ConfigError(f"budget.{cap} must not be negative, but is {value}: null lifts the cap")


def _check_labels(config: Config) -> None:
    for pair in config.game.labels.pairs:
        if len(pair) != 2:
            raise ConfigError(f"each of game.labels.pairs must be two words, but one is {pair}: e.g. [[A, B], [X, Y]]")
    key = "game.labels" if config.condition.labels.cooperate is None else "condition.labels"
    for cooperate, defect in config.label_pairs:
        if not cooperate.strip() or not defect.strip():
            raise ConfigError(f"{key} must not be empty: give each action a word")
        if cooperate.strip().casefold() == defect.strip().casefold():
            raise ConfigError(f"{key} must be two different words, but both are {cooperate!r}")


def _check_slots(config: Config) -> None:
    named = [(f"scenario {config.scenario.name!r}", slot) for slot in config.scenario.model_distribution]
    named += [("main_model", config.main_model)]
    named += [("sub_model", config.sub_model)] if config.sub_model is not None else []
    substitutes = {"fallback.model": config.fallback.model}
    substitutes |= {f"models.{slot}.fallback.model": model.fallback.model for slot, model in config.models.items()}
    named += [(key, slot) for key, slot in substitutes.items() if slot is not None]
    for where, slot in named:
        if slot not in config.models:
            known = ", ".join(sorted(config.models))
            raise ConfigError(
                f"{where} names the model slot {slot!r}, which the roster {config.roster!r} does not bind "
                f"(it binds {known}){nearest(slot, list(config.models))}; bind it with +model@models.{slot}=NAME"
            )


def _check_population(config: Config) -> None:
    scenario = config.scenario
    for slot, count in scenario.model_distribution.items():
        if count < 0:
            raise ConfigError(f"scenario.model_distribution.{slot} must not be negative, but is {count}")
    seated = {slot: count for slot, count in scenario.model_distribution.items() if count}
    listed = ", ".join(f"{slot}: {count}" for slot, count in seated.items()) or "nobody"
    total = sum(seated.values())
    if total != config.num_agents:
        raise ConfigError(
            f"scenario {scenario.name!r} seats {total} agents ({listed}) but num_agents is {config.num_agents}: "
            f"make them equal, e.g. num_agents={total}"
        )
    if not config.enable_multi_model and len(seated) > 1:
        raise ConfigError(
            f"enable_multi_model is false, so every agent is main_model {config.main_model!r}, but scenario "
            f"{scenario.name!r} seats {len(seated)} models ({listed}): set enable_multi_model=true or scenario=single"
        )


def _check_rules(config: Config) -> None:
    """A rule plays for the agents in its own slot and for nobody else."""
    if config.sub_model is not None and config.plays_by_rule(config.sub_model):
        raise ConfigError(
            f"sub_model {config.sub_model!r} is the rule {config.models[config.sub_model].model_type!r}, which reads "
            "no strategy: name a slot with a language model"
        )
    for slot in config.asked_slots:
        substitute = config.substitute_for(slot)
        if substitute is not None and config.plays_by_rule(substitute):
            raise ConfigError(
                f"models.{slot} falls back on {substitute!r}, the rule {config.models[substitute].model_type!r}, which "
                f"answers no prompt: set models.{slot}.fallback.model to a language model, or fallback.policy=missing"
            )


def _check_models(config: Config) -> None:
    for slot, model in config.models.items():
        rules = [
            (model.rate_limit is None or model.rate_limit > 0, "rate_limit", "above 0, or null for none"),
            (model.token_limit is None or model.token_limit > 0, "token_limit", "above 0, or null for none"),
            (model.max_concurrency >= 1, "max_concurrency", "at least 1"),
            (model.max_retries >= 0, "max_retries", "at least 0"),
            (model.retry_delay >= 0, "retry_delay", "at least 0 s"),
            (model.timeout_s > 0, "timeout_s", "above 0 s"),
            (model.patience_s > 0, "patience_s", "above 0 s"),
            (model.max_tokens >= 1, "max_tokens", "at least 1"),
            (model.temperature is None or model.temperature >= 0, "temperature", "at least 0, or null to leave it out"),
        ]
        for holds, key, rule in rules:
            if not holds:
                raise ConfigError(f"models.{slot}.{key} must be {rule}, but is {getattr(model, key)}")
        for key in ("rate_limit", "token_limit", "max_concurrency"):
            limit = getattr(model.endpoint, key)
            if limit is not None and limit <= 0:
                raise ConfigError(f"models.{slot}.endpoint.{key} must be above 0, or null for none, but is {limit}")
        if model.endpoint.kind is EndpointKind.openai and not model.endpoint.base_url:
            raise ConfigError(
                f"models.{slot}.endpoint.base_url is empty: name the server, e.g. http://127.0.0.1:8000/v1"
            )
        if model.endpoint.kind is EndpointKind.embedded and (
            model.embedded is None or not (model.embedded.gguf or model.embedded.weights)
        ):
            raise ConfigError(f"models.{slot}.embedded names no weights: set models.{slot}.embedded.gguf=FILE.gguf")


def _plain(value: Any) -> Any:
    """Enums by name, mapping keys as text: what YAML and JSON can say."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
