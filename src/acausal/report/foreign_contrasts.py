"""Conditions of another system's data compared: over units, and over decisions with clustered errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from acausal.analysis import clustered
from acausal.analysis.contrasts import mean_interval
from acausal.analysis.inference import Estimate
from acausal.analysis.rates import grouped
from acausal.analysis.significance import Test, holm, paired, two_samples
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Decision
from acausal.report.table_files import Table, Value
from acausal.spelling import nearest

MOST = 6
"""Conditions up to which each is compared with each; of more, one must be named that they are compared with."""
HEAD = (
    *("model", "condition", "minus", "difference", "low", "high", "units", "p_value", "p_holm", "method", "test"),
    *("difference_of_decisions", "se_difference_clustered", "low_clustered", "high_clustered", "p_clustered"),
    *("n", "replicates"),
)


def contrast_table(decisions: Sequence[Decision], *, paired: bool, baseline: str | None) -> Table:
    """Differences of cooperation rates, Holm's p over all of a model's.

    Args:
        paired: Whether a replicate of one number is the same unit in every condition.
        baseline: The condition that the others are compared with; None: each with each, of up to MOST.

    Raises:
        ConfigError: There is no such condition.
    """
    names = sorted({d.condition for d in decisions})
    if baseline is not None and baseline not in names:
        listed = ", ".join(map(repr, names[:20]))
        raise ConfigError(f"--baseline is {baseline!r}: conditions are {listed}{nearest(baseline, names)}")
    title = "Conditions compared"
    if baseline is not None:
        pairs = [(name, baseline) for name in names if name != baseline]
    elif len(names) <= MOST:
        pairs = [(other, one) for one, other in combinations(names, 2)]
    else:
        pairs = []
    rows: list[tuple[Value, ...]] = []
    for model, own in grouped(decisions, lambda d: d.agent_model).items():
        arms = grouped((d for d in own if d.counts), lambda d: d.condition)
        met = [(one, other) for one, other in pairs if one in arms and other in arms]
        found = [_compared(arms[one], arms[other], paired=paired) for one, other in met]
        tested = [test.p_value for _, test, _ in found if test.p_value is not None]
        adjusted = iter(holm(tested))
        for (one, other), (estimate, test, robust) in zip(met, found, strict=True):
            p_holm = None if test.p_value is None else next(adjusted)
            rows.append(
                (
                    *(model, one, other, estimate.value, estimate.low, estimate.high, estimate.n, test.p_value),
                    *(p_holm, estimate.method, test.method),
                    *((robust.value, robust.se, robust.low, robust.high, robust.p_value) if robust else (None,) * 5),
                    *((robust.n, robust.clusters) if robust else (None, None)),
                )
            )
    return Table("contrasts", title, HEAD, rows)


def _compared(
    one: Sequence[Decision], other: Sequence[Decision], *, paired: bool
) -> tuple[Estimate, Test, clustered.Clustered | None]:
    first, second = _sums(one), _sums(other)
    rates = [{unit: Fraction(round(total), n) for unit, (total, n) in arm.items()} for arm in (first, second)]
    shared = sorted(rates[0].keys() & rates[1].keys())
    robust = clustered.difference(first, second)
    if paired:
        return *_within([rates[0][unit] - rates[1][unit] for unit in shared], rates), robust
    estimate, test = two_samples([*map(float, rates[0].values())], [*map(float, rates[1].values())])
    if shared:
        why = _shared(len(shared), alone=len(rates[0]) == len(rates[1]) == 1)
        bare = None if robust is None else replace(robust, se=None, low=None, high=None, p_value=None)
        return replace(estimate, low=None, high=None, method=why), Test(None, why), bare
    return estimate, test, robust


def _shared(replicates: int, *, alone: bool) -> str:
    """Why arms with replicates of one name are not compared."""
    if alone:
        return "refused: one replicate in all; map replicate, to @row if every row stands alone"
    return (
        f"refused: {replicates} replicates have the same name in both conditions; --paired if they are the same, else "
        "map replicate=COLUMN+COLUMN with what tells them apart"
    )


def _within(differences: Sequence[Fraction], rates: Sequence[Mapping[int, Fraction]]) -> tuple[Estimate, Test]:
    if not differences:
        bare = sum(rates[0].values()) / len(rates[0]) - sum(rates[1].values()) / len(rates[1])
        why = "no replicate is in both conditions: --paired does not fit"
        return Estimate(float(bare), None, None, 0, 0, why), Test(None, why)
    n = len(differences)
    value, low, high, method = mean_interval(differences, -1.0, 1.0, 0.95)
    return Estimate(value, low, high, n, n, method), paired([*map(float, differences)])


def _sums(decisions: Sequence[Decision]) -> dict[int, tuple[float, int]]:
    return clustered.sums((d.replicate, float(d.action is Action.COOPERATE)) for d in decisions)
