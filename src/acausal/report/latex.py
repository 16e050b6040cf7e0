"""report.tex: the findings, figures and tables of a report, ready for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acausal.report.captions import caption
from acausal.report.figure_files import share_of_page
from acausal.report.gates import Gate
from acausal.report.latex_tables import latex_text, tabular
from acausal.report.table_files import Table
from acausal.report.tables import write_text

_HEAD = r"""\documentclass[a4paper,10pt]{article}
% pdflatex report.tex, in this directory; twice for tables over several pages.
% For a paper: \input one of tables/*.tex, or copy a figure; they need graphicx, array, booktabs and longtable.
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{textcomp}
\usepackage[margin=2.2cm]{geometry}
\usepackage{graphicx}
\usepackage{array,booktabs,longtable}
\setlength{\tabcolsep}{4pt}
\setlength{\belowcaptionskip}{4pt}
\setlength{\parindent}{0pt}
\setlength{\parskip}{.5\baselineskip}
\sloppy
\begin{document}
"""
_MOST_ROWS = 120
"""Rows above which a table is for a program to read."""
_IN_TEXT = ("gates",)
"""Tables that the document has as sentences."""


def write_latex(
    directory: Path,
    title: str,
    findings: Sequence[str],
    gates: Sequence[Gate],
    methods: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[Path],
) -> None:
    """Write report.tex, and `tables/<name>.tex` for each table that has rows.

    Args:
        figures: PNG files below the directory, each with a PDF of the same name beside it.
    """
    parts = [_HEAD, f"\\section*{{{latex_text(title)}}}\n"]
    parts += [f"{latex_text(sentence)}\n" for sentence in findings]
    if gates:
        parts.append("\\subsection*{Gates}\n\\begin{description}\n")
        parts += [f"\\item[{latex_text(g.name)}: {g.verdict.value}] {latex_text(g.says)}\n" for g in gates]
        parts.append("\\end{description}\n")
    if figures:
        parts.append("\\subsection*{Figures}\n")
        parts += [_figure(path, path.relative_to(directory).with_suffix(".pdf")) for path in figures]
    parts.append("\\clearpage\n\\subsection*{Tables}\n")
    (directory / "tables").mkdir(exist_ok=True)
    for table in tables:
        if table.rows:
            write_text(directory / "tables" / f"{table.name}.tex", f"{{\\small\n{tabular(table)}}}\n")
            if len(table.rows) > _MOST_ROWS:
                told = f"{table.title}: {len(table.rows)} rows, in tables/{table.name}.csv."
                parts.append(f"{latex_text(told)}\n")
            elif table.name not in _IN_TEXT:
                parts.append(f"\\input{{tables/{table.name}.tex}}\n")
    parts.append("\\clearpage\n\\subsection*{Methods}\n")
    parts += [f"{latex_text(sentence)}\n" for sentence in methods]
    write_text(directory / "report.tex", "\n".join([*parts, "\\end{document}\n"]))


def _figure(png: Path, link: Path) -> str:
    """A float with its caption; no figure is made larger than it was drawn."""
    width = f"{share_of_page(png):.2f}\\linewidth"
    return (
        "\\begin{figure}[htbp]\n\\centering\n"
        f"\\includegraphics[width={width},height=.85\\textheight,keepaspectratio]{{{link.as_posix()}}}\n"
        f"\\caption{{{latex_text(caption(png.stem).text)}}}\\label{{fig:{png.stem.replace('_', '-')}}}\n"
        "\\end{figure}\n"
    )
