"""The tables of a cell's report, with plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acausal.analysis.inference import Estimate
from acausal.analysis.position import position_effects
from acausal.analysis.rates import matrix
from acausal.records import Decision
from acausal.report.gates import Gate
from acausal.report.rows import rate_rows
from acausal.report.table_files import INTERVAL, Table, Value, interval_of


def cell_tables(decisions: Sequence[Decision], summary: Mapping[str, Any], gates: Sequence[Gate]) -> list[Table]:
    """Every table, those without rows included."""
    checks = summary.get("checks") or {}
    outcomes = {name: Estimate(**own) for name, own in (summary.get("outcomes") or {}).items() if own}
    scores = [
        (check, *(score[name] for name in ("model", "paraphrase", "share", "n", "legible", "asked")))
        for check in ("comprehension", "manipulation")
        for score in checks.get(check, ())
    ]
    return [
        Table(
            "rates",
            "Cooperation by model and round",
            ("model", "round", *INTERVAL, "decisions", "legible"),
            [
                (row.model, row.round, *interval_of(row.estimate), row.decisions, row.legible)
                for row in rate_rows(decisions)
            ],
        ),
        Table(
            "matrix",
            "Cooperation by model of the agent and of its co-player",
            ("model", "coplayer_model", *INTERVAL),
            [(*pair, *interval_of(rate)) for pair, rate in matrix(decisions).items()],
        ),
        Table(
            "outcomes",
            "Outcomes: own action, then the co-player's",
            ("outcome", *INTERVAL),
            [(name, *interval_of(share)) for name, share in outcomes.items()],
        ),
        Table(
            "positions",
            "What words and orders did",
            ("model", "first_option_share", "payoff_order_effect", "label", "label_effect", "n"),
            [
                (p.model, p.first_option_share, p.payoff_order_effect, p.label, p.label_effect, p.n)
                for p in position_effects(decisions)
            ],
        ),
        Table("checks", "Right answers", ("check", "model", "wording", "share", "n", "legible", "asked"), scores),
        _of_mappings("beliefs", "What agents believe of their co-player", checks.get("beliefs", ())),
        _calls(summary),
        gates_table(gates),
    ]


def gates_table(gates: Sequence[Gate]) -> Table:
    """What must hold, and whether it does."""
    return Table("gates", "Gates", ("gate", "verdict", "says"), [(g.name, g.verdict.value, g.says) for g in gates])


def _of_mappings(name: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(name, title, tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


def _calls(summary: Mapping[str, Any]) -> Table:
    calls: Mapping[str, Mapping[str, Any]] = summary.get("calls_by_model") or {}
    rows = []
    for model, own in calls.items():
        numbers: dict[str, Value] = {name: own[name] for name in own if not isinstance(own[name], dict | list)}
        rows.append({"model": model} | numbers | {"retries": sum(own["retries"].values())})
    return _of_mappings("calls", "Calls by model", rows)
