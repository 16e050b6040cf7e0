"""The report of a cell for people: report.md and report.html, with the same content."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from acausal.analysis.position import FLAGGED, agreement_by_model, p_cooperate_by_model, position_effects
from acausal.analysis.rates import Shares, cooperation_rate, cross_model, legible_share, within_model
from acausal.game import Payoffs
from acausal.records import Decision
from acausal.report.call_table import call_rows, concurrency_lines
from acausal.report.captions import caption
from acausal.report.cell_tables import cell_tables
from acausal.report.checks import section
from acausal.report.estimates import ESTIMATES_HEAD, Line, estimates_table, shown_rows
from acausal.report.figure_files import inline
from acausal.report.game import game_sentences, outcome_rows
from acausal.report.gates import Gate, first_line
from acausal.report.kinship import own_kind_words
from acausal.report.latex import write_latex
from acausal.report.methods import OF_A_CELL
from acausal.report.over_rounds import trend_rows, trend_section, trend_table
from acausal.report.programs import ProgramRow
from acausal.report.rows import certainty, dollars, intention_to_treat, interval, percent, rate_rows
from acausal.report.sections import Section
from acausal.report.table_files import Value, write_csv_tables
from acausal.report.tables import write_text
from acausal.report.text_section import NO_TEXTS, TextSection
from acausal.settings.elicitation import Elicit

MOST_MISSING = 0.05
"""Above this share of missing decisions a report warns before it says anything else."""
_MOST_SAID = 5_000
"""Letters of an opening that other programs are given."""
_NOT_VARIED = "not varied"

_LEGEND = (
    "All calls on record, of every run into this directory, also those that a later prompt has replaced. Retries: "
    "attempts that failed and were followed by another, by cause. Substituted: replies that another model gave for "
    "this one. p50, p95, p99: latency of the attempts that were answered. Tokens: in + out. Waited: for the model's "
    "limits, on average per attempt. Limit used: requests sent of those that rate_limit permits, in the last run."
)


@dataclass(frozen=True, slots=True)
class CellReport:
    """What the report of a cell says."""

    scenario: str
    condition: str
    protocol: str
    game: str
    roster: str
    disclosure: str
    payoffs: Payoffs
    models: Mapping[str, str]
    """Slot → provider's id."""
    seats: Mapping[str, int]
    """Slot → number of agents."""
    seed: int
    num_rounds: int
    replicates: int
    decisions: Sequence[Decision]
    summary: Mapping[str, Any]
    """The content of summary.json."""
    prompts: Sequence[tuple[str, str]]
    """Title and text of each question, as agents read it."""
    figures: Sequence[Path]
    version: str
    git_commit: str | None
    fingerprint: str
    command: str
    failures: Mapping[str, int]
    """Why actions are missing → how many."""
    elicit: Elicit = Elicit.choice
    matching: str = ""
    evolution: str = ""
    shares: Shares = field(default_factory=dict)
    """Each model's share of the seats over the rounds; empty without evolution."""
    programs: Sequence[ProgramRow] = ()
    """What agents wrote under protocol=compiled."""
    programs_told: str = ""
    """How much of it is legible; empty under other protocols."""
    gates: Sequence[Gate] = ()
    transcripts: str = ""
    """Packed for the page; empty: the page has none."""
    environment: str = ""
    """Versions of what made it."""
    files: Sequence[Sequence[Value]] = ()
    """Of the manifest: name, bytes, SHA-256."""
    estimates: Sequence[Line] = ()
    """Every estimand for which the cell has data."""
    texts: TextSection | None = None
    """What the agents wrote; None where they wrote nothing."""


def write_report(directory: Path, report: CellReport) -> None:
    """Write report.md, report.html, report.tex and the CSV of every table; the page needs nothing beside it."""
    words = _words(report, directory)
    render(directory, "report", words)
    tables = [*cell_tables(report.decisions, report.summary, report.gates), *(report.texts or NO_TEXTS).tables]
    trends = trend_table(trend_rows("", report.decisions))
    write_csv_tables(directory, [*tables, trends, estimates_table(report.estimates)])
    title = f"{report.scenario}, {report.condition}"
    said = [words["warning"]] if words["warning"] else []
    said += words["findings"]
    write_latex(directory, title, said, report.gates, OF_A_CELL, tables, report.figures)


def render(directory: Path, template: str, words: Mapping[str, Any]) -> None:
    """Write report.md and report.html from the templates of that name."""
    environment = Environment(
        loader=PackageLoader("acausal.report", "templates"),
        autoescape=lambda name: bool(name and name.endswith("html.j2")),  # what models wrote is not to be trusted
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"fence": _fence, "cell": _cell}
    for ending in ("md", "html"):
        text = environment.get_template(f"{template}.{ending}.j2").render(words)
        write_text(directory / f"report.{ending}", text)


def opening(directory: Path) -> str:
    """What report.md of a directory says before its first section, as Markdown; empty where there is none."""
    path = directory / "report.md"
    said = path.read_text(encoding="utf-8").partition("\n## ")[0] if path.is_file() else ""
    return said.partition("\n")[2].strip()[:_MOST_SAID]


def figure_words(directory: Path, figures: Sequence[Path]) -> list[dict[str, Any]]:
    """Each figure for the templates: title, caption, link, and its drawing as markup of ours."""
    words = []
    for path in figures:
        said = caption(path.stem)
        drawing = inline(path.with_suffix(".svg").read_text(encoding="utf-8"), path.stem, escape(said.title))
        link = path.relative_to(directory).as_posix()
        words.append({"title": said.title, "caption": said.text, "link": link, "drawing": Markup(drawing)})
    return words


def findings(report: CellReport) -> list[str]:
    """What the cell shows, in plain sentences with their uncertainty."""
    summary, decisions = report.summary, report.decisions
    rate = cooperation_rate(decisions)
    assigned = intention_to_treat(decisions)
    if rate is None:
        none = f"No estimate: none of {summary['decisions']} decisions is legible and from the model assigned."
        return [none, *assigned]
    said = [
        f"{percent(rate.value)} of {rate.n} decisions cooperate ({certainty(rate)}); "
        f"{percent(legible_share(decisions))} of {summary['decisions']} decisions are legible."
    ]
    within, cross = within_model(decisions), cross_model(decisions)
    if within is not None and cross is not None:
        said.append(
            f"Between agents of the same model {percent(within.value)} of {within.n} cooperate ({certainty(within)}), "
            f"between agents of different models {percent(cross.value)} of {cross.n} ({certainty(cross)})."
        )
        said.append(
            "That is no measure of recognition: it pools base rates and group sizes. Own kind minus others on first "
            f"encounters, what each model does and attracts removed (E10): {own_kind_words(decisions)}."
        )
    missing = summary["decisions"] - rate.n
    if missing:
        low, high = summary["bounds"]["all_missing_defect"], summary["bounds"]["all_missing_cooperate"]
        said.append(
            f"{_decisions(missing)} not count: the rate lies between {percent(low)} (all of them defect) "
            f"and {percent(high)} (all cooperate)."
        )
    said += _how_answered(report)
    if summary["substituted"]:
        said.append(f"Served by a substitute, and in no rate above: {summary['substituted']}.")
    return [*said, *assigned]


def _how_answered(report: CellReport) -> list[str]:
    """Re-asks, agreement of samples and elicited probabilities, where there are any."""
    said = []
    if reasks := sum(decision.reasks for decision in report.decisions):
        asked = sum(decision.reasks > 0 for decision in report.decisions)
        said.append(f"Asked again because the reply was illegible: {asked} decisions, {reasks} re-asks.")
    agreement = {model: value for model, value in agreement_by_model(report.decisions).items() if value is not None}
    if agreement:
        listed = ", ".join(f"{model} {percent(value)}" for model, value in agreement.items())
        said.append(f"Pairs of samples of the same decision that agree: {listed}.")
    if report.elicit is not Elicit.choice:
        read = sum(decision.p_cooperate is not None for decision in report.decisions)
        means = ", ".join(f"{model} {percent(p)}" for model, p in p_cooperate_by_model(report.decisions).items())
        said.append(
            f"P(COOPERATE) was read for {read} of {len(report.decisions)} decisions (mean: {means}); "
            "where it was not given it is missing, never guessed."
        )
    return said


def _positions(decisions: Sequence[Decision]) -> list[dict[str, str]]:
    """A line per model: what the order of options and payoff rows and the words did to it."""
    return [
        {
            "model": effects.model,
            "first": _NOT_VARIED if effects.first_option_share is None else percent(effects.first_option_share),
            "rows": _points_of_rate(effects.payoff_order_effect),
            "label": _points_of_rate(effects.label_effect) + (f" ({effects.label})" if effects.label else ""),
            "flags": ", ".join(effects.flags) or "–",
        }
        for effects in position_effects(decisions)
    ]


def _points_of_rate(difference: float | None) -> str:
    return _NOT_VARIED if difference is None else f"{difference * 100:+.1f} points"


def _words(report: CellReport, directory: Path) -> dict[str, Any]:
    summary = report.summary
    gaps = sum(not decision.counts for decision in report.decisions)
    missing = gaps / len(report.decisions) if report.decisions else 1.0
    cost = summary["cost_usd"]
    return {
        "report": report,
        "findings": findings(report),
        "warning": _warning(report, missing),
        "game": game_sentences(summary),
        "outcomes": outcome_rows(summary),
        "deception": f"Deceptive arm: in {summary['false_claims']} of {summary['decisions']} decisions, what the agent "
        "was told of its co-player is false."
        if summary["false_claims"]
        else "",
        "rows": [
            {
                "model": row.model,
                "round": "all" if row.round is None else row.round,
                "rate": percent(row.estimate.value if row.estimate else None),
                "interval": interval(row.estimate),
                "n": row.estimate.n if row.estimate else 0,
                "legible": percent(row.legible / row.decisions if row.decisions else None),
            }
            for row in rate_rows(report.decisions)
        ],
        "checks": section(summary),
        "texts": report.texts,
        "positions": _positions(report.decisions),
        "flagged": f"{FLAGGED * 100:g}",
        "shares": [
            {"model": model, "round": round_, "share": percent(rate.value), "interval": interval(rate)}
            for model, rounds in report.shares.items()
            for round_, rate in rounds.items()
        ],
        "population": ", ".join(f"{count} × {report.models[slot]}" for slot, count in report.seats.items()),
        "told": report.disclosure or "Nothing about the other participants.",
        "cost": dollars(cost),
        "calls": call_rows(summary["calls_by_model"]),
        "legend": _LEGEND,
        "concurrency": concurrency_lines(summary["calls_by_model"]),
        "figures": figure_words(directory, report.figures),
        "gates": report.gates,
        "sections": _sections(report),
        "methods": OF_A_CELL,
        "files": report.files,
        "transcripts": report.transcripts,
        "transcripts_told": "What every agent read and wrote, beside its co-player's side of the same match.",
        "provenance": {
            "seed": report.seed,
            "rounds": report.num_rounds,
            "replicates": report.replicates,
            "roster": report.roster,
            "game": f"{report.game}, T, R, P, S = {', '.join(f'{p:g}' for p in _points(report.payoffs))}",
            "protocol": report.protocol,
            "matching": report.matching,
            "evolution": report.evolution,
            "configuration": report.fingerprint,
            "acausal": report.version + (f", commit {report.git_commit}" if report.git_commit else ""),
            **({"environment": report.environment} if report.environment else {}),
            "command": report.command,
        },
    }


def _warning(report: CellReport, missing: float) -> str:
    failed = first_line(report.gates)
    if not MOST_MISSING < missing < 1:
        return failed
    bounded = "ead every rate with its bounds."
    return f"{failed} R{bounded}" if failed else f"{percent(missing)} of the decisions are missing: r{bounded}"


def _sections(report: CellReport) -> list[Section]:
    rounds = trend_section(report.decisions)
    rows = shown_rows(report.estimates)
    said = [
        "Each with its 95 % interval over replicates (docs/methods.md); tables/estimates.csv has the plain numbers."
    ]
    estimates = [Section("Estimates", said, ESTIMATES_HEAD, rows, folded=True)] if rows else []
    return [*([rounds] if rounds is not None else []), *estimates]


def _fence(text: str) -> str:
    """A Markdown fence that no line of the text can close."""
    return "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table: one line, no markup."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", " ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")


def _points(payoffs: Payoffs) -> tuple[float, float, float, float]:
    return payoffs.temptation, payoffs.reward, payoffs.punishment, payoffs.sucker


def _decisions(number: int) -> str:
    return "1 decision does" if number == 1 else f"{number} decisions do"
