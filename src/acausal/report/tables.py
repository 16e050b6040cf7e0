"""The files that scripts read: parquet tables and JSON, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acausal.game import Action
from acausal.records import Check, CheckRecord, Decision, Outcome, RoundSummary, Status, StrategyRecord

_TEXT, _COUNT, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()

DECISIONS = pa.schema(
    [
        ("replicate", _COUNT),
        ("round", _COUNT),
        ("matchday", _COUNT),
        ("match", _COUNT),
        ("agent", _COUNT),
        ("coplayer", _COUNT),
        ("model", _TEXT),
        ("coplayer_model", _TEXT),
        ("served_by", _TEXT),
        ("substituted", _FLAG),
        ("condition", _TEXT),
        ("scenario", _TEXT),
        ("action", _TEXT),
        ("status", _TEXT),
        ("p_cooperate", _NUMBER),
        ("payoff", _NUMBER),
        ("power", _NUMBER),
        ("call_key", _TEXT),
        ("agent_model", _TEXT),
        ("coplayer_agent_model", _TEXT),
        ("reason", _TEXT),
        ("messages_hash", _TEXT),
        ("paraphrase", _COUNT),
        ("claim_is_true", _FLAG),
        ("outcome", _TEXT),
        ("label", _TEXT),
        ("first_option", _TEXT),
        ("payoff_order", _TEXT),
        ("reasks", _COUNT),
        ("samples_agree", _NUMBER),
        ("turn", _COUNT),
    ]
)
"""A row per decision. `agent_model` differs from `model` only under a `sub_model`; `reason` says why action is null;
`call_key` is null where a rule decided.
"""

STRATEGIES = pa.schema(
    [
        ("replicate", _COUNT),
        ("round", _COUNT),
        ("agent", _COUNT),
        ("model", _TEXT),
        ("served_by", _TEXT),
        ("substituted", _FLAG),
        ("status", _TEXT),
        ("strategy", _TEXT),
        ("reasoning", _TEXT),
        ("call_key", _TEXT),
        ("reason", _TEXT),
        ("messages_hash", _TEXT),
        ("paraphrase", _COUNT),
        ("reasks", _COUNT),
    ]
)
"""A row per strategy."""

ROUNDS = pa.schema(
    [
        ("replicate", _COUNT),
        ("round", _COUNT),
        ("decisions", _COUNT),
        ("legible", _COUNT),
        ("cooperation_rate", _NUMBER),
        ("cooperation_rate_within_model", _NUMBER),
        ("cooperation_rate_cross_model", _NUMBER),
        ("cooperation_rate_by_model", pa.map_(_TEXT, _NUMBER)),
        ("scores", pa.map_(_COUNT, _NUMBER)),
        ("power", pa.map_(_COUNT, _NUMBER)),
        ("population", pa.map_(_TEXT, _COUNT)),
    ]
)
"""A row per replicate and round; maps are model → rate, agent → points, agent → power,
model → agents."""


CHECKS = pa.schema(
    [
        ("replicate", _COUNT),
        ("round", _COUNT),
        ("agent", _COUNT),
        ("model", _TEXT),
        ("served_by", _TEXT),
        ("substituted", _FLAG),
        ("condition", _TEXT),
        ("scenario", _TEXT),
        ("paraphrase", _COUNT),
        ("check", _TEXT),
        ("question", _TEXT),
        ("expected", _TEXT),
        ("answer", _TEXT),
        ("status", _TEXT),
        ("correct", _FLAG),
        ("before_decision", _FLAG),
        ("call_key", _TEXT),
        ("reason", _TEXT),
        ("p_cooperate", _NUMBER),
        ("label", _TEXT),
        ("first_option", _TEXT),
        ("payoff_order", _TEXT),
        ("messages_hash", _TEXT),
        ("agent_model", _TEXT),
        ("tokens_in", _COUNT),
        ("tokens_out", _COUNT),
        ("cost_usd", _NUMBER),
    ]
)
"""A row per question beside the game; `agent` is null of a canary."""


def write_checks(path: Path, records: Sequence[CheckRecord]) -> None:
    """Write checks.parquet, ordered by place."""
    _write(path, CHECKS, sorted(records, key=lambda c: (c.replicate, c.round, c.agent or 0, c.check, c.question)))


def write_decisions(path: Path, decisions: Sequence[Decision]) -> None:
    """Write decisions.parquet, ordered by place: the same records give the same bytes."""
    ordered = sorted(decisions, key=lambda d: (d.replicate, d.round, d.match, d.turn, d.agent))
    _write(path, DECISIONS, ordered)


def write_strategies(path: Path, strategies: Sequence[StrategyRecord]) -> None:
    """Write strategies.parquet, ordered by place; empty under a protocol without strategies."""
    _write(path, STRATEGIES, sorted(strategies, key=lambda s: (s.replicate, s.round, s.agent)))


def write_rounds(path: Path, rounds: Sequence[RoundSummary]) -> None:
    """Write rounds.parquet, ordered by place."""
    _write(path, ROUNDS, sorted(rounds, key=lambda r: (r.replicate, r.round)))


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """The decisions of a table that `write_decisions` wrote."""
    rows = pq.read_table(path, schema=DECISIONS).to_pylist()
    for row in rows:
        row["status"] = Status(row["status"])
        for name in ("action", "first_option", "payoff_order"):
            row[name] = None if row[name] is None else Action(row[name])
        row["outcome"] = None if row["outcome"] is None else Outcome(row["outcome"])
    return tuple(Decision(**row) for row in rows)


def read_strategies(path: Path) -> tuple[StrategyRecord, ...]:
    """The strategies of a table that `write_strategies` wrote."""
    rows = pq.read_table(path, schema=STRATEGIES).to_pylist()
    return tuple(StrategyRecord(**row | {"status": Status(row["status"])}) for row in rows)


def read_checks(path: Path) -> tuple[CheckRecord, ...]:
    """The questions beside the game of a table that `write_checks` wrote."""
    rows = pq.read_table(path, schema=CHECKS).to_pylist()
    for row in rows:
        row |= {"status": Status(row["status"]), "check": Check(row["check"])}
        for name in ("first_option", "payoff_order"):
            row[name] = None if row[name] is None else Action(row[name])
    return tuple(CheckRecord(**row) for row in rows)


def read_rows(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of any parquet file.

    Raises:
        ValueError: It is none.
    """
    table = pq.read_table(path)
    return list(table.column_names), table.to_pylist()


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file for scripts; NaN is refused, missing numbers are null."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _write(path: Path, schema: pa.Schema, records: Sequence[Any]) -> None:
    columns = {field.name: [getattr(record, field.name) for record in records] for field in schema}
    for field in schema:
        if pa.types.is_map(field.type):
            columns[field.name] = [list(value.items()) for value in columns[field.name]]
    temporary = path.with_name(f"{path.name}.tmp")
    pq.write_table(pa.table(columns, schema=schema), temporary)
    temporary.replace(path)
