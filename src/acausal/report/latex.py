"""report.tex: the findings, figures and tables of a report, ready for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acausal.report.gates import Gate
from acausal.report.table_files import Table, latex_text, tabular
from acausal.report.tables import write_text

_HEAD = r"""\documentclass[a4paper,10pt]{article}
% pdflatex report.tex, in this directory
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[margin=2.2cm]{geometry}
\usepackage{graphicx}
\usepackage{longtable}
\setlength{\tabcolsep}{4pt}
\sloppy
\begin{document}
"""


def write_latex(
    directory: Path,
    title: str,
    findings: Sequence[str],
    gates: Sequence[Gate],
    methods: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[Path],
) -> None:
    """Write report.tex.

    Args:
        figures: PNG files below the directory, each with a PDF of the same name beside it.
    """
    parts = [_HEAD, f"\\section*{{{latex_text(title)}}}\n"]
    parts += [f"{latex_text(sentence)}\n" for sentence in findings]
    parts.append("\\subsection*{Gates}\n\\begin{description}\n")
    parts += [f"\\item[{latex_text(g.name)}: {g.verdict.value}] {latex_text(g.says)}\n" for g in gates]
    parts.append("\\end{description}\n\\subsection*{Figures}\n")
    for path in figures:
        link = path.relative_to(directory).with_suffix(".pdf").as_posix()
        parts.append(
            f"\\begin{{figure}}[htbp]\n\\centering\n\\includegraphics[width=.9\\linewidth,height=.8\\textheight,"
            f"keepaspectratio]{{{link}}}\n\\caption{{{latex_text(path.stem.replace('_', ' '))}}}\n\\end{{figure}}\n"
        )
    parts.append("\\clearpage\n\\subsection*{Tables}\n{\\small\n")
    parts += [tabular(table) for table in tables if table.rows]
    parts.append("}\n\\subsection*{Methods}\n")
    parts += [f"{latex_text(sentence)}\n" for sentence in methods]
    write_text(directory / "report.tex", "\n".join([*parts, "\\end{document}\n"]))
