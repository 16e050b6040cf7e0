"""Layouts of other systems that hold several decisions of a player in one row, taken apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from acausal.errors import ConfigError
from acausal.report.foreign_files import Table, check_column, given
from acausal.report.mapping import Reading, plain

TURN, CHOSEN = "(turn)", "(action)"
"""Columns that a layout makes which holds several turns, or only counts, in one row."""
_MOST_DECISIONS = 20_000_000


def spread(table: Table, columns: Mapping[str, tuple[str, ...]], reading: Reading) -> dict[str, tuple[str, ...]]:
    """Rows that hold several decisions of a player taken apart, in place; the columns to read them by.

    A `*` in a column's name stands for the number of a turn, letters for one turn each, a count for so many decisions.
    """
    found = dict(columns)
    if any("*" in column for own in columns.values() for column in own):
        found = _starred(table, found)
    if reading.letters:
        found = _lettered(table, found)
    return _counted(table, found) if "count" in found else found


def _starred(table: Table, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Each number that stands for the star in all columns of the action becomes a row."""
    patterns = [column for column in columns["action"] if "*" in column]
    if not patterns:
        raise ConfigError("--map has a * in a column but not in that of action: the star is the number of a turn")
    expressions = [re.escape(pattern).replace(r"\*", r"(\d+)", 1) for pattern in patterns]
    numbers = set.intersection(
        *({int(m[1]) for name in table.names if (m := re.fullmatch(each, name))} for each in expressions)
    )
    if not numbers:
        raise ConfigError(f"{table.path} has no column {patterns[0]!r} with a number in place of the *")
    starred = {column for own in columns.values() for each in own for column in each.split("+") if "*" in column}
    played = {n: [pattern.replace("*", str(n), 1) for pattern in patterns] for n in sorted(numbers)}
    before = len(table.rows) * len(numbers)

    def turns(row: dict[str, Any]) -> Iterable[dict[str, Any]]:
        last = max((n for n, own in played.items() if any(given(row[column]) for column in own)), default=0)
        for n in played:
            if n <= last:
                yield row | {column: row.get(column.replace("*", str(n), 1)) for column in starred} | {TURN: n}

    _replace_rows(table, turns)
    if beyond := before - len(table.rows):
        table.said.append(f"{beyond:,} turns after the last entry of their row were taken for not played.")
    table.names += sorted(starred)
    return _with_turn(table, columns)


def _lettered(table: Table, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Each letter of the action becomes a row, or each word where the match is a list of words."""
    lettered = [*columns["action"], *columns.get("coplayer_action", ())]
    for column in lettered:
        check_column(table, column, "action")
    for origin, row in zip(table.origins, table.rows, strict=True):
        if len({len(_turns(row[column])) for column in lettered}) > 1:
            listed = ", ".join(f"{column} {row[column]!r}" for column in lettered)
            raise ConfigError(f"{origin} has matches of different length: {listed}")
    _replace_rows(
        table,
        lambda row: (
            row | dict(zip(lettered, letters, strict=True)) | {TURN: n}
            for n, letters in enumerate(zip(*(_turns(row[column]) for column in lettered), strict=True), start=1)
        ),
    )
    return _with_turn(table, columns)


def _turns(match: Any) -> list[str]:
    """`CCD`, `C D D`, `[0, 1, 1]` and `cooperate;defect` turn by turn."""
    text = str(match or "").strip()
    if re.search(r"[\s,;|\[]", text):
        return re.findall(r"[^\s,;|\[\]()'\"]+", text)
    return list(text)


def _with_turn(table: Table, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    if "turn" in columns:
        raise ConfigError("--map turn stands beside turns that a row holds itself (a * or --letters): leave it out")
    table.names.append(TURN)
    return columns | {"turn": (TURN,)}


def _counted(table: Table, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """A row that stands for several decisions becomes so many: equal ones, or so many that cooperate and the rest."""
    if clash := [name for name in ("match", "turn") if name in columns]:
        raise ConfigError(
            f"--map {clash[0]} stands beside count: counted decisions are one-shot and have no {clash[0]}"
        )
    totals = _whole(table, columns, "count")
    if "cooperations" in columns:
        won = _whole(table, columns, "cooperations")
        for origin, own, n in zip(table.origins, won, totals, strict=True):
            if own > n:
                raise ConfigError(f"{origin} has {own} cooperations among {n} decisions")
        chosen = iter([own * ["COOPERATE"] + (n - own) * ["DEFECT"] for own, n in zip(won, totals, strict=True)])
        _replace_rows(table, lambda row: (row | {CHOSEN: each} for each in next(chosen)))
        table.names.append(CHOSEN)
        columns = {name: own for name, own in columns.items() if name != "cooperations"} | {"action": (CHOSEN,)}
    else:
        often = iter(totals)
        _replace_rows(table, lambda row: (row for _ in range(next(often))))
    table.origins = [origin._replace(id=n) for n, origin in enumerate(table.origins, start=1)]
    return columns


def _whole(table: Table, columns: Mapping[str, tuple[str, ...]], name: str) -> list[int]:
    """A field of whole numbers, row by row."""
    (column,) = columns[name]
    check_column(table, column, name)
    found = []
    for origin, row in zip(table.origins, table.rows, strict=True):
        text = plain(row[column])
        if not text.isdecimal():
            raise ConfigError(f"{name} (column {column}) in {origin} is {text!r}: a whole number")
        found.append(int(text))
    if sum(found) > _MOST_DECISIONS:
        raise ConfigError(f"{column} of {table.path} adds up to {sum(found):,} decisions: {_MOST_DECISIONS:,} at most")
    return found


def _replace_rows(table: Table, several: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]) -> None:
    made = [(origin, row) for origin, old in zip(table.origins, table.rows, strict=True) for row in several(old)]
    table.origins, table.rows = [origin for origin, _ in made], [row for _, row in made]
