"""Seeds, seats and the schedule: functions of their place in the design alone."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from acausal.design.population import population, seat_seed
from acausal.design.schedule import schedule
from acausal.design.seeds import placed_seed

SIZES = st.integers(min_value=2, max_value=23)


def test_a_placed_seed_is_the_same_in_every_process() -> None:
    program = "from acausal.design.seeds import placed_seed; print(placed_seed(7, 'decision', 1, 2, 3))"
    printed = {subprocess.check_output([sys.executable, "-c", program], env={"PYTHONHASHSEED": salt}) for salt in "12"}
    assert printed == {f"{placed_seed(7, 'decision', 1, 2, 3)}\n".encode()}


def test_different_places_get_different_seeds() -> None:
    places = [(replicate, round_, agent) for replicate in range(8) for round_ in range(10) for agent in range(100)]
    assert len({placed_seed(0, "strategy", *place) for place in places}) == len(places)


@given(seed=st.integers(), place=st.lists(st.integers() | st.text(), max_size=4))
def test_a_placed_seed_fits_every_api(seed: int, place: list[int | str]) -> None:
    assert 0 <= placed_seed(seed, *place) < 2**31


def test_seats_are_shuffled_so_that_a_models_agents_do_not_cluster() -> None:
    first_half = Counter[int]()
    for replicate in range(1, 201):
        agents = population({"a": 5, "b": 5}, seed=seat_seed(0, replicate))
        first_half[sum(agent.model == "a" for agent in agents[:5])] += 1
    assert len(first_half) >= 4
    assert abs(sum(count * times for count, times in first_half.items()) / 200 - 2.5) < 0.3


@given(counts=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1), seed=st.integers(0, 2**31))
def test_every_seat_is_filled_as_the_scenario_says(counts: dict[str, int], seed: int) -> None:
    agents = population(counts, seed=seed, power=100.0)
    assert Counter(agent.model for agent in agents) == counts
    assert [agent.id for agent in agents] == list(range(1, sum(counts.values()) + 1))


def test_seats_do_not_depend_on_the_order_of_the_distribution() -> None:
    assert population({"a": 3, "b": 4}, seed=5) == population({"b": 4, "a": 3}, seed=5)


@given(num_agents=SIZES, seed=st.integers(0, 2**31))
def test_every_pair_meets_once_and_nobody_plays_twice_a_matchday(num_agents: int, seed: int) -> None:
    fixtures = schedule(num_agents, seed=seed)
    assert Counter(tuple(sorted(fixture.agents)) for fixture in fixtures) == Counter(
        combinations(range(1, num_agents + 1), 2)
    )
    for matchday in {fixture.matchday for fixture in fixtures}:
        busy = Counter(agent for fixture in fixtures if fixture.matchday == matchday for agent in fixture.agents)
        assert max(busy.values()) == 1
    assert [fixture.match for fixture in fixtures] == list(range(1, len(fixtures) + 1))


@given(num_agents=SIZES, seed=st.integers(0, 2**31))
def test_meetings_count_an_agents_own_matches(num_agents: int, seed: int) -> None:
    met = Counter[int]()
    for fixture in schedule(num_agents, seed=seed):
        for agent, meeting in zip(fixture.agents, fixture.meetings, strict=True):
            met[agent] += 1
            assert meeting == met[agent]


def test_ten_agents_need_nine_matchdays_of_five() -> None:
    assert Counter(fixture.matchday for fixture in schedule(10, seed=0)) == dict.fromkeys(range(1, 10), 5)


def test_the_order_of_meetings_changes_with_the_seed() -> None:
    orders = {tuple(fixture.agents for fixture in schedule(10, seed=seed)) for seed in range(20)}
    assert len(orders) == 20


def test_drawing_seats_leaves_the_global_generator_alone() -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    population({"a": 10}, seed=3)
    schedule(10, seed=3)
    assert random.random() == expected
