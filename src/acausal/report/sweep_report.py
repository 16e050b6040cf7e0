"""The report of a sweep, or of several together: report.html, report.md, report.tex, figures and tables."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acausal import provenance
from acausal.analysis.rates import cooperation_rate
from acausal.design.arms import Question, differing, questions
from acausal.records import Decision
from acausal.report.arms import Cell
from acausal.report.cell_tables import gates_table
from acausal.report.document import figure_words, render
from acausal.report.figures_of_sweep import write_sweep_figures
from acausal.report.gates import first_line
from acausal.report.latex import write_latex
from acausal.report.manifest import digests, environment
from acausal.report.methods import OF_A_SWEEP
from acausal.report.prompt_diff import against
from acausal.report.rows import dollars, interval, percent
from acausal.report.sweep_facts import Facts, effect_marks, facts_of, findings, rate_marks
from acausal.report.table_files import INTERVAL, Table, interval_of, write_csv_tables
from acausal.report.tables import read_strategies
from acausal.report.text_section import NO_TEXTS, text_section
from acausal.report.transcripts import MOST, Written, pack

_MOST_MATRICES = 6
"""Above this number of conditions the cells' own reports have the matrices of who met whom."""
_CELL_FILES = ("calls.jsonl", "decisions.parquet", "summary.json")


def write_sweep_report(directory: Path, cells: Sequence[Cell], *, title: str, command: str) -> None:
    """Write everything into a directory.

    Args:
        cells: Finished ones, at least one, below it or anywhere else.
        command: What plays the sweep again.
    """
    facts = facts_of(cells)
    texts = text_section(cells, directory) or NO_TEXTS
    calls = [summary.get("calls_by_model") or {} for summary in facts.summaries]
    figures = write_sweep_figures(
        directory, rate_marks(facts), effect_marks(facts), facts.grids, _met(facts.cells), calls, texts.map
    )
    tables = [*sweep_tables(facts), *texts.tables]
    write_csv_tables(directory, tables)
    said = findings(facts)
    words = _words(directory, facts, said, figures, title=title, command=command)
    render(directory, "sweep", words | {"texts": texts if texts.sentences else None})
    write_latex(directory, title, said, facts.gates, OF_A_SWEEP, tables, figures)


def sweep_tables(facts: Facts) -> list[Table]:
    """Cells, rates by arm, contrasts and gates, with plain numbers."""
    named = [(g, facts.names[g.model, g.number]) for g in facts.groups]
    cells = [
        (
            name,
            c.config.scenario.name,
            c.config.condition.name,
            c.config.seed,
            *interval_of(cooperation_rate(c.decisions)),
        )
        for name, c in zip(facts.titles, facts.cells, strict=True)
    ]
    return [
        Table("cells", "Cells of the sweep", ("cell", "scenario", "condition", "seed", *INTERVAL), cells),
        Table(
            "rates",
            "Cooperation by model and arm",
            ("model", "arm", *INTERVAL, "decisions"),
            [
                (name, arm, *interval_of(cooperation_rate(own.decisions)), len(own.decisions))
                for group, name in named
                for arm, own in group.arms.items()
            ],
        ),
        Table(
            "contrasts",
            "Contrasts of told identity and linkage",
            ("model", "contrast", "value", "low", "high", "units", "unit", "worst", "best", "method"),
            [
                (model, key, c.value, c.low, c.high, c.units, c.unit, *(c.worst or (None, None)), c.method)
                for model, found in facts.contrasts.items()
                for key, c in found.items()
            ],
        ),
        Table(
            "match_probability",
            "Cooperation by told match probability",
            ("model", "game", "r_star", "told", *INTERVAL),
            [(g.model, g.game, g.r_star, r, *interval_of(rate)) for g in facts.grids for r, rate in g.rates.items()],
        ),
        gates_table(facts.gates),
    ]


def _words(
    directory: Path, facts: Facts, said: Sequence[str], figures: Sequence[Path], *, title: str, command: str
) -> dict[str, Any]:
    decisions = sum(len(cell.decisions) for cell in facts.cells)
    costs = [summary.get("cost_usd") for summary in facts.summaries]
    commit = provenance.git_commit()
    return {
        "title": title,
        "warning": first_line(facts.gates, marked=True),
        "findings": said,
        "gates": facts.gates,
        "figures": figure_words(directory, figures),
        "parts": facts.parts,
        "cells": [_row(directory, name, cell) for name, cell in zip(facts.titles, facts.cells, strict=True)],
        "effects": _effects(facts),
        "arms": _arms(facts.cells),
        "methods": OF_A_SWEEP,
        "provenance": {
            "cells": len(facts.cells),
            "decisions": f"{decisions:,}",
            "cost": dollars(None if None in costs else sum(cost or 0.0 for cost in costs)),
            "acausal": provenance.program_version() + (f", commit {commit}" if commit else ""),
            "environment": environment(),
            "command": command,
        },
        "files": digests(directory, [*_names(directory, facts), "sweep.json"]),
        "transcripts": _transcripts(facts) if decisions <= MOST else "",
        "transcripts_told": "What every agent of every cell read and wrote, beside its co-player's side of the match.",
        "too_many": f"{decisions:,} decisions are too many for one page: each cell's own report has its transcripts."
        if decisions > MOST
        else "",
    }


def _met(cells: Sequence[Cell]) -> dict[str, list[Decision]]:
    """Condition → decisions of its cells in which models met others; a cell of one model would only swell a diagonal.

    Replicates of one number are one unit, whatever cell they are in: cells of a sweep share their seeds.
    """
    found: defaultdict[str, list[Decision]] = defaultdict(list)
    for cell in cells:
        if any(d.coplayer_agent_model not in (None, d.agent_model) for d in cell.decisions):
            found[cell.config.condition.name] += cell.decisions
    return found if len(found) <= _MOST_MATRICES else {}


def _design(cell: Cell) -> tuple[str, str, int]:
    return cell.config.scenario.name, cell.config.condition.name, cell.config.seed


def _effects(facts: Facts) -> list[dict[str, str | int]]:
    return [
        {
            "model": model,
            "contrast": name,
            "value": "no data" if each.value is None else f"{each.value:+.2f}",
            "interval": "–" if each.low is None or each.high is None else f"{each.low:+.2f} to {each.high:+.2f}",
            "units": each.units,
        }
        for model, found in facts.contrasts.items()
        for name, each in found.items()
    ]


def _row(directory: Path, name: str, cell: Cell) -> dict[str, str | int]:
    rate = cooperation_rate(cell.decisions)
    return {
        "cell": name,
        "scenario": cell.config.scenario.name,
        "rate": percent(rate.value if rate else None),
        "interval": interval(rate),
        "n": rate.n if rate else 0,
        "missing": sum(not decision.counts for decision in cell.decisions),
        "link": Path(os.path.relpath(cell.directory, directory), "report.html").as_posix(),
    }


def _names(directory: Path, facts: Facts) -> list[str]:
    return [
        (cell.directory.relative_to(directory) / name).as_posix()
        for cell in facts.cells
        if cell.directory.is_relative_to(directory)
        for name in _CELL_FILES
    ]


def _transcripts(facts: Facts) -> str:
    written = []
    for name, cell in zip(facts.titles, facts.cells, strict=True):
        path = cell.directory / "strategies.parquet"
        written.append(Written(name, cell.decisions, read_strategies(path) if path.is_file() else (), cell.directory))
    return pack(written)


def _arms(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """The first arm's questions whole, and of every other what differs; arms that read the same stand once."""
    arms: dict[tuple[str, ...], tuple[str, list[Question]]] = {}
    for cell in cells:
        asked = differing(questions(cell.config, 1))
        arms.setdefault(tuple(question.hash for question in asked), (cell.config.condition.name, asked))
    if not arms:
        return []
    (name, first), *others = arms.values()
    whole = [(q.title, "\n\n".join(f"[{m.role}]\n{m.content}" for m in q.messages)) for q in first]
    shown: list[dict[str, Any]] = [{"name": name, "whole": whole, "changes": {}}]
    return shown + [{"name": name, "whole": [], "changes": against(first, asked)} for name, asked in others]
