"""Decisions of another system as tables: rates, pairings, outcomes, what follows what, payoffs, contrasts, position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from acausal.analysis import clustered
from acausal.analysis.binomial import clopper_pearson, wilson
from acausal.analysis.inference import Estimate, share
from acausal.analysis.memory import OUTCOMES, after, outcome_counts
from acausal.analysis.outcomes import mean_payoff, outcome_shares
from acausal.analysis.position import position_effects
from acausal.analysis.rates import bounds, cooperation_rate, grouped, matrix
from acausal.analysis.threshold import grid_of, threshold
from acausal.game import Action
from acausal.records import Decision
from acausal.report.foreign import Foreign, Seen
from acausal.report.foreign_contrasts import contrast_table
from acausal.report.rows import ALL_MODELS
from acausal.report.table_files import INTERVAL, Table, Value, interval_of

_ALONE = ("low_wilson", "high_wilson", "low_exact", "high_exact")
_ROBUST = ("se_clustered", "low_clustered", "high_clustered")


def tables_of(foreign: Foreign, *, paired: bool = False, baseline: str | None = None) -> list[Table]:
    """Every table with its numbers as they are; those without rows are left out. Conditions are never pooled.

    Args:
        paired: Whether conditions share their replicates.
        baseline: The condition that the others are compared with; None: each with each.

    Raises:
        ConfigError: There is no such condition.
    """
    decisions = foreign.decisions
    cells = _cells(foreign.seen)
    made = [
        _rates("rates", "Cooperation", (), [((), cell, own) for cell, own in cells.items()]),
        _rates("first", "First turns and first rounds", ("of",), _firsts(cells)),
        _rates("rates_by_round", "Cooperation by round", ("round",), _by(cells, lambda d: d.round)),
        _rates("rates_by_turn", "Cooperation by turn of a match", ("turn",), _by(cells, lambda d: d.turn)),
        _pairs(decisions),
        _outcomes(cells),
        _rates("after", "Cooperation after the turn before", ("after",), _after(cells)),
        _payoffs(cells),
        _intention_to_treat(cells),
        contrast_table(decisions, paired=paired, baseline=baseline),
        _thetas(foreign.seen),
        _positions(decisions),
    ]
    return [table for table in made if table.rows]


_Cell = tuple[str, str]
"""Condition, model."""
_Cells = Mapping[_Cell, Sequence[Seen]]
_Part = tuple[tuple[Value, ...], _Cell, Sequence[Seen]]
"""What a row is of beside its cell, the cell, and its decisions."""


def _cells(seen: Iterable[Seen]) -> dict[_Cell, list[Seen]]:
    """By condition and model, and over all models of a condition that has several."""
    found: defaultdict[_Cell, list[Seen]] = defaultdict(list)
    for each in seen:
        found[each.decision.condition, each.decision.agent_model].append(each)
    cells: dict[_Cell, list[Seen]] = {}
    for condition in sorted({condition for condition, _ in found}):
        models = sorted(model for where, model in found if where == condition)
        cells |= {(condition, model): found[condition, model] for model in models}
        if len(models) > 1:
            cells[condition, ALL_MODELS] = [each for model in models for each in found[condition, model]]
    return cells


def _decisions(seen: Iterable[Seen]) -> list[Decision]:
    return [each.decision for each in seen]


def _by(cells: _Cells, key: Callable[[Decision], int]) -> list[_Part]:
    """A part for each value of a place, where a cell has several."""
    found: list[_Part] = []
    for cell, own in cells.items():
        parts: defaultdict[int, list[Seen]] = defaultdict(list)
        for each in own:
            parts[key(each.decision)].append(each)
        found += [((value,), cell, parts[value]) for value in sorted(parts) if len(parts) > 1]
    return found


def _firsts(cells: _Cells) -> list[_Part]:
    """All decisions beside first ones, where there are others."""
    found: list[_Part] = []
    for cell, own in cells.items():
        turn, round_ = min(each.decision.turn for each in own), min(each.decision.round for each in own)
        parts = {
            "first turn of each match": [each for each in own if each.decision.turn == turn],
            "first round": [each for each in own if each.decision.round == round_],
            "first turn, first round": [
                each for each in own if each.decision.turn == turn and each.decision.round == round_
            ],
        }
        told = {name: part for name, part in parts.items() if len(part) < len(own)}
        distinct = {len(part): name for name, part in reversed(told.items())}
        kept = {name: part for name, part in told.items() if name in distinct.values()}
        found += [((name,), cell, part) for name, part in ({"all": own} | kept if kept else {}).items()]
    return found


def _after(cells: _Cells) -> list[_Part]:
    found: list[_Part] = []
    for cell, own in cells.items():
        for situation, decisions in after((each.decision, each.met) for each in own).items():
            if decisions:
                found.append(((situation,), cell, [Seen(decision) for decision in decisions]))
    return found


def _rates(name: str, title: str, of: Sequence[str], parts: Iterable[_Part]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for what, (condition, model), own in parts:
        decisions = _decisions(own)
        counted = [d for d in decisions if d.counts]
        chosen = clustered.sums((d.replicate, float(d.action is Action.COOPERATE)) for d in counted)
        low, high = bounds(decisions) or (None, None)
        rows.append(
            (
                *(condition, model, *what, len(decisions), sum(d.action is not None for d in decisions)),
                sum(d.action is Action.COOPERATE for d in counted),
                *interval_of(cooperation_rate(decisions)),
                *_robust(clustered.mean(chosen)),
                *_alone(chosen),
                *(low, high),
            )
        )
    counts = ("decisions", "with_action", "cooperations")
    limits = ("all_missing_defect", "all_missing_cooperate")
    return Table(name, title, ("condition", "model", *of, *counts, *INTERVAL, *_ROBUST, *_ALONE, *limits), rows)


def _robust(found: clustered.Clustered | None) -> tuple[Value, ...]:
    return (None, None, None) if found is None else (found.se, found.low, found.high)


def _alone(chosen: clustered.Sums) -> tuple[Value, ...]:
    """Wilson's and the exact interval, where every replicate is a single decision; else nothing: they do not hold."""
    n = len(chosen)
    if not n or any(count > 1 for _, count in chosen.values()):
        return (None,) * 4
    won = round(sum(total for total, _ in chosen.values()))
    return *wilson(won, n), *clopper_pearson(won, n)


def _pairs(decisions: Sequence[Decision]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for condition, chosen in grouped(decisions, lambda d: d.condition).items():
        for (own, met), rate in matrix(chosen).items():
            points = mean_payoff(d for d in chosen if (d.agent_model, d.coplayer_agent_model) == (own, met))
            rows.append((condition, own, met, *interval_of(rate), None if points is None else points.value))
    several = rows if len(rows) > len({row[0] for row in rows}) else []
    return Table("pairs", "Who meets whom", ("condition", "model", "meets", *INTERVAL, "points"), several)


def _outcomes(cells: _Cells) -> Table:
    rows = []
    for (condition, model), own in cells.items():
        # A match that was cut in two by model has its other side in another cell, so what was met is asked first.
        shares = outcome_shares(_decisions(own)) if model == ALL_MODELS else {}
        if not any(shares.values()):
            counts = outcome_counts((each.decision, each.met) for each in own)
            totals = [sum(seen.values()) for seen in counts.values()]
            shares = {each: share([seen[each] for seen in counts.values()], totals) for each in OUTCOMES}
        rows += [(condition, model, each, *interval_of(found)) for each, found in shares.items() if found]
    title = "Outcomes: own action, then the co-player's"
    return Table("outcomes", title, ("condition", "model", "outcome", *INTERVAL), rows)


def _payoffs(cells: _Cells) -> Table:
    """Points a decision; efficiency is where they lie from mutual defection (0) to mutual cooperation (1)."""
    rows: list[tuple[Value, ...]] = []
    for (condition, model), own in cells.items():
        decisions = _decisions(own)
        found = mean_payoff(decisions)
        if found is None:
            continue
        points = [(d.replicate, d.payoff) for d in decisions if d.payoff is not None and d.counts]
        gains = [
            (each.decision.payoff - each.game.punishment) / (each.game.reward - each.game.punishment)
            for each in own
            if each.decision.payoff is not None and each.decision.counts and each.game is not None
        ]
        efficiency = sum(gains) / len(gains) if gains else None
        robust = _robust(clustered.mean(clustered.sums(points)))
        rows.append((condition, model, *interval_of(found), *robust, efficiency))
    head = ("condition", "model", "mean", *INTERVAL[1:], *_ROBUST, "efficiency")
    return Table("payoffs", "Points a decision", head, rows)


def _intention_to_treat(cells: _Cells) -> Table:
    rows = [
        (*cell, *interval_of(cooperation_rate(_decisions(own), intention_to_treat=True)))
        for cell, own in cells.items()
        if any(each.decision.substituted for each in own)
    ]
    title = "By intention to treat: whoever answered, for the model assigned"
    return Table("intention_to_treat", title, ("condition", "model", *INTERVAL), rows)


def _thetas(seen: Sequence[Seen]) -> Table:
    """Θ by model, over conditions that differ in match probability and payoffs; without wordings, replicates stand."""
    worded = any(each.decision.paraphrase is not None for each in seen)
    rows: list[tuple[Value, ...]] = []
    told = [each for each in seen if each.told_r is not None and each.game is not None]
    for model in sorted({each.decision.agent_model for each in told}):
        own = [each for each in told if each.decision.agent_model == model]
        arms = [
            (each.told_r, each.game.r_star if each.game else None, [each.decision if worded else _as_wording(each)])
            for each in own
        ]
        found = threshold(grid_of(arms))
        theta: Estimate | None = found.theta
        if theta is None:
            rows.append((model, None, None, None, sum(each.decision.counts for each in own), None, found.method))
        else:
            rows.append((model, *interval_of(theta)))
    head = ("model", "theta", "low", "high", "n", "replicates", "method")
    return Table("theta", "Θ: how far the switch point moves with r*", head, rows)


def _as_wording(each: Seen) -> Decision:
    return replace(each.decision, paraphrase=each.decision.replicate)


def _positions(decisions: Sequence[Decision]) -> Table:
    effects = position_effects(decisions)
    rows = [
        (
            *(each.model, each.first_option_share, each.payoff_order_effect, each.label, each.label_effect),
            ", ".join(each.flags),
        )
        for each in effects
        if (each.first_option_share, each.payoff_order_effect, each.label_effect) != (None, None, None)
    ]
    head = ("model", "first_option_share", "payoff_order_effect", "label", "label_effect", "beyond_10_points")
    return Table("position", "Position and words", head, rows)
