"""Tables of other systems as rows: separators, encodings, and which rows are read."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Any, NamedTuple

from acausal.errors import ConfigError
from acausal.report.mapping import ORDERS, Reading, plain
from acausal.report.tables import read_rows
from acausal.settings.spelling import nearest

ROW, FILE = "@row", "@file"
"""In a map: the number of the row, for rows that stand alone, and the name of its file without ending."""
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {"<=": le, ">=": ge, "<": lt, ">": gt}


class Origin(NamedTuple):
    """Where a row comes from."""

    id: int
    """What tells rows apart that stand alone: turns of one row share it, equal decisions of one row do not."""
    number: int
    """In its file, from 1 without the head."""
    path: Path

    def __str__(self) -> str:
        return f"row {self.number} of {self.path}"

    def beside(self, other: Origin) -> str:
        """Both in words: `rows 1 and 2 of x.csv`."""
        if self.path == other.path:
            return f"rows {self.number} and {other.number} of {self.path}"
        return f"{self} and {other}"


@dataclass(slots=True)
class Table:
    """Rows of a file or of several, and what was done to get them."""

    path: Path
    """Of the first file, whose columns all have."""
    names: list[str]
    rows: list[dict[str, Any]]
    origins: list[Origin]
    """Of each row."""
    said: list[str] = field(default_factory=list)


def open_table(paths: Sequence[Path], reading: Reading) -> Table:
    """The rows of parquet or CSV files that the reading asks for.

    Raises:
        ConfigError: A file cannot be read or has other columns than the first, or a condition names no column.
    """
    names, rows = _read(paths[0], reading)
    origins = [(number, paths[0]) for number in range(1, len(rows) + 1)]
    for path in paths[1:]:
        others, more = _read(path, reading)
        if missing := sorted({*names} ^ {*others}):
            lacking = path if missing[0] in names else paths[0]
            raise ConfigError(
                f"{lacking} has no column {missing[0]!r}, as others have: files read together have the same columns"
            )
        rows = [*rows, *more]
        origins += [(number, path) for number in range(1, len(more) + 1)]
    table = Table(paths[0], names, rows, [Origin(n, *origin) for n, origin in enumerate(origins, start=1)])
    _keep(table, [any(given(value) for value in row.values()) for row in rows], "empty")
    for condition in reading.where:
        _filter(table, condition)
    if reading.drop_copies:
        values = [tuple(map(str, row.values())) for row in table.rows]
        first = {own: number for number, own in reversed([*enumerate(values)])}
        _keep(table, [first[own] == number for number, own in enumerate(values)], "copies of an earlier row")
    if not table.rows:
        named = ", ".join(map(str, paths))
        raise ConfigError(f"{named} has no row{' that --where keeps' if reading.where else ''}: nothing to analyse")
    return table


def columns_of(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """The columns that a map joins with `+`; a column whose own name holds one comes first."""
    return (name,) if name in names else tuple(name.split("+"))


def among(names: Sequence[str], most: int = 40) -> str:
    """Columns in a sentence."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def check_column(table: Table, column: str, use: str) -> None:
    """Whether the file has the column.

    Raises:
        ConfigError: It has not, or has it twice.
    """
    if column not in (*table.names, ROW, FILE):
        close = nearest(column, table.names)
        raise ConfigError(f"{table.path} has no column {column!r} (for {use}): it has {among(table.names)}{close}")
    if table.names.count(column) > 1:
        raise ConfigError(f"{table.path} has {table.names.count(column)} columns {column!r}: rename all but one")


def _read(path: Path, reading: Reading) -> tuple[list[str], list[dict[str, Any]]]:
    endings = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    try:
        if endings == [".parquet"]:
            return read_rows(path)
        if endings and endings[0] in (".csv", ".tsv", ".txt", ".tab"):
            raw = gzip.decompress(path.read_bytes()) if endings[-1] == ".gz" else path.read_bytes()
            return _separated(path, _decoded(path, raw, reading.encoding), reading)
    except (OSError, EOFError) as error:
        raise ConfigError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    except (ValueError, csv.Error) as error:
        raise ConfigError(
            f"{path} is no table ({' '.join(str(error).split())[:120]}): give a parquet or a CSV file"
        ) from None
    ending = "".join(endings) or "nothing"
    raise ConfigError(f"{path} ends in {ending!r}: give a file that ends in .parquet, .csv, .tsv, .csv.gz or .tsv.gz")


def _decoded(path: Path, raw: bytes, encoding: str) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"  # whose mark says so
    try:
        return raw.decode("utf-8-sig" if encoding.casefold() in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not {encoding} (byte {error.start}): name what it is, e.g. --encoding latin-1"
        ) from None
    except LookupError:
        raise ConfigError(f"--encoding is {encoding!r}: Python knows none of that name; e.g. utf-8, latin-1") from None


def _separated(path: Path, text: str, reading: Reading) -> tuple[list[str], list[dict[str, Any]]]:
    separator = reading.separator or _separator(path, text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines = [line for line in reader if line]
    if not lines:
        raise ConfigError(f"{path} is empty: nothing to analyse")
    names = [name.strip() for name in lines[0]]
    ragged = next((n for n, line in enumerate(lines[1:], 1) if len(line) != len(names)), None)
    if ragged is not None:
        raise ConfigError(
            f"row {ragged} of {path} has {len(lines[ragged])} fields but the head has {len(names)} (separated by "
            f"{_SEPARATORS.get(separator, separator)}): quote fields that hold one, or name another --separator"
        )
    return names, [dict(zip(names, line, strict=True)) for line in lines[1:]]


def _separator(path: Path, text: str) -> str:
    """The one sign between fields that the head has; a file of one column has none."""
    head = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    held = [sign for sign in _SEPARATORS if sign in head and sign != "|"]
    if len(held) > 1:
        both = " and ".join(_SEPARATORS[sign] for sign in held)
        raise ConfigError(f"the head of {path} holds {both}: say which is between fields, e.g. --separator ';'")
    return held[0] if held else ","


def given(value: Any) -> bool:
    """Whether a cell of a table holds anything."""
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def _keep(table: Table, kept: Sequence[bool], what: str) -> None:
    if all(kept):
        return
    table.rows = [row for row, stays in zip(table.rows, kept, strict=True) if stays]
    table.origins = [origin for origin, stays in zip(table.origins, kept, strict=True) if stays]
    lost = len(kept) - len(table.rows)
    table.said.append(f"{lost:,} row{'' if lost == 1 else 's'} left out: {what}.")


def _filter(table: Table, condition: str) -> None:
    found = re.fullmatch(rf"(.+?)\s*({'|'.join(ORDERS)})\s*(.*)", condition)
    if found is None:
        raise ConfigError(f"--where {condition!r} is no condition: write COLUMN=VALUE, COLUMN!=VALUE or COLUMN>=NUMBER")
    column, sign, wanted = found.groups()
    check_column(table, column, "--where")
    if sign in ("=", "!="):
        words = {plain(word).casefold() for word in wanted.split(",")}
        held = [plain(row[column] if given(row[column]) else "").casefold() in words for row in table.rows]
        kept = held if sign == "=" else [not holds for holds in held]
    else:
        kept = [
            given(row[column])
            and _COMPARED[sign](_number(column, str(origin), row[column]), _number(column, "--where", wanted))
            for origin, row in zip(table.origins, table.rows, strict=True)
        ]
    _keep(table, kept, f"not {condition}")


def _number(column: str, where: str, value: Any) -> float:
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"{column} in {where} is {value!r}, but < and > need numbers: use = or !=") from None


def listed(values: Counter[str], most: int = 6) -> str:
    """Values with how often they come: `'1' (120 rows), '0' (80 rows)`."""
    shown = [f"{value!r} ({n:,} row{'' if n == 1 else 's'})" for value, n in values.most_common(most)]
    return ", ".join(shown) + (f" and {len(values) - most} more" if len(values) > most else "")
