"""`acausal analyse`: the same tables from decisions that another system recorded."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acausal.errors import ConfigError

if TYPE_CHECKING:
    from acausal.game import Payoffs

ABOUT = "analyse decisions that another system recorded: a CSV or parquet file and which column is what"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="ends in .csv or .parquet; a row is a decision, or a match"
    )
    parser.add_argument(
        "--map",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=COLUMN",
        help="e.g. action=choice replicate=game; FIELD=COLUMN,COLUMN for the two players where a row is a match; "
        "columns of our own names need none",
    )
    for name in ("cooperate", "defect", "missing"):
        parser.add_argument(
            f"--{name}", nargs="+", action="extend", metavar="VALUE", help=f"values that are {_MEANS[name]}"
        )
    parser.add_argument("--payoffs", metavar="T,R,P,S", help="of the game, where no column holds points, e.g. 5,3,1,0")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the decisions as our own table, .parquet")


def run(options: argparse.Namespace) -> int:
    """Print the tables in Markdown.

    Returns:
        0; 3 where no decision counts.

    Raises:
        ConfigError: The file, a column or a value is not what it must be.
    """
    from acausal.report.analysed import analysis
    from acausal.report.foreign import Reading, read_foreign
    from acausal.report.tables import write_decisions
    from acausal.status import ExitCode

    usual = Reading({})
    values = {
        name: frozenset(value.casefold() for value in given)
        if (given := getattr(options, name))
        else getattr(usual, name)
        for name in ("cooperate", "defect", "missing")
    }
    values["missing"] = values["missing"] | usual.missing
    if both := sorted(values["cooperate"] & values["defect"]):
        raise ConfigError(f"{both[0]!r} is both --cooperate and --defect: it can be one of them")
    if options.save is not None and options.save.suffix != ".parquet":
        raise ConfigError(f"--save is {str(options.save)!r}: give a file that ends in .parquet")
    found = read_foreign(options.file, Reading(_columns(options.map), **values, payoffs=_payoffs(options.payoffs)))
    if options.save is not None:
        write_decisions(options.save, found.decisions)
    sys.stdout.write(analysis(found, title=options.file.name))
    return ExitCode.DONE if any(decision.counts for decision in found.decisions) else ExitCode.NO_ESTIMATE


_MEANS = {"cooperate": "cooperation", "defect": "defection", "missing": "no action, beside empty ones"}


def _columns(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    from acausal.report.foreign import FIELDS
    from acausal.spelling import nearest

    columns: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, assigns, column = word.partition("=")
        if not assigns or not column:
            raise ConfigError(f"--map {word!r} is no assignment: write FIELD=COLUMN, e.g. action=choice")
        if name not in FIELDS:
            known = list(FIELDS)
            raise ConfigError(f"--map has no field {name!r}: choose one of {', '.join(known)}{nearest(name, known)}")
        columns[name] = tuple(column.split(","))
        if len(columns[name]) > 2:
            raise ConfigError(f"--map {word!r} names {len(columns[name])} columns: one, or two for two players")
    pairs = [name for name, own in columns.items() if len(own) == 2]
    if pairs and len(columns.get("action", ())) != 2:
        raise ConfigError(f"--map {pairs[0]} names two columns but action does not: give action=COLUMN,COLUMN too")
    return columns


def _payoffs(words: str | None) -> Payoffs | None:
    from acausal.game import Payoffs

    if words is None:
        return None
    try:
        temptation, reward, punishment, sucker = map(float, words.split(","))
    except ValueError:
        raise ConfigError(f"--payoffs is {words!r}: give four numbers in the order T,R,P,S, e.g. 5,3,1,0") from None
    return Payoffs(temptation, reward, punishment, sucker)
