"""The calls to each model for people: rows of a table, and how many calls were in flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from acausal.report.rows import dollars, percent, seconds

_FIRST, _LAST = 5, 3
"""Steps of a long history that are shown."""


def call_rows(calls_by_model: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Heading → cell for each model of summary.json's `calls_by_model`."""
    return [
        {
            "model": model,
            "calls": f"{figures['calls']:,}",
            "retries": causes(figures["retries"]),
            "failed": f"{figures['failures']:,}",
            "substituted": f"{figures['substitutions']:,}",
            "p50 / p95 / p99": _latencies(figures),
            "tokens": f"{figures['tokens_in']:,} + {figures['tokens_out']:,}",
            "cost": dollars(figures["cost_usd"]),
            "waited": seconds(figures["queued_s"] / figures["attempts"] if figures["attempts"] else None),
            "limit used": "–" if figures["limit_share"] is None else percent(figures["limit_share"]),
        }
        for model, figures in calls_by_model.items()
    ]


def _latencies(figures: Mapping[str, Any]) -> str:
    """`0.84 / 2.10 / 3.02 s`, or a dash."""
    ranks = [seconds(figures[f"latency_p{share}_s"]) for share in (50, 95, 99)]
    return "–" if figures["latency_p50_s"] is None else " / ".join(ranks).replace(" s /", " /")


def causes(retries: Mapping[str, int]) -> str:
    """Retries and why, the most frequent cause first: `12 (8 × 429, 4 × timeout)`; a count stays with its cause."""
    named = [
        f"{count:,}\u00a0×\u00a0{cause}"
        for cause, count in sorted(retries.items(), key=lambda item: (-item[1], item[0]))
    ]
    return f"{sum(retries.values()):,} ({', '.join(named)})" if len(named) > 1 else "".join(named) or "0"


def concurrency_lines(calls_by_model: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Model by model the calls in flight at most, where an overload changed it."""
    return [
        f"{model}{' at ' + limit['endpoint'] if len(figures['concurrency']) > 1 else ''}: {_steps(limit)}"
        for model, figures in calls_by_model.items()
        for limit in figures["concurrency"]
        if limit["changes"]
    ]


def _steps(limit: Mapping[str, Any]) -> str:
    """`16 → 8 (429 at 3.1 s) → 11 → 5 (timeout at 9.0 s)`: successes in a row are one step, to where they led."""
    steps = [str(limit["width"])]
    for success, run in groupby(limit["changes"], key=lambda change: change["cause"] == "success"):
        changes: Sequence[Mapping[str, Any]] = list(run)
        steps += (
            [str(changes[-1]["width"])]
            if success
            else [f"{change['width']} ({change['cause']} at {change['at_s']:.1f} s)" for change in changes]
        )
    if len(steps) > _FIRST + _LAST + 1:
        left_out = f"… {len(steps) - _FIRST - _LAST} steps …"
        steps = [*steps[:_FIRST], left_out, *steps[-_LAST:]]
    return " → ".join(steps)
