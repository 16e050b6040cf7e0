"""What a sweep's report is made of: its arms, contrasts, grids, gates and sentences."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acausal.analysis.contrasts import CONTRASTS, Contrast, contrasts
from acausal.analysis.ladder import Evidence
from acausal.analysis.rates import cooperation_rate, grouped
from acausal.analysis.switch_point import switch_point
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Decision
from acausal.report.arms import Cell, Group, arms_of
from acausal.report.evidence import evidence_of
from acausal.report.figure_files import Mark
from acausal.report.figures_of_sweep import Grid
from acausal.report.gates import Gate, sweep_gates
from acausal.settings.stored import read_overrides
from acausal.settings.treatment import Linkage


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is said of a sweep, or of several together."""

    cells: Sequence[Cell]
    titles: Sequence[str]
    """Of the cells, in their order."""
    summaries: Sequence[Mapping[str, Any]]
    """The content of each summary.json; empty where there is none."""
    groups: Sequence[Group]
    names: Mapping[tuple[str, int], str]
    """(model, part) → what to call it in tables and figures."""
    contrasts: Mapping[str, Mapping[str, Contrast]]
    """That name → contrast by name."""
    grids: Sequence[Grid]
    gates: Sequence[Gate]
    checks: Sequence[Mapping[str, Any]] = ()
    """Of the cells that asked something beside the game: `checks` of their summaries."""
    note: str = ""
    """Why there are no arms; empty where there are."""
    parts: Sequence[str] = field(default_factory=tuple)
    """What sets each part of the sweep apart, from the first."""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """Model → what is known of it, for the claim ladder."""
    registered: Sequence[str] = field(default_factory=tuple)
    """Whether the sweep followed its preregistration, in a sentence, then a line for each deviation."""


def facts_of(cells: Sequence[Cell], registered: Sequence[str] = (), *, read_prompts: bool = True) -> Facts:
    """Everything, from the records of finished cells.

    Args:
        registered: As of Facts.
        read_prompts: As of `evidence_of`.
    """
    note = ""
    try:
        groups = arms_of(cells)
    except ConfigError as error:
        groups, note = [], f"No contrasts: {error}."
    summaries = [_summary(cell.directory) for cell in cells]
    titles = _titles(cells)
    names = _names(groups)
    own = {title: cell.decisions for title, cell in zip(titles, cells, strict=True)}
    checks = [summary["checks"] for summary in summaries if summary.get("checks")]
    return Facts(
        cells=cells,
        titles=titles,
        summaries=summaries,
        groups=groups,
        names=names,
        contrasts={names[g.model, g.number]: contrasts(g.told) for g in groups},
        grids=_grids(cells),
        gates=sweep_gates(groups, own, checks),
        checks=checks,
        note=note,
        parts=_parts(groups, cells),
        evidence=evidence_of(cells, groups, read_prompts=read_prompts),
        registered=registered,
    )


def rate_marks(facts: Facts) -> dict[str, dict[str, Mark]]:
    """Arm → model → its rate, those without data left out."""
    found: dict[str, dict[str, Mark]] = {}
    for group in facts.groups:
        for name, arm in group.arms.items():
            rate = cooperation_rate(arm.decisions)
            if rate is not None:
                label = facts.names[group.model, group.number]
                found.setdefault(name, {})[label] = Mark(rate.value, rate.low, rate.high)
    return found


def effect_marks(facts: Facts) -> dict[str, dict[str, Mark]]:
    """Contrast → model → its value, in the order of CONTRASTS."""
    return {
        name: marks
        for name in CONTRASTS
        if (
            marks := {
                model: Mark(each.value, each.low, each.high)
                for model, found in facts.contrasts.items()
                if (each := found.get(name)) is not None and each.value is not None
            }
        )
    }


def _summary(directory: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def _titles(cells: Sequence[Cell]) -> list[str]:
    """A name for each cell: its condition where that tells them apart, else its directory's name, else its path."""
    for title in (lambda c: c.config.condition.name, lambda c: c.directory.name, lambda c: str(c.directory)):
        titles = [title(cell) for cell in cells]
        if len(set(titles)) == len(titles):
            break
    return titles


def _names(groups: Sequence[Group]) -> dict[tuple[str, int], str]:
    """A model's id alone where it is in one part, else with the number of the part."""
    parts: defaultdict[str, set[int]] = defaultdict(set)
    for group in groups:
        parts[group.model].add(group.number)
    return {(g.model, g.number): g.model if len(parts[g.model]) == 1 else f"{g.model}, part {g.number}" for g in groups}


def _parts(groups: Sequence[Group], cells: Sequence[Cell]) -> list[str]:
    """The overrides in which the first cell of each part differs from others; nothing where there is one part."""
    numbers = sorted({group.number for group in groups})
    if len(numbers) < 2:
        return []
    words, arms = [], []
    for number in numbers:
        own = [group for group in groups if group.number == number]
        any_decision = next(iter(own[0].arms.values())).decisions[0]
        cell = next(c for c in cells if any(decision is any_decision for decision in c.decisions))
        words.append([w for w in read_overrides(cell.directory) if not w.lstrip("+").startswith("condition")])
        arms.append(", ".join(dict.fromkeys(name for group in own for name in group.arms)))
    shared = set(words[0]).intersection(*words[1:])
    labels = [" ".join(word for word in own if word not in shared) for own in words]
    # Conditions can differ in more than what is told, e.g. in what they show: then their names tell the parts apart.
    return (
        labels if len(set(labels)) == len(labels) else [f"{a} {b}".strip() for a, b in zip(labels, arms, strict=True)]
    )


def _grids(cells: Sequence[Cell]) -> list[Grid]:
    """Every model and game with at least two told match probabilities; games as their payoffs, names can be shared."""
    found: defaultdict[tuple[str, str], dict[float, list[Decision]]] = defaultdict(dict)
    stars: dict[str, float | None] = {}
    for cell in cells:
        condition = cell.config.condition
        if condition.linkage is not Linkage.match_probability or condition.match_probability is None:
            continue
        payoffs = cell.config.payoffs
        listed = (payoffs.temptation, payoffs.reward, payoffs.punishment, payoffs.sucker)
        game = f"{cell.config.game.name} {'/'.join(f'{point:g}' for point in listed)}"
        stars[game] = payoffs.r_star
        for model, own in grouped(cell.decisions, lambda d: d.agent_model).items():
            found[model, game].setdefault(condition.match_probability, []).extend(own)
    return [
        Grid(
            model,
            game,
            stars[game],
            {told: cooperation_rate(own) for told, own in sorted(by_told.items())},
            (units := _units(by_told)),
            switch_point(units),
        )
        for (model, game), by_told in found.items()
        if len(by_told) > 1
    ]


def _units(by_told: Mapping[float, Sequence[Decision]]) -> list[dict[float, tuple[int, int]]]:
    """Counts of each wording, or of each replicate where there is one wording."""
    wordings = {decision.paraphrase for own in by_told.values() for decision in own}
    counts: defaultdict[int, defaultdict[float, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for told, own in by_told.items():
        for decision in own:
            if decision.counts:
                unit = decision.replicate if len(wordings) < 2 else decision.paraphrase or 1
                counts[unit][told].append(decision.action is Action.COOPERATE)
    return [{told: (sum(own), len(own)) for told, own in unit.items()} for _, unit in sorted(counts.items())]
