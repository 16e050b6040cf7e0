"""`acausal export`: the tables of cells and sweeps as tidy CSV, for R and anything else."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from acausal.errors import ConfigError

ABOUT = "write the records of cells and sweeps as tidy CSV, for R: a row per decision, strategy, round, check, call"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("directories", type=Path, nargs="+", metavar="DIR", help="output directory of cells or sweeps")
    parser.add_argument("-o", "--output", type=Path, default=Path("export"), metavar="DIR", help="default: export")


def run(options: argparse.Namespace) -> int:
    """Write one CSV for each kind of table, over all cells, and a codebook of their columns.

    Returns:
        0.

    Raises:
        ConfigError: There is no cell with a table below the directories.
    """
    from acausal.report.codebook import CODEBOOK, HEAD, codebook_rows
    from acausal.report.export import rows_of
    from acausal.report.table_files import as_csv
    from acausal.report.tables import write_text
    from acausal.report.terminal import short

    cells = sorted({table.parent for root in options.directories for table in root.rglob("decisions.parquet")})
    if not cells:
        named = ", ".join(map(str, options.directories))
        raise ConfigError(f"{named} holds no cell with decisions.parquet: name the directory of a run or a sweep")
    options.output.mkdir(parents=True, exist_ok=True)
    written: dict[str, list[str]] = {}
    for name in CODEBOOK:
        head: dict[str, None] = {"cell": None}
        rows: list[dict[str, Any]] = []
        for cell in cells:
            for columns, row in rows_of(cell, name):
                head |= dict.fromkeys(columns)
                rows.append({"cell": short(cell)} | row)
        if rows:
            path, written[name] = options.output / f"{name}.csv", list(head)
            write_text(path, as_csv(written[name], ([row.get(key) for key in head] for row in rows)))
            sys.stdout.write(f"{short(path)}: {len(rows):,} rows\n")
    codebook = codebook_rows(written)
    write_text(options.output / "codebook.csv", as_csv(HEAD, codebook))
    sys.stdout.write(f"{short(options.output / 'codebook.csv')}: {len(codebook)} columns\n")
    sys.stdout.write(f'In R: read.csv("{short(options.output / "decisions.csv")}", na.strings = "")\n')
    return 0
