"""Conditions of another system's data compared: over units, and over decisions with clustered errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from acausal.analysis import clustered
from acausal.analysis.binomial import fisher
from acausal.analysis.clustered import Sums
from acausal.analysis.contrasts import mean_interval
from acausal.analysis.inference import Estimate
from acausal.analysis.rates import grouped
from acausal.analysis.significance import Test, holm, paired, two_samples
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Decision
from acausal.report.table_files import Table, Value
from acausal.settings.spelling import nearest

MOST = 6
"""Conditions up to which each is compared with each; of more, one must be named that they are compared with."""
HEAD = (
    *("model", "condition", "minus", "difference", "low", "high", "units", "p_value", "p_holm", "method", "test"),
    *("difference_of_decisions", "se_difference_clustered", "low_clustered", "high_clustered", "p_clustered"),
    *("log_odds_ratio", "se_log_odds_clustered", "p_fisher", "n", "replicates"),
)


def contrast_table(decisions: Sequence[Decision], *, paired: bool, baseline: str | None) -> Table:
    """Differences of cooperation rates, Holm's p over all of a model's.

    Args:
        paired: Whether a replicate of one number is the same unit in every condition.
        baseline: The condition that the others are compared with; None: each with each, of up to MOST.

    Raises:
        ConfigError: There is no such condition.
    """
    pairs = _pairs(sorted({d.condition for d in decisions}), baseline)
    rows: list[tuple[Value, ...]] = []
    for model, own in grouped(decisions, lambda d: d.agent_model).items():
        arms = {name: _sums(chosen) for name, chosen in grouped(own, lambda d: d.condition).items()}
        met = [(one, other) for one, other in pairs if arms.get(one) and arms.get(other)]
        found = [_over_units(arms[one], arms[other], paired=paired) for one, other in met]
        adjusted = iter(holm([test.p_value for _, test in found if test.p_value is not None]))
        for (one, other), (estimate, test) in zip(met, found, strict=True):
            p_holm = None if test.p_value is None else next(adjusted)
            rows.append(
                (
                    *(model, one, other, estimate.value, estimate.low, estimate.high, estimate.n, test.p_value),
                    *(p_holm, estimate.method, test.method),
                    *_over_decisions(arms[one], arms[other], paired=paired),
                )
            )
    return Table("contrasts", "Conditions compared", HEAD, rows)


def _pairs(names: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    """Which condition is compared with which."""
    if baseline is not None and baseline not in names:
        listed = ", ".join(map(repr, names[:20]))
        raise ConfigError(f"--baseline is {baseline!r}: conditions are {listed}{nearest(baseline, list(names))}")
    if baseline is not None:
        return [(name, baseline) for name in names if name != baseline]
    return [(other, one) for one, other in combinations(names, 2)] if len(names) <= MOST else []


def _over_units(one: Sums, other: Sums, *, paired: bool) -> tuple[Estimate, Test]:
    rates = [{unit: Fraction(round(total), n) for unit, (total, n) in arm.items()} for arm in (one, other)]
    shared = sorted(rates[0].keys() & rates[1].keys())
    if paired:
        return _within([rates[0][unit] - rates[1][unit] for unit in shared], rates)
    estimate, test = two_samples([*map(float, rates[0].values())], [*map(float, rates[1].values())])
    if not shared:
        return estimate, test
    why = _shared(len(shared), alone=len(rates[0]) == len(rates[1]) == 1)
    return replace(estimate, low=None, high=None, method=why), Test(None, why)


def _over_decisions(one: Sums, other: Sums, *, paired: bool) -> tuple[Value, ...]:
    """What the last columns of HEAD hold; without errors where it is not known which clusters are the same."""
    apart, odds = clustered.difference(one, other), clustered.log_odds(one, other)
    if apart is None:
        return (None,) * 10
    known = paired or not one.keys() & other.keys()
    errors = (apart.se, apart.low, apart.high, apart.p_value) if known else (None,) * 4
    alone = known and not paired and all(n == 1 for arm in (one, other) for _, n in arm.values())
    counts = [(round(sum(total for total, _ in arm.values())), len(arm)) for arm in (one, other)]
    return (
        *(apart.value, *errors),
        *((odds.value, odds.se if known else None) if odds else (None, None)),
        *(fisher(*counts) if alone else None, apart.n, apart.clusters),
    )


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


def _sums(decisions: Sequence[Decision]) -> Sums:
    return clustered.sums((d.replicate, float(d.action is Action.COOPERATE)) for d in decisions if d.counts)
