"""Decisions of another system in our own tables: rates, pairings, outcomes, payoffs, position, contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acausal.analysis.contrasts import Arm
from acausal.analysis.outcomes import mean_payoff_by_model, outcome_shares
from acausal.analysis.position import position_effects
from acausal.analysis.rates import by_model, grouped, matrix
from acausal.records import Decision
from acausal.report.arms import ArmOnRecord, Group
from acausal.report.contrasts import document as contrasts_document
from acausal.report.foreign import Foreign
from acausal.report.rows import interval, percent, rate_rows
from acausal.report.table_files import Value
from acausal.report.text_tables import markdown


def analysis(foreign: Foreign, *, title: str) -> str:
    """The document; ends with a line break. Conditions are never pooled: each has its own tables."""
    decisions = foreign.decisions
    conditions = grouped(decisions, lambda d: d.condition)
    parts = [f"# {title}\n\n{_facts(foreign)}\n"]
    for condition, own in conditions.items():
        parts.append((f"## Condition {condition}\n\n" if len(conditions) > 1 else "") + _of_condition(own))
    parts.append(f"## Position and words\n\n{_positions(decisions)}")
    parts.append(f"## Arms\n\n{contrasts_document(groups_of(decisions, foreign.told))}")
    return "\n".join(parts)


def groups_of(decisions: Sequence[Decision], told: Mapping[str, Arm | None]) -> list[Group]:
    """The decisions as arms, model by model."""
    return [
        Group(
            model,
            1,
            {
                condition: ArmOnRecord(condition, told.get(condition), chosen)
                for condition, chosen in grouped(own, lambda d: d.condition).items()
            },
        )
        for model, own in grouped(decisions, lambda d: d.agent_model).items()
    ]


def _facts(foreign: Foreign) -> str:
    decisions = foreign.decisions
    replicates = len({d.replicate for d in decisions})
    legible = sum(d.action is not None for d in decisions)
    substituted = sum(d.substituted for d in decisions)
    read = ", ".join(f"{name} = {'/'.join(columns)}" for name, columns in foreign.columns.items())
    lines = [
        f"{len(decisions)} decisions, {legible} with an action"
        + (f", {substituted} substituted" if substituted else "")
        + f"; {replicates} replicate{'' if replicates == 1 else 's'}.",
        f"Read: {read}.",
    ]
    if "replicate" not in foreign.columns:
        lines.append(
            "No column says what was repeated independently, so there is no interval over replicates: decisions of one "
            "game hang together. Map replicate to the column that numbers games or runs, if each was played afresh."
        )
    return "\n\n".join(lines)


def _of_condition(decisions: Sequence[Decision]) -> str:
    rates: list[list[Value]] = [
        [
            row.model,
            row.round or "all",
            percent(row.estimate.value if row.estimate else None),
            interval(row.estimate),
            row.estimate.n if row.estimate else 0,
            row.decisions,
            row.legible,
        ]
        for row in rate_rows(decisions)
    ]
    parts = [markdown((["model", "round", "cooperates", "95 % interval", "n", "decisions", "with an action"], rates))]
    pairs = matrix(decisions)
    if len(pairs) > 1:
        met: list[list[Value]] = [
            [a, b, percent(rate.value if rate else None), interval(rate), rate.n if rate else 0]
            for (a, b), rate in pairs.items()
        ]
        parts.append(markdown((["model", "meets", "cooperates", "95 % interval", "n"], met)))
    shares = outcome_shares(decisions)
    if any(shares.values()):
        outcomes: list[list[Value]] = [
            [outcome, percent(share.value if share else None), interval(share), share.n if share else 0]
            for outcome, share in shares.items()
        ]
        parts.append(markdown((["own action, co-player's", "share", "95 % interval", "n"], outcomes)))
    payoffs: list[list[Value]] = [
        [model, f"{mean.value:.3f}", "–" if mean.low is None else f"{mean.low:.3f}–{mean.high:.3f}", mean.n]
        for model, mean in mean_payoff_by_model(decisions).items()
        if mean is not None
    ]
    if payoffs:
        parts.append(markdown((["model", "mean payoff", "95 % interval", "n"], payoffs)))
    treated = by_model(decisions, intention_to_treat=True)
    if any(decision.substituted for decision in decisions):
        told: list[list[Value]] = [[m, percent(r.value if r else None), r.n if r else 0] for m, r in treated.items()]
        parts.append(markdown((["model", "by intention to treat", "n"], told)))
    return "\n".join(parts)


def _positions(decisions: Sequence[Decision]) -> str:
    rows: list[list[Value]] = [
        [
            *(each.model, percent(each.first_option_share), _points(each.payoff_order_effect)),
            "–" if each.label is None else f"{each.label} {_points(each.label_effect)}",
            ", ".join(each.flags) or "–",
        ]
        for each in position_effects(decisions)
    ]
    return markdown((["model", "first option", "payoff rows", "label", "beyond 10 points"], rows))


def _points(effect: float | None) -> str:
    return "no data" if effect is None else f"{100 * effect:+.1f} points"
