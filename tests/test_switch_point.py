"""Where cooperation sets in: planted switches are found, and none is where there is none."""

from __future__ import annotations

import math
import random

import pytest

from acausal.analysis.switch_point import curve, switch_point

GRID = (0.0, 0.5, 0.6, 0.67, 0.77, 1.0)


def units(switch: float, slope: float, number: int, each: int, seed: int) -> list[dict[float, tuple[int, int]]]:
    draw = random.Random(seed)
    return [
        {r: (sum(draw.random() < 1 / (1 + math.exp(-slope * (r - switch))) for _ in range(each)), each) for r in GRID}
        for _ in range(number)
    ]


def test_a_clean_step_lies_midway_between_the_probabilities_that_it_separates() -> None:
    step = [{r: (8 * (r > 0.7), 8) for r in GRID}] * 5
    found = switch_point(step)
    assert found is not None
    assert (found.low, found.high) == (0.67, 0.77)
    assert found.value == pytest.approx(0.72, abs=0.015)
    assert "all units equal" in found.method


def test_planted_switches_are_covered_and_not_biased() -> None:
    found = [switch_point(units(0.62, 12, 10, 8, seed)) for seed in range(120)]
    known = [each for each in found if each is not None and each.low is not None and each.high is not None]
    assert len(known) >= 118
    error = sum(each.value for each in known) / len(known) - 0.62
    spread = (sum((each.value - 0.62) ** 2 for each in known) / len(known)) ** 0.5
    assert abs(error) < 3 * spread / len(known) ** 0.5 + 0.005
    assert sum((each.low or 0) <= 0.62 <= (each.high or 0) for each in known) / len(known) >= 0.90


@pytest.mark.parametrize(
    "counts",
    [
        {0.0: (4, 8), 1.0: (4, 8)},
        {0.0: (8, 8), 0.5: (4, 8), 1.0: (0, 8)},
        {0.0: (0, 8), 0.5: (0, 8), 1.0: (0, 8)},
        {0.5: (3, 8)},
        {},
    ],
    ids=["flat", "falling", "never", "one probability", "nothing"],
)
def test_without_a_rise_through_one_half_there_is_no_switch(counts: dict[float, tuple[int, int]]) -> None:
    assert switch_point([counts] * 3) is None


def test_one_unit_has_no_interval() -> None:
    found = switch_point(units(0.6, 10, 1, 40, 3))
    assert found is not None
    assert (found.low, found.clusters) == (None, 1)


def test_the_curve_is_that_of_firths_penalty() -> None:
    # Two groups, 0 of 4 and 4 of 4: the penalised odds are (0 + 1/2) / (4 + 1/2) and their inverse.
    fitted = curve([{0.0: (0, 4), 1.0: (4, 4)}])
    assert fitted is not None
    assert fitted[0] == pytest.approx(math.log(0.5 / 4.5), abs=1e-6)
    assert fitted[0] + fitted[1] == pytest.approx(math.log(4.5 / 0.5), abs=1e-6)
