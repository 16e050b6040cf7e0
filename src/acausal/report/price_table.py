"""What a cell or a sweep will cost, as a terminal of 80 columns shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.table import Table

from acausal.pricing.estimate import CellEstimate, RowEstimate, Span, total_usd
from acausal.report.rows import dollars
from acausal.running.progress import duration
from acausal.settings.schema import BudgetConfig

_LINE = "{:<11}{:>9}  {:>12}  {:>12}  {:>18}  {:>10}"


def price_lines(estimate: CellEstimate) -> list[str]:
    """The calls still to be made: for each model its purposes, and a total; nothing where none is left."""
    if not estimate.calls:
        return []
    lines = [_LINE.format("", "calls", "tokens in", "tokens out", "USD", "at most")]
    slot = ""
    for row in estimate.rows:
        if row.slot != slot:
            slot = row.slot
            lines.append(f"{row.model} ({slot})")
        lines.append(_line(f"  {row.purpose}", row.calls, row.tokens_in, row.tokens_out, row.usd))
    return [*lines, _line("total", estimate.calls, estimate.tokens_in, estimate.tokens_out, estimate.usd)]


def remark_lines(estimate: CellEstimate, budget: BudgetConfig) -> list[str]:
    """What the table does not say: what is on record, how long it takes at least, what is not known, what stops it."""
    lines = []
    if estimate.recorded:
        paid = f"{calls_of(estimate.recorded)} of this cell, {dollars(estimate.paid_usd)} paid"
        rest = "the table holds those still to be made" if estimate.calls else "none is left to be made"
        lines.append(f"record   {paid}; {rest}")
    if estimate.calls:
        lines.append(f"time     {_time(estimate)}")
    if unpriced := estimate.unpriced:
        keys = f"models.{next(iter(unpriced))}.price.input_usd_per_mtok and .output_usd_per_mtok"
        lines.append(f"unknown  the price of {_names(unpriced)}: set {keys}, or measure it with probe=3")
    if doubtful := _maybe_reasoning(estimate.rows):
        lines.append(f"unknown  whether {_names(doubtful)} reasons, which takes up to 'at most'; probe=3 measures it")
    return lines + _budget_warnings(estimate, budget)


def sweep_table(titles: Sequence[str], estimates: Sequence[CellEstimate]) -> Table:
    """A row for each cell, and their total."""
    table = Table(title="Cells of the sweep", title_justify="left")
    table.add_column("cell", overflow="fold")
    for name in ("calls", "USD", "at most"):
        table.add_column(name, justify="right", no_wrap=True)
    for title, estimate in zip(titles, estimates, strict=True):
        table.add_row(title, f"{estimate.calls:,}", *money(estimate.usd))
    table.add_section()
    total = total_usd([estimate.usd for estimate in estimates])
    table.add_row("total", f"{sum(estimate.calls for estimate in estimates):,}", *money(total), style="bold")
    return table


def calls_of(count: int) -> str:
    """`1 call`, `12 calls`."""
    return f"{count:,} call" if count == 1 else f"{count:,} calls"


def _line(name: str, calls: int, tokens_in: Span, tokens_out: Span, usd: Span | None) -> str:
    into, out = (_range(_short(tokens.low), _short(tokens.high)) for tokens in (tokens_in, tokens_out))
    return _LINE.format(name, f"{calls:,}", into, out, *money(usd))


def money(usd: Span | None) -> tuple[str, str]:
    """A cost and what it cannot exceed, as they are printed."""
    if usd is None:
        return dollars(None), dollars(None)
    return _range(dollars(usd.low), dollars(usd.high)), dollars(usd.ceiling if math.isfinite(usd.ceiling) else None)


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low}–{high}"


def _short(number: float) -> str:
    """A number in at most four characters and its unit: `950`, `1.2k`, `17k`, `3.4M`."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            scaled = number / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return f"{number:.0f}"


def _time(estimate: CellEstimate) -> str:
    parts = []
    if estimate.rate is not None:
        rate = estimate.rate
        parts.append(f"at least {duration(rate.seconds)} at {rate.rate_limit:g} requests/min ({rate.model})")
    chain = f"{calls_of(estimate.steps)} one after another"
    if estimate.latency_s is not None and estimate.steps:
        chain += (
            f", about {duration(estimate.steps * estimate.latency_s)} at the measured {estimate.latency_s:.2g} s each"
        )
    return "; ".join([*parts, chain])


def _maybe_reasoning(rows: Sequence[RowEstimate]) -> dict[str, str]:
    """Slot → model for which it is neither known nor measured whether it reasons."""
    return {row.slot: row.model for row in rows if row.reasons is None and not row.measured and row.calls}


def _names(models: Mapping[str, str]) -> str:
    return ", ".join(f"{model} ({slot})" for slot, model in models.items())


def _budget_warnings(estimate: CellEstimate, budget: BudgetConfig) -> list[str]:
    lines = []
    if budget.usd is not None and estimate.usd is not None and budget.usd < estimate.usd.low:
        lines.append(
            f"warning  budget.usd={budget.usd:g} is below the {dollars(estimate.usd.low)} it takes at least: "
            "the run will stop at the cap"
        )
    if budget.calls is not None and budget.calls < estimate.calls:
        lines.append(
            f"warning  budget.calls={budget.calls} is below the {calls_of(estimate.calls)} it takes: "
            "the run will stop at the cap"
        )
    return lines
