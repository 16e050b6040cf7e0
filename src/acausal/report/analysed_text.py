"""The analysis of another system's decisions as people read it: what was read, then each table in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from acausal.analysis.contrasts import Arm
from acausal.analysis.inference import Estimate
from acausal.analysis.rates import grouped
from acausal.records import Decision
from acausal.report.arms import ArmOnRecord, Group
from acausal.report.contrasts import document as contrasts_document
from acausal.report.foreign import Foreign
from acausal.report.foreign_contrasts import MOST
from acausal.report.foreign_rows import NAMELESS
from acausal.report.rows import interval, percent
from acausal.report.table_files import Table, Value
from acausal.report.text_tables import markdown


def analysis(foreign: Foreign, tables: Iterable[Table], *, title: str) -> str:
    """The tables for people; ends with a line break."""
    parts = [f"# {title}\n\n{_facts(foreign)}\n"]
    parts += [f"## {table.title}\n\n{_shown(table)}" for table in tables]
    if foreign.told:
        groups = groups_of(foreign.decisions, foreign.told)
        parts.append(f"## Arms and what they tell\n\n{contrasts_document(groups)}")
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
        f"{len(decisions):,} decisions, {legible:,} with an action"
        + (f", {substituted:,} substituted" if substituted else "")
        + f"; {replicates:,} replicate{'' if replicates == 1 else 's'}.",
        f"Read: {read}.",
        *foreign.said,
    ]
    if "replicate" not in foreign.columns:
        lines.append(
            "No column says what was repeated independently, so there is no interval over replicates: decisions of one "
            "game hang together. Map replicate to the column that numbers games or runs, if each was played afresh; to "
            "@row, if every row stands alone."
        )
    conditions = {d.condition for d in decisions}
    if len(conditions) > MOST:
        lines.append(f"{len(conditions)} conditions: name one as --baseline, and the others are compared with it.")
    if all(each.met is None for each in foreign.seen):
        lines.append(
            "What co-players did is not known, so there are no outcomes: map match and coplayer, or coplayer_action."
        )
    return "\n\n".join(lines)


_LONG = (
    *("cooperations", "method", "low_clustered", "high_clustered", "all_missing_defect", "all_missing_cooperate"),
    *("low_wilson", "high_wilson", "low_exact", "high_exact", "log_odds_ratio", "se_log_odds_clustered"),
)
"""Columns of the files that people find there."""
_POINTS = ("mean", "points", "se_clustered", "efficiency", "theta", "se_difference_clustered")
_SIGNED = ("difference", "difference_of_decisions", "payoff_order_effect", "label_effect")


def _shown(table: Table) -> str:
    """The table in Markdown: percent, an interval in one column, no column that is empty all through."""
    low = table.head.index("low") if "low" in table.head else None
    left = {*_LONG, "high", *(("decisions", "with_action") if _same(table, ("decisions", "with_action", "n")) else ())}
    if "model" in table.head and {row[table.head.index("model")] for row in table.rows} == {NAMELESS}:
        left.add("model")
    kept = [
        number
        for number, name in enumerate(table.head)
        if name not in left and (name in ("rate", "low") or any(row[number] is not None for row in table.rows))
    ]
    head = [{"low": "95 % interval"}.get(table.head[number], table.head[number].replace("_", " ")) for number in kept]
    plain = {"mean", "theta"} & set(table.head)
    signed = "difference" in table.head
    rows: list[list[Value]] = []
    for row in table.rows:
        cells: list[Value] = []
        for number in kept:
            if number == low:
                cells.append(_range(row[number], row[number + 1], plain=bool(plain), signed=signed))
            else:
                cells.append(_cell(table.head[number], row[number]))
        rows.append(cells)
    return markdown((head, rows))


def _same(table: Table, names: Sequence[str]) -> bool:
    """Whether columns of these names are there and hold the same in every row."""
    if not {*names} <= {*table.head}:
        return False
    places = [table.head.index(name) for name in names]
    return all(len({row[place] for place in places}) == 1 for row in table.rows)


def _cell(name: str, value: Value) -> Value:
    if value is None:
        return "no data" if name == "rate" else "–"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
    if name in _POINTS:
        return f"{value:.4f}" if name.startswith("se_") else f"{value:.3f}"
    if name in _SIGNED:
        return f"{100 * value:+.1f} points"
    return f"{value:.2g}" if name.startswith("p_") else percent(value)


def _range(low: Value, high: Value, *, plain: bool, signed: bool) -> str:
    if not isinstance(low, float) or not isinstance(high, float):
        return "–"
    if plain:
        return f"{low:.3f} to {high:.3f}"
    if signed:
        return f"{100 * low:+.1f} to {100 * high:+.1f}"
    return interval(Estimate(low, low, high, 0, 0, ""))
