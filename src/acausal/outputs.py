"""From the records of a cell to the files of its output directory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acausal import provenance
from acausal.analysis.calls import call_summaries, calls_by_model
from acausal.analysis.rates import CallTotals, by_round, by_round_and_model, round_summaries, summary
from acausal.config import fingerprint, identity
from acausal.design.population import population, seat_seed
from acausal.design.prompts import Prompts, anonymous_id
from acausal.models.ledger import FILE, lines_on_record
from acausal.models.meter import GateReport
from acausal.play.tournament import TournamentRecord
from acausal.records import Decision, Message, StrategyRecord
from acausal.report.document import CellReport, write_report
from acausal.report.figures import write_figures
from acausal.report.programs import program_rows
from acausal.report.tables import write_decisions, write_json, write_rounds, write_strategies
from acausal.schema import Config
from acausal.tracking import LINK, Outcome

TABLES = ("decisions.parquet", "strategies.parquet", "rounds.parquet", "model_assignments.json")
REMADE = "replayed-"
"""Begins the name of a directory with tables that a replay made and that differ from those of the cell."""
_OWN_BOOKS = {"status.json", LINK}
"""Files about the run that are no result of it."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a played cell came to."""

    decisions: Sequence[Decision]
    strategies: Sequence[StrategyRecord]
    summary: dict[str, Any]


def write_outputs(
    config: Config,
    directory: Path,
    tournaments: Sequence[TournamentRecord],
    totals: CallTotals,
    gates: Sequence[GateReport],
    command: str,
) -> Results:
    """Write every table, figure and document of the contract, beside the ledger that is in the directory.

    Args:
        gates: Limits as this run met them.
        command: What plays this cell again.
    """
    decisions = [decision for tournament in tournaments for decision in tournament.decisions]
    strategies = [strategy for tournament in tournaments for strategy in tournament.strategies]
    calls = calls_by_model(call_summaries(line.reply for line in lines_on_record(directory / FILE)), gates)
    results = Results(decisions, strategies, summary(decisions, totals, calls))
    write_tables(config, directory, decisions, strategies)
    write_json(directory / "summary.json", results.summary)
    figures = write_figures(directory, decisions)
    write_report(directory, _cell_report(config, results, figures, command))
    return results


def write_tables(
    config: Config, directory: Path, decisions: Sequence[Decision], strategies: Sequence[StrategyRecord]
) -> None:
    """Write TABLES: nothing enters them but configuration, seed and replies, so a replay gives the same bytes."""
    write_decisions(directory / TABLES[0], decisions)
    write_strategies(directory / TABLES[1], strategies)
    write_rounds(directory / TABLES[2], round_summaries(decisions))
    write_json(directory / TABLES[3], _assignments(config))


def tracked(directory: Path, results: Results) -> Outcome:
    """What MLflow is to show of a cell."""
    series = by_round_and_model(results.decisions)
    return Outcome(
        summary=results.summary,
        by_round={round_: rate.value if rate else None for round_, rate in by_round(results.decisions).items()},
        by_round_and_model={
            model: {round_: rate.value if rate else None for round_, rate in rates.items()}
            for model, rates in series.items()
        },
        artifacts=[
            path.relative_to(directory)
            for path in sorted(directory.rglob("*"))
            if path.is_file()
            and path.name not in _OWN_BOOKS
            and path.suffix != ".tmp"
            and not path.relative_to(directory).parts[0].startswith(REMADE)
        ],
    )


def why_missing(decisions: Sequence[Decision]) -> Counter[str]:
    """Reason → decisions without an action, most frequent first when asked for `most_common`."""
    return Counter(decision.reason for decision in decisions if decision.reason is not None)


def _assignments(config: Config) -> dict[str, Any]:
    """Agent → model for each replicate, with the seeds that shuffled the seats."""
    seeds = {replicate: seat_seed(config.seed, replicate) for replicate in range(1, config.replicates + 1)}
    return {
        "seed": config.seed,
        "model_distribution": config.seats,
        "models": {slot: config.models[slot].model_type for slot in config.seats},
        "seat_seeds": {str(replicate): seed for replicate, seed in seeds.items()},
        "assignments": {
            str(replicate): {
                str(agent.id): config.models[agent.model].model_type for agent in population(config.seats, seed=seed)
            }
            for replicate, seed in seeds.items()
        },
    }


def _cell_report(config: Config, results: Results, figures: Sequence[Path], command: str) -> CellReport:
    return CellReport(
        scenario=config.scenario.name,
        condition=config.condition.name,
        protocol=config.protocol.name,
        game=config.game.name,
        roster=config.roster,
        disclosure=config.condition.disclosure,
        payoffs=config.payoffs,
        models={slot: config.models[slot].model_type for slot in config.used_slots},
        seats=config.seats,
        seed=config.seed,
        num_rounds=config.num_rounds,
        replicates=config.replicates,
        decisions=results.decisions,
        summary=results.summary,
        prompts=_prompts_as_seen(config),
        figures=figures,
        version=provenance.program_version(),
        git_commit=provenance.git_commit(),
        fingerprint=fingerprint(identity(config)),
        command=command,
        failures=dict(why_missing(results.decisions).most_common()),
        programs=program_rows(results.strategies, Prompts(config).labels) if config.protocol.is_compiled else (),
    )


def _prompts_as_seen(config: Config) -> list[tuple[str, str]]:
    """The questions of this cell, each with the words that vary left open."""
    prompts = Prompts(config)
    seen = []
    strategy = None
    if config.protocol.strategy is not None:
        seen.append(("Asked for a strategy, once a round", _as_text(prompts.strategy())))
        if config.protocol.is_compiled:
            return seen
        strategy = "[the strategy that the agent wrote]"
    first = prompts.decision(strategy=strategy, history=(), coplayer=anonymous_id(1))
    return [*seen, ("Asked for a decision, in the first match of a round", _as_text(first))]


def _as_text(messages: Sequence[Message]) -> str:
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)
