"""Θ is 1 for one who computes with the payoffs, 0 for one who reacts to words, and unknown where nothing switches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from dsl import play

from acausal.analysis.threshold import Threshold, grid_of, threshold
from acausal.records import Decision

STARS = (0.576, 0.625, 0.714, 0.818, 0.833)
STEPS = tuple(round(0.1 * step, 1) for step in range(11))
FIRST, SECOND = play("CD", "DD")[0], play("DD", "DD")[0]


def grid(
    p_cooperate: Callable[[float, float], float],
    *,
    wordings: int = 10,
    each: int = 2,
    seed: int = 0,
    told: Sequence[float] = STEPS,
) -> dict[tuple[float, float], list[Decision]]:
    """An r-grid over payoff sets, played by a model with this probability of cooperating at r and r*."""
    rng = np.random.default_rng(seed)
    return {
        (r, star): [
            replace(FIRST if rng.random() < p_cooperate(r, star) else SECOND, paraphrase=wording)
            for wording in range(1, wordings + 1)
            for _ in range(each)
        ]
        for r in told
        for star in STARS
    }


def test_an_evidential_reasoner_with_a_tenth_of_noise_tracks_the_threshold() -> None:
    found = threshold(grid(lambda r, star: 0.9 if r > star else 0.1))
    assert found.theta is not None
    assert (found.theta.low or 0) > 0, found
    assert (found.theta.low or 0) < 1 < (found.theta.high or 0)
    assert found.theta.clusters == 10
    assert found.switch is not None
    assert [found.switch[star] for star in STARS] == pytest.approx(STARS, abs=0.1)


def test_one_who_reacts_to_the_words_does_not() -> None:
    found = threshold(grid(lambda r, _: 0.9 if r > 0.55 else 0.1, seed=1))
    assert found.theta is not None
    assert (found.theta.low or 0) < 0 < (found.theta.high or 0) < 1


def test_without_error_theta_is_what_the_grid_can_tell() -> None:
    exact = threshold(grid(lambda r, star: float(r > star)))
    assert exact.theta is not None
    assert exact.theta.low is not None
    assert 0 < exact.theta.low < 1 < (exact.theta.high or 0)
    assert "no sampling error" in exact.method
    blind = threshold(grid(lambda r, _: float(r > 0.55)))
    assert blind.theta is not None
    assert (blind.theta.low or 0) < 0 < (blind.theta.high or 0) < 1


@pytest.mark.parametrize("seed", range(2))
def test_a_coarse_grid_takes_certainty_and_not_the_truth(seed: int) -> None:
    """Between .77 and 1 nothing was told, where two of five r* lie: the logit alone is sure of a Θ near 1.5."""
    told = (0.0, 0.5, 0.6, 0.67, 0.77, 1.0)
    evidential = threshold(grid(lambda r, star: 0.9 if r > star else 0.1, each=8, seed=seed, told=told))
    assert evidential.theta is not None
    assert 0 < (evidential.theta.low or 0) < 1 < (evidential.theta.high or 0)
    assert evidential.method.endswith("widened to the grid's resolution")
    blind = threshold(grid(lambda r, _: 0.9 if r > 0.55 else 0.1, each=8, seed=seed, told=told))
    assert blind.theta is not None
    assert (blind.theta.low or 0) < 0 < (blind.theta.high or 0) < 1


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_grid_that_any_line_divides_tells_nothing(noise: float) -> None:
    told = grid(lambda r, star: 1 - noise if r > 0.9 else noise, told=(0.0, 1.0))
    two = {cell: own for cell, own in told.items() if cell[1] in (0.714, 0.833)}
    one_each = {cell: own for cell, own in two.items() if cell in ((0.0, 0.714), (1.0, 0.833))}
    assert threshold(one_each).theta is None


def test_one_undecided_cell_on_the_line_is_no_fit() -> None:
    cells = grid(lambda r, star: 0.5 if (r, star) == (0.7, 0.714) else float(r > star))
    assert "divide" in threshold(cells).method


@pytest.mark.parametrize(
    ("p_cooperate", "why"),
    [
        (lambda r, star: 0.0, "every decision is DEFECT"),
        (lambda r, star: 1.0, "every decision is COOPERATE"),
        (lambda r, star: float(star > 0.7), "the payoffs alone"),
        (lambda r, star: 0.5, "does not depend on the match probability"),
    ],
)
def test_where_nothing_switches_there_is_no_theta(p_cooperate: Callable[[float, float], float], why: str) -> None:
    found = threshold(grid(p_cooperate))
    assert found.theta is None
    assert why in found.method


def test_one_payoff_set_is_not_asked() -> None:
    one = {cell: own for cell, own in grid(lambda r, star: float(r > star)).items() if cell[1] == 0.625}
    assert threshold(one).method.startswith("not asked")
    assert threshold({}) == Threshold(None, threshold({}).method)


def test_few_wordings_give_theta_without_an_interval() -> None:
    found = threshold(grid(lambda r, star: 0.9 if r > star else 0.1, wordings=4, each=6))
    assert found.theta is not None
    assert found.theta.low is None
    assert found.method == "logit; 4 wordings, 6 needed for an interval"


def test_its_interval_covers_the_truth_as_often_as_it_says() -> None:
    """The fitted model itself, with wordings that shift the switch: Θ = 1 in 95 of 100 studies, give or take 3 SE."""

    def study(seed: int) -> Threshold:
        return threshold(grid(lambda r, star: 1 / (1 + np.exp(-12 * (r - star))), each=1, seed=seed))

    studies = [study(seed) for seed in range(60)]
    covered = [(each.theta.low or 9) <= 1 <= (each.theta.high or -9) for each in studies if each.theta is not None]
    assert len(covered) == 60
    assert np.mean(covered) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 60)


def test_arms_without_a_probability_are_no_part_of_the_grid() -> None:
    assert grid_of([(0.5, 0.625, [FIRST]), (None, 0.625, [FIRST]), (0.5, None, [FIRST]), (0.5, 0.625, [SECOND])]) == {
        (0.5, 0.625): [FIRST, SECOND]
    }
