"""`acausal migrate`: what the earlier system's files say is what the experiments play, and no key is copied."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml  # type: ignore[import-untyped]
from program import ACAUSAL, KEY, ROOT, endpoint, run

from acausal.commands import migrate as command
from acausal.config import conf_dir, model_files
from acausal.errors import ConfigError
from acausal.launch import compose_cell
from acausal.migration.earlier import checked, read_old, safe_name
from acausal.migration.experiments import migrate
from acausal.models.simulator import SimulatorSettings, running
from acausal.settings.schema import Config

SECRET = "sk-or-v1-0123456789abcdef"
GPT, O1, GEMINI, NANO = "openai/gpt-4o", "openai/o1-mini", "google/gemini-2.5-flash", "openai/gpt-4.1-nano"
OLD = f"""
# The earlier system's flat file.
NUM_AGENTS: 4
NUM_ROUNDS: 2
MAIN_MODEL: {GEMINI}
SUB_MODEL: {NANO}
ENABLE_MULTI_MODEL: true
TEMPERATURE: 0.5
API_BASE_URL: https://openrouter.ai/api/v1/chat/completions
API_TIMEOUT: 30
API_MAX_RETRIES: 2
LOG_LEVEL: INFO
SAVE_INTERMEDIATE: true
SAVE_PROMPTS: false
NUM_ITERATIONS_PER_ROUND: 1
MAX_MESSAGE_HISTORY: 10
OPENROUTER_API_KEY: {SECRET}
model_configs:
  {GPT}:
    model_type: {GPT}
    api_key_env: OPENROUTER_API_KEY
    max_tokens: 500
    temperature: 0.9
    rate_limit: 6000
    retry_delay: 0.5
    custom_params: {{top_p: 0.9, extra_headers: {{Authorization: Bearer {SECRET}}}}}
  {O1}: {{model_type: {O1}, api_key_env: {SECRET}, api_key: {SECRET}, rate_limit: 6000, max_token: 100}}
  {GEMINI}: {{rate_limit: null}}
  {NANO}: {{rate_limit: 6000}}
  openai/gpt-4: {{temperature: 0}}
scenarios:
  - {{name: "GPT-4o vs. o1 (mini)", description: "Two against\\ntwo.", model_distribution: {{{GPT}: 2, {O1}: 2}}}}
  - {{name: baseline gemini, priority: 1, model_distribution: {{{GEMINI}: 4, {GPT}: 0}}}}
"""
NAMES = ["gpt_4o_vs_o1_mini", "baseline_gemini_2"]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old study.yaml"
    path.write_text(OLD.replace("baseline gemini", "baseline gemini 2"))
    return path


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`typed("old.yaml", …)`: what the command prints, in the test's directory."""
    import argparse

    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    command.arguments(parser)

    def type_(*words: str | Path) -> str:
        assert command.run(parser.parse_args(list(map(str, words)))) == 0
        return capsys.readouterr().out

    return type_


def composed_from(directory: Path, name: str) -> Config:
    return compose_cell([f"hydra.searchpath=[file://{directory}]", f"experiment={name}"])


def test_every_experiment_plays_to_its_end_and_so_does_their_sweep(old: Path, tmp_path: Path) -> None:
    code, out, err = run(["migrate", old.name, "--into", "mine"], tmp_path, ACAUSAL)
    assert (code, err) == (0, "")
    commands = [line.split() for line in out.splitlines() if line.startswith("  python run.py ")]
    assert [words[-1] for words in commands] == [f"experiment={name}" for name in [*NAMES, "old_study_sweep"]]
    quick = ["tracking.enabled=false", "progress=off"]
    with running(SimulatorSettings(persona="coin", api_key=KEY, models=(GPT, O1, GEMINI, NANO))) as simulator:
        for number, words in enumerate(commands):
            place = f"hydra.{'sweep' if number == 2 else 'run'}.dir=o{number}"
            code, _, err = run([*words[2:], *quick, place], tmp_path, **endpoint(simulator))
            assert (code, err) == (0, "")
        asked = Counter(request.model for request in simulator.requests)
    for cell in (tmp_path / "o0", tmp_path / "o2" / f"0_{NAMES[0]}_control"):
        decisions = pd.read_parquet(cell / "decisions.parquet")
        assert len(decisions) == 2 * 12
        assert set(decisions.agent_model) == {GPT, O1}
        assert set(decisions.served_by) == {NANO}
    assert (tmp_path / "o2" / f"1_{NAMES[1]}_control" / "summary.json").exists()
    assert asked == {NANO: 96, GPT: 8, O1: 8, GEMINI: 16}


def test_an_experiment_says_what_the_old_file_said(
    old: Path, tmp_path: Path, typed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_BASE_URL", raising=False)  # read where the experiment composes
    typed(old, "--into", "mine")
    config = composed_from(tmp_path / "mine", NAMES[0])
    assert (config.seed, config.num_agents, config.num_rounds, config.enable_multi_model) == (0, 4, 2, True)
    assert (config.main_model, config.sub_model) == ("gemini_2_5_flash", "gpt_4_1_nano")
    assert config.scenario.model_distribution == {"gpt_4o": 2, "openai_o1_mini": 2}
    assert set(config.models) == {"gpt_4o", "openai_o1_mini", "gemini_2_5_flash", "gpt_4_1_nano"}
    gpt, o1 = config.models["gpt_4o"], config.models["openai_o1_mini"]
    assert (gpt.model_type, gpt.temperature, gpt.max_tokens, gpt.retry_delay) == (GPT, 0.9, 500, 0.5)
    assert (gpt.rate_limit, gpt.timeout_s, gpt.max_retries) == (6000, 30, 2)
    assert gpt.custom_params == {"top_p": 0.9}
    assert (o1.model_type, o1.temperature, o1.api_key_env) == (O1, 0.5, None)
    assert config.models["gemini_2_5_flash"].rate_limit is None
    assert {model.endpoint.base_url for model in config.models.values()} == {"https://openrouter.ai/api/v1"}


def test_each_key_that_is_not_used_is_named_with_its_reason(old: Path, typed: Callable[..., str]) -> None:
    lines = [line for line in typed(old, "--into", "mine").splitlines() if line.startswith("not used: ")]
    named = [line.removeprefix("not used: ").split(": ")[0] for line in lines]
    assert named == [
        *("LOG_LEVEL", "SAVE_INTERMEDIATE", "SAVE_PROMPTS", "MAX_MESSAGE_HISTORY"),
        "OPENROUTER_API_KEY",
        f"model_configs.{GPT}.custom_params.extra_headers.Authorization",
        f"model_configs.{O1}.api_key_env",
        f"model_configs.{O1}.api_key",
        f"model_configs.{O1}.max_token",
        "scenarios[1].priority",
        "model_configs.openai/gpt-4",
    ]
    assert all(len(line.split(": ", 2)[2]) > 10 for line in lines)
    assert next(line for line in lines if "max_token:" in line).endswith("did you mean max_tokens?")


def test_no_key_is_copied_or_shown(old: Path, tmp_path: Path, typed: Callable[..., str]) -> None:
    output = typed(old, "--into", "mine")
    written = [path.read_text() for path in (tmp_path / "mine").rglob("*.yaml")]
    assert len(written) == 3
    assert not any(SECRET in text or "sk-" in text for text in [output, *written])


@pytest.mark.parametrize(
    ("value", "is_variable"),
    [
        *(("OPENROUTER_API_KEY", True), ("my_key", True), ("KEY2", True)),
        *((SECRET, False), ("AKIAIOSFODNN7EXAMPLE", False), ("AIzaSyD4x", False), ("$OPENROUTER_API_KEY", False)),
        ("0123abcd", False),
    ],
)
def test_only_the_name_of_a_variable_is_taken_for_one(value: str, is_variable: bool) -> None:
    content = {
        "model_configs": {GPT: {"api_key_env": value}},
        "scenarios": [{"name": "s", "model_distribution": {GPT: 2}}],
    }
    old = checked(content, stem="s", known={})
    assert old.dials[GPT] == ({"api_key_env": value} if is_variable else {})
    assert len(old.unused) == (0 if is_variable else 1)


def test_a_json_list_of_populations_becomes_experiments(tmp_path: Path, typed: Callable[..., str]) -> None:
    listed = [
        {"name": "tiny pair", "description": "Two.", "model_distribution": {GEMINI: 1, GPT: 1}},
        {"name": "10", "description": "", "model_distribution": {NANO: 10}},
    ]
    (tmp_path / "populations.json").write_text(json.dumps(listed, indent="\t"))
    assert "not used" not in typed("populations.json", "--into", "mine")
    assert composed_from(tmp_path / "mine", "tiny_pair").num_agents == 2
    ten = composed_from(tmp_path / "mine", "old_10")
    assert {ten.models[slot].model_type: count for slot, count in ten.seats.items()} == {NANO: 10}


def test_a_file_of_one_model_becomes_one_experiment(tmp_path: Path, typed: Callable[..., str]) -> None:
    (tmp_path / "alone.yaml").write_text(f"MAIN_MODEL: {GPT}\nENABLE_MULTI_MODEL: false\nNUM_AGENTS: 6\n")
    assert "sweep" not in typed("alone.yaml", "--into", "mine")
    config = composed_from(tmp_path / "mine", "alone")
    assert (config.seats, config.enable_multi_model) == ({"gpt_4o": 6}, False)


def test_the_iterations_of_a_round_are_the_turns_of_a_match(tmp_path: Path, typed: Callable[..., str]) -> None:
    text = f"MAIN_MODEL: {GPT}\nENABLE_MULTI_MODEL: false\nNUM_AGENTS: 6\nNUM_ITERATIONS_PER_ROUND: 4\n"
    (tmp_path / "alone.yaml").write_text(text)
    assert "not used" not in typed("alone.yaml", "--into", "mine")
    assert composed_from(tmp_path / "mine", "alone").game.horizon.turns == 4


def test_another_server_is_kept_and_gets_no_key_of_openrouter() -> None:
    content = {
        "API_BASE_URL": "http://127.0.0.1:8000/v1/chat/completions",
        "scenarios": [{"name": "s", "model_distribution": {GPT: 2}}],
    }
    (text,) = migrate(content, stem="s", command="python run.py").cells.values()
    tree = yaml.safe_load(text)
    assert tree["models"]["gpt_4o"]["endpoint"] == {"base_url": "http://127.0.0.1:8000/v1"}
    assert tree["defaults"][0] == {"/endpoint@models.gpt_4o.endpoint": "openai_compatible"}


def test_two_dial_settings_of_one_model_are_two_slots() -> None:
    content = {
        "model_configs": {
            "cold": {"model_type": GPT, "temperature": 0},
            "hot": {"model_type": GPT, "temperature": 1},
        },
        "scenarios": [{"name": "s", "model_distribution": {"cold": 5, "hot": 5}}],
    }
    (text,) = migrate(content, stem="s", command="python run.py").cells.values()
    tree = yaml.safe_load(text)
    assert tree["scenario"]["model_distribution"] == {"gpt_4o": 5, "gpt_4o_2": 5}
    assert [tree["models"][slot]["temperature"] for slot in ("gpt_4o", "gpt_4o_2")] == [0, 1]


def test_nothing_is_overwritten_without_force(old: Path, tmp_path: Path, typed: Callable[..., str]) -> None:
    typed(old, "--into", "mine")
    written = tmp_path / "mine" / "experiment" / f"{NAMES[0]}.yaml"
    written.write_text("mine now")
    with pytest.raises(ConfigError, match=f"has {NAMES[0]}.yaml, .* already: overwrite with --force"):
        typed(old, "--into", "mine")
    assert written.read_text() == "mine now"
    typed(old, "--into", "mine", "--force")
    assert written.read_text().startswith("# @package _global_\n# python run.py --config-dir mine experiment=")


def test_a_name_that_hydra_would_find_elsewhere_first_is_refused(tmp_path: Path, typed: Callable[..., str]) -> None:
    entry = {"name": "architectures", "model_distribution": {GPT: 2}}
    (tmp_path / "list.json").write_text(json.dumps([entry]))
    with pytest.raises(ConfigError, match="architectures.yaml is there, and would be found before the new one"):
        typed("list.json", "--into", "mine", "--force")
    assert not (tmp_path / "mine").exists()


def test_a_checkout_is_written_into_and_needs_no_further_option(old: Path, tmp_path: Path) -> None:
    for part in ("src", "conf"):
        shutil.copytree(ROOT / part, tmp_path / "checkout" / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "run.py", tmp_path / "checkout")
    source = str(tmp_path / "checkout" / "src")
    code, out, err = run(["migrate", str(old)], tmp_path / "checkout", ACAUSAL, PYTHONPATH=source)
    assert (code, err) == (0, "")
    assert f"  python run.py experiment={NAMES[0]}\n" in out
    assert (tmp_path / "checkout" / "conf" / "experiment" / f"{NAMES[0]}.yaml").exists()
    shutil.rmtree(tmp_path / "checkout" / "conf" / "experiment")
    # Installed, conf/ lies inside the package, where nobody's experiments belong.
    shutil.move(tmp_path / "checkout" / "conf", tmp_path / "checkout" / "src" / "acausal" / "conf")
    code, out, err = run(["migrate", str(old)], tmp_path, ACAUSAL, PYTHONPATH=source)
    assert (code, err) == (0, "")
    assert f"  acausal run --config-dir conf experiment={NAMES[0]}\n" in out
    words = out.splitlines()[1].split()[1:]
    code, out, err = run([*words, "--cfg", "job"], tmp_path, ACAUSAL, PYTHONPATH=source)
    assert (code, err) == (0, "")
    assert "num_agents: 4" in out


SCENARIO: dict[str, Any] = {"name": "s", "model_distribution": {GPT: 5, GEMINI: 5}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "neither settings nor a list of scenarios"),
        ("words", "neither settings nor a list of scenarios"),
        ({"NUM_AGENTS": 10}, "has no scenario: add scenarios"),
        ([], "has no scenario"),
        ({"NUM_AGENTS": 8, "scenarios": [SCENARIO]}, "'s' seats 10 agents .* but NUM_AGENTS is 8: make them equal"),
        ({"NUM_AGENTS": "ten", "scenarios": [SCENARIO]}, "NUM_AGENTS must be a number of agents, but is 'ten'"),
        ({"scenarios": {"s": 1}}, "scenarios must be a list"),
        ({"scenarios": ["s"]}, r"scenarios\[0\] must be a mapping, but is str"),
        ([{"name": "s"}], r"scenarios\[0\] has no model_distribution"),
        ([{"name": "s", "model_distribution": {GPT: 2.5}}], "model_distribution.openai/gpt-4o must be a number"),
        ([{"name": "s", "model_distribution": {GPT: 0}}], "scenario 's' seats nobody"),
        (
            [{"name": "s", "model_distribution": {"openai/gpt-4oo": 2}}],
            "'openai/gpt-4oo', .*did you mean openai/gpt-4o",
        ),
        ({"MAIN_MODEL": "nobody/nothing", "scenarios": [SCENARIO]}, "MAIN_MODEL names the model 'nobody/nothing'"),
        ([SCENARIO, {**SCENARIO, "name": "S!"}], "'s' and 'S!' would both be written to s.yaml: rename one"),
        ([SCENARIO, {**SCENARIO, "name": "file sweep"}], "has the name of the sweep"),
        ([{**SCENARIO, "name": "!!"}], "'!!' has no letter from a to z and no digit"),
        ({"ENABLE_MULTI_MODEL": False, "MAIN_MODEL": GPT, "scenarios": [SCENARIO]}, "ENABLE_MULTI_MODEL is false, so"),
        ({"ENABLE_MULTI_MODEL": "yes", "scenarios": [SCENARIO]}, "must be true or false, but is 'yes'"),
        ({"NUM_ITERATIONS_PER_ROUND": 0, "scenarios": [SCENARIO]}, "must be a whole number from 1, but is 0"),
        ({"API_BASE_URL": "https://me:pw@host/v1", "scenarios": [SCENARIO]}, "without user, key or query"),
        ({"model_configs": {GPT: 3}, "scenarios": [SCENARIO]}, "model_configs.openai/gpt-4o must be a mapping"),
    ],
)
def test_a_mistake_is_one_line(content: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        migrate(content, stem="file", command="python run.py")
    assert "\n" not in str(raised.value)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("bad.yaml", "a: [1, 2\nb: 3", "bad.yaml: is no YAML: .* in line"),
        ("bad.json", "[{]", "bad.json: is no JSON: .* in line 1"),
        ("bad.yaml", b"\xff\xfe", "bad.yaml: is no YAML"),
        ("absent.yaml", None, "absent.yaml: cannot be read: No such file"),
        ("hot.yaml", OLD.replace("temperature: 0.9", "temperature: -1"), "temperature must be at least 0"),
        ("slow.yaml", OLD.replace("API_TIMEOUT: 30", "API_TIMEOUT: soon"), "experiment gpt_4o_vs_o1_mini: .*'soon'"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is_written(
    tmp_path: Path, typed: Callable[..., str], name: str, text: str | bytes | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError, match=message) as raised:
        typed(name, "--into", "mine")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "mine").exists()


def test_a_directory_that_cannot_be_written_is_named(old: Path, tmp_path: Path, typed: Callable[..., str]) -> None:
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(ConfigError, match="cannot write to mine/experiment: .*; choose another --into"):
        typed(old, "--into", "mine")


def test_names_are_safe_for_files_directories_and_overrides() -> None:
    names = [safe_name(text) for text in ("Mixed (5/5)", "../../etc", "null", "70B", "Modèle")]
    assert names == ["mixed_5_5", "etc", "old_null", "old_70b", "modele"]
    assert len(safe_name("x" * 500)) == 80


def test_every_population_that_ships_survives_the_way_through_an_old_list(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"name": "a b", "model_distribution": dict.fromkeys(model_files("openrouter"), 1)}]))
    (text,) = migrate(read_old(path), stem="list", command="python run.py").cells.values()
    bound = [entry for entry in yaml.safe_load(text)["defaults"] if isinstance(entry, dict)]
    files = {name for entry in bound for key, name in entry.items() if key.startswith("/model@")}
    assert files == set(model_files("openrouter").values())
    assert files <= {each.stem for each in (conf_dir() / "model").glob("*.yaml")}
