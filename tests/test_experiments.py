"""Every experiment is the sweep that its file says, and each of its cells plays to its end on scripted agents."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from playing import Played, played, tournament

from acausal.config import check, conf_dir, fingerprint, identity
from acausal.design.arms import questions
from acausal.design.counterbalance import assigned_variants
from acausal.design.lint import lint_arms
from acausal.game import Action
from acausal.records import Decision
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.disclosure import claim_is_true, paraphrase_count
from acausal.settings.schema import Config, EndpointConfig, EndpointKind, ModelConfig
from acausal.settings.treatment import Claim
from acausal.sweeps.plan import cells_of

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
ARMS = {
    "architectures": 3 * 2,
    "bias_isolation": 5,
    "controls": 5 * 2,
    "cover_stories": 3 * 2 * 2,
    "d1_identity_linkage": 13,
    "d2_match_probability": 7 * 6,
    "d3_description": 9,
    "d4_horizon": 5 * 3,
    "d5_tournament": 3 * 2,
    "d6_common_knowledge": 4,
    "difficulty_1": 5,
    "difficulty_2": 2,
    "difficulty_3": 2,
    "difficulty_4": 3 * 2,
    "earlier_populations": 6 * 2,
    "framing_effects": 5,
    "identity_offline": 2 * 5,
    "information_gradient": 5,
    "model_matrix": 3 * 3 * 2,
    "offline_pilot": 2 * 2,
    "planted_truth": 15,
    "positive_control": 3 * 2,
    "ratio_ladder": 10 * 2,
    "similarity_gradient": 6 * 2,
    "stop_cooperating": 4 * 4,
    "temperature": 4 * 2,
    "told_actual": 2 * 3,
}
WORDED_ONCE = {"architectures", "controls", "d5_tournament", "earlier_populations", "model_matrix", "offline_pilot"} | {
    *("planted_truth", "ratio_ladder", "temperature"),
}
"""Experiments with `control` and `identity_only`, the conditions of the original study in its one wording."""
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


def on_personas(config: Config, *personas: str) -> Config:
    """The same cell with a rule in place of each language model; what needs no model stays as it is."""
    models = dict(config.models)
    for number, slot in enumerate(config.used_slots):
        if models[slot].endpoint.kind in (EndpointKind.openai, EndpointKind.embedded):
            persona = (personas or PERSONAS)[number % len(personas or PERSONAS)]
            models[slot] = ModelConfig(
                model_type=f"scripted/{persona}",
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
        self._whole: dict[str, Played] = {}
        self._decisions: dict[str, tuple[Decision, ...]] = {}

    def play(self, config: Config) -> Played:
        """As `run.py` plays it, with all its files."""
        small, name = self._prepared(config)
        if name not in self._whole:
            self._whole[name] = played(small, self._directory / f"{name}_whole", self._process)
        return self._whole[name]

    def decisions(self, config: Config, *personas: str) -> tuple[Decision, ...]:
        """No further than its decisions: a fifth of the time."""
        small, name = self._prepared(config, *personas)
        if name not in self._decisions:
            (self._directory / name).mkdir()
            record = asyncio.run(tournament(small, self._directory / name, {}))
            self._decisions[name] = tuple(record.decisions)
        return self._decisions[name]

    def rate(self, config: Config, persona: str) -> float:
        """The share that cooperates where every agent is of that persona."""
        actions = [decision.action for decision in self.decisions(config, persona)]
        assert None not in actions
        return actions.count(Action.COOPERATE) / len(actions)

    def _prepared(self, config: Config, *personas: str) -> tuple[Config, str]:
        small = cut(on_personas(config, *personas))
        check(small)
        return small, fingerprint(what_is_played(small))


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Process() as process:
        yield Laboratory(tmp_path_factory.mktemp("cells"), process)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_cell_plays_to_its_end(laboratory: Laboratory, name: str) -> None:
    first, *others = cells(name)
    cell = laboratory.play(first)
    assert (cell.code, cell.message) == (ExitCode.DONE, "")
    assert cell.summary["legible"] > 0
    for config in others:
        decisions = laboratory.decisions(config)
        assert any(decision.counts for decision in decisions), (config.scenario.name, config.condition.name)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_has_the_arms_that_its_head_counts(name: str) -> None:
    identities = [fingerprint(identity(config)) for config in cells(name)]
    assert len(identities) == len(set(identities)) == ARMS[name]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_two_arms_read_alike_and_none_leaks(name: str) -> None:
    lint_arms([(str(number), replace(config, replicates=2)) for number, config in enumerate(cells(name))])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_file_says_what_it_asks(name: str) -> None:
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    about = " ".join(line.removeprefix("# ") for line in lines[2:] if line.startswith("# "))
    assert lines[0] == "# @package _global_"
    assert re.search(rf"run\.py experiment={name}$", lines[1])
    assert ("OPENROUTER_API_KEY=" in lines[1]) == any(
        config.models[slot].endpoint.name == "openrouter" for config in cells(name) for slot in config.used_slots
    )
    for part in ("Hypothesis: ", "Arms: "):
        assert part in about, f"no {part}"
    stated = re.search(r"\b(two|eight|ten|twenty|forty)\b replicates", about, re.IGNORECASE)
    assert stated, "the head says no number of replicates"
    numbers = {"two": 2, "eight": 8, "ten": 10, "twenty": 20, "forty": 40}
    assert {config.replicates for config in cells(name)} == {numbers[stated[1].lower()]}


@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - WORDED_ONCE))
def test_every_told_arm_has_ten_wordings_or_more_each_as_often(name: str) -> None:
    for config in cells(name):
        used = min(paraphrase_count(config), config.replicates)
        assert used in (1, 8, 10, 20)
        assert config.replicates % used == 0
        if config.condition.claim is not Claim.none or config.condition.framing != "none":
            assert used >= min(10, config.replicates), config.condition.name


def test_confirmatory_designs_play_twenty_wordings() -> None:
    for name in ("d1_identity_linkage", "d2_match_probability", "d3_description", "d6_common_knowledge"):
        told = [
            c for c in cells(name) if c.condition.claim is not Claim.none or c.condition.match_probability is not None
        ]
        assert {min(paraphrase_count(config), config.replicates) for config in told} == {20}, name


def test_the_identity_claim_moves_the_agent_that_reacts_to_it_and_no_other(laboratory: Laboratory) -> None:
    rates: dict[str, list[float]] = {}
    for config in cells("controls"):
        rate = laboratory.rate(config, "unused: the cells name their personas")
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


CONFIRMATORY = ["d1_identity_linkage", "d2_match_probability", "d3_description", "d6_common_knowledge"]


@pytest.mark.parametrize("name", CONFIRMATORY)
def test_confirmatory_designs_balance_label_pairs(name: str) -> None:
    for config in cells(name):
        pairs = {variant.label for variant in assigned_variants(config, 1).values()}
        assert len(pairs) == config.num_agents == 8  # four pairs, each both ways, inside every replicate


def test_the_thirteen_cells_differ_from_their_twins_in_one_span() -> None:
    told = {config.condition.name: config for config in cells("d1_identity_linkage")}
    twins = {f"identical_copy{linkage}": f"different_model{linkage}" for linkage in ("", "_u95", "_u50", "_known_c")}
    for one, other in twins.items():
        for wording in range(1, 11):
            first, second = (system_sentences(told[name], wording) for name in (one, other))
            apart = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
            assert len(apart) == 1, (one, wording, apart)
            assert "different AI model" in apart[0][1]


def system_sentences(config: Config, wording: int) -> list[str]:
    """What the system message says before the first decision."""
    return re.split(r"(?<=[.;:]) |\n", questions(config, wording)[0].messages[0].content)


@pytest.mark.parametrize("persona", ["superrational", "always_d", "always_c"])
def test_the_superrational_cooperates_in_d1_exactly_where_it_is_told_of_a_copy(
    laboratory: Laboratory, persona: str
) -> None:
    for config in cells("d1_identity_linkage"):
        told = config.condition.name.startswith("identical_copy")
        expected = {"superrational": float(told), "always_d": 0.0, "always_c": 1.0}[persona]
        assert laboratory.rate(config, persona) == expected, config.condition.name


@pytest.mark.parametrize("name", ["stop_cooperating", "cover_stories"])
def test_the_superrational_stops_cooperating_where_defection_is_best_for_all(laboratory: Laboratory, name: str) -> None:
    for config in cells(name):
        told = config.condition.claim is Claim.identical_copy
        best = told and config.game.name != "deadlock"
        assert laboratory.rate(config, "superrational") == best, (config.game.name, config.condition.name)
    assert {laboratory.rate(config, "always_d") for config in cells(name)} == {0}


def test_the_description_moves_the_superrational_at_the_same_model(laboratory: Laboratory) -> None:
    rates = {config.condition.name: laboratory.rate(config, "superrational") for config in cells("d3_description")}
    assert {name for name, rate in rates.items() if rate} == {"same_model", "same_prompt", "same_prompt_linked"}
    assert set(rates.values()) == {0, 1}


def test_what_the_other_is_moves_nothing_that_told_does_not(laboratory: Laboratory) -> None:
    for config in cells("told_actual"):
        told = config.condition.claim is Claim.identical_copy
        assert laboratory.rate(config, "superrational") == told
        decisions = laboratory.decisions(config, "superrational", "always_d")
        for agent in {decision.agent for decision in decisions}:
            assert len({decision.messages_hash for decision in decisions if decision.agent == agent}) == 1


def test_false_claims_of_told_and_actual_have_a_truthful_twin() -> None:
    truth = {
        (config.scenario.name, config.condition.name): [
            claim_is_true(config, slot, other) for slot in config.used_slots for other in config.used_slots
        ]
        for config in cells("told_actual")
    }
    assert all(truth["homogeneous", "identical_copy"])
    assert not any(truth["homogeneous", "different_model"])
    for claim in ("identical_copy", "different_model"):
        assert set(truth["mixed_5_5", claim]) == {True, False}


def test_a_number_moves_nobody_who_waits_for_sameness(laboratory: Laboratory) -> None:
    assert {laboratory.rate(config, "superrational") for config in cells("similarity_gradient")} == {0}


def test_the_iterated_designs_play_the_turns_that_they_tell(laboratory: Laboratory) -> None:
    for name, lengths in (("difficulty_2", {5}), ("d4_horizon", {10})):
        first = cells(name)[0]
        decisions = laboratory.decisions(first, "always_d")
        assert {len(turns) for turns in turns_by_agent(decisions).values()} == lengths
    drawn = {config.game.horizon.continuation for config in cells("d4_horizon")}
    assert drawn == {None, 0.25, 0.5, 0.75, 0.9}
    assert {config.game.horizon.continuation for config in cells("difficulty_3")} == {0.9}


def turns_by_agent(decisions: tuple[Decision, ...]) -> dict[int, list[int]]:
    """Agent → the turns it played, where each plays one match."""
    turns: dict[int, list[int]] = {}
    for decision in decisions:
        turns.setdefault(decision.agent, []).append(decision.turn)
    return turns


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
