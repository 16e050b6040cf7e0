"""From the records of a cell to the files of its output directory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acausal import provenance
from acausal.analysis.calls import call_summaries, calls_by_model
from acausal.analysis.checks import checks_summary, failing_units
from acausal.analysis.position import answers_summary
from acausal.analysis.rates import (
    CallTotals,
    Shares,
    by_round,
    by_round_and_model,
    population_shares,
    round_summaries,
    summary,
)
from acausal.analysis.rules import game_summary
from acausal.config import fingerprint, identity
from acausal.design.counterbalance import assigned_variants, variants
from acausal.design.evolution import seatings
from acausal.design.population import seat_seed
from acausal.design.prompts import Prompts, anonymous_id
from acausal.models.ledger import FILE, lines_on_record
from acausal.models.meter import GateReport
from acausal.play.tournament import TournamentRecord
from acausal.records import CheckRecord, Decision, Message, StrategyRecord
from acausal.report.arms import Cell
from acausal.report.document import CellReport, opening, write_report
from acausal.report.estimates import of_cell
from acausal.report.figures import write_figures
from acausal.report.gates import cell_gates
from acausal.report.manifest import digests, environment
from acausal.report.programs import ProgramRow, program_rows, programs_told
from acausal.report.tables import write_checks, write_decisions, write_json, write_rounds, write_strategies
from acausal.report.text_section import text_section
from acausal.report.transcripts import MOST, Written, pack
from acausal.settings.encounters import evolution_in_words, matching_in_words
from acausal.settings.matching_schema import EvolutionRule
from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, Linkage
from acausal.tracking import LINK, Outcome

TABLES = ("decisions.parquet", "strategies.parquet", "rounds.parquet", "model_assignments.json")
CHECKS_TABLE = "checks.parquet"
"""One more where something is asked beside the game."""
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
    checks: Sequence[CheckRecord] = ()


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
    checks = [check for tournament in tournaments for check in tournament.checks]
    calls = calls_by_model(call_summaries(line.reply for line in lines_on_record(directory / FILE)), gates)
    return write_results(config, directory, (decisions, strategies, checks), (totals, calls), command)


def write_results(
    config: Config,
    directory: Path,
    records: tuple[Sequence[Decision], Sequence[StrategyRecord], Sequence[CheckRecord]],
    took: tuple[CallTotals, Mapping[str, Mapping[str, Any]]],
    command: str,
) -> Results:
    """The same from records, whatever they were read from.

    Args:
        took: What the calls add up to, and the same by model.
        command: What plays this cell again.
    """
    decisions, strategies, checks = records
    totals, calls = took
    numbers = summary(decisions, totals, calls) | game_summary(config, decisions) | answers_summary(decisions)
    if config.checks.any:
        numbers |= {"checks": checks_summary(decisions, checks, config.payoffs)}
    results = Results(decisions, strategies, numbers, checks)
    write_tables(config, directory, decisions, strategies, checks)
    write_json(directory / "summary.json", results.summary)
    texts = text_section([Cell(directory, config, tuple(decisions))], directory)
    figures = write_figures(directory, decisions, _shares(config, decisions), calls, texts.map if texts else None)
    write_report(directory, replace(_cell_report(config, directory, results, figures, command), texts=texts))
    return results


def tables(config: Config) -> tuple[str, ...]:
    """Names of the tables of a cell."""
    return (*TABLES, CHECKS_TABLE) if config.checks.any else TABLES


def write_tables(
    config: Config,
    directory: Path,
    decisions: Sequence[Decision],
    strategies: Sequence[StrategyRecord],
    checks: Sequence[CheckRecord],
) -> None:
    """Write `tables`: nothing enters them but configuration, seed and replies, so a replay gives the same bytes."""
    write_decisions(directory / TABLES[0], decisions)
    write_strategies(directory / TABLES[1], strategies)
    write_rounds(directory / TABLES[2], round_summaries(decisions, populations(config, decisions)))
    write_json(directory / TABLES[3], _assignments(config, decisions))
    if config.checks.any:
        write_checks(directory / CHECKS_TABLE, checks)


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
        note=opening(directory),
    )


def populations(config: Config, decisions: Sequence[Decision]) -> dict[tuple[int, int], dict[str, int]]:
    """(replicate, round) → model → agents that it sits in; a model of the scenario without any has 0."""
    found: dict[tuple[int, int], dict[str, int]] = {}
    for replicate, rounds in seatings(config, decisions).items():
        for round_, slots in enumerate(rounds, start=1):
            agents = {config.models[slot].model_type: 0 for slot in config.seats}
            for slot, number in Counter(slots).items():
                agents[config.models[slot].model_type] += number
            found[replicate, round_] = agents
    return found


def why_missing(decisions: Sequence[Decision]) -> Counter[str]:
    """Reason → decisions without an action, most frequent first when asked for `most_common`."""
    return Counter(decision.reason for decision in decisions if decision.reason is not None)


def _shares(config: Config, decisions: Sequence[Decision]) -> Shares:
    """Each model's share of the seats over the rounds; nothing where nothing can change."""
    if config.evolution.rule is EvolutionRule.none:
        return {}
    return population_shares(populations(config, decisions))


def _assignments(config: Config, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Agent → model for each replicate, with the seeds that shuffled the seats; under evolution for each round too."""
    seeds = {replicate: seat_seed(config.seed, replicate) for replicate in range(1, config.replicates + 1)}
    seated = seatings(config, decisions)
    told: dict[str, Any] = {
        "seed": config.seed,
        "model_distribution": config.seats,
        "models": {slot: config.models[slot].model_type for slot in config.seats},
        "seat_seeds": {str(replicate): seed for replicate, seed in seeds.items()},
        "assignments": {str(replicate): _seated(config, rounds[0]) for replicate, rounds in seated.items()},
    }
    if config.evolution.rule is EvolutionRule.none:
        return told
    by_round = {
        str(replicate): {str(number): _seated(config, slots) for number, slots in enumerate(rounds, start=1)}
        for replicate, rounds in seated.items()
    }
    return told | {"evolution": config.evolution.rule.value, "assignments_by_round": by_round}


def _seated(config: Config, slots: Sequence[str]) -> dict[str, str]:
    return {str(agent): config.models[slot].model_type for agent, slot in enumerate(slots, start=1)}


def _cell_report(
    config: Config, directory: Path, results: Results, figures: Sequence[Path], command: str
) -> CellReport:
    decisions, condition = results.decisions, config.condition
    is_control = condition.claim is Claim.none and condition.linkage is Linkage.none and not condition.disclosure
    compiled = results.strategies if config.protocol.is_compiled else ()
    written = Written(condition.name, decisions, results.strategies, directory)
    return CellReport(
        scenario=config.scenario.name,
        condition=config.condition.name,
        protocol=config.protocol.name,
        game=config.game.name,
        roster=config.roster,
        disclosure=Prompts(config).disclosure,
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
        elicit=config.elicit,
        matching=matching_in_words(config),
        evolution=evolution_in_words(config),
        shares=_shares(config, results.decisions),
        programs=_programs(config, results.strategies),
        programs_told=programs_told(results.strategies) if config.protocol.is_compiled else "",
        gates=cell_gates(decisions, results.summary, is_control=is_control),
        transcripts=pack([written]) if len(decisions) <= MOST else "",
        environment=environment(),
        files=digests(directory, (FILE, *tables(config), "summary.json")),
        estimates=of_cell(condition.name, decisions, compiled, frozenset(failing_units(results.checks))),
    )


def _programs(config: Config, strategies: Sequence[StrategyRecord]) -> list[ProgramRow]:
    """What agents wrote, each read in the words that it was asked in."""
    if not config.protocol.is_compiled:
        return []
    words = {replicate: assigned_variants(config, replicate) for replicate in range(1, config.replicates + 1)}
    return program_rows((record, words[record.replicate][record.agent].labels) for record in strategies)


def _prompts_as_seen(config: Config) -> list[tuple[str, str]]:
    """The questions of this cell, each with the words that vary left open."""
    prompts = Prompts(config)
    many = len(variants(config))
    shown = "" if many == 1 else f"; one of {many} variants of words and orders, balanced over the agents"
    if config.protocol.is_compiled:
        return [(f"Asked for a program, once a round{shown}", _as_text(prompts.strategy()))]
    seen = []
    strategy = None
    if config.protocol.strategy is not None:
        seen.append(("Asked for a strategy, once a round", _as_text(prompts.strategy())))
        strategy = "[the strategy that the agent wrote]"
    first = prompts.decision(strategy=strategy, history=(), coplayer=anonymous_id(1))
    return [*seen, (f"Asked for a decision, in the first match of a round{shown}", _as_text(first))]


def _as_text(messages: Sequence[Message]) -> str:
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)
