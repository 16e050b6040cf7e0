"""The parts of a sweep's report that have tables of their own: claims, contrasts, estimates, rounds, registration."""

from __future__ import annotations

from collections.abc import Sequence

from acausal.analysis.checks import failing_units
from acausal.analysis.contrasts import Contrast
from acausal.analysis.ladder import adjusted_p
from acausal.report.claims import ladder_rows, over_models_words, refusals, requirement_rows, short_p
from acausal.report.contrasts import NOTHING
from acausal.report.estimates import ESTIMATES_HEAD, Line, estimates_table, of_cell, of_sweep, shown_rows
from acausal.report.over_rounds import trend_table, trends_of
from acausal.report.sections import Section
from acausal.report.sweep_facts import Facts
from acausal.report.sweep_findings import smallest_effect
from acausal.report.table_files import Table, Value
from acausal.report.tables import read_strategies

_PRIMARY = ("Γ", "told")
_LADDER = ("model", "rung", "claim", "requirement", "verdict", "seen")
_CONTRASTS = ("model", "contrast", "value", "low", "high", "units", "unit", "worst", "best", "method")
_TESTS = ("p", "p_adjusted", "family", "test", "smallest_effect")


def sweep_lines(facts: Facts) -> list[Line]:
    """Every estimate, of each cell and of all of them."""
    failing = frozenset(unit for cell in facts.cells for unit in failing_units(cell.checks))
    lines = of_sweep(facts.cells, facts.groups, failing)
    for title, cell in zip(facts.titles, facts.cells, strict=True):
        path = cell.directory / "strategies.parquet"
        compiled = cell.config.protocol.is_compiled and path.is_file()
        strategies = read_strategies(path) if compiled else ()
        lines += of_cell(title, cell.decisions, strategies, frozenset(failing_units(cell.checks)))
    return lines


def sweep_sections(facts: Facts, lines: Sequence[Line]) -> list[Section]:
    """In the order in which they are read; those without content are left out."""
    registered = [Section("Registration", facts.registered)] if len(facts.registered) > 1 else []
    return [*_claims(facts), *_contrasts(facts), *registered, *_estimates(lines)]


def detail_tables(facts: Facts, lines: Sequence[Line]) -> list[Table]:
    """What is too long for a paper, for files alone."""
    return [
        Table("ladder", "Requirements of the claim ladder", _LADDER, requirement_rows(facts.evidence)),
        trend_table(trends_of(facts.cells, facts.titles)),
        estimates_table(lines),
    ]


def contrasts_table(facts: Facts) -> Table:
    """Contrasts with their tests, the family of each, and the smallest effect that could have been seen."""
    rows: list[tuple[Value, ...]] = []
    for model, found in facts.contrasts.items():
        adjusted = _adjusted(facts, model)
        for key, c in found.items():
            tests = (c.p_value, adjusted.get(key), _family(key, c), c.test, None if _is_rate(c) else smallest_effect(c))
            rows.append(
                (model, key, c.value, c.low, c.high, c.units, c.unit, *(c.worst or (None, None)), c.method, *tests)
            )
    return Table("contrasts", "Contrasts of told identity and linkage", (*_CONTRASTS, *_TESTS), rows)


def _claims(facts: Facts) -> list[Section]:
    known = {model: own for model, own in facts.evidence.items() if own.contrasts or own.threshold}
    if not known:
        return []
    said = ["No more than this may be said. A rung lacks what failed, and what was not asked."]
    said += [over_models_words(facts.evidence)] if len(facts.evidence) > 1 else []
    return [Section("The claim ladder", said, *ladder_rows(known))]


def _contrasts(facts: Facts) -> list[Section]:
    rows = []
    for model, found in facts.contrasts.items():
        adjusted = _adjusted(facts, model)
        for key, c in found.items():
            least = None if _is_rate(c) else smallest_effect(c)
            rows.append(
                [
                    *(model, key, "no data" if c.value is None else f"{round(c.value, 2) + 0.0:+.2f}"),
                    NOTHING if c.low is None or c.high is None else f"{c.low:+.2f} to {c.high:+.2f}",
                    *(f"{c.units} × {c.unit}", _p(c.p_value, c), _p(adjusted.get(key), c), _family(key, c)),
                    NOTHING if least is None else f"{least:.2f}",
                ]
            )
    if not rows:
        return []
    head = ("model", "contrast", "value", "95 % interval", "units", "p", "adjusted p", "family", "smallest effect")
    said = [
        "A unit has all arms of a contrast. The smallest effect is the one found four times in five by one test at "
        "5 %; a dash: the contrast does not vary, or its test is refused.",
        refusals(facts.evidence),
    ]
    return [Section("Contrasts", [each for each in said if each], head, rows, folded=True)]


def _estimates(lines: Sequence[Line]) -> list[Section]:
    rows = shown_rows([line for line in lines if not line.where])
    if not rows:
        return []
    said = [
        "What several cells say together, each estimate with its 95 % interval (docs/methods.md). Those of single "
        "cells are in tables/estimates.csv, and in the cells' own reports."
    ]
    return [Section("Estimates", said, ESTIMATES_HEAD, rows, folded=True)]


def _adjusted(facts: Facts, name: str) -> dict[str, float]:
    """Of the part of the sweep that a model's claims rest on; empty for others."""
    for group in facts.groups:
        own = facts.evidence.get(group.model)
        if facts.names[group.model, group.number] == name and own is not None:
            same = own.contrasts.keys() == facts.contrasts[name].keys()
            return adjusted_p(own) if same else {}
    return {}


def _family(key: str, contrast: Contrast) -> str:
    if _is_rate(contrast):
        return NOTHING
    return f"{key} of all models, Holm" if key in _PRIMARY else "others of the model, Benjamini–Hochberg"


def _is_rate(contrast: Contrast) -> bool:
    return contrast.name == "mirror"


def _p(p: float | None, contrast: Contrast) -> str:
    if p is not None:
        return short_p(p)
    return "refused" if contrast.test.startswith("refused") else NOTHING
