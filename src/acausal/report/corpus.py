"""Every text that the agents of a cell wrote, read from its tables and its ledger."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from acausal.analysis.similarity import Profile, played_profile, profile_of, situations_of
from acausal.analysis.written import Source, Written
from acausal.design.counterbalance import assigned_variants
from acausal.design.program import Program, read_program
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.models.ledger import FILE, Line, lines_on_record
from acausal.models.question import Question, told
from acausal.models.scripted import messages_of
from acausal.records import Decision, StrategyRecord
from acausal.report.arms import Cell, cells_below
from acausal.report.tables import read_strategies
from acausal.settings.schema import Config

MORE_THAN_A_LABEL = 3
"""Words beside labels from which a reply to a decision is a text."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The texts of one cell."""

    cell: str
    """Its directory below the one that was named; empty where it is that one."""
    texts: list[Written]
    """Ordered by source, then place."""
    profiles: list[Profile]
    """Of each strategy among the texts, in their order."""
    config: Config | None = None
    """Of the cell."""

    @property
    def is_compiled(self) -> bool:
        """Whether its strategies are programs."""
        return self.config is not None and self.config.protocol.is_compiled

    @property
    def strategies(self) -> list[Written]:
        """The texts that are strategies; what a substitute wrote is none of them."""
        return [written for written in self.texts if written.source is Source.STRATEGY]


def corpora_below(directory: Path) -> list[Corpus]:
    """The texts of every finished cell under a directory, in the order of their paths.

    Raises:
        AcausalError: A cell's configuration or ledger is damaged, or its ledger is gone.
    """
    names = [(cell, str(cell.directory.relative_to(directory))) for cell in cells_below(directory)]
    return [corpus(cell, "" if name == "." else name) for cell, name in names]


def corpus(cell: Cell, name: str) -> Corpus:
    """Strategies, reasoning and replies of a cell; nothing that a substitute wrote.

    Raises:
        ConfigError: The cell's ledger is gone: it alone says what the agents had been told.
        LedgerError: A line of it before the last is damaged.
    """
    if not (cell.directory / FILE).is_file():
        raise ConfigError(
            f"{cell.directory / FILE} does not exist: texts need the ledger, so copy it beside the tables"
        )
    table = cell.directory / "strategies.parquet"
    records = [r for r in (read_strategies(table) if table.is_file() else ()) if r.strategy and not r.substituted]
    words = cache(lambda replicate: {i: each.labels for i, each in assigned_variants(cell.config, replicate).items()})
    is_compiled = cell.config.protocol.is_compiled
    asked = {d.call_key: d for d in cell.decisions if d.call_key and not (is_compiled or d.substituted)}
    told: dict[str, str] = {}
    decided: dict[str, list[Written]] = {}
    by_strategy = {record.call_key for record in records}
    for line in lines_on_record(cell.directory / FILE):  # one at a time: a ledger may be larger than the memory
        key = line.reply.key
        if line.reply.error is None and key in by_strategy:
            told[key] = _told(line)
        elif line.reply.error is None and (decision := asked.get(key)) is not None:
            labels = words(decision.replicate).get(decision.agent, {})
            decided[key] = list(_of_decision(name, decision, labels, line))
    played: defaultdict[tuple[int, int, int], list[Decision]] = defaultdict(list)
    for decision in cell.decisions:
        played[decision.replicate, decision.round, decision.agent].append(decision)
    situations = situations_of(cell.decisions, shows_matches=cell.config.condition.shows.own_matches)
    texts, profiles = [], []
    for record in records:
        labels = words(record.replicate).get(record.agent, {})
        own = played[record.replicate, record.round, record.agent]
        written = _strategy(name, cell, record, labels, own, told.get(record.call_key, ""))
        texts.append(written)
        program = read_program(record.strategy or "", labels) if is_compiled else ""
        profiles.append(profile_of(program) if isinstance(program, Program) else played_profile(own, situations))
        if reason := _reason(record, program):
            texts.append(replace(written, source=Source.REASONING, text=reason))
    texts += [written for key in asked for written in decided.get(key, ())]
    order = list(Source)
    return Corpus(name, sorted(texts, key=lambda written: order.index(written.source)), profiles, cell.config)


def _reason(record: StrategyRecord, program: Program | str) -> str:
    """What stands beside a strategy: the endpoint's reasoning, and the reason that a program gives."""
    given = program.reason if isinstance(program, Program) else None
    return "\n".join(part for part in (record.reasoning, given) if part)


def _strategy(
    name: str,
    cell: Cell,
    record: StrategyRecord,
    labels: Mapping[Action, str],
    decisions: Sequence[Decision],
    told: str,
) -> Written:
    return Written(
        Source.STRATEGY,
        name,
        cell.config.condition.name,
        record.model,
        record.replicate,
        record.round,
        record.agent,
        record.strategy or "",
        record.call_key,
        told=told,
        labels=labels,
        decisions=tuple(decisions),
    )


def _of_decision(name: str, decision: Decision, labels: Mapping[Action, str], line: Line) -> Iterator[Written]:
    texts = {Source.REASONING: line.reply.reasoning or "", Source.REPLY: _beyond_label(line.reply.text or "", labels)}
    for source, text in texts.items():
        if text:
            yield Written(
                source,
                name,
                decision.condition,
                decision.model,
                decision.replicate,
                decision.round,
                decision.agent,
                text,
                decision.call_key or "",
                decision.match,
                decision.turn,
                _told(line),
                labels,
                (decision,),
            )


def _beyond_label(text: str, labels: Mapping[Action, str]) -> str:
    """A reply that says more than a label; else nothing. The labels stay in: a text without them is hard to read."""
    bare = text
    for label in labels.values():
        bare = bare.replace(label, " ")
    try:
        is_form = isinstance(json.loads(text), dict)
    except ValueError:
        is_form = False
    return "" if is_form or len(bare.split()) < MORE_THAN_A_LABEL else text


def _told(line: Line) -> str:
    request = line.fields["request"]
    return told(Question(messages_of(request), 0)) if isinstance(request, dict) and "messages" in request else ""
