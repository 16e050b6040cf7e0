"""The records of a cell as tidy rows: one per decision, strategy, round and quantity, check, call; one of the cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from acausal.models.ledger import lines_on_record
from acausal.report.codebook import CODEBOOK
from acausal.report.tables import read_rows
from acausal.settings.schema import Config
from acausal.settings.stored import CONFIG, config_of, read_config

_LONG = "rounds"
"""The one table with maps in its cells: it becomes a row for each of their entries."""
Rows = Iterator[tuple[list[str], dict[str, Any]]]
"""Columns of a table, and one row of it."""


def rows_of(directory: Path, table: str) -> Rows:
    """The rows of one table of a cell; none where it has no such table.

    Args:
        table: A key of CODEBOOK.

    Raises:
        ConfigError: The cell's configuration is damaged.
        LedgerError: Its ledger is.
    """
    if table == "cells":
        yield list(CODEBOOK["cells"])[1:], _cell(directory)
    elif table == "calls":
        yield from _calls(directory)
    elif (path := directory / f"{table}.parquet").is_file():
        columns, found = read_rows(path)
        for row in found:
            if table == _LONG:
                for entry in _long(row):
                    yield list(entry), entry
            else:
                flags = _flags(row)
                yield [*columns, *flags], row | flags


def _cell(directory: Path) -> dict[str, Any]:
    """What the cell is; empty where its configuration is not there."""
    if not (directory / CONFIG).is_file():
        return {}
    config = config_of(read_config(directory), where=directory)
    return (
        _treatment(config)
        | _payoffs(config)
        | {
            "scenario": config.scenario.name,
            "protocol": config.protocol.name,
            "roster": config.roster,
            "turns": config.game.horizon.turns,
            "continuation": config.game.horizon.continuation,
            "num_agents": config.num_agents,
            "num_rounds": config.num_rounds,
            "replicates": config.replicates,
            "seed": config.seed,
        }
    )


def _treatment(config: Config) -> dict[str, Any]:
    told = config.condition
    return {
        "condition": told.name,
        "claim": told.claim.name,
        "linkage": told.linkage.name,
        "match_probability": told.match_probability,
    }


def _payoffs(config: Config) -> dict[str, Any]:
    payoffs = config.payoffs
    names = ("temptation", "reward", "punishment", "sucker")
    facts = {"game": config.game.name, "game_kind": config.game.kind.value, "r_star": payoffs.r_star}
    return facts | dict(zip(names, payoffs.points, strict=True))


def _calls(directory: Path) -> Rows:
    ledger = directory / "calls.jsonl"
    columns = list(CODEBOOK["calls"])[1:]
    for line in lines_on_record(ledger) if ledger.is_file() else ():
        yield columns, {column: line.fields.get(column) for column in columns}


def _long(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A round as a row for each number: the quantity, the model or agent it is of, and its value."""
    place = {key: row[key] for key in ("replicate", "round")}
    for key, value in row.items():
        if key not in place:
            for of, number in value if isinstance(value, list) else [(None, value)]:
                yield place | {"quantity": key, "of": of, "value": number}


def _flags(row: Mapping[str, Any]) -> dict[str, Any]:
    """What every analysis starts from: does it cooperate (1, 0, or missing), does it count."""
    if "action" not in row:
        return {}
    counts = row["action"] is not None and not row["substituted"]
    return {"cooperates": int(row["action"] == "COOPERATE") if row["action"] else None, "counts": counts}
