"""Tables as CSV and LaTeX."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from dsl import play

from acausal.report.cell_tables import cell_tables
from acausal.report.latex import write_latex
from acausal.report.table_files import Table, as_csv, latex_text, tabular, write_csv_tables

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


@pytest.mark.parametrize("sign", list("&%$#_{}~^\\<>"))
def test_no_sign_of_a_model_is_markup_to_latex(sign: str) -> None:
    assert latex_text(f"a{sign}b") not in (f"a{sign}b", "ab")


def test_a_table_of_latex_has_a_cell_for_each_head() -> None:
    text = tabular(TABLE)
    assert text.count(" & ") == 3  # one a line, without the wordy method
    assert r"x\_1 & 0.5 \\" in text
    assert "& --" in text
    assert r"\caption{Rates \& more}" in text


def test_a_cells_tables_hold_plain_fractions() -> None:
    tables = {table.name: table for table in cell_tables(play("CCD", "CDD"), {}, [])}
    rates = [dict(zip(tables["rates"].head, row, strict=True)) for row in tables["rates"].rows]
    assert rates[-1]["rate"] == 0.5
    assert all(len(row) == len(table.head) for table in tables.values() for row in table.rows)


def test_environments_of_the_document_are_closed(tmp_path: Path) -> None:
    write_latex(tmp_path, "100 % of x_1", ["50 % cooperate."], [], ["As usual."], [TABLE], [tmp_path / "figures/f.png"])
    text = (tmp_path / "report.tex").read_text()
    for name in ("document", "longtable", "figure", "description"):
        assert text.count(f"\\begin{{{name}}}") == text.count(f"\\end{{{name}}}") == 1
    assert r"\includegraphics[width=.9\linewidth,height=.8\textheight,keepaspectratio]{figures/f.pdf}" in text
    assert r"100 \% of x\_1" in text
