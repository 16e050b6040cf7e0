"""The population between rounds: fitter models spread, drift is fair, seats stay, and a replay finds the same."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from dsl import play, substituted
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from acausal.analysis.rates import population_shares
from acausal.design.evolution import evolved, measured, seatings
from acausal.errors import ConfigError
from acausal.experiment import Cell, run_cell
from acausal.pricing.dry_run import dry_run
from acausal.pricing.estimate import estimate
from acausal.report.tables import read_decisions
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.matching_schema import EvolutionConfig, EvolutionRule
from acausal.settings.schema import Config

MORAN, REPLICATOR = EvolutionRule.moran, EvolutionRule.replicator
RULES = st.sampled_from([MORAN, REPLICATOR])
POINTS = st.floats(-10, 10)


def after(slots: str, points: dict[int, float], evolution: EvolutionConfig, seed: int = 0) -> str:
    """Slots of the next round, a letter for each agent."""
    return "".join(evolved(slots, points, evolution, ["a", "b", "c"], seed=seed))


def paid(slots: str, **points: float) -> dict[int, float]:
    """Each agent with the points of its slot."""
    return {agent: points[slot] for agent, slot in enumerate(slots, start=1)}


def settled_on(slots: str, evolution: EvolutionConfig, seed: int, **points: float) -> tuple[str, int]:
    """The only slot left, and after how many rounds."""
    rounds = 0
    while len(set(slots)) > 1:
        rounds += 1
        slots = after(slots, paid(slots, **points), evolution, seed * 100_000 + rounds)
    return slots[0], rounds


@given(
    slots=st.text("abc", min_size=2, max_size=12),
    rule=RULES,
    mutation=st.floats(0, 1),
    strength=st.floats(0, 50),
    points=st.dictionaries(st.integers(1, 12), POINTS),
    seed=st.integers(0, 2**31),
)
def test_seats_stay_and_an_agent_without_points_neither_breeds_nor_dies(
    slots: str, rule: EvolutionRule, mutation: float, strength: float, points: dict[int, float], seed: int
) -> None:
    points = {agent: own for agent, own in points.items() if agent <= len(slots)}
    evolution = EvolutionConfig(rule, mutation, strength)
    changed = after(slots, points, evolution, seed)
    assert len(changed) == len(slots)
    assert changed == after(slots, points, evolution, seed)
    parents = {slots[agent - 1] for agent in points}
    for agent, (before, now) in enumerate(zip(slots, changed, strict=True), start=1):
        assert agent in points or now == before
        assert mutation or now == before or now in parents
    if rule is MORAN:
        assert sum(before != now for before, now in zip(slots, changed, strict=True)) <= 1


def test_under_strong_selection_the_fitter_takes_every_seat() -> None:
    strong = EvolutionConfig(MORAN, strength=5.0)
    assert {settled_on("abbbbbbb", replace(strong, rule=REPLICATOR), seed, a=5, b=1)[0] for seed in range(50)} == {"a"}
    won = Counter(settled_on("aabbbb", strong, seed, a=5, b=1)[0] for seed in range(100))
    assert won == {"a": 100}


def test_a_moran_process_fixes_with_the_probability_that_theory_gives() -> None:
    """One mutant of relative fitness r among N: (1 - 1/r) / (1 - 1/r^N) [moran1958]."""
    times, evolution = 2000, EvolutionConfig(MORAN, strength=math.log(2))
    won = sum(settled_on("abbbbb", evolution, seed, a=1, b=0)[0] == "a" for seed in range(times))
    expected = (1 - 1 / 2) / (1 - 1 / 2**6)
    assert abs(won / times - expected) < 4 * (expected * (1 - expected) / times) ** 0.5


def test_neutral_drift_favours_nobody() -> None:
    """At strength 0 points are worth nothing: a's seats change both ways, by nothing in the mean."""
    times, neutral = 4000, EvolutionConfig(MORAN, strength=0.0)
    slots = "aaabbbbbbb"
    changes = [after(slots, paid(slots, a=5, b=0), neutral, seed).count("a") - 3 for seed in range(times)]
    assert set(changes) == {-1, 0, 1}
    assert abs(sum(changes) / times) < 4 * (2 * 0.3 * 0.7 / times) ** 0.5
    assert {after(slots, paid(slots, a=5, b=0), replace(neutral, rule=REPLICATOR), seed) for seed in range(50)} == {
        slots
    }


@given(st.lists(st.tuples(st.sampled_from("abc"), POINTS), min_size=2, max_size=30), st.integers(0, 2**31))
def test_the_replicator_gives_each_slot_its_share_to_less_than_a_seat(
    population: list[tuple[str, float]], seed: int
) -> None:
    slots = "".join(slot for slot, _ in population)
    points = {agent: own for agent, (_, own) in enumerate(population, start=1)}
    changed = Counter(after(slots, points, EvolutionConfig(REPLICATOR, strength=0.2), seed))
    fitness = {agent: math.exp(0.2 * own) for agent, own in points.items()}
    for slot in set(slots):
        own = sum(fitness[agent] for agent in points if slots[agent - 1] == slot)
        assert abs(changed[slot] - len(slots) * own / sum(fitness.values())) < 1 + 1e-6


def test_the_more_a_slot_earns_the_more_it_grows() -> None:
    slots, times = "aaaabbbbcccc", 3000
    evolution = EvolutionConfig(REPLICATOR, strength=0.3)
    points = paid(slots, a=1, b=2, c=4)
    seats = Counter("".join(after(slots, points, evolution, seed) for seed in range(times)))
    fitness = {slot: math.exp(0.3 * own) for slot, own in (("a", 1), ("b", 2), ("c", 4))}
    for slot, own in fitness.items():
        assert seats[slot] / times == pytest.approx(12 * own / sum(fitness.values()), abs=0.05)
    assert seats["a"] < 4 * times < seats["c"]
    moran = Counter("".join(after(slots, points, EvolutionConfig(MORAN), seed) for seed in range(times)))
    assert moran["a"] < moran["b"] < moran["c"]


def test_the_replicator_moves_no_more_agents_than_it_must() -> None:
    slots = "abababab"
    for seed in range(20):
        changed = after(slots, paid(slots, a=1, b=0), EvolutionConfig(REPLICATOR), seed)
        moved = sum(before != now for before, now in zip(slots, changed, strict=True))
        assert moved == changed.count("a") - 4 > 0


def test_a_mutant_is_never_what_its_parent_was() -> None:
    slots = "aaaa"
    certain = EvolutionConfig(REPLICATOR, mutation=1.0)
    drawn = {after(slots, paid(slots, a=1), certain, seed) for seed in range(50)}
    assert {slot for population in drawn for slot in population} == {"b", "c"}
    assert evolved(slots, paid(slots, a=1), certain, ["a"], seed=0) == tuple(slots)  # there is nothing else to be
    rare = EvolutionConfig(MORAN, mutation=0.25)
    mutants = sum(after(slots, paid(slots, a=1), rare, seed) != slots for seed in range(2000))
    assert abs(mutants / 2000 - 0.25) < 4 * (0.25 * 0.75 / 2000) ** 0.5


def test_only_points_of_decisions_that_count_are_measured() -> None:
    assert measured(play("CC", "DC")) == {1: 1.5, 2: 4.0}
    assert measured(play("C?", "DD")) == {1: 0.0, 2: 5.0}
    assert measured(play("?", "D")) == {}
    first, second = play("C", "D")
    assert measured([*substituted([first]), second]) == {2: 5.0}


def test_shares_have_an_interval_over_replicates_and_extinction_is_zero() -> None:
    counts = {(1, 1): {"x": 5, "y": 5}, (1, 2): {"x": 10, "y": 0}, (2, 1): {"x": 5, "y": 5}, (2, 2): {"x": 8, "y": 2}}
    shares = population_shares(counts)
    assert [shares["x"][round_].value for round_ in (1, 2)] == [0.5, 0.9]
    assert shares["y"][2].value == pytest.approx(0.1)
    assert shares["y"][2].clusters == 2
    assert shares["y"][2].high is not None


Play = Callable[..., tuple[ExitCode, str]]
EVOLVING = ["num_rounds=5", "replicates=2", "evolution.rule=replicator", "evolution.strength=0.3"]


@pytest.fixture
def played(scripted: Callable[..., Config], tmp_path: Path) -> Play:
    """`played("NAME", …)`: exit code and message of a cell in a directory of that name."""

    def run(name: str, *overrides: str) -> tuple[ExitCode, str]:
        config = scripted("tracking.enabled=false", "progress=off", *overrides)
        (tmp_path / name).mkdir(exist_ok=True)
        with Process() as process:
            return run_cell(Cell(config, tmp_path / name, "go on", "run.py"), {}, Console(file=io.StringIO()), process)

    return run


def test_the_tables_tell_who_sat_where_in_each_round(
    played: Play, scripted: Callable[..., Config], tmp_path: Path
) -> None:
    overrides = [*EVOLVING, "matching=random_pairs", "evolution.mutation=0.05"]
    assert played("o", *overrides)[0] is ExitCode.DONE
    decisions = pd.read_parquet(tmp_path / "o" / "decisions.parquet")
    told = json.loads((tmp_path / "o" / "model_assignments.json").read_text())
    by_round = told["assignments_by_round"]
    seated = decisions.groupby(["replicate", "round", "agent"]).agent_model.unique()
    for (replicate, round_, agent), model in seated.items():
        assert list(model) == [by_round[str(replicate)][str(round_)][str(agent)]]
    assert {replicate: rounds["1"] for replicate, rounds in by_round.items()} == told["assignments"]
    rounds = pd.read_parquet(tmp_path / "o" / "rounds.parquet")
    for row in rounds.itertuples():
        assert dict(row.population) == Counter(by_round[str(row.replicate)][str(row.round)].values())
    first, last = (dict(rounds[rounds["round"] == number].population.iloc[0]) for number in (1, 5))
    assert first == {"scripted/always_c": 5, "scripted/always_d": 5}
    assert last["scripted/always_d"] > 5
    stored = read_decisions(tmp_path / "o" / "decisions.parquet")
    config = scripted(*overrides)
    assert {len(set(rounds)) > 1 for rounds in seatings(config, stored).values()} == {True}
    report = (tmp_path / "o" / "report.md").read_text()
    assert "## Population by round" in report
    assert "| scripted/always_d | 1 | 50.0 % |" in report
    assert "- evolution: replicator, strength 0.3, mutation 0.05" in report
    assert "- matching: random_pairs, 3 matches an agent and round, 15 a round" in report
    assert (tmp_path / "o" / "figures" / "population_by_round.png").exists()


def test_an_extinct_model_is_counted_as_nobody(played: Play, tmp_path: Path) -> None:
    assert played("o", "num_rounds=3", "evolution.rule=replicator", "evolution.strength=9")[0] is ExitCode.DONE
    rounds = pd.read_parquet(tmp_path / "o" / "rounds.parquet")
    assert dict(rounds.population.iloc[2]) == {"scripted/always_c": 0, "scripted/always_d": 10}


def test_without_evolution_nothing_changes_seats(played: Play, tmp_path: Path) -> None:
    assert played("o", "num_rounds=2")[0] is ExitCode.DONE
    told = json.loads((tmp_path / "o" / "model_assignments.json").read_text())
    assert set(told) == {"seed", "model_distribution", "models", "seat_seeds", "assignments"}
    assert not (tmp_path / "o" / "figures" / "population_by_round.png").exists()
    assert "Population by round" not in (tmp_path / "o" / "report.md").read_text()
    rounds = pd.read_parquet(tmp_path / "o" / "rounds.parquet")
    assert [dict(own) for own in rounds.population] == [{"scripted/always_c": 5, "scripted/always_d": 5}] * 2


def test_a_replay_and_a_resumed_run_find_the_same_population(played: Play, tmp_path: Path) -> None:
    coins = [*EVOLVING, "models.a.model_type=scripted/coin", "matching=random_pairs"]
    assert played("whole", *coins)[0] is ExitCode.DONE
    assert played("parts", *coins, "budget.calls=170")[0] is ExitCode.BUDGET
    assert played("parts", *coins)[0] is ExitCode.DONE
    for table in ("decisions.parquet", "rounds.parquet", "model_assignments.json"):
        assert (tmp_path / "whole" / table).read_bytes() == (tmp_path / "parts" / table).read_bytes()
    assert played("whole", *coins, "replay=strict") == (ExitCode.DONE, "")


def test_a_dead_model_is_not_bred_out(played: Play, tmp_path: Path) -> None:
    """Nobody who meets it scores: no payoff of it is measured, so that silence is no fitness."""
    dead = ["endpoint@models.b.endpoint=openai_compatible", "models.b.endpoint.base_url=http://127.0.0.1:9/v1"]
    quick = ["models.b.max_retries=0", "models.b.retry_delay=0", "models.b.timeout_s=2", "models.b.patience_s=2"]
    overrides = [*dead, *quick, "preflight=off", "num_rounds=3", "evolution.rule=replicator", "evolution.strength=9"]
    assert played("o", *overrides)[0] is ExitCode.DONE
    rounds = pd.read_parquet(tmp_path / "o" / "rounds.parquet")
    assert all(dict(own) == {"scripted/always_c": 5, "scripted/always_d": 5} for own in rounds.population)


def test_an_estimate_counts_the_calls_and_says_that_seats_may_change(
    played: Play, scripted: Callable[..., Config], tmp_path: Path
) -> None:
    config = scripted(*EVOLVING, "matching=random_pairs", "tracking.enabled=false", "dry_run=true")
    out = io.StringIO()
    dry_run([Cell(config, tmp_path / "o", "again", "run.py")], {}, Console(file=out, width=200))
    assert "evolution.rule=replicator changes who sits where: priced as if nobody did" in out.getvalue()
    assert played("o", *EVOLVING, "matching=random_pairs")[0] is ExitCode.DONE
    made = len((tmp_path / "o" / "calls.jsonl").read_text().splitlines())
    assert estimate(config, {}).calls == made == 2 * 5 * (10 + 30)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("evolution.mutation=1.5", r"^evolution.mutation must lie in \[0, 1\], but is 1.5: e.g. 0.01"),
        ("evolution.mutation=-0.1", r"^evolution.mutation must lie in \[0, 1\], but is -0.1"),
        ("evolution.strength=-1", "^evolution.strength must be a number of at least 0, but is -1: 0 is neutral drift"),
        ("evolution.strength=inf", "^evolution.strength must be a number of at least 0, but is inf"),
    ],
)
def test_an_impossible_evolution_is_refused_with_its_cure(
    composed: Callable[..., Config], override: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        composed(override)
