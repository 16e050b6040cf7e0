"""What the configuration says must be possible; what is not is refused in one line with its cure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException

from acausal.config import check_keys, conf_dir, fingerprint, flat_config, identity
from acausal.errors import ConfigError
from acausal.settings.complaint import complaint
from acausal.settings.schema import Config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["num_agents=12"],
            r"^scenario 'mixed_5_5' seats 10 agents \(a: 5, b: 5\) but num_agents is 12: make them equal",
        ),
        (["+scenario.model_distribution.d=0"], "names the model slot 'd', which the roster 'local' does not bind"),
        (["main_model=z"], "^main_model names the model slot 'z'"),
        (["sub_model=z"], "^sub_model names the model slot 'z'"),
        (["fallback.model=z"], "^fallback.model names the model slot 'z'"),
        (
            ["enable_multi_model=false"],
            "enable_multi_model is false, .* seats 2 models .*: set enable_multi_model=true",
        ),
        (["scenario.model_distribution.a=-1"], "model_distribution.a must not be negative, but is -1"),
        (["num_rounds=0"], "^num_rounds must be at least 1, but is 0"),
        (["replicates=0"], "^replicates must be at least 1, but is 0"),
        (["budget.usd=-1"], "^budget.usd must not be negative"),
        (["game.payoffs.reward=6"], "needs temptation > reward > punishment > sucker, but game.payoffs is 5, 6, 1, 0"),
        (["game.labels.defect=cooperate"], "game.labels must be two different words"),
        (["game.labels.defect=' '"], "game.labels must not be empty"),
        (["models.a.rate_limit=0"], "models.a.rate_limit must be above 0, or null for none, but is 0"),
        (["models.a.max_concurrency=0"], "models.a.max_concurrency must be at least 1"),
        (["models.a.timeout_s=0"], "models.a.timeout_s must be above 0 s"),
        (["models.a.temperature=-0.1"], "models.a.temperature must be at least 0"),
        (["endpoint@models.a.endpoint=openai_compatible", "models.a.endpoint.base_url=null"], "base_url is empty"),
        (["models.a.price.input_usd_per_mtok=1"], "models.a.price.output_usd_per_mtok is not set, .* set both"),
        (["probe=-1"], "probe must be at least 0"),
        (["model@models.a=local_gguf"], "models.a.embedded names no weights: set models.a.embedded.gguf=FILE.gguf"),
    ],
)
def test_the_impossible_is_refused_with_its_cure(
    composed: Callable[..., Config], overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        composed(*overrides)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("num_agentz=3", "num_agentz is not a key of the configuration; did you mean num_agents?"),
        ("models.a.rate_limt=3", "models.a.rate_limt is not a key of the configuration; did you mean rate_limit?"),
        ("scenario=mixd_5_5", "conf/scenario has no file mixd_5_5.yaml; did you mean mixed_5_5?"),
        (
            "condition=unheard_of",
            "conf/condition has no file unheard_of.yaml: choose one of another_ai,",
        ),
        ("models.q.temperature=1", "models.q is not bound: a model slot is added with +model@models.q=NAME"),
        ("num_agents=ten", "Value 'ten' of type 'str' could not be converted to Integer"),
        ("fallback.policy=foo", "Invalid value 'foo', expected one of [substitute, missing, abort]"),
        ("num_agents", "Error parsing override 'num_agents'"),
    ],
)
def test_a_typo_is_one_line_that_names_it(override: str, line: str) -> None:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"), pytest.raises(HydraException) as error:
        compose("config", [override])
    said = complaint(error.value)
    assert line in said
    assert "\n" not in said


def test_a_missing_key_is_named_and_offline_offered(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter")
    for environment in ({}, {"OPENROUTER_API_KEY": " "}):
        with pytest.raises(
            ConfigError, match=r"models.a \(openai/gpt-4\) needs a key, .* OPENROUTER_API_KEY .* roster=local"
        ):
            check_keys(config, environment)
    check_keys(config, {"OPENROUTER_API_KEY": "k"})
    check_keys(composed(), {})


def test_a_models_own_key_variable_wins(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter", "scenario=homogeneous", "models.a.api_key_env=MY_KEY")
    with pytest.raises(ConfigError, match="MY_KEY"):
        check_keys(config, {"OPENROUTER_API_KEY": "k"})
    check_keys(config, {"MY_KEY": "k"})


def test_single_seats_everybody_with_the_main_model(composed: Callable[..., Config]) -> None:
    assert composed("scenario=single").seats == {"a": 10}
    assert composed("scenario=single", "main_model=b").seats == {"b": 10}


def test_the_fallback_is_asked_only_under_substitute(composed: Callable[..., Config]) -> None:
    assert composed("scenario=homogeneous", "fallback.model=c").used_slots == ["a"]
    assert composed("scenario=homogeneous", "fallback.model=c", "fallback.policy=substitute").used_slots == ["a", "c"]


@pytest.mark.parametrize(
    "override",
    [
        "replicates=9",
        "budget.calls=3",
        "models.a.rate_limit=7",
        "models.a.timeout_s=9",
        "progress=off",
        "dry_run=true",
        "probe=3",
        "models.a.price={input_usd_per_mtok: 1, output_usd_per_mtok: 2}",
        "models.c.max_tokens=5",
    ],
)
def test_how_a_cell_is_run_is_not_what_it_is(composed: Callable[..., Config], override: str) -> None:
    assert identity(composed(override)) == identity(composed())


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "num_rounds=4",
        "condition=identity_only",
        "models.a.temperature=1",
        "game.payoffs.reward=4",
        "protocol=direct",
    ],
)
def test_what_reaches_a_prompt_or_a_request_is_identity(composed: Callable[..., Config], override: str) -> None:
    assert fingerprint(identity(composed(override))) != fingerprint(identity(composed()))


def test_the_flat_configuration_names_every_key_by_its_path(composed: Callable[..., Config]) -> None:
    flat = flat_config(composed())
    assert flat["scenario.model_distribution.a"] == 5
    assert flat["models.a.endpoint.name"] == "local"
    assert flat["fallback.policy"] == "missing"
    assert not any(isinstance(value, dict) and value for value in flat.values())
