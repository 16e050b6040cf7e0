"""Tables are ordered by place, whatever finished first, and keep every column apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
from dsl import play

from acausal.analysis.rates import round_summaries
from acausal.records import Status, StrategyRecord
from acausal.report.tables import read_decisions, write_decisions, write_rounds, write_strategies


def strategy(replicate: int, round_: int, agent: int) -> StrategyRecord:
    return StrategyRecord(replicate, round_, agent, "a", "a", False, Status.LEGIBLE, "Cooperate.", None, "k", None)


def test_strategies_are_ordered_by_place(tmp_path: Path) -> None:
    write_strategies(tmp_path / "s.parquet", [strategy(2, 1, 1), strategy(1, 2, 1), strategy(1, 1, 2)])
    table = pd.read_parquet(tmp_path / "s.parquet")
    assert list(zip(table.replicate, table["round"], table.agent, strict=True)) == [(1, 1, 2), (1, 2, 1), (2, 1, 1)]


def test_rounds_are_ordered_by_place(tmp_path: Path) -> None:
    rounds = round_summaries(play("CC", "DD") + play("CC", "DD", replicate=2))
    write_rounds(tmp_path / "r.parquet", rounds[::-1])
    table = pd.read_parquet(tmp_path / "r.parquet")
    assert list(zip(table.replicate, table["round"], strict=True)) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_no_column_is_another_ones_copy(tmp_path: Path) -> None:
    decisions = [
        replace(decision, model="sub", coplayer_model="other_sub", served_by="served", p_cooperate=0.25)
        for decision in play("C", "D", models=("x", "y"))
    ]
    write_decisions(tmp_path / "d.parquet", decisions)
    row = pd.read_parquet(tmp_path / "d.parquet").iloc[0]
    assert (row.model, row.coplayer_model, row.agent_model, row.coplayer_agent_model) == ("sub", "other_sub", "x", "y")
    assert (row.served_by, row.p_cooperate) == ("served", 0.25)
    assert read_decisions(tmp_path / "d.parquet") == tuple(decisions)


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_decisions(tmp_path / "d.parquet", play("C", "D"))
    assert [path.name for path in tmp_path.iterdir()] == ["d.parquet"]
