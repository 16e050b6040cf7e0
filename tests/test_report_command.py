"""`acausal report` and `acausal export`: everything again from the records, without a call."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from browser import open_page
from playing import Played, flat_tree, played
from program import run

from acausal.cli import _main
from acausal.report.arms import cells_of
from acausal.report.codebook import CODEBOOK
from acausal.report.sweep_facts import effect_marks, facts_of, rate_marks
from acausal.report.sweep_findings import findings
from acausal.report.tables import CHECKS, DECISIONS, STRATEGIES
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config
from acausal.settings.stored import keep

TABLES = ("decisions.parquet", "strategies.parquet", "rounds.parquet", "model_assignments.json", "summary.json")
ARMS = "no_information,identical_copy,different_model"


def tree(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, scripted: Callable[..., Config]) -> Played:
    """A small cell that has ended, with its own configuration beside it."""
    config = scripted("scenario=mixed_5_5", "num_agents=4", "scenario.model_distribution={a: 2, b: 2}", "num_rounds=1")
    with Process() as process:
        done = played(config, tmp_path_factory.mktemp("ended") / "cell", process)
    keep(done.directory, flat_tree(config), [])
    return done


@pytest.fixture
def cell(tmp_path: Path, ended: Played) -> Played:
    """A copy of it, for one test to do with what it likes."""
    return replace(ended, directory=shutil.copytree(ended.directory, tmp_path / "cell"))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three arms of two planted agents: super, who reacts to identity, and always_c."""
    folder = tmp_path_factory.mktemp("sweep")
    words = [
        *("-m", "model@models.a=scripted", "model@models.b=scripted", "models.a.model_type=scripted/super"),
        *("models.b.model_type=scripted/always_c", "scenario=mixed_5_5", "num_agents=4"),
        *("scenario.model_distribution={a: 2, b: 2}", "num_rounds=1", "replicates=6", "protocol=direct"),
        *("matching=random_pairs", "labels=neutral", f"condition={ARMS}", "progress=off", "hydra.sweep.dir=s"),
    ]
    code, out, err = run([*words, "tracking.enabled=false"], folder)
    assert code == 0, err
    assert "report   s/report.html" in out
    return folder / "s"


@pytest.mark.slow
def test_a_sweep_reports_itself_when_it_ends(sweep: Path, tmp_path: Path) -> None:
    for name in ("report.html", "report.md", "report.tex", "tables/contrasts.csv", "figures/effects.pdf"):
        assert (sweep / name).stat().st_size > 100
    seen = open_page(sweep / "report.html", tmp_path / "profile", fragment="cell=identical_copy&model=scripted/super")
    assert seen.complaints == []
    decisions = sum(len(pd.read_parquet(path)) for path in sweep.rglob("decisions.parquet"))
    assert seen.found == f"{decisions // 6} of {decisions} decisions"
    drawn = re.findall(r"<svg role=\"img\" aria-label=\"([^\"]*)\"", seen.markup)
    assert drawn[:2] == ["Effects", "Cooperation by arm and model"]
    assert len(drawn) == 2 + 3, "and who met whom, of each condition"
    assert "identical" in seen.markup.partition("<ins>")[2].partition("</ins>")[0]


@pytest.mark.slow
def test_a_sweep_says_what_its_arms_show_and_no_more(sweep: Path) -> None:
    facts = facts_of(cells_of(sorted(path.parent for path in sweep.rglob("decisions.parquet"))))
    said = findings(facts)
    assert said[0].startswith("3 cells with ")
    # Six units cannot pass at 5 % shared out among several contrasts: the difference is printed, and not claimed.
    assert "scripted/super (told +1.00" in said[1]
    assert "scripted/always_c (told +0.00" in said[1]
    assert said[1].endswith("no rung, nothing shown.")
    assert not any("acausal-like" in sentence for sentence in said)
    marks = effect_marks(facts)
    assert marks["told"]["scripted/super"].value == 1
    assert rate_marks(facts)["different_model"]["scripted/super"].value == 0
    contrasts = pd.read_csv(sweep / "tables" / "contrasts.csv")
    assert contrasts[contrasts.model == "scripted/super"].set_index("contrast").value["told"] == 1


@pytest.mark.slow
def test_a_sweep_is_made_again_byte_by_byte(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "s"
    shutil.copytree(sweep, copy)
    kept = {name: content for name, content in tree(copy).items() if not name.endswith((".html", ".md"))}
    for path in [*copy.rglob("*.parquet"), *copy.rglob("*.csv"), *copy.rglob("*.png"), *copy.rglob("*.tex")]:
        path.unlink()
    assert _main(["report", str(copy)]) == 0
    assert "report.html" in capsys.readouterr().out
    again = tree(copy)
    assert [name for name in kept if again.get(name) != kept[name]] == []


@pytest.mark.slow
def test_several_sweeps_make_one_report(sweep: Path, tmp_path: Path, cell: Played) -> None:
    output = tmp_path / "both"
    assert _main(["report", str(sweep), str(cell.directory), "-o", str(output)]) == 0
    assert "4 cells with" in (output / "report.md").read_text()
    assert {"cells.csv", "rates.csv", "contrasts.csv", "gates.csv"} <= {p.name for p in (output / "tables").iterdir()}


def test_a_cell_is_made_again_without_touching_its_ledger(cell: Played) -> None:
    before = tree(cell.directory)
    for name in TABLES[:-1]:
        (cell.directory / name).unlink()
    assert _main(["report", str(cell.directory)]) == 0
    after = tree(cell.directory)
    assert [
        name for name in (*TABLES, "calls.jsonl", "figures/outcome_shares.pdf") if before[name] != after[name]
    ] == []


def test_without_a_ledger_the_tables_speak(cell: Played, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(cell.directory)
    (cell.directory / "calls.jsonl").unlink()
    (cell.directory / "report.md").unlink()
    assert _main(["report", str(cell.directory)]) == 0
    assert "from its tables" in capsys.readouterr().out
    after = tree(cell.directory)
    assert [name for name in TABLES if before[name] != after[name]] == []
    assert "report.md" in after


def test_an_unfinished_cell_is_left_out_and_said(cell: Played, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = cell.directory / "calls.jsonl"
    ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1]))
    assert _main(["report", str(cell.directory)]) == ExitCode.REFUSED
    assert "is left out:" in capsys.readouterr().err


def test_what_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("report", "export"):
        assert _main([command, str(tmp_path)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "neither" in said[0]
    assert "holds no cell with decisions.parquet" in said[1]


def test_an_output_for_one_directory_is_refused(cell: Played, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(["report", str(cell.directory), "-o", "x"]) == 1
    assert "--output is for several directories" in capsys.readouterr().err


def test_every_exported_column_is_in_the_codebook(cell: Played, tmp_path: Path) -> None:
    assert _main(["export", str(cell.directory), "-o", str(tmp_path / "out")]) == 0
    book = pd.read_csv(tmp_path / "out" / "codebook.csv")
    assert (book.meaning.str.len() > 3).all()
    for file, own in book.groupby("file"):
        assert own.column.tolist() == list(pd.read_csv(tmp_path / "out" / file).columns), file
    assert {f"{path.stem}.csv" for path in (tmp_path / "out").iterdir()} == {*book.file, "codebook.csv"}
    schemas = {"decisions": DECISIONS, "strategies": STRATEGIES, "checks": CHECKS}
    for name, schema in schemas.items():
        assert {*schema.names} <= CODEBOOK[name].keys(), f"{name} has columns that the codebook leaves out"


def test_exported_decisions_are_those_of_the_run(cell: Played, tmp_path: Path) -> None:
    assert _main(["export", str(cell.directory), "-o", str(tmp_path / "out")]) == 0
    decisions = pd.read_csv(tmp_path / "out" / "decisions.csv")
    assert decisions.cooperates.mean() == cell.summary["cooperation_rate"]
    assert decisions.counts.all()
    assert list(decisions.columns[:3]) == ["cell", "replicate", "round"]
    assert len(pd.read_csv(tmp_path / "out" / "strategies.csv")) == 4
    (facts,) = pd.read_csv(tmp_path / "out" / "cells.csv").to_dict("records")
    assert set(decisions.cell) == {facts["cell"]}
    assert (facts["temptation"], facts["r_star"]) == (5, 5 / 7)
    calls = pd.read_csv(tmp_path / "out" / "calls.csv")
    assert len(calls) == cell.summary["calls"]
    assert set(decisions.call_key) <= set(calls.key)
    assert calls.tokens_in.sum() == cell.summary["tokens_in"]
    rounds = pd.read_csv(tmp_path / "out" / "rounds.csv")
    rates = rounds[rounds.quantity == "cooperation_rate_by_model"].set_index("of").value.astype(float)
    assert rates.to_dict() == cell.summary["cooperation_rate_by_model"]
