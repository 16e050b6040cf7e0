"""Text and tables as LaTeX: nothing that a model or a person wrote is markup, and no table is wider than its page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acausal.report.table_files import Table, Value

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "•": r"\textbullet{}",
    "\u00a0": "~",
    "\u2009": r"\,",
    "\u202f": r"\,",
    "\n": " ",
    "\t": " ",
}
_MATHS = {
    "→": "to",
    "←": "leftarrow",
    "↔": "leftrightarrow",
    "×": "times",
    "·": "cdot",
    "±": "pm",
    "÷": "div",
    "≥": "geq",
    "≤": "leq",
    "≠": "neq",
    "≈": "approx",
    "∈": "in",
    "∞": "infty",
    "√": "surd",
    "∑": "sum",
    "Γ": "Gamma",
    "Δ": "Delta",
    "Θ": "Theta",
    "Λ": "Lambda",
    "Π": "Pi",
    "Σ": "Sigma",
    "Φ": "Phi",
    "Ω": "Omega",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "varepsilon",
    "θ": "theta",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "µ": "mu",
    "π": "pi",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "φ": "varphi",
    "χ": "chi",
    "ω": "omega",
    "✓": "surd",
}
_PAGE = 455.0
"""Points that a table may take: a little less than a line of A4 at the margins of the document."""
_POINTS, _GAP = 4.8, 8.0
"""Points of a letter at the size of tables, and between two columns."""
_WORDY = 34
"""Letters above which a column of text is set as a paragraph."""
_ON_ONE_PAGE = 40
"""Rows above which a table runs over pages."""


def latex_text(words: str) -> str:
    """Text in which LaTeX finds no markup of its own; a sign that its fonts lack stands as its number."""
    return "".join(_sign(letter) for letter in words).replace("--multirun", "-{}-multirun")


def _sign(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter in _MATHS:
        return f"$\\{_MATHS[letter]}$"
    plain = " " <= letter <= "~"
    accented = "¡" <= letter <= "ÿ" and letter not in "\u00ad¨¯´¸"
    return letter if plain or accented else f"[U+{ord(letter):04X}]" if _visible(letter) else ""


def _visible(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cf", "Mn")


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    cells: Sequence[str]
    wordy: bool
    width: float
    """Points."""

    @classmethod
    def of(cls, name: str, values: Sequence[Value]) -> _Column:
        cells, wordy = [_printed(value) for value in values], any(isinstance(value, str) for value in values)
        words = name.replace("_", " ").split()
        longest = min(max(map(len, cells)), _WORDY)
        return cls(name.replace("_", " "), cells, wordy, _GAP + _POINTS * max([longest, *map(len, words)]))

    @property
    def spec(self) -> str:
        if max(map(len, self.cells)) > _WORDY:
            return f">{{\\raggedright\\arraybackslash}}p{{{self.width - _GAP:.0f}pt}}"
        return "l" if self.wordy else "r"

    @property
    def heading(self) -> str:
        lines = r"\\".join(latex_text(word) for word in self.head.split())
        return f"\\shortstack[{'l' if self.wordy else 'r'}]{{{lines}}}"


def tabular(table: Table, *, without: Sequence[str] = ("method",)) -> str:
    """A LaTeX table with its caption and label, of booktabs; one too wide goes on in further ones, with its names.

    Args:
        table: With at least one row.
        without: Heads of columns to leave out: wordy ones, which the CSV has.
    """
    columns = [
        _Column.of(name, [row[number] for row in table.rows])
        for number, name in enumerate(table.head)
        if name not in without
    ]
    parts = list(_fitting(columns))
    return "\n".join(_one(table, own, number if len(parts) > 1 else 0) for number, own in enumerate(parts, start=1))


def _fitting(columns: Sequence[_Column]) -> Iterator[list[_Column]]:
    """Columns that fit the page together; the leading columns of text, which name the rows, are in each part."""
    names: list[_Column] = []
    for column in columns:
        if not column.wordy or (names and sum(each.width for each in [*names, column]) > 0.75 * _PAGE):
            break
        names.append(column)
    own = list(names)
    for column in columns[len(names) :]:
        if len(own) > len(names) and sum(each.width for each in own) + column.width > _PAGE:
            yield own
            own = list(names)
        own.append(column)
    yield own


def _one(table: Table, columns: Sequence[_Column], part: int) -> str:
    spec = "".join(column.spec for column in columns)
    head = " & ".join(column.heading for column in columns)
    lines = zip(*([_breakable(cell) for cell in column.cells] for column in columns), strict=True)
    body = "\n".join(" & ".join(line) + r" \\" for line in lines)
    title = latex_text(table.title) + (f" (part {part})" if part else "")
    label = f"\\label{{tab:{table.name.replace('_', '-')}{f'-{part}' if part else ''}}}"
    above = f"\\toprule\n{head} \\\\\n\\midrule\n"
    if len(table.rows) > _ON_ONE_PAGE:
        return (
            f"\\begin{{longtable}}{{{spec}}}\n\\caption{{{title}}}{label}\\\\\n{above}\\endfirsthead\n{above}"
            f"\\endhead\n\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}\n"
        )
    return (
        f"\\begin{{table}}[htbp]\n\\centering\n\\caption{{{title}}}{label}\n\\begin{{tabular}}{{{spec}}}\n\\toprule\n"
        f"{head} \\\\\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def _breakable(cell: str) -> str:
    """A cell in which a long id can be broken behind its signs."""
    if len(cell) <= _WORDY:
        return latex_text(cell)
    return "".join(latex_text(letter) + (r"\allowbreak{}" if letter in "/_-." else "") for letter in cell)


def _printed(value: Value) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
