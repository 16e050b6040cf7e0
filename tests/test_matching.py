"""Who meets whom: every matching keeps its word, and none holds more than its matches."""

from __future__ import annotations

import asyncio
import io
import time
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from acausal.config import defines_the_cell, identity
from acausal.design.colouring import matchdays
from acausal.design.matching import lattice_pairs, meetings_of, random_pairs, ring_pairs, round_fixtures, strangers
from acausal.design.population import population
from acausal.design.prompts import Prompts
from acausal.design.schedule import Fixture, Pair
from acausal.errors import ConfigError
from acausal.experiment import Cell, run_cell
from acausal.play.tournament import play_tournament
from acausal.pricing.estimate import estimate
from acausal.records import Purpose, Reply, Request
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.encounters import check_matching, is_even, matches_by_slot, matches_per_round, matching_in_words
from acausal.settings.game_schema import GameConfig
from acausal.settings.matching_schema import MatchingConfig, MatchingKind, Neighbourhood
from acausal.settings.schema import Config, ReplayMode, ScenarioConfig

KINDS = list(MatchingKind)
TWELVE = ["num_agents=12", "scenario.model_distribution={a: 6, b: 6}"]
SEEDS = st.integers(0, 2**31 - 1)


def cell(seats: dict[str, int], matching: MatchingConfig, *, seed: int = 0, num_rounds: int = 1) -> Config:
    scenario = ScenarioConfig("drawn", seats)
    return Config(
        seed=seed,
        num_agents=sum(seats.values()),
        num_rounds=num_rounds,
        scenario=scenario,
        matching=matching,
        game=GameConfig("drawn"),
    )


@st.composite
def cells(draw: st.DrawFn) -> Config:
    """A cell of any matching that can be played."""
    kind, agents = draw(st.sampled_from(KINDS)), draw(st.integers(3, 24))
    matching = MatchingConfig("drawn", kind)
    if kind is MatchingKind.lattice:
        rows, columns = draw(st.integers(3, 6)), draw(st.integers(3, 6))
        agents = rows * columns
        matching.rows = draw(st.sampled_from([rows, None]))
        matching.neighbourhood = draw(st.sampled_from(list(Neighbourhood)))
    elif kind is MatchingKind.ring:
        matching.matches = 2 * draw(st.integers(1, (agents - 1) // 2))
    elif kind is not MatchingKind.round_robin:
        matching.matches = draw(st.integers(1, agents - 1))
    seats = {"a": agents // 2, "b": agents - agents // 2}
    if kind is MatchingKind.self_play:
        seats = {"a": draw(st.integers(2, 9)), "b": draw(st.integers(2, 9))}
        matching.matches = draw(st.none() | st.integers(1, min(seats.values()) - 1))
    return cell(seats, matching, seed=draw(SEEDS))


def slots_of(config: Config) -> list[str]:
    return [agent.model for agent in population(config.seats, seed=config.seed)]


def fixtures_of(config: Config, round_: int = 1) -> tuple[Fixture, ...]:
    return round_fixtures(config, slots_of(config), 1, round_)


def degrees(pairs: Iterable[Pair]) -> Counter[int]:
    return Counter(agent for pair in pairs for agent in pair)


def together(days: Iterable[Iterable[Pair]]) -> list[Pair]:
    return [pair for day in days for pair in day]


def neighbours(pairs: Iterable[Pair], agent: int) -> set[int]:
    return {other for pair in pairs if agent in pair for other in pair if other != agent}


@given(cells())
def test_an_agent_plays_at_most_once_a_matchday_and_meets_nobody_twice(config: Config) -> None:
    check_matching(config)
    fixtures = fixtures_of(config)
    busy = Counter((fixture.matchday, agent) for fixture in fixtures for agent in fixture.agents)
    assert set(busy.values()) == {1}
    met = Counter(frozenset(fixture.agents) for fixture in fixtures)
    assert set(met.values()) == {1}
    assert all(len(pair) == 2 for pair in met)
    most = max(degrees(fixture.agents for fixture in fixtures).values())
    assert {fixture.matchday for fixture in fixtures} <= set(range(1, most + 2))


@given(cells())
def test_matches_are_numbered_in_schedule_order_and_meetings_counted(config: Config) -> None:
    met = Counter[int]()
    fixtures = fixtures_of(config)
    assert [fixture.match for fixture in fixtures] == list(range(1, len(fixtures) + 1))
    assert [fixture.matchday for fixture in fixtures] == sorted(fixture.matchday for fixture in fixtures)
    for fixture in fixtures:
        met.update(fixture.agents)
        assert fixture.meetings == (met[fixture.agents[0]], met[fixture.agents[1]])


@given(cells())
def test_what_is_counted_beforehand_is_what_is_drawn(config: Config) -> None:
    slots = slots_of(config)
    fixtures = round_fixtures(config, slots, 1, 1)
    played = degrees(fixture.agents for fixture in fixtures)
    assert len(fixtures) == matches_per_round(config)
    assert meetings_of(config, slots, 1, 1) == {agent: played[agent] for agent in range(1, len(slots) + 1)}
    bounds = matches_by_slot(config)
    assert all(bounds[slot][0] <= played[agent] <= bounds[slot][1] for agent, slot in enumerate(slots, start=1))
    by_slot = defaultdict(set)
    for agent, slot in enumerate(slots, start=1):
        by_slot[slot].add(played[agent])
    assert is_even(config) == all(low == high for low, high in bounds.values())
    if is_even(config):
        assert by_slot == {slot: {most} for slot, (_, most) in bounds.items()}


@given(cells())
def test_a_round_is_the_same_whenever_it_is_drawn(config: Config) -> None:
    assert fixtures_of(config, 2) == fixtures_of(config, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_meetings_changes_with_round_and_seed(kind: MatchingKind) -> None:
    open_kinds = (MatchingKind.random_pairs, MatchingKind.ring, MatchingKind.strangers)
    matching = MatchingConfig("drawn", kind, 2 if kind in open_kinds else None)
    drawn = {
        tuple(fixture.agents for fixture in fixtures_of(cell({"a": 6, "b": 6}, matching, seed=seed), round_))
        for seed in (1, 2)
        for round_ in (1, 2)
    }
    assert len(drawn) == 4


@given(st.integers(2, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1))), SEEDS)
def test_random_pairs_give_everybody_exactly_as_many_matches(case: tuple[int, int], seed: int) -> None:
    agents, matches = case
    pairs = together(random_pairs(range(1, agents + 1), matches, seed=seed))
    short = agents * matches % 2  # then one agent plays one match less
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == agents * matches // 2
    assert sum(matches - played for played in (degrees(pairs)[agent] for agent in range(1, agents + 1))) == short


@pytest.mark.parametrize(("agents", "matches"), [(8, 3), (7, 2), (7, 3)])
def test_random_pairs_favour_no_pair(agents: int, matches: int) -> None:
    times, met = 4000, Counter[frozenset[int]]()
    for seed in range(times):
        met.update(map(frozenset, together(random_pairs(range(1, agents + 1), matches, seed=seed))))
    share = agents * matches // 2 / (agents * (agents - 1) / 2)
    standard_error = (share * (1 - share) / times) ** 0.5
    assert len(met) == agents * (agents - 1) / 2
    assert all(abs(count / times - share) < 4.5 * standard_error for count in met.values())


@given(agents=st.integers(2, 25), matches=st.integers(1, 24), seed=SEEDS)
def test_strangers_never_meet_twice_in_a_tournament(agents: int, matches: int, seed: int) -> None:
    days = agents - 1 + agents % 2
    possible = days // matches
    met = Counter[frozenset[int]]()
    for round_ in range(1, possible + 1):
        days_of_round = strangers(range(1, agents + 1), matches, round_, seed=seed)
        assert len(days_of_round) == matches
        met.update(map(frozenset, together(days_of_round)))
    assert set(met.values()) <= {1}
    assert len(met) == possible * matches * (agents // 2)
    if possible * matches == days:
        assert len(met) == agents * (agents - 1) / 2


def test_strangers_of_one_tournament_share_a_draw_over_its_rounds() -> None:
    config = cell({"a": 10}, MatchingConfig("strangers", MatchingKind.strangers, 2), num_rounds=4)
    for replicate in (1, 2):
        rounds = [round_fixtures(config, ["a"] * 10, replicate, number) for number in range(1, 5)]
        met = Counter(frozenset(fixture.agents) for fixtures in rounds for fixture in fixtures)
        assert len(met) == 40
        assert set(met.values()) == {1}


def test_on_a_ring_the_nearest_meet_in_every_round() -> None:
    for round_ in (1, 2):
        config = cell({"a": 10}, MatchingConfig("ring", MatchingKind.ring, 4))
        pairs = [fixture.agents for fixture in fixtures_of(config, round_)]
        assert neighbours(pairs, 1) == {9, 10, 2, 3}
        assert neighbours(pairs, 6) == {4, 5, 7, 8}
    assert neighbours(ring_pairs(5, 4), 3) == {1, 2, 4, 5}


def test_on_a_torus_the_sides_and_corners_meet() -> None:
    #  1  2  3  4
    #  5  6  7  8
    #  9 10 11 12
    four = list(lattice_pairs(3, 4, Neighbourhood.von_neumann))
    assert neighbours(four, 6) == {2, 5, 7, 10}
    assert neighbours(four, 1) == {2, 4, 5, 9}
    eight = list(lattice_pairs(3, 4, Neighbourhood.moore))
    assert neighbours(eight, 6) == {1, 2, 3, 5, 7, 9, 10, 11}
    assert neighbours(eight, 1) == {2, 4, 5, 9, 6, 8, 10, 12}
    square = MatchingConfig("lattice", MatchingKind.lattice)
    assert "on a torus of 4 × 6" in matching_in_words(cell({"a": 24}, square))


@given(cells().filter(lambda config: config.matching.kind is MatchingKind.self_play))
def test_in_self_play_everybody_meets_its_own_slot_only(config: Config) -> None:
    slots = slots_of(config)
    pairs = [fixture.agents for fixture in fixtures_of(config)]
    assert all(slots[first - 1] == slots[second - 1] for first, second in pairs)
    if config.matching.matches is None:
        own = [{number for number, slot in enumerate(slots, start=1) if slot == name} for name in "ab"]
        assert {frozenset(pair) for pair in pairs} == {frozenset(p) for group in own for p in combinations(group, 2)}


@given(st.sets(st.tuples(st.integers(1, 12), st.integers(1, 12)).filter(lambda p: p[0] < p[1]), min_size=1), SEEDS)
def test_any_matches_fit_on_one_matchday_more_than_the_busiest_agent_has(pairs: set[Pair], seed: int) -> None:
    days = matchdays(sorted(pairs), seed=seed)
    assert {tuple(sorted(pair)) for pair in together(days)} == pairs
    assert len(together(days)) == len(pairs)
    assert len(days) <= max(degrees(pairs).values()) + 1
    assert all(max(degrees(day).values()) == 1 for day in days)


@pytest.mark.parametrize(
    ("kind", "matches", "agents", "expected"),
    [
        (MatchingKind.random_pairs, 4, 1000, 2000),
        (MatchingKind.random_pairs, 4, 999, 1998),
        (MatchingKind.ring, 4, 1000, 2000),
        (MatchingKind.lattice, None, 1000, 2000),
        (MatchingKind.strangers, 4, 1000, 2000),
        (MatchingKind.self_play, 4, 1000, 2000),
    ],
)
def test_a_thousand_agents_are_matched_in_well_under_a_second(
    kind: MatchingKind, matches: int | None, agents: int, expected: int
) -> None:
    config = cell({"a": agents // 2, "b": agents - agents // 2}, MatchingConfig("big", kind, matches))
    slots = slots_of(config)
    started = time.process_time()
    fixtures = round_fixtures(config, slots, 1, 1)
    assert time.process_time() - started < 0.8
    tracemalloc.start()
    round_fixtures(config, slots, 1, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(fixtures) == expected
    assert peak < 5e6  # a list of all pairs takes 40 MB


REFUSALS = [
    (["matching=random_pairs", "matching.matches=null"], "^matching=random_pairs needs a number of matches: set e.g."),
    (["matching=random_pairs", "matching.matches=0"], "^matching.matches must be at least 1, but is 0: e.g."),
    (
        ["matching=random_pairs", "matching.matches=10"],
        r"at most num_agents - 1 = 9, .* but is 10: e.g. matching.m",
    ),
    (["matching.matches=3"], "^matching=round_robin itself says .* is 3: leave it null, or choose matching=random_p"),
    (["matching=ring", "matching.matches=3"], "must be even, but is 3: e.g. matching.matches=2"),
    (["matching=lattice"], "both at least 3, but num_agents is 10: e.g. num_agents=12 .* or matching=ring"),
    (["matching=lattice", *TWELVE, "matching.rows=2"], "divide num_agents = 12 .* but is 2: choose one of 3, 4"),
    (["matching=lattice", "matching.rows=5"], "but is 5: no number does: change num_agents"),
    (
        ["matching=strangers", "matching.matches=4"],
        "10 agents at matching.matches=4 can play 2 rounds, but num_rounds is 3: set num_rounds=2 or seat more agents",
    ),
    (["matching=strangers", "num_rounds=10"], "can play 9 rounds, but num_rounds is 10"),
    (["matching=self_play", "scenario=asymmetric_9_1"], "at least 2 agents of each slot, but .* seats 1 of 'b'"),
    (["matching=self_play", "matching.matches=5"], "at most 4 under matching=self_play, since slot 'a' seats 5 agents"),
    (
        ["matching=self_play", "evolution.rule=moran"],
        "under evolution.rule=moran a slot .* set evolution.rule=none",
    ),
]


@pytest.mark.parametrize(("overrides", "message"), REFUSALS)
def test_what_cannot_be_matched_is_refused_with_its_cure(
    composed: Callable[..., Config], overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        composed(*overrides)
    assert "\n" not in str(refusal.value)


TOLD = [
    ([], "In this round you play one match with each of the 9 other participants. Write in one"),
    (["matching=random_pairs"], "you play 3 matches, each with a different one of the 9 other participants. Write"),
    (["matching=random_pairs", "matching.matches=1"], "you play 1 match, with one of the 9 other participants. Write"),
    (["matching=ring"], "you play 2 matches, each with a different one of the 9 other participants. Write"),
    (["matching=lattice", *TWELVE], "you play 4 matches, each with a different one of the 11 other participants."),
    (["matching=strangers"], "1 match, with one of the 9 other participants. Whom you meet you will not meet again."),
    (["matching=self_play"], "you play 4 matches, each with a different one of the 9 other participants. Write"),
    (["matching=self_play", "scenario=asymmetric_7_3"], "you play 2 to 6 matches, each with a different one"),
    (
        ["matching=strangers", "num_agents=5", "scenario.model_distribution={a: 2, b: 3}"],
        "you play at most 1 match, with one of the 4 other participants.",
    ),
]


@pytest.mark.parametrize(("overrides", "words"), TOLD)
def test_agents_are_told_how_they_are_matched(
    composed: Callable[..., Config], overrides: list[str], words: str
) -> None:
    assert words in Prompts(composed(*overrides)).strategy()[-1].content


def test_another_matching_is_another_cell(composed: Callable[..., Config]) -> None:
    here, there = identity(composed()), identity(composed("matching=random_pairs", "evolution.rule=moran"))
    changed = {key for key in there if here[key] != there[key]}
    assert changed == {"matching.name", "matching.kind", "matching.matches", "matching.told", "evolution.rule"}
    assert {key for key in changed if defines_the_cell(key)} == {"matching.kind", "matching.matches", "evolution.rule"}


class Cooperator:
    """Answers at once, and remembers who was asked to decide."""

    def __init__(self) -> None:
        self.decided = Counter[int]()

    async def complete(self, request: Request) -> Reply:
        await asyncio.sleep(0)
        self.decided[request.place.agent] += request.place.purpose is Purpose.DECISION
        return Reply("key", request.slot, request.slot, False, "COOPERATE", finish_reason="stop")


@pytest.mark.parametrize(
    "overrides",
    [["matching=random_pairs"], ["matching=ring"], ["matching=lattice", *TWELVE], ["matching=strangers"]],
    ids=" ".join,
)
def test_a_tournament_plays_its_matching_and_no_other_match(
    scripted: Callable[..., Config], overrides: list[str]
) -> None:
    config, model = scripted("num_rounds=2", *overrides), Cooperator()
    record = asyncio.run(play_tournament(config, model, 1))
    slots = [agent.model for agent in population(config.seats, seed=0)]
    for round_ in (1, 2):
        matches = [match for match in record.matches if match.round == round_]
        assert [tuple(d.agent for d in match.decisions) for match in matches] == [
            fixture.agents for fixture in round_fixtures(config, slots, 1, round_)
        ]
    assert set(model.decided.values()) == {2 * matches_per_round(config) * 2 // config.num_agents}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_every_matching_runs_from_configuration_to_report(
    scripted: Callable[..., Config], tmp_path: Path, kind: MatchingKind
) -> None:
    quiet = ["tracking.enabled=false", "progress=plain", "num_rounds=2", "replicates=2"]
    config, shown = scripted(f"matching={kind.value}", *TWELVE, *quiet), Console(file=io.StringIO(), width=200)
    with Process() as process:
        assert run_cell(Cell(config, tmp_path, "go on", "run.py"), {}, shown, process)[0] is ExitCode.DONE
        again = replace(config, replay=ReplayMode.strict)
        assert run_cell(Cell(again, tmp_path, "go on", "run.py"), {}, shown, process) == (ExitCode.DONE, "")
    decisions = pd.read_parquet(tmp_path / "decisions.parquet")
    matches = 4 * matches_per_round(config)
    assert len(decisions) == 2 * matches
    assert (decisions.groupby(["replicate", "round", "matchday", "agent"]).size() == 1).all()
    made = len((tmp_path / "calls.jsonl").read_text().splitlines())
    assert estimate(config, {}).calls == made == 4 * 12 + 2 * matches
    said = shown.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above
    assert f"4 rounds, {matches} matches, {made} calls" in said
    assert "round 2 of 2, replicate 2 of 2 played" in said
    assert f"- matching: {matching_in_words(config)}" in (tmp_path / "report.md").read_text()
