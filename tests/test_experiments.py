"""Every experiment is the sweep that its file says, and each of its cells plays to its end on scripted agents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from playing import Played, played

from acausal.config import check, conf_dir, fingerprint, identity
from acausal.plan import cells_of
from acausal.process import Process
from acausal.schema import Config, EndpointConfig, EndpointKind, ModelConfig
from acausal.status import ExitCode

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
PERSONAS = ("superrational", "coin", "always_d", "always_c", "tit_for_tat")
MOST_AGENTS = 10
"""A larger population is cut to CUT_TO: the test is of the experiment, not of its size."""
CUT_TO = 4


@cache
def cells(name: str) -> tuple[Config, ...]:
    """The cells of an experiment, in the order and the words in which `python run.py experiment=NAME` plays them."""
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            whole = hydra.compose_config(
                "config", [f"experiment={name}"], RunMode.MULTIRUN, with_log_configuration=False
            )
            return tuple(config for _, config in cells_of(whole))
    finally:
        GlobalHydra.instance().hydra = outer


def on_personas(config: Config) -> Config:
    """The same cell with a rule in place of each language model; what needs no model stays as it is."""
    models = dict(config.models)
    for number, slot in enumerate(config.used_slots):
        if models[slot].endpoint.kind in (EndpointKind.openai, EndpointKind.embedded):
            models[slot] = ModelConfig(
                model_type=f"scripted/{PERSONAS[number % len(PERSONAS)]}",
                endpoint=EndpointConfig(name="scripted", kind=EndpointKind.scripted),
                rate_limit=None,
                send_seed=True,
                price=None,
            )
    return replace(config, models=models)


def cut(config: Config) -> Config:
    """The same with few agents, taken away from whichever slot has most."""
    seats = {slot: count for slot, count in config.scenario.model_distribution.items() if count}
    while config.num_agents > MOST_AGENTS and sum(seats.values()) > CUT_TO:
        most = max(seats, key=lambda slot: seats[slot])
        seats[most] -= 1
    scenario = replace(config.scenario, model_distribution={slot: count for slot, count in seats.items() if count})
    return replace(config, scenario=scenario, num_agents=sum(seats.values()))


def what_is_played(config: Config) -> dict[str, Any]:
    """What makes two cells different games: neither what slots and scenario are called nor how many rounds follow."""
    number = {slot: str(place) for place, slot in enumerate(config.used_slots)}
    facts = {
        ".".join(number.get(word, word) for word in key.split(".")): number.get(str(value), value)
        for key, value in identity(config).items()
    }
    return {key: value for key, value in facts.items() if key not in ("num_rounds", "scenario.name")}


class Laboratory:
    """Plays each distinct cell once, however many experiments hold it."""

    def __init__(self, directory: Path, process: Process) -> None:
        self._directory, self._process = directory, process
        self._played: dict[str, Played] = {}

    def play(self, config: Config) -> Played:
        small = cut(on_personas(config))
        check(small)
        name = fingerprint(what_is_played(small))
        if name not in self._played:
            self._played[name] = played(small, self._directory / name, self._process)
        return self._played[name]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Process() as process:
        yield Laboratory(tmp_path_factory.mktemp("cells"), process)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_cell_plays_to_its_end(laboratory: Laboratory, name: str) -> None:
    for config in cells(name):
        cell = laboratory.play(config)
        assert (cell.code, cell.message) == (ExitCode.DONE, ""), (config.scenario.name, config.condition.name)
        assert cell.summary["legible"] > 0


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_cell_is_there_twice(name: str) -> None:
    identities = [fingerprint(identity(config)) for config in cells(name)]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_file_says_what_it_asks(name: str) -> None:
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    about = [line for line in lines[2:] if line.startswith("# ")]
    assert lines[0] == "# @package _global_"
    assert f"run.py experiment={name}" in lines[1]
    assert about, "the command, and then no word of why"


def test_the_identity_claim_moves_the_agent_that_reacts_to_it_and_no_other(laboratory: Laboratory) -> None:
    rates: dict[str, list[float]] = {}
    for config in cells("controls"):
        rate = laboratory.play(config).summary["cooperation_rate"]
        rates.setdefault(config.models["a"].model_type.removeprefix("scripted/"), []).append(rate)
    assert rates.pop("superrational") == [0, 1]
    assert rates.pop("always_d") == [0, 0]
    for name in ("always_c", "tit_for_tat"):
        assert rates.pop(name) == [1, 1]
    ((control, told),) = rates.values()
    assert control == told
    assert 0.3 < told < 0.7


def test_the_matrix_holds_every_pair_in_both_seatings() -> None:
    pairs = [tuple(config.models[slot].model_type for slot in "ab") for config in cells("model_matrix")]
    names = {first for first, _ in pairs}
    assert len(names) == 3
    assert set(pairs) == {(first, second) for first in names for second in names}
    assert len(pairs) == 2 * 9


def test_the_ladder_has_every_step() -> None:
    steps = [config.scenario.model_distribution.get("a", 0) for config in cells("ratio_ladder")]
    assert steps == [count for count in range(10, 0, -1) for _ in ("control", "identity_only")]


def test_the_temperatures_are_those_of_the_earlier_plan() -> None:
    assert {config.models["a"].temperature for config in cells("temperature")} == {0, 0.3, 0.7, 1}


@pytest.mark.parametrize(
    "name", ["controls", "earlier_populations", "model_matrix", "ratio_ladder", "temperature", "architectures"]
)
def test_replicates_come_before_rounds(name: str) -> None:
    assert {(config.num_rounds, config.replicates) for config in cells(name)} == {(1, 8)}


def test_a_large_population_is_cut_in_its_ratio() -> None:
    config = cells("ratio_ladder")[0]
    for seats, expected in (({"a": 50, "b": 50}, {"a": 2, "b": 2}), ({"a": 18, "b": 2}, {"a": 2, "b": 2})):
        many = replace(config, num_agents=100, scenario=replace(config.scenario, model_distribution=seats))
        assert cut(many).scenario.model_distribution == expected
    assert cut(config).num_agents == 10
