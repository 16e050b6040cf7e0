"""Every file of conf/ composes, and says how to run it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from acausal.config import conf_dir
from acausal.settings.schema import Config

FILES = sorted(path.relative_to(conf_dir()) for path in conf_dir().rglob("*.yaml"))


def options(group: str) -> list[str]:
    return [path.stem for path in FILES if path.parent == Path(group)]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_the_first_comment_is_the_command_that_runs_it(path: Path) -> None:
    comments = [line for line in (conf_dir() / path).read_text().splitlines() if not line.startswith("# @package")]
    assert comments[0].startswith("# ")
    assert "run.py" in comments[0]
    if path.parent != Path():
        assert path.stem in comments[0] or path.parts[0] in ("endpoint", "model")


@pytest.mark.parametrize("name", options("model"))
def test_every_model_composes_into_a_slot(composed: Callable[..., Config], name: str) -> None:
    override = ["models.a.embedded.gguf=FILE.gguf"] if name == "local_gguf" else []
    config = composed(f"model@models.a={name}", "scenario=homogeneous", *override)
    assert config.models["a"].model_type
    assert config.used_slots == ["a"]


@pytest.mark.parametrize("scenario", options("scenario"))
@pytest.mark.parametrize("roster", options("roster"))
def test_every_scenario_composes_with_every_roster(composed: Callable[..., Config], scenario: str, roster: str) -> None:
    config = composed(f"scenario={scenario}", f"roster={roster}")
    assert config.scenario.name == scenario
    assert config.roster == roster
    assert sum(config.seats.values()) == config.num_agents == (2 if scenario == "test_small" else 10)


@pytest.mark.parametrize("group", ["condition", "game", "protocol"])
def test_every_option_is_called_as_its_file(composed: Callable[..., Config], group: str) -> None:
    for name in options(group):
        called = getattr(composed(f"{group}={name}"), group).name
        assert re.fullmatch(rf"{name}(_[\d.]+)?", called)  # a step of a sweep adds its number


@pytest.mark.parametrize("name", options("matching"))
def test_every_matching_composes(composed: Callable[..., Config], name: str) -> None:
    seated = ["num_agents=12", "scenario.model_distribution.a=6", "scenario.model_distribution.b=6"]
    config = composed(f"matching={name}", *seated)
    assert config.matching.name == name
    assert config.matching.kind.value == name


def test_the_original_studys_models_are_there(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter")
    assert [config.models[slot].model_type for slot in "abc"] == [
        "openai/gpt-4",
        "anthropic/claude-3-sonnet-20240229",
        "google/gemini-pro",
    ]
    for name, model_type in (("llama_2_70b", "meta-llama/llama-2-70b-chat"), ("gpt_3_5_turbo", "openai/gpt-3.5-turbo")):
        assert composed(f"model@models.a={name}").models["a"].model_type == model_type


def test_the_default_is_offline(composed: Callable[..., Config]) -> None:
    config = composed()
    assert {config.models[slot].endpoint.name for slot in config.used_slots} == {"local"}
    assert len({config.models[slot].model_type for slot in config.seats}) == 2


def test_no_file_of_conf_holds_a_key() -> None:
    for path in FILES:
        text = (conf_dir() / path).read_text()
        assert "sk-" not in text
        assert "api_key:" not in text
