"""The populations of the earlier system, each as it was published, and the ratios beside them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from playing import tournament
from program import KEY

from acausal.config import check, conf_dir, model_files
from acausal.errors import ConfigError
from acausal.experiment import Cell
from acausal.launch import compose_cell
from acausal.models.simulator import Simulator, SimulatorSettings, running
from acausal.records import Status
from acausal.settings.schema import Config

GEMINI, GEMINI_PRO = "google/gemini-2.5-flash", "google/gemini-pro"
GPT_4O, GPT_4_TURBO = "openai/gpt-4o", "openai/gpt-4-turbo"
SONNET, OPUS = "anthropic/claude-3-sonnet", "anthropic/claude-3-opus"
LLAMA_70B, LLAMA_8B = "meta-llama/llama-3-70b-instruct", "meta-llama/llama-3-8b-instruct"
MIXTRAL, MISTRAL = "mistralai/mixtral-8x7b-instruct", "mistralai/mistral-large"
QWEN, DEEPSEEK, YI = "qwen/qwen-2-72b-instruct", "deepseek/deepseek-chat", "01-ai/yi-large"
COMMAND_R, PHI = "cohere/command-r-plus", "microsoft/phi-3-medium-128k-instruct"

POPULATIONS: dict[str, dict[str, int]] = {
    "baseline_gemini": {GEMINI: 10},
    "homogeneous_gpt4o": {GPT_4O: 10},
    "homogeneous_claude_sonnet": {SONNET: 10},
    "homogeneous_llama3": {LLAMA_70B: 10},
    "mixed_gemini_gpt": {GEMINI: 5, GPT_4O: 5},
    "mixed_gemini_claude": {GEMINI: 5, SONNET: 5},
    "mixed_gpt_claude": {GPT_4O: 5, SONNET: 5},
    "diverse_top_models": {GEMINI: 3, GPT_4O: 3, SONNET: 2, LLAMA_70B: 2},
    "diverse_with_mistral": {GEMINI: 2, GPT_4O: 2, SONNET: 2, LLAMA_70B: 2, MIXTRAL: 2},
    "test_small": {GEMINI: 1, GPT_4O: 1},
    "homogeneous_claude_opus": {OPUS: 10},
    "homogeneous_gpt4_turbo": {GPT_4_TURBO: 10},
    "homogeneous_gemini_pro": {GEMINI_PRO: 10},
    "homogeneous_mistral_large": {MISTRAL: 10},
    "homogeneous_llama3_8b": {LLAMA_8B: 10},
    "homogeneous_qwen2_72b": {QWEN: 10},
    "homogeneous_command_r_plus": {COMMAND_R: 10},
    "homogeneous_deepseek": {DEEPSEEK: 10},
    "homogeneous_phi3_medium": {PHI: 10},
    "homogeneous_yi_large": {YI: 10},
    "mixed_opus_vs_gpt4turbo": {OPUS: 5, GPT_4_TURBO: 5},
    "mixed_large_vs_small": {OPUS: 3, GPT_4_TURBO: 3, LLAMA_8B: 2, PHI: 2},
    "diverse_all_providers": {
        GPT_4O: 2,
        SONNET: 2,
        GEMINI: 1,
        LLAMA_70B: 1,
        MISTRAL: 1,
        COMMAND_R: 1,
        DEEPSEEK: 1,
        YI: 1,
    },
    "budget_models_only": {LLAMA_8B: 3, PHI: 3, MIXTRAL: 2, GEMINI: 2},
    "premium_models_only": {OPUS: 3, GPT_4_TURBO: 3, GEMINI_PRO: 2, MISTRAL: 2},
    "chinese_models_mix": {QWEN: 4, DEEPSEEK: 3, YI: 3},
    "open_source_only": {LLAMA_70B: 3, LLAMA_8B: 2, MIXTRAL: 3, QWEN: 2},
    "chaos_maximum_diversity": dict.fromkeys(
        (GPT_4O, OPUS, GEMINI_PRO, LLAMA_70B, MISTRAL, COMMAND_R, DEEPSEEK, QWEN, PHI, YI), 1
    ),
}
"""Name → provider's id → agents."""

GPT_4, DATED_SONNET, LLAMA_2 = "openai/gpt-4", "anthropic/claude-3-sonnet-20240229", "meta-llama/llama-2-70b-chat"
RATIOS: dict[str, dict[str, int]] = {
    "scenario=homogeneous": {GPT_4: 10},
    "scenario=homogeneous model@models.a=claude_3_sonnet": {DATED_SONNET: 10},
    "scenario=homogeneous model@models.a=gemini_pro": {GEMINI_PRO: 10},
    "scenario=homogeneous model@models.a=llama_2_70b": {LLAMA_2: 10},
    "scenario=mixed_5_5": {GPT_4: 5, DATED_SONNET: 5},
    "scenario=mixed_5_5 model@models.b=gemini_pro": {GPT_4: 5, GEMINI_PRO: 5},
    "scenario=mixed_5_5 model@models.a=claude_3_sonnet model@models.b=gemini_pro": {DATED_SONNET: 5, GEMINI_PRO: 5},
    "scenario=asymmetric_9_1": {GPT_4: 9, DATED_SONNET: 1},
    "scenario=asymmetric_8_2": {GPT_4: 8, DATED_SONNET: 2},
    "scenario=asymmetric_7_3": {GPT_4: 7, DATED_SONNET: 3},
    "scenario=asymmetric_6_4": {GPT_4: 6, DATED_SONNET: 4},
    "scenario=asymmetric_4_6": {GPT_4: 4, DATED_SONNET: 6},
    "scenario=asymmetric_3_7": {GPT_4: 3, DATED_SONNET: 7},
    "scenario=asymmetric_2_8": {GPT_4: 2, DATED_SONNET: 8},
    "scenario=asymmetric_1_9": {GPT_4: 1, DATED_SONNET: 9},
    "scenario=singleton": {GPT_4: 1, DATED_SONNET: 9},
    "scenario=diverse_3_3_4": {GPT_4: 3, DATED_SONNET: 3, GEMINI_PRO: 4},
}
"""What to type after `python run.py roster=openrouter`, for each ratio file of the earlier system."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running(SimulatorSettings(persona="coin", api_key=KEY, keep_requests=False)) as served:
        yield served


@cache
def population(name: str) -> Config:
    """As it composes by its name alone; composing is half of what a test here takes."""
    return compose_cell([f"scenario={name}"])


def models_of(config: Config) -> dict[str, int]:
    """Provider's id → agents."""
    return {config.models[slot].model_type: count for slot, count in config.seats.items()}


def served_by(config: Config, simulator: Simulator) -> Config:
    """The same with all models at a simulated endpoint, as often as wanted."""
    models = {
        slot: replace(model, rate_limit=None, endpoint=replace(model.endpoint, base_url=simulator.base_url))
        for slot, model in config.models.items()
    }
    return replace(config, models=models)


def test_there_are_twenty_eight() -> None:
    assert len(POPULATIONS) == 28
    assert {path.stem for path in (conf_dir() / "scenario").glob("*.yaml")} >= set(POPULATIONS)


@pytest.mark.parametrize("name", POPULATIONS)
def test_each_population_seats_what_was_published(name: str) -> None:
    config = population(name)
    assert config.scenario.name == name
    assert models_of(config) == POPULATIONS[name]
    assert config.num_agents == sum(POPULATIONS[name].values())
    assert config.main_model in config.seats
    assert {config.models[slot].endpoint.name for slot in config.used_slots} == {"openrouter"}


@pytest.mark.parametrize("command", RATIOS)
def test_each_ratio_seats_what_was_published(composed: Callable[..., Config], command: str) -> None:
    assert models_of(composed("roster=openrouter", *command.split())) == RATIOS[command]


@pytest.mark.parametrize("name", POPULATIONS)
def test_each_population_plays_a_round_over_http(simulator: Simulator, tmp_path: Path, name: str) -> None:
    config = served_by(population(name), simulator)
    record = asyncio.run(tournament(config, tmp_path, {"OPENROUTER_API_KEY": KEY}))
    agents = {strategy.agent: strategy.model for strategy in record.strategies}
    assert Counter(agents.values()) == POPULATIONS[name]
    assert len(record.decisions) == config.num_agents * (config.num_agents - 1)
    for decision in record.decisions:
        assert decision.status is Status.LEGIBLE
        assert decision.served_by == decision.model == agents[decision.agent]


def test_a_model_has_one_file() -> None:
    files = sorted(path.stem for path in (conf_dir() / "model").glob("*.yaml") if "openrouter" in path.read_text())
    assert sorted(model_files("openrouter").values()) == files


def test_a_population_that_lost_an_agent_is_refused() -> None:
    config = population("chaos_maximum_diversity")
    seats = {slot: count for slot, count in config.scenario.model_distribution.items() if slot != "yi_large"}
    with pytest.raises(ConfigError, match="seats 9 agents .* but num_agents is 10"):
        check(replace(config, scenario=replace(config.scenario, model_distribution=seats)))


def test_a_title_counts_models_that_are_too_many_to_name() -> None:
    def title(name: str) -> str:
        return Cell(population(name), Path(), "", "").title

    assert title("chaos_maximum_diversity").endswith(": 10 models")
    assert title("mixed_gpt_claude").count(" + ") == 1
