"""Every estimand for which a sweep or a cell has the data: E1 to E13, nuisances and inequality, none a bare number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

from acausal.analysis.contrasts import Arm, Contrast, as_assigned, contrasts, per_protocol
from acausal.analysis.inference import Estimate
from acausal.analysis.nuisance import nuisance_effects
from acausal.analysis.outcomes import gini_of_power, gini_of_scores, mean_payoff, outcome_shares
from acausal.analysis.own_kind import WARNING, first_encounters, own_kind, pooled_gap, told_by_actual
from acausal.analysis.prompts import evidential_correlation
from acausal.analysis.rates import bounds, cooperation_rate, grouped, matrix
from acausal.analysis.strategies import coded_programs, execution_fidelity, strategy_level
from acausal.records import Decision, StrategyRecord
from acausal.report.arms import Cell, Group, told_by
from acausal.report.evidence import mediation_of, threshold_of
from acausal.report.table_files import Table
from acausal.settings.treatment import Claim, Linkage

ALL = "all models"
HEAD = ("where", "model", "estimand", "quantity", "value", "low", "high", "n", "clusters", "method")
ESTIMATES_HEAD = ("model", "estimand", "quantity", "value, 95 % interval", "n", "units", "method")
"""Of what `shown_rows` gives."""
MOST_MODELS = 6
"""Up to which every pair of models is compared; of more, each with itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """One estimate and what it is of."""

    where: str
    """The cell; empty for the sweep as a whole."""
    model: str
    key: str
    """Of analysis/estimands.py; empty for what is no estimand of the design."""
    quantity: str
    estimate: Estimate


def of_cell(
    title: str,
    decisions: Sequence[Decision],
    strategies: Sequence[StrategyRecord] = (),
    failing: frozenset[tuple[str, int]] = frozenset(),
) -> list[Line]:
    """Everything that one cell says, model by model, then of all of them.

    Args:
        failing: (model that decides, wording) whose comprehension was not shown.
    """
    lines: list[Line] = []
    models = grouped(decisions, lambda d: d.agent_model)
    coded = coded_programs(strategies, decisions)
    first = first_encounters(decisions)
    for model, own in models.items():
        named = [*_rates(own, failing), *_first(own, first)]
        mine = [each for each in coded if each.model == model]
        named += [("E11", "strategy level σ", strategy_level(mine))] if mine else []
        named += [("E11a", "execution fidelity F", execution_fidelity(mine, own))] if mine else []
        named += [("E13a", "mean payoff, points a decision", mean_payoff(own))]
        named += [("", f"{name} effect", found) for name, found in nuisance_effects(own).items()]
        lines += [Line(title, model, key, what, found) for key, what, found in named if found is not None]
    pooled = _of_all(decisions, models)
    lines += [Line(title, ALL, key, what, found) for key, what, found in pooled if found is not None]
    return lines


def of_sweep(cells: Sequence[Cell], groups: Sequence[Group], failing: frozenset[tuple[str, int]]) -> list[Line]:
    """What only several cells together say: contrasts in their three readings, E4, Θ, beliefs, and E9."""
    lines: list[Line] = []
    for group in groups:
        lines += [Line("", group.model, key, what, found) for key, what, found in _contrasts(group, failing)]
    for model in dict.fromkeys(group.model for group in groups):
        theta = threshold_of(cells, model)
        if theta is not None and theta.theta is not None:
            lines.append(Line("", model, "E8", "threshold tracking Θ", theta.theta))
        for (claim, linkage), own in mediation_of(cells, model).items():
            told = f"told {claim.value}, {linkage.value}"
            beliefs = (
                ("belief κ̂ = q1 − q0", own.evidential),
                ("EDT score, points", own.score),
                ("share that chooses by that score", own.follows),
            )
            lines += [Line("", model, "E12", f"{what}, {told}", found) for what, found in beliefs if found is not None]
    lines += _alike(groups)
    by_arm = {told_by(cell.config): cell.decisions for cell in cells}
    pair = [by_arm.get((claim, Linkage.none)) for claim in (Claim.identical_copy, Claim.different_model)]
    if pair[0] and pair[1] and (found := told_by_actual(pair[0], pair[1])) is not None:
        lines.append(Line("", ALL, "E4", "told × actual, a negative control: 0 in one shot", found))
    return lines


def estimates_table(lines: Sequence[Line]) -> Table:
    """With plain numbers."""
    return Table(
        "estimates",
        "Estimates",
        HEAD,
        [
            (x.where, x.model, x.key, x.quantity, e.value, e.low, e.high, e.n, e.clusters, e.method)
            for x in lines
            for e in (x.estimate,)
        ],
    )


def shown_rows(lines: Sequence[Line]) -> list[list[str]]:
    """For people: model, estimand, value with interval, n, units, method."""
    return [
        [
            *(line.model, line.key or "–", line.quantity, _value(line.estimate)),
            *(f"{line.estimate.n:,}", f"{line.estimate.clusters:,}", line.estimate.method),
        ]
        for line in lines
    ]


def _value(each: Estimate) -> str:
    value = f"{each.value:.3f}"
    return value if each.low is None or each.high is None else f"{value} [{each.low:.3f}, {each.high:.3f}]"


_Named = tuple[str, str, Estimate | None]


def _rates(own: Sequence[Decision], failing: frozenset[tuple[str, int]]) -> Iterator[_Named]:
    rate = cooperation_rate(own)
    yield "E1", "cooperation rate", rate
    if any(decision.substituted for decision in own):
        yield "E1", "cooperation rate, intention to treat", cooperation_rate(own, intention_to_treat=True)
    if any((decision.model, decision.paraphrase or 1) in failing for decision in own):
        kept = [decision for decision in own if (decision.model, decision.paraphrase or 1) not in failing]
        yield "E1", "cooperation rate, per protocol", cooperation_rate(kept)
    ends = bounds(own)
    if rate is not None and ends is not None and ends[0] != ends[1]:
        bounded = replace(rate, low=ends[0], high=ends[1], method="bounds: all missing defect, all cooperate")
        yield "E1", "worst and best case", bounded


def _first(own: Sequence[Decision], first: Sequence[Decision]) -> Iterator[_Named]:
    met = [decision for decision in first if decision.agent_model == own[0].agent_model]
    if len(met) < len(own):
        yield "E1", "cooperation rate, first encounters", cooperation_rate(met)


def _of_all(decisions: Sequence[Decision], models: Mapping[str, object]) -> Iterator[_Named]:
    for name, share in outcome_shares(decisions).items():
        yield "E13", f"share of {name}", share
    yield "", "Gini coefficient of scores", gini_of_scores(decisions)
    yield "", "Gini coefficient of power", gini_of_power(decisions)
    if len(models) < 2:
        return
    for (model, met), rate in matrix(decisions).items():
        if len(models) <= MOST_MODELS or model == met:
            yield "E1", f"cooperation rate of {model} with {met}", rate
    yield "E10", "own kind, first encounters", own_kind(decisions)
    yield "E3", "matching effect of the actual co-player, all encounters", own_kind(decisions, first_only=False)
    gap = pooled_gap(decisions)
    if gap is not None:
        n, units = sum(d.counts for d in decisions), len({d.replicate for d in decisions})
        yield "", "pooled gap, not to be read as recognition", Estimate(gap, None, None, n, units, WARNING)


_BOUNDS = "bounds: all that is missing chosen against it, and for it"
_KEYS = {"told": "E2", "I - none": "E2a", "none - D": "E2b", "Γ": "E5", "Γ50": "E5a", "B": "E6"} | {
    "S_I": "E7",
    "S_D": "E7a",
    "ΔS": "E7b",
}


def _contrasts(group: Group, failing: frozenset[tuple[str, int]]) -> Iterator[tuple[str, str, Estimate]]:
    told = group.told
    readings: list[tuple[str, Mapping[Arm, Sequence[Decision]]]] = [("", told)]
    every = [decision for own in told.values() for decision in own]
    if any(decision.substituted for decision in every):
        readings.append((", intention to treat", as_assigned(told)))
    if any((decision.model, decision.paraphrase or 1) in failing for decision in every):
        readings.append((", per protocol", per_protocol(told, failing)))
    for words, arms in readings:
        for name, each in contrasts(arms).items():
            if (found := _estimate(each)) is not None:
                yield _KEYS.get(name, ""), f"{name}{words}", found
                if not words and each.worst is not None and each.worst[0] != each.worst[1]:
                    bounded = replace(found, low=each.worst[0], high=each.worst[1], method=_BOUNDS)
                    yield _KEYS.get(name, ""), f"{name}, worst and best case", bounded


def _estimate(each: Contrast) -> Estimate | None:
    if each.value is None:
        return None
    return Estimate(each.value, each.low, each.high, each.units, each.units, f"{each.method}; unit: {each.unit}")


def _alike(groups: Sequence[Group]) -> list[Line]:
    decisions: dict[str, list[Decision]] = {}
    for group in groups:
        for arm in group.arms.values():
            decisions.setdefault(group.model, []).extend(arm.decisions)
    pairs = list(combinations_with_replacement(sorted(decisions), 2))
    lines = []
    for a, b in pairs if len(decisions) <= MOST_MODELS else [pair for pair in pairs if pair[0] == pair[1]]:
        found = evidential_correlation((a, decisions[a]), (b, decisions[b]))
        for what, each in (("chooses alike on a prompt", found.match), ("κ, real evidential correlation", found.kappa)):
            if each is not None:
                lines.append(Line("", a, "E9", f"{what} as {'itself' if a == b else b}", each))
    return lines
