"""E11 of every model of every cell: what strategies do with an unknown co-player, and whether decisions follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acausal.analysis.inference import Estimate
from acausal.analysis.similarity import FIRST
from acausal.analysis.strategies import CodedStrategy, coded_texts, execution_fidelity, strategy_level
from acausal.analysis.written import Written
from acausal.report.corpus import Corpus
from acausal.report.rows import certainty, interval, percent
from acausal.report.table_files import INTERVAL, Table, Value, interval_of
from acausal.report.text_tables import Table as Shown

_HEAD = ("cell", "condition", "model", "coded_by", "strategies", "coded", *INTERVAL, "level_low", "level_high")


@dataclass(frozen=True, slots=True)
class Level:
    """The strategies of one model in one cell."""

    cell: str
    condition: str
    model: str
    is_program: bool
    written: int
    """Strategies of the first round."""
    coded: int
    """Of them, those that tell what they do first."""
    cooperating: int
    """Of the coded ones, those that cooperate more likely than not."""
    level: Estimate | None
    fidelity: Estimate | None

    @property
    def bounds(self) -> tuple[float, float]:
        """The level if no uncoded strategy cooperated, and if all did."""
        return self.cooperating / self.written, (self.cooperating + self.written - self.coded) / self.written


def levels(corpora: Sequence[Corpus]) -> list[Level]:
    """Of every model that wrote a strategy in a first round, cell by cell."""
    return [
        _level(corpus, model)
        for corpus in corpora
        for model in sorted({own.model for own in corpus.strategies if own.round == 1})
    ]


def told_of_levels(found: Sequence[Level]) -> list[str]:
    """The same in sentences, with what could not be coded."""
    return [_sentence(own) for own in found]


def levels_table(found: Sequence[Level]) -> Table:
    """The same with plain numbers."""
    fidelity = tuple(f"fidelity_{name}" for name in INTERVAL)
    rows = [
        (
            *(own.cell, own.condition, own.model, "program" if own.is_program else "rules"),
            *(own.written, own.coded, *interval_of(own.level), *own.bounds, *interval_of(own.fidelity)),
        )
        for own in found
    ]
    title = "Strategy level and execution fidelity (E11)"
    return Table("strategy_level", title, (*_HEAD, *fidelity), rows)


def _level(corpus: Corpus, model: str) -> Level:
    strategies = [own for own in corpus.strategies if own.model == model]
    coded = _programs(corpus, model) if corpus.is_compiled else coded_texts(strategies)
    first = [own for own in coded if own.round == 1]
    return Level(
        corpus.cell,
        strategies[0].condition,
        model,
        corpus.is_compiled,
        sum(own.round == 1 for own in strategies),
        len(first),
        sum(own.first > 0.5 for own in first),
        strategy_level(coded),
        execution_fidelity(coded, [decision for own in strategies for decision in own.decisions]),
    )


def _programs(corpus: Corpus, model: str) -> list[CodedStrategy]:
    pairs: list[tuple[Written, float]] = [
        (own, profile[FIRST])
        for own, profile in zip(corpus.strategies, corpus.profiles, strict=True)
        if own.model == model and FIRST in profile
    ]
    return [CodedStrategy(own.replicate, own.round, own.agent, own.model, first) for own, first in pairs]


def shown_levels(found: Sequence[Level]) -> Shown:
    """The same for people, where sentences would be too many."""
    rows: list[list[Value]] = [
        [
            *(own.cell or "–", own.condition, own.model, own.written, own.coded),
            *(("–", "–") if own.level is None else (percent(own.level.value), interval(own.level))),
            "–" if own.fidelity is None else f"{percent(own.fidelity.value)} of {own.fidelity.n}",
        ]
        for own in found
    ]
    head = ["cell", "condition", "model", "strategies", "coded", "cooperate first", "95 % interval", "decisions follow"]
    return head, rows


def _sure(level: Estimate) -> str:
    return level.method if level.low is None else f"95 % interval {interval(level)} over strategies as units"


def _sentence(own: Level) -> str:
    where = f" in {own.cell}" if own.cell else ""
    who = f"Of {own.written} strategies that {own.model} wrote for a first round{where}"
    if own.level is None:
        return f"{who} none says what it does with an unknown co-player, as far as rules can read."
    low, high = own.bounds
    how = "as programs say exactly" if own.is_program else "as rules read them"
    unread = (
        "" if low == high else f"; with the {own.written - own.coded} uncoded ones {percent(low)} to {percent(high)}"
    )
    followed = (
        f" First decisions follow what their strategy says in {percent(own.fidelity.value)} of {own.fidelity.n} "
        f"({certainty(own.fidelity)})."
        if own.fidelity
        else ""
    )
    return (
        f"{who} {own.coded} say what they do with an unknown co-player, {how}: {percent(own.level.value)} cooperate "
        f"({_sure(own.level)}{unread}).{followed}"
    )
