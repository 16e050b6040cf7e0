"""Tables as CSV and LaTeX."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from dsl import play

from acausal.report.cell_tables import cell_tables
from acausal.report.figure_files import WIDE, blank, save
from acausal.report.gates import Gate, Verdict
from acausal.report.latex import write_latex
from acausal.report.latex_tables import latex_text, tabular
from acausal.report.table_files import Table, as_csv, write_csv, write_csv_tables

TABLE = Table("rates", "Rates & more", ("model", "rate", "method"), [("x_1", 0.5, "t"), ("y,\n2", None, "none")])


def test_csv_survives_its_round_trip() -> None:
    read = pd.read_csv(io.StringIO(as_csv(("a", "b", "c"), [('x,"y"\nz', 0.1 + 0.2, True), ("", None, False)])))
    assert read.a[0] == 'x,"y"\nz'
    assert read.b[0] == 0.1 + 0.2
    assert read.b.isna().tolist() == [False, True]
    assert read.c.tolist() == [True, False]


def test_tables_without_rows_leave_no_file(tmp_path: Path) -> None:
    write_csv_tables(tmp_path, [TABLE, Table("empty", "Nothing", ("a",), [])])
    assert [path.name for path in (tmp_path / "tables").iterdir()] == ["rates.csv"]


def test_a_table_that_lost_its_rows_loses_its_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.csv"
    assert write_csv(path, ("a",), [(1,)])
    assert not write_csv(path, ("a",), [])
    assert not path.exists()


@pytest.mark.parametrize("sign", list('&%$#_{}~^\\<>`|"'))
def test_no_sign_of_a_model_is_markup_to_latex(sign: str) -> None:
    assert latex_text(f"a{sign}b") not in (f"a{sign}b", "ab")


def test_a_sign_that_fonts_lack_stands_as_its_number_and_no_letter_is_lost() -> None:
    assert latex_text("Γ → é 中") == r"$\Gamma$ $\to$ é [U+4E2D]"
    assert latex_text("a\u200b\u0301b") == "ab", "what has no shape of its own"


def test_a_table_of_latex_has_a_cell_for_each_head() -> None:
    text = tabular(TABLE)
    assert text.count(" & ") == 3  # one a line, without the wordy method
    assert r"x\_1 & 0.5 \\" in text
    assert "& --" in text
    assert r"\caption{Rates \& more}" in text


def test_a_table_wider_than_a_page_goes_on_in_another_with_its_names() -> None:
    heads = ("model", *(f"number_{n}" for n in range(20)))
    text = tabular(Table("wide", "Wide", heads, [("x_1", *(n / 7 for n in range(20)))]))
    parts = text.split(r"\end{table}")[:-1]
    assert len(parts) > 1
    assert all(r"x\_1 & " in part for part in parts)
    assert sum(part.count(r"shortstack[r]{number") for part in parts) == 20
    assert r"\label{tab:wide-2}" in parts[1]


def test_a_cells_tables_hold_plain_fractions() -> None:
    tables = {table.name: table for table in cell_tables(play("CCD", "CDD"), {}, [])}
    rates = [dict(zip(tables["rates"].head, row, strict=True)) for row in tables["rates"].rows]
    assert rates[-1]["rate"] == 0.5
    assert all(len(row) == len(table.head) for table in tables.values() for row in table.rows)


HOSTILE = "100 % of x_1 & #7 {Γ, Θ, ΔS} → a·b ≤ ½ ~ ^ \\end{document} 中 “q” ‘r’ <b> | `c`"


@pytest.fixture
def paper(tmp_path: Path) -> str:
    """report.tex with a figure, a table on a page, one over pages, one too wide and one too long."""
    wide = tuple(f"number_{n}" for n in range(20))
    tables = [
        TABLE,
        Table("long", HOSTILE, ("name", "rate"), [(HOSTILE, n / 7) for n in range(60)]),
        Table("wide", "Wide", ("name", *wide), [(HOSTILE, *range(20))]),
        Table("endless", "Endless", ("rate",), [(n,) for n in range(500)]),
        Table("empty", "Empty", ("a",), []),
    ]
    figure, axes = blank(WIDE, 2)
    axes.plot([0, 1])
    figures = save({"effects": [figure]}, tmp_path)
    gates = [Gate(HOSTILE, Verdict.FAILED, HOSTILE)]
    write_latex(tmp_path, HOSTILE, [HOSTILE], gates, ["As usual."], tables, figures)
    return (tmp_path / "report.tex").read_text()


def test_environments_of_the_document_are_closed_and_its_files_exist(tmp_path: Path, paper: str) -> None:
    files = re.findall(r"\\(?:input|includegraphics(?:\[[^\]]*\])?)\{([^}]*)\}", paper)
    assert files == ["figures/effects.pdf", "tables/rates.tex", "tables/long.tex", "tables/wide.tex"]
    every = paper + "".join((tmp_path / file).read_text() for file in files[1:])
    for name in ("document", "table", "tabular", "longtable", "figure", "description"):
        assert every.count(f"\\begin{{{name}}}") == every.count(f"\\end{{{name}}}") > 0
    assert "Endless: 500 rows, in tables/endless.csv." in paper
    assert (tmp_path / "tables" / "endless.tex").is_file(), "who wants it has it"


def test_latex_sets_the_paper(tmp_path: Path, paper: str) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no LaTeX is installed")
    assert paper
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    for _ in range(2):  # a table over pages needs a second run
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-1500:]
    log = (tmp_path / "report.log").read_text(errors="replace")
    assert not re.findall(r"^(?:Overfull|LaTeX Warning).*", log, re.MULTILINE)
