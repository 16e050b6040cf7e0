"""E8: does the match probability from which a model cooperates move with the payoffs, as r* does?

logit P(C) = b0 + b1 r + b2 r*, with r the told match probability and r* = (T - S) / ((T - S) + (R - P)). The model
switches where the sum is 0, at r = -(b0 + b2 r*) / b1, so Θ = -b2/b1 is how far the switch moves when r* moves by 1:
1 for one who takes the own choice as evidence and computes with the payoffs, 0 for one who reacts to the words.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from acausal.analysis.inference import Estimate
from acausal.game import Action
from acausal.records import Decision

FEWEST_WORDINGS = 6
"""Clusters from which the interval of Θ is given."""
STEEP = 2.0
"""Standard errors that b1 must lie from 0: a ratio over a slope that may be 0 has no interval of this kind."""
_TOO_COARSE = "C and D are divided by lines of any Θ: the grid is too coarse"

Grid = Mapping[tuple[float, float], Sequence[Decision]]
"""(told match probability, r* of the payoffs in force) → decisions of one model."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Θ of one model, with what it was read from."""

    theta: Estimate | None
    """None where it cannot be told; its n are decisions, its clusters wordings."""
    method: str
    slope: float | None = None
    """b1: logits per unit of match probability; None where C and D are divided without error."""
    switch: dict[float, float] | None = None
    """r* → match probability at which the fitted P(C) is one half."""


def threshold(grid: Grid, *, level: float = 0.95) -> Threshold:
    """Θ by a logit whose covariance is clustered by wording, bias-reduced [mancl2001], with t of clusters - 2.

    Where a line divides all C from all D the logit has no maximum. Then every Θ whose line divides them is as good as
    every other, and the interval is their range: the resolution of the grid, with no sampling error in it. A model that
    takes steps and errs at random is no logit either: its fitted switch lies anywhere between two told probabilities,
    so where a line divides the majorities of the cells, the interval is never narrower than the range of those lines.

    Args:
        level: Coverage of the interval, in (0, 1).
    """
    rows = [(r, r_star, d.paraphrase or 1, _chose(d)) for (r, r_star), own in grid.items() for d in own if d.counts]
    if len({r_star for _, r_star, _, _ in rows}) < 2 or len({r for r, _, _, _ in rows}) < 2:
        return Threshold(None, "not asked: Θ needs two match probabilities and two payoff sets with different r*")
    if len({chose for *_, chose in rows}) < 2:
        return Threshold(None, f"every decision is {'COOPERATE' if rows[0][3] else 'DEFECT'}: no switch, so no Θ")
    payoffs = [[r_star for _, r_star, _, chose in rows if chose is action] for action in (True, False)]
    if max(payoffs[0]) <= min(payoffs[1]) or max(payoffs[1]) <= min(payoffs[0]):
        return Threshold(None, "the payoffs alone divide C from D: no switch, so no Θ")
    clusters = len({wording for _, _, wording, _ in rows})
    chosen = _chosen(rows)
    if _divided(chosen) is not None and (divided := _divided(_decided(chosen))) is not None:
        low, high = divided
        if not math.isfinite(high - low):
            return Threshold(None, _TOO_COARSE)
        method = "range of the lines that divide C from D without error; no sampling error in it"
        return Threshold(Estimate((low + high) / 2, low, high, len(rows), clusters, method), method)
    return _fitted(rows, clusters, level)


def grid_of(
    arms: Iterable[tuple[float | None, float | None, Sequence[Decision]]],
) -> dict[tuple[float, float], list[Decision]]:
    """Arms as (match probability, r*, decisions) → a grid; arms without one of the two are left out."""
    grid: defaultdict[tuple[float, float], list[Decision]] = defaultdict(list)
    for r, r_star, decisions in arms:
        if r is not None and r_star is not None:
            grid[r, r_star] += decisions
    return dict(grid)


_Row = tuple[float, float, int, bool]
"""r, r*, wording, whether it cooperated."""


def _chose(decision: Decision) -> bool:
    return decision.action is Action.COOPERATE


_Cells = Mapping[tuple[float, float], set[bool]]
"""(r, r*) → whether it cooperated: both where both were chosen."""


def _chosen(rows: Sequence[_Row]) -> _Cells:
    answers: defaultdict[tuple[float, float], set[bool]] = defaultdict(set)
    for r, r_star, _, chose in rows:
        answers[r, r_star].add(chose)
    return answers


def _decided(answers: _Cells) -> _Cells:
    """Without the cells in which both were chosen, through which a dividing line may pass anywhere near."""
    return {cell: seen for cell, seen in answers.items() if len(seen) == 1}


def _mostly(rows: Sequence[_Row]) -> _Cells:
    """What was chosen in each cell by the majority; both where there is none."""
    balance: defaultdict[tuple[float, float], int] = defaultdict(int)
    for r, r_star, _, chose in rows:
        balance[r, r_star] += 1 if chose else -1
    return {cell: {True, False} if not sign else {sign > 0} for cell, sign in balance.items()}


def _divided(answers: _Cells) -> tuple[float, float] | None:
    """The least and the largest Θ whose line r = a + Θ r* leaves all C on one side and all D on the other."""
    from scipy.optimize import linprog

    if not answers:
        return -math.inf, math.inf
    for above in (True, False):  # cooperation above the line, or below it; a cell with both lies on it
        lines = [
            ((1.0, r_star), r) if (chose is above) else ((-1.0, -r_star), -r)
            for (r, r_star), chosen in answers.items()
            for chose in chosen
        ]
        limits = {"A_ub": [line for line, _ in lines], "b_ub": [r for _, r in lines], "bounds": (None, None)}
        ends = [linprog([0.0, sign], **limits) for sign in (1.0, -1.0)]
        if ends[0].status == 2:  # no line
            continue
        low, high = (end.x[1] if end.status == 0 else sign * math.inf for end, sign in zip(ends, (-1, 1), strict=True))
        return float(low), float(high)
    return None


def _fitted(rows: Sequence[_Row], clusters: int, level: float) -> Threshold:
    import numpy as np
    from scipy.stats import t
    from statsmodels.genmod.cov_struct import Independence
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_estimating_equations import GEE

    data = np.array([(1.0, r, r_star, wording, chose) for r, r_star, wording, chose in rows])
    if np.linalg.matrix_rank(data[:, :3]) < 3:
        return Threshold(None, _TOO_COARSE)
    model = GEE(data[:, 4], data[:, :3], groups=data[:, 3], family=Binomial(), cov_struct=Independence())
    few = clusters < FEWEST_WORDINGS
    fitted = model.fit(cov_type="naive" if few else "bias_reduced")
    b0, b1, b2 = (float(each) for each in fitted.params)
    covariance = np.asarray(fitted.cov_params())
    if abs(b1) <= STEEP * math.sqrt(covariance[1, 1]):
        return Threshold(None, "cooperation does not depend on the match probability: no switch, so no Θ", b1)
    theta = -b2 / b1
    switch = {r_star: -(b0 + b2 * r_star) / b1 for r_star in sorted({row[1] for row in rows})}
    if few:
        method = f"logit; {clusters} wordings, {FEWEST_WORDINGS} needed for an interval"
        return Threshold(Estimate(theta, None, None, len(rows), clusters, method), method, b1, switch)
    gradient = np.array([0.0, b2 / b1**2, -1 / b1])
    half = float(t.ppf((1 + level) / 2, clusters - 2)) * math.sqrt(float(gradient @ covariance @ gradient))
    low, high, method = theta - half, theta + half, "logit clustered by wording, bias-reduced, delta method, t"
    resolved = _divided(_decided(_mostly(rows)))
    if resolved is not None and not math.isfinite(resolved[1] - resolved[0]):
        return Threshold(None, _TOO_COARSE, b1, switch)
    if resolved is not None and (resolved[0] < low or resolved[1] > high):
        low, high, method = min(low, resolved[0]), max(high, resolved[1]), f"{method}; widened to the grid's resolution"
    return Threshold(Estimate(theta, low, high, len(rows), clusters, method), method, b1, switch)
