"""The programs that agents wrote, in words and counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from acausal.design.program import Program, described, read_program
from acausal.game import Action
from acausal.records import Status, StrategyRecord

MOST_SHOWN = 12
"""Different programs of one model that a report lists."""
_NAMES = {action: action.value for action in Action}
"""Programs in different words are the same if they do the same."""


@dataclass(frozen=True, slots=True)
class ProgramRow:
    """One program of one model."""

    model: str
    program: str
    """In words; of those beyond `MOST_SHOWN`, how many they are."""
    agents: int
    """How often an agent wrote it in a round."""


def program_rows(written: Iterable[tuple[StrategyRecord, Mapping[Action, str]]]) -> list[ProgramRow]:
    """Per model its programs, the most frequent first; those that a substitute wrote are left out.

    Args:
        written: Strategies, each with the words in which it was asked for, in their order.
    """
    wrote: dict[str, Counter[str]] = {}
    for record, labels in written:
        program = read_program(record.strategy or "", labels)
        if isinstance(program, Program) and not record.substituted:
            wrote.setdefault(record.model, Counter())[described(program, _NAMES)] += 1
    rows = []
    for model, programs in sorted(wrote.items()):
        ranked = sorted(programs.items(), key=lambda item: (-item[1], item[0]))
        rows += [ProgramRow(model, words, agents) for words, agents in ranked[:MOST_SHOWN]]
        if rest := ranked[MOST_SHOWN:]:
            rows.append(ProgramRow(model, f"{len(rest)} others", sum(agents for _, agents in rest)))
    return rows


def programs_told(strategies: Sequence[StrategyRecord]) -> str:
    """How many programs of each model are legible, and how often it was asked again; empty without strategies."""
    by_model: defaultdict[str, list[StrategyRecord]] = defaultdict(list)
    for record in strategies:
        by_model[record.model].append(record)
    told = []
    for model, records in sorted(by_model.items()):
        legible, reasks = sum(each.status is Status.LEGIBLE for each in records), sum(each.reasks for each in records)
        told.append(f"{model} {legible} of {len(records)} ({reasks} re-asks)")
    return f"Legible: {', '.join(told)}." if told else ""
