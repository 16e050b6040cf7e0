"""What stands beside a claim about identity: how alike models really choose (E9), own kind against others (E10)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

from acausal.analysis.own_kind import own_kind
from acausal.analysis.prompts import evidential_correlation
from acausal.records import Decision
from acausal.report.arms import Cell, Group
from acausal.report.claims import shown
from acausal.report.contrasts import table

MOST_MODELS = 6
"""Up to which every pair of models is shown; of more, each with itself."""


def kinship(cells: Sequence[Cell], groups: Sequence[Group]) -> str:
    """Up to two tables in Markdown; empty where no prompt was answered twice and no cell mixes models."""
    return "\n".join(part for part in (_alike(groups), _own_kind(cells)) if part)


def own_kind_words(decisions: Sequence[Decision]) -> str:
    """E10 in words, with its interval or why there is none."""
    found = own_kind(decisions)
    if found is None:
        return "not every pairing of models was met there"
    known = found.low is not None and found.high is not None
    value = f"{round(found.value, 2) + 0.0:+.2f}"
    return f"{value} [{found.low:+.2f}, {found.high:+.2f}]" if known else f"{value} ({found.method.partition(': ')[2]})"


def _alike(groups: Sequence[Group]) -> str:
    decisions: dict[str, list[Decision]] = {}
    for group in groups:
        for arm in group.arms.values():
            decisions.setdefault(group.model, []).extend(arm.decisions)
    pairs = list(combinations_with_replacement(sorted(decisions), 2))
    if len(decisions) > MOST_MODELS:
        pairs = [(a, b) for a, b in pairs if a == b]
    found = [evidential_correlation((a, decisions[a]), (b, decisions[b])) for a, b in pairs]
    rows = [
        [each.models[0], each.models[1], str(each.prompts), shown(each.match), shown(each.kappa)]
        for each in found
        if each.prompts
    ]
    if not rows:
        return ""
    head = (
        "How alike two models choose on the same prompts (E9): at P(C) = .5 two copies agree half of the time, and to "
        "play a copy is then no evidence of its choice."
    )
    return f"{head}\n\n{table(['model', 'with', 'prompts', 'choose alike', 'κ'], rows)}"


def _own_kind(cells: Sequence[Cell]) -> str:
    rows = []
    for cell in cells:
        direct = own_kind(cell.decisions)
        if direct is not None:
            every = own_kind(cell.decisions, first_only=False)
            rows.append([cell.directory.name, shown(direct), shown(every)])
    if not rows:
        return ""
    head = "Own kind minus others, what each model does and attracts removed (E10); only first encounters are clean."
    return f"{head}\n\n{table(['cell', 'first encounters', 'all encounters'], rows)}"
