"""`acausal export`: the tables of cells and sweeps as tidy CSV, for R and anything else."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from acausal.errors import ConfigError

ABOUT = "write the records of cells and sweeps as tidy CSV, for R: a row per decision, strategy, round, check"
_LONG = "rounds"
"""The one table with maps in its cells: it becomes a row for each of their entries."""
_TABLES = ("decisions", "strategies", "checks", _LONG)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("directories", type=Path, nargs="+", metavar="DIR", help="output directory of cells or sweeps")
    parser.add_argument("-o", "--output", type=Path, default=Path("export"), metavar="DIR", help="default: export")


def run(options: argparse.Namespace) -> int:
    """Write one CSV for each kind of table, over all cells; its first columns say which cell a row is of.

    Returns:
        0.

    Raises:
        ConfigError: There is no cell with a table below the directories.
    """
    from acausal.report.table_files import as_csv
    from acausal.report.tables import read_rows, write_text
    from acausal.report.terminal import short

    cells = sorted({table.parent for root in options.directories for table in root.rglob("decisions.parquet")})
    if not cells:
        named = ", ".join(map(str, options.directories))
        raise ConfigError(f"{named} holds no cell with decisions.parquet: name the directory of a run or a sweep")
    options.output.mkdir(parents=True, exist_ok=True)
    for name in _TABLES:
        head: dict[str, None] = {}
        rows: list[dict[str, Any]] = []
        for cell in cells:
            path = cell / f"{name}.parquet"
            if path.is_file():
                columns, found = read_rows(path)
                identity = {"cell": short(cell)}
                for row in found:
                    rows += _long(identity | row) if name == _LONG else [identity | row | _flags(row)]
                head |= dict.fromkeys(["cell", *(columns if name != _LONG else _LONG_HEAD), *_flags_head(columns)])
        if rows:
            write_text(
                options.output / f"{name}.csv", as_csv(list(head), ([row.get(key) for key in head] for row in rows))
            )
            sys.stdout.write(f"{short(options.output / f'{name}.csv')}: {len(rows):,} rows\n")
    return 0


_LONG_HEAD = ("replicate", "round", "quantity", "of", "value")


def _long(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A round as a row for each number: the quantity, the model or agent it is of, and its value."""
    place = {key: row[key] for key in ("cell", "replicate", "round")}
    found = []
    for key, value in row.items():
        if key not in place:
            entries = value if isinstance(value, list) else [(None, value)]
            found += [place | {"quantity": key, "of": of, "value": number} for of, number in entries]
    return found


def _flags_head(columns: list[str]) -> list[str]:
    return ["cooperates", "counts"] if "action" in columns else []


def _flags(row: dict[str, Any]) -> dict[str, Any]:
    """What every analysis starts from: does it cooperate (1, 0, or missing), does it count."""
    if "action" not in row:
        return {}
    counts = row["action"] is not None and not row["substituted"]
    return {"cooperates": int(row["action"] == "COOPERATE") if row["action"] else None, "counts": counts}
