"""How often the intervals of payoffs, inequality, own kind and thresholds hold the truth (docs/methods.md).

    python benchmarks/calibration_estimates.py [STUDIES]

Studies are decisions, judged by the functions that a report calls. Replicates of ten agents whose probability of
cooperating is drawn per replicate with correlation .2; the truth is that of five thousand replicates.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from acausal.analysis.inference import Estimate
from acausal.analysis.outcomes import gini_of_scores, mean_payoff
from acausal.analysis.own_kind import own_kind
from acausal.analysis.threshold import threshold
from acausal.game import Action
from acausal.records import Decision, Status

REPLICATES, RHO, MEAN = (3, 5, 10, 20), 0.2, 0.3
AGENTS = 10
STARS, TOLD = (0.576, 0.714, 0.833), (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Thresholds r* of three payoff sets, and match probabilities told."""
_POINTS = {(True, True): 3.0, (True, False): 0.0, (False, True): 5.0, (False, False): 1.0}
_BLANK = Decision(
    replicate=1,
    round=1,
    matchday=1,
    match=1,
    agent=1,
    coplayer=2,
    model="a",
    coplayer_model="b",
    agent_model="a",
    coplayer_agent_model="b",
    served_by="a",
    substituted=False,
    condition="",
    scenario="",
    action=Action.COOPERATE,
    status=Status.LEGIBLE,
    p_cooperate=None,
    payoff=None,
    power=100.0,
    call_key=None,
    reason=None,
)


def replicate(rng: np.random.Generator, number: int, lift: float = 0.0) -> list[Decision]:
    """One match of each agent; agents 1 to 5 are model a, the others b. Own kind is met by chance.

    Args:
        lift: Added to the probability of cooperating with the own kind.
    """
    p = float(rng.beta(MEAN * (1 - RHO) / RHO, (1 - MEAN) * (1 - RHO) / RHO)) * (1 - lift)
    seats = rng.permutation(AGENTS)
    found = []
    for match, (one, other) in enumerate(seats.reshape(-1, 2), start=1):
        kinds = ["ab"[int(agent >= AGENTS // 2)] for agent in (one, other)]
        chose = rng.random(2) < p + lift * (kinds[0] == kinds[1])
        for own, met in ((0, 1), (1, 0)):
            found.append(
                replace(
                    _BLANK,
                    replicate=number,
                    match=match,
                    agent=int((one, other)[own]),
                    coplayer=int((one, other)[met]),
                    model=kinds[own],
                    agent_model=kinds[own],
                    coplayer_agent_model=kinds[met],
                    action=Action.COOPERATE if chose[own] else Action.DEFECT,
                    payoff=_POINTS[bool(chose[own]), bool(chose[met])],
                )
            )
    return found


def answered(rng: np.random.Generator, wordings: int, theta: float) -> dict[tuple[float, float], list[Decision]]:
    """A grid of one who answers by a logit whose middle moves by theta when r* moves by 1, shifted by wording."""
    shifts = rng.normal(0, 0.5, wordings)
    grid = {}
    for star in STARS:
        middle = 0.714 + theta * (star - 0.714)
        for told in TOLD:
            p = 1 / (1 + np.exp(-(10 * (told - middle) + shifts[:, None])))
            chose = rng.random((wordings, 8)) < p
            grid[told, star] = [
                replace(_BLANK, paraphrase=wording + 1, action=Action.COOPERATE if own else Action.DEFECT)
                for wording, row in enumerate(chose)
                for own in row
            ]
    return grid


Judge = Callable[[Sequence[Decision]], Estimate | None]


def coverage(studies: int, draw: Callable[[], Sequence[Decision]], judge: Judge, truth: float) -> tuple[float, float]:
    """The share of intervals given that hold the truth, and the share of studies that get one."""
    found = [judge(draw()) for _ in range(studies)]
    given = [each for each in found if each is not None and each.low is not None and each.high is not None]
    inside = [(each.low or 0.0) <= truth <= (each.high or 0.0) for each in given]
    return (sum(inside) / len(given) if given else math.nan), len(given) / studies


def main(studies: int) -> None:
    """Print the table."""
    start, rng = time.perf_counter(), np.random.default_rng(0)
    many = [replicate(rng, number) for number in range(1, 5_001)]
    payoff, gini = mean_payoff([d for own in many for d in own]), gini_of_scores([d for own in many for d in own])
    assert payoff is not None
    assert gini is not None
    error = math.sqrt(0.05 * 0.95 / studies)
    print(f"{studies} studies a cell; Monte-Carlo standard error near 95 %: {error:.4f}.\n")
    print("| estimate | units | coverage | intervals given |\n| --- | --- | --- | --- |")
    for n in REPLICATES:

        def study(lift: float = 0.0, n: int = n) -> list[Decision]:
            return [d for number in range(1, n + 1) for d in replicate(rng, number, lift)]

        for name, judge, lift, truth in (
            ("mean payoff", mean_payoff, 0.0, payoff.value),
            ("Gini of scores", gini_of_scores, 0.0, gini.value),
            ("own kind, no effect", own_kind, 0.0, 0.0),
            ("own kind, 20 points", own_kind, 0.2, 0.2),
        ):
            held, given = coverage(studies, lambda lift=lift: study(lift), judge, truth)  # type: ignore[misc]
            print(f"| {name} | {n} | {held:.3f} | {given:.2f} |", flush=True)
    few = min(studies, 60)
    for wordings in (6, 10, 20):
        for theta in (0.0, 1.0):
            thetas = [threshold(answered(rng, wordings, theta)).theta for _ in range(few)]
            given_ = [each for each in thetas if each is not None and each.low is not None and each.high is not None]
            held = sum((each.low or 0.0) <= theta <= (each.high or 0.0) for each in given_) / max(1, len(given_))
            print(f"| Θ = {theta:g} | {wordings} | {held:.3f} | {len(given_) / few:.2f} |", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
