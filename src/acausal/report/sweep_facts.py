"""What a sweep's report is made of: its arms, contrasts, grids, gates and sentences."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acausal.analysis.contrasts import CONTRASTS, Contrast, contrasts
from acausal.analysis.rates import cooperation_rate, grouped
from acausal.analysis.switch_point import switch_point
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Decision
from acausal.report.arms import Cell, Group, arms_of
from acausal.report.contrasts import reading
from acausal.report.figure_files import Mark
from acausal.report.figures_of_sweep import Grid
from acausal.report.gates import Gate, sweep_gates, withdrawn
from acausal.report.rows import interval, percent
from acausal.stored import read_overrides
from acausal.treatment import Linkage

_GRADED = (Linkage.match_probability,)
_MAIN = ("Γ", "told", "I - none", "same - none")
_CLAIM = re.compile("the acausal claim")
_MOST_NAMED = 8
"""Models that a sentence lists; the tables have all."""


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


def facts_of(cells: Sequence[Cell]) -> Facts:
    """Everything, from the records of finished cells."""
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
    )


def findings(facts: Facts) -> list[str]:
    """What the sweep shows, model by model; a claim of a model that fails a gate is marked as not confirmed."""
    every = [decision for cell in facts.cells for decision in cell.decisions]
    models = {decision.agent_model for decision in every}
    said = [f"{len(facts.cells)} cells with {len(every):,} decisions of {len(models)} model{'s' * (len(models) != 1)}."]
    said += [facts.note] if facts.note else []
    said += [*_readings(facts), *(_switch(grid) for grid in facts.grids)]
    return said


def _readings(facts: Facts) -> list[str]:
    """Models that read alike share a sentence: those that show something first, no data last."""
    alike: defaultdict[tuple[int, str, str], list[str]] = defaultdict(list)
    alone = []
    for group in facts.groups:
        name = facts.names[group.model, group.number]
        found = facts.contrasts[name]
        if not found:
            told = {cell.config.condition.name for cell in facts.cells if cell.config.condition.linkage in _GRADED}
            if not group.arms.keys() <= told:  # a grid has a sentence of its own
                alone.append(f"{name}: {_rates(group)}.")
            continue
        words = reading(group.told)
        failed = withdrawn(group, facts.checks)
        doubt = f" Not confirmed: {' and '.join(failed)} failed." if failed else ""
        # What nothing was shown of comes after what something was, and what failed a gate after what passed.
        rank = 2 * (
            3 if words.startswith("no data") else 2 if words.startswith("nothing") else not _CLAIM.search(words)
        )
        rank += bool(failed)
        alike[rank, re.sub(r"; the causal mirror moves.*? only", "", words), doubt].append(f"{name} ({_main(found)})")
    ordered = sorted(alike.items(), key=lambda item: (item[0][0], item[0][1]))
    return [f"{words[:1].upper()}{words[1:]}: {_some(names)}.{doubt}" for (_, words, doubt), names in ordered] + alone


def _main(found: Mapping[str, Contrast]) -> str:
    """The contrast that the question is about, of those asked."""
    name = next((key for key in _MAIN if key in found), next(iter(found)))
    return f"{name} {_signed(found[name])}" if found[name].value is not None else "no data"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


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


def _rates(group: Group) -> str:
    said = []
    for name, arm in group.arms.items():
        rate = cooperation_rate(arm.decisions)
        sure = "" if rate is None else f" ({interval(rate)})" if rate.low is not None else f" ({rate.method})"
        said.append(f"{name} {percent(rate.value if rate else None)}{sure}")
    return "cooperates, with 95 % intervals, in " + "; ".join(said)


def _signed(each: Contrast) -> str:
    value = f"{round(each.value or 0.0, 2) + 0.0:+.2f}"
    return value if each.low is None or each.high is None else f"{value} [{each.low:+.2f}, {each.high:+.2f}]"


def _switch(grid: Grid) -> str:
    where = f"{grid.model} in {grid.game}"
    if grid.switch is None:
        return f"{where}: cooperation does not set in anywhere between the match probabilities told."
    at = grid.switch
    within = "" if at.low is None or at.high is None else f"{at.low:.3f}–{at.high:.3f}, "
    sure = f"{within}{at.method}"
    star = "" if grid.r_star is None else f"; r* is {grid.r_star:.3f}"
    return f"{where}: cooperation sets in at a told match probability of {at.value:.3f} ({sure}){star}."


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
