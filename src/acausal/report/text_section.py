"""What the agents wrote, as a section of the report of a cell or a sweep: made without a call, at the end of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acausal.analysis.clusters import Sorted, sort_texts
from acausal.analysis.lexicon import held, mentions
from acausal.analysis.reasoning import Relation, relations
from acausal.analysis.similarity import Likeness, likenesses
from acausal.analysis.written import Written, evenly
from acausal.game import Action
from acausal.models.ledger import FILE
from acausal.report.arms import Cell
from acausal.report.corpus import Corpus, corpus
from acausal.report.figure_map import Map, Point
from acausal.report.judged import judged_in
from acausal.report.strategy_levels import levels, levels_table, shown_levels, told_of_levels
from acausal.report.table_files import Table
from acausal.report.text_tables import Table as Shown
from acausal.report.text_tables import (
    counted,
    likeness_table,
    relation_table,
    shown_kinds,
    shown_likeness,
    shown_relations,
)

MOST_DECISIONS = 50_000
"""Of all cells together; beyond that the texts are left to `acausal texts`, which may take its time."""
MOST_LETTERS = 4_000_000
"""That the lexicon reads at the end of a run: some seconds. Of more, evenly spaced texts are read."""
MOST_ROWS = 40
"""Of the table of likeness; beyond that only what holds over all rounds is shown, and the file has the rest."""
MOST_SENTENCES = 4
FEW = 3
"""Different strategies from which likeness and a map say anything."""
_READ_BY = (
    "Ideas are found by a lexicon: a filter that misses paraphrase, not a judge. Cooperation after a text is an "
    "association: a text comes after what was told, perhaps after the choice."
)
_ALIKE = (
    "Cosine is of words and blind to the decision; distance is the mean difference of P(cooperate) in the situations "
    "that both strategies met, and again over pairs asked in the same words and order. Likeness within a model is "
    "worth what it has beyond pairs with the next replicate, which share no history."
)


@dataclass(frozen=True, slots=True)
class TextSection:
    """The section: sentences, tables for people, the same with plain numbers, and the map."""

    sentences: Sequence[str]
    shown: Sequence[tuple[str, Shown]] = ()
    """Title and table."""
    tables: Sequence[Table] = ()
    map: Map | None = None


NO_TEXTS = TextSection(())


def text_section(cells: Sequence[Cell], directory: Path) -> TextSection | None:
    """What is to be said of the texts of these cells; None where nothing was written, or no ledger tells what was told.

    Args:
        directory: Of the cell or the sweep: where `acausal texts` left what judges said, if any were asked.

    Raises:
        LedgerError: A line of a ledger before the last is damaged.
    """
    read = [cell for cell in cells if (cell.directory / FILE).is_file()]
    decisions = sum(len(cell.decisions) for cell in read)
    if decisions > MOST_DECISIONS:
        return TextSection([f"The texts of {decisions:,} decisions are too many to read here: acausal texts DIR does."])
    corpora = [corpus(cell, _named(cell, directory)) for cell in read]
    every = [written for each in corpora for written in each.texts]
    if not every:
        return None
    related, sentences = _related(every)
    shown = [("Ideas, and cooperation after them", shown_relations(related))] if related else []
    alike, kinds = _likeness(corpora)
    if alike:
        shown.append(("How alike strategies are", shown_likeness(_few(alike))))
        sentences.append(_ALIKE)
    elif any(each.strategies for each in corpora):
        sentences.append(f"Fewer than {FEW} strategies differ: nothing is said of their likeness.")
    if kinds is not None:
        shown.append(("Kinds of strategies by their words", shown_kinds(kinds)))
    coded = levels(corpora)
    if len(coded) <= MOST_SENTENCES:
        sentences += told_of_levels(coded)
    else:
        shown.append(("What strategies do with an unknown co-player (E11)", shown_levels(coded)))
    if (judged := judged_in(directory, every)) is not None:
        sentences += judged["judges"]
        shown.append(("Agreement of lexicon and judges", tuple(judged["agreement"])))
    tables = [
        Table("text_ideas", "Ideas in the texts, and decisions after them", *relation_table(related)),
        Table("text_likeness", "How alike strategies are", *likeness_table(alike)),
        levels_table(coded),
    ]
    return TextSection(sentences, shown, [table for table in tables if table.rows], _map(corpora, kinds))


def _related(every: Sequence[Written]) -> tuple[list[Relation], list[str]]:
    """What the lexicon finds, and how much it read."""
    letters = sum(len(written.text) for written in every)
    read = evenly(every, None if letters <= MOST_LETTERS else max(1, len(every) * MOST_LETTERS // letters))
    of_all = "" if len(read) == len(every) else f"; the lexicon read {len(read):,} of them, evenly spaced"
    related = relations((written, held(mentions(written))) for written in read)
    found = _READ_BY if related else "No text holds any of the ideas that the lexicon looks for as its own."
    return related, [f"The agents wrote {counted(Counter(written.source for written in every))}{of_all}.", found]


def _likeness(corpora: Sequence[Corpus]) -> tuple[list[tuple[str, Likeness]], Sorted | None]:
    strategies = [written for each in corpora for written in each.strategies]
    if len({" ".join(written.text.split()) for written in strategies}) < FEW:
        return [], None
    alike = [(each.cell, row) for each in corpora for row in likenesses(each.strategies, each.profiles)]
    return alike, sort_texts(strategies, [profile for each in corpora for profile in each.profiles])


def _few(alike: Sequence[tuple[str, Likeness]]) -> Sequence[tuple[str, Likeness]]:
    return alike if len(alike) <= MOST_ROWS else [(cell, row) for cell, row in alike if row.round is None]


def _map(corpora: Sequence[Corpus], kinds: Sorted | None) -> Map | None:
    if kinds is None:
        return None
    strategies = [written for each in corpora for written in each.strategies]
    conditions = {written.condition for written in strategies}
    points = [
        Point(
            written.model if len(conditions) == 1 else f"{written.model}, {written.condition}",
            *place,
            _cooperation(written),
        )
        for written, place in zip(strategies, kinds.places, strict=True)
        if place is not None
    ]
    return Map(points, kinds.spread)


def _cooperation(written: Written) -> float | None:
    chosen = [decision.action is Action.COOPERATE for decision in written.decisions if decision.counts]
    return sum(chosen) / len(chosen) if chosen else None


def _named(cell: Cell, directory: Path) -> str:
    name = (
        str(cell.directory.relative_to(directory)) if cell.directory.is_relative_to(directory) else str(cell.directory)
    )
    return "" if name == "." else name
