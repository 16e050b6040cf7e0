"""Tables that scripts read, figures and documents that people read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from dsl import play, substituted
from generators import replicates
from hypothesis import HealthCheck, given, settings
from rich.console import Console

from acausal.analysis.rates import CallTotals, round_summaries, summary
from acausal.game import Payoffs
from acausal.records import Decision, Status, StrategyRecord
from acausal.report.document import CellReport, findings, write_report
from acausal.report.figures import write_figures
from acausal.report.rows import ALL_MODELS, interval, percent, rate_rows
from acausal.report.tables import (
    DECISIONS,
    read_decisions,
    write_decisions,
    write_json,
    write_rounds,
    write_strategies,
)
from acausal.report.terminal import result_table

TOTALS = CallTotals(calls=10, calls_replayed=2, tokens_in=30, tokens_out=4, cost_usd=0.5, wall_s=1.5)
FOLDERS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
STRATEGY = StrategyRecord(1, 1, 1, "a", "a", False, Status.LEGIBLE, "Always cooperate.", None, "k", None)


def report(
    decisions: list[Decision], directory: Path, *, prompt: str = "Choose.", cost_usd: float | None = 0.5
) -> CellReport:
    return CellReport(
        scenario="pair",
        condition="control",
        protocol="direct",
        game="prisoners_dilemma",
        roster="local",
        disclosure="",
        payoffs=Payoffs(),
        models={"a": "x/one", "b": "y/two"},
        seats={"a": 1, "b": 1},
        seed=0,
        num_rounds=2,
        replicates=1,
        decisions=decisions,
        summary=summary(decisions, replace(TOTALS, cost_usd=cost_usd)),
        prompts=[("Asked for a decision", prompt)],
        figures=write_figures(directory, decisions),
        version="0.1",
        git_commit="abc123",
        fingerprint="f00d",
        command="python run.py hydra.run.dir=o",
        failures={decision.reason: 1 for decision in decisions if decision.reason},
    )


def written(decisions: list[Decision], directory: Path, **facts: Any) -> tuple[str, str]:
    write_report(directory, report(decisions, directory, **facts))
    return (directory / "report.md").read_text(), (directory / "report.html").read_text()


@FOLDERS
@given(decisions=replicates())
def test_decisions_survive_the_round_trip_through_their_file(tmp_path: Path, decisions: list[Decision]) -> None:
    write_decisions(tmp_path / "d.parquet", decisions)
    assert sorted(read_decisions(tmp_path / "d.parquet"), key=str) == sorted(decisions, key=str)


def test_the_same_decisions_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    decisions = play("CCD", "CDD")
    write_decisions(tmp_path / "a.parquet", decisions)
    write_decisions(tmp_path / "b.parquet", decisions[::-1])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_decisions_have_the_contracts_columns_first() -> None:
    contract = [
        *("replicate", "round", "matchday", "match", "agent", "coplayer", "model", "coplayer_model", "served_by"),
        *("substituted", "condition", "scenario", "action", "status", "p_cooperate", "payoff", "power", "call_key"),
    ]
    assert DECISIONS.names[: len(contract)] == contract


def test_pandas_reads_every_table(tmp_path: Path) -> None:
    decisions = play("C?", "DD", models=("x", "y"))
    write_decisions(tmp_path / "decisions.parquet", decisions)
    write_rounds(tmp_path / "rounds.parquet", round_summaries(decisions))
    write_strategies(tmp_path / "strategies.parquet", [STRATEGY])
    table = pd.read_parquet(tmp_path / "decisions.parquet")
    assert table.action.isna().tolist() == [False, False, True, False]
    rounds = pd.read_parquet(tmp_path / "rounds.parquet")
    assert dict(rounds.cooperation_rate_by_model[1]) == {"x": None, "y": 0.0}
    assert dict(rounds.scores[0]) == {1: 0.0, 2: 5.0}
    assert pd.read_parquet(tmp_path / "strategies.parquet").strategy.tolist() == ["Always cooperate."]


def test_a_protocol_without_strategies_leaves_an_empty_table(tmp_path: Path) -> None:
    write_strategies(tmp_path / "s.parquet", [])
    assert list(pd.read_parquet(tmp_path / "s.parquet").columns)[:4] == ["replicate", "round", "agent", "model"]


def test_json_says_null_and_refuses_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "s.json", {"rate": None})
    assert json.loads((tmp_path / "s.json").read_text()) == {"rate": None}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "s.json", {"rate": float("nan")})


def test_rows_go_through_rounds_then_all_for_each_model_and_together() -> None:
    rows = rate_rows(play("CC", "DC", models=("x", "y")))
    assert [(row.model, row.round) for row in rows] == [
        *[("x", 1), ("x", 2), ("x", None)],
        *[("y", 1), ("y", 2), ("y", None)],
        *[(ALL_MODELS, 1), (ALL_MODELS, 2), (ALL_MODELS, None)],
    ]
    assert [(row.model, row.round) for row in rate_rows(play("C", "D", models=("x", "x")))] == [("x", None)]


def test_a_fraction_becomes_a_percent_in_one_place() -> None:
    assert [percent(value) for value in (1.0, 0.01, 0.0, None)] == ["100.0 %", "1.0 %", "0.0 %", "no data"]
    assert interval(None) == "–"


@pytest.mark.parametrize(
    "decisions",
    [play("CCD", "CDD"), play("C", "D", models=("x", "x")), play("??", "xr"), play("C?", "DD")],
    ids=["two models", "one round, one model", "nothing legible", "a gap"],
)
def test_figures_are_drawn_and_drawn_alike(tmp_path: Path, decisions: list[Decision]) -> None:
    paths = write_figures(tmp_path, decisions)
    assert [path.name for path in paths][:2] == ["cooperation_by_round.png", "cooperation_matrix.png"]
    first = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert len(first) == 3 * len(paths)
    write_figures(tmp_path, decisions)
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert (b"no legible decision" in first["cooperation_matrix.svg"]) == (not any(d.counts for d in decisions))


def test_the_first_finding_carries_its_uncertainty(tmp_path: Path) -> None:
    markdown, html = written(play("CCD", "CDD"), tmp_path)
    said = "50.0 % of 6 decisions cooperate (one replicate: no interval); 100.0 % of 6 decisions are legible."
    assert said in markdown
    assert said in html


def test_missing_decisions_are_bounded_and_warned_of(tmp_path: Path) -> None:
    decisions = play("CC?", "CDD")
    assert any(
        "lies between 50.0 % (all of them defect) and 66.7 %" in line for line in findings(report(decisions, tmp_path))
    )
    markdown, html = written(decisions, tmp_path)
    assert "16.7 % of the decisions are missing" in markdown.splitlines()[2]
    assert "not exactly one label" in html


def test_an_outage_is_no_estimate(tmp_path: Path) -> None:
    for text in written(play("xx", "x?"), tmp_path):
        assert "No estimate: none of 4 decisions" in text
        assert "cooperate (" not in text
        assert "bounds" not in text


def test_substitutes_are_reported_beside_the_rate(tmp_path: Path) -> None:
    decisions = play("CC", "CC") + substituted(play("DD", "DD", replicate=2))
    assert "Served by a substitute, and in no rate above: 4." in written(decisions, tmp_path)[0]


def test_what_models_wrote_cannot_break_the_page(tmp_path: Path) -> None:
    _, html = written(play("C", "D"), tmp_path, prompt="<script>alert(1)</script>")
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


def test_the_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    _, html = written(play("C", "D"), tmp_path)
    assert html.count("<svg role=") == 3
    assert "http" not in html.replace("http-equiv", "")


def test_an_unknown_cost_is_not_zero(tmp_path: Path) -> None:
    assert "cost unknown" in written(play("C", "D"), tmp_path, cost_usd=None)[0]
    assert "cost $0.5000" in written(play("C", "D"), tmp_path)[0]


def test_the_end_of_a_run_fits_eighty_columns() -> None:
    models = ("anthropic/claude-3-sonnet-20240229", "meta-llama/llama-3.3-70b-instruct")
    decisions = [d for r in (1, 2, 3) for d in play("CD" * r, "DD" * r, models=models, replicate=r)]
    console = Console(width=80, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115 (rich closes nothing)
    console.print(result_table(decisions))
    lines = console.export_text().splitlines()
    console.file.close()
    assert all(len(line) <= 80 for line in lines)
    assert sum("anthropic/claude" in line for line in lines) == 1
