"""What happens over the rounds of a cell, and of a sweep's cells: slopes, settling, and changes to look at."""

from __future__ import annotations

from collections.abc import Sequence

from acausal.analysis.significance import FEWEST_PAIRS
from acausal.analysis.trends import Slope, Trend, trends_by_model
from acausal.records import Decision
from acausal.report.arms import Cell
from acausal.report.sections import Section
from acausal.report.table_files import Table

HEAD = ("cell", "model", "slope", "low", "high", "replicates", "settled_from", "spread_first", "spread_last", "changes")
Row = tuple[str, str, Trend]
"""Title of the cell, model, its trend."""


def trends_of(cells: Sequence[Cell], titles: Sequence[str]) -> list[Row]:
    """Every model of every cell that played several rounds."""
    return [row for cell, title in zip(cells, titles, strict=True) for row in trend_rows(title, cell.decisions)]


def trend_sentences(cells: Sequence[Cell], titles: Sequence[str]) -> list[str]:
    """How many series have a slope or a change, and each change with what to look at; none of single rounds."""
    rows = trends_of(cells, titles)
    if not rows:
        return []
    sloped = [(title, model, each.slope) for title, model, each in rows if _clear(each.slope)]
    said = (
        f"Over rounds, {len(sloped)} of {len(rows)} series of a model in a cell have a slope whose 95 % interval "
        f"excludes 0{_listed([f'{title}, {model} {_signed(slope)} a round' for title, model, slope in sloped])}."
    )
    return [said, *_changes(rows)]


def trend_section(decisions: Sequence[Decision]) -> Section | None:
    """Of one cell; None where it has one round."""
    rows = trend_rows("", decisions)
    if not rows:
        return None
    said = _changes(rows) + [f"No change was looked for: {why}." for *_, each in rows if (why := each.why_no_changes)]
    links = [
        (
            f"round {change.round} of replicate {change.replicate}, {model}",
            f"#replicate={change.replicate}&round={change.round}",
        )
        for _, model, each in rows
        for change in each.changes
    ]
    head = ("model", "slope a round, 95 % interval", "settled from round", "spread of replicates, first → last")
    shown = [[model, *_shown(each)] for _, model, each in rows]
    return Section("Over rounds", list(dict.fromkeys(said)), head, shown, links)


def trend_table(rows: Sequence[Row]) -> Table:
    """Slopes and changes with plain numbers."""
    return Table(
        "trends",
        "Trends over rounds",
        HEAD,
        [
            (
                *(title, model, each.slope.value, each.slope.low, each.slope.high, each.slope.replicates),
                *(each.settled, each.spread_first, each.spread_last),
                "; ".join(change.in_words for change in each.changes),
            )
            for title, model, each in rows
        ],
    )


def trend_rows(title: str, decisions: Sequence[Decision]) -> list[Row]:
    """Every model of one cell; none where it played one round."""
    return [(title, model, each) for model, each in trends_by_model(decisions).items() if each is not None]


def _changes(rows: Sequence[Row]) -> list[str]:
    return [
        f"{f'{title}, ' if title else ''}{model}: {change.in_words}."
        for title, model, each in rows
        for change in each.changes
    ]


def _clear(slope: Slope) -> bool:
    # With fewer replicates an interval describes and no test is given.
    known = slope.low is not None and slope.high is not None and slope.replicates >= FEWEST_PAIRS
    return known and not (slope.low or 0.0) <= 0 <= (slope.high or 0.0)


def _listed(found: Sequence[str], most: int = 4) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return f": {'; '.join(found[:most])}{more}" if found else ""


def _shown(each: Trend) -> list[str]:
    spread = [f"{value:.2f}" if value is not None else "–" for value in (each.spread_first, each.spread_last)]
    return [_signed(each.slope), "not" if each.settled is None else str(each.settled), " → ".join(spread)]


def _signed(slope: Slope) -> str:
    value = f"{slope.value + 0.0:+.3f}"
    return value if slope.low is None or slope.high is None else f"{value} [{slope.low:+.3f}, {slope.high:+.3f}]"
