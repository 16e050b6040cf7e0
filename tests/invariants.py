"""What holds of every cell, whatever its endpoint did to it: read from its directory and the server's log alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from acausal.config import fingerprint
from acausal.models.simulator import SeenRequest
from acausal.outputs import TABLES
from acausal.records import Decision, Status
from acausal.report.tables import read_decisions
from acausal.settings.schema import Config

LABELS = ("COOPERATE", "DEFECT")
Where = tuple[int, int, int, int | None]
"""Replicate, round, agent, co-player."""


@dataclass(frozen=True)
class Books:
    """What a cell left on disk."""

    lines: Sequence[Mapping[str, Any]]
    """Of its ledger, in the order written."""
    decisions: Sequence[Decision]
    strategies: Sequence[Mapping[str, Any]]
    rounds: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]

    @property
    def successes(self) -> dict[str, Mapping[str, Any]]:
        """Key → line that holds a reply."""
        return {line["key"]: line for line in self.lines if line["error"] is None}

    @property
    def needed(self) -> set[str]:
        """Keys that the tables rest on."""
        keys = [decision.call_key for decision in self.decisions] + [row["call_key"] for row in self.strategies]
        return {key for key in keys if key is not None}

    @property
    def actions(self) -> dict[Where, str]:
        """Where → the action that was read."""
        return {where(each): str(each.action) for each in self.decisions if each.action is not None}


def ledger_of(directory: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (directory / "calls.jsonl").read_bytes().splitlines()]


def books_of(directory: Path) -> Books:
    return Books(
        ledger_of(directory),
        read_decisions(directory / "decisions.parquet"),
        pq.read_table(directory / "strategies.parquet").to_pylist(),
        pq.read_table(directory / "rounds.parquet").to_pylist(),
        orjson.loads((directory / "summary.json").read_bytes()),
    )


def tables_of(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in TABLES}


def where(decision: Decision) -> Where:
    return decision.replicate, decision.round, decision.agent, decision.coplayer


def every_decision_is_there(books: Books, config: Config) -> None:
    agents, rounds = config.num_agents, config.num_rounds * config.replicates
    places = {where(decision) for decision in books.decisions}
    assert len(books.decisions) == len(places) == rounds * agents * (agents - 1) == books.summary["decisions"]
    assert len(books.strategies) == (rounds * agents if config.protocol.strategy else 0)
    counted = Counter(decision.status.value for decision in books.decisions)
    assert all(books.summary[status.value] == counted[status.value] for status in Status)


def no_decision_is_invented(books: Books, truth: Mapping[Where, str]) -> None:
    """Each action is the one word of a whole reply on record, and the one its model gave; all others have a reason.

    Args:
        truth: Where → what the model says there when nothing goes wrong.
    """
    successes = books.successes
    for decision in books.decisions:
        line = successes.get(decision.call_key or "")
        if decision.action is None:
            assert decision.status is not Status.LEGIBLE
            assert decision.reason
            assert line is None or line["purpose"] == "strategy" or line["reply"] not in LABELS
        else:
            assert (decision.status, decision.reason) == (Status.LEGIBLE, None)
            assert line is not None, "an action that nobody said"
            assert (line["replicate"], line["round"], line["agent"], line["coplayer"]) == where(decision)
            assert (line["reply"], line["refusal"], line["finish_reason"]) == (decision.action, None, "stop")
            assert decision.action == truth[where(decision)]
    for strategy in books.strategies:
        line = successes.get(strategy["call_key"])
        assert strategy["strategy"] == (line["reply"] if strategy["status"] == "legible" and line else None)
        assert (strategy["strategy"] is None) == bool(strategy["reason"])


def whoever_else_serves_is_marked(books: Books) -> None:
    """Served by another ⇔ marked, in ledger, strategies and decisions alike."""
    for row in (*books.lines, *books.strategies):
        assert row["substituted"] == (row["served_by"] not in (None, row["model"])), row
    followed = {
        (row["replicate"], row["round"], row["agent"]): row["substituted"] and row["status"] == "legible"
        for row in books.strategies
    }
    successes = books.successes
    for decision in books.decisions:
        line = successes.get(decision.call_key or "")
        if decision.action is not None and line is not None:
            assert (decision.served_by, decision.model) == (line["served_by"], line["model"])
        by_another = decision.served_by not in (None, decision.model)
        assert decision.substituted == (by_another or followed.get(where(decision)[:3], False)), decision
    assert books.summary["substituted"] == sum(decision.substituted for decision in books.decisions)


def a_substitute_counts_in_no_rate(books: Books) -> None:
    def rate(decisions: Sequence[Decision]) -> float | None:
        own = [decision.action == "COOPERATE" for decision in decisions if decision.action and not decision.substituted]
        return sum(own) / len(own) if own else None

    assert books.summary["cooperation_rate"] == rate(books.decisions)
    for model, value in books.summary["cooperation_rate_by_model"].items():
        assert value == rate([decision for decision in books.decisions if decision.agent_model == model])
    for row in books.rounds:
        place = (row["replicate"], row["round"])
        assert row["cooperation_rate"] == rate([each for each in books.decisions if where(each)[:2] == place])


def the_ledger_agrees_with_the_server(
    lines: Sequence[Mapping[str, Any]], requests: Sequence[SeenRequest], config: Config
) -> None:
    """No answered attempt that the server has not seen, none uncounted, and no reply that was had twice.

    An attempt that ran out of time, or whose connection broke, may have ended before the server read it: on a busy
    machine it does.

    Args:
        lines: Of the runs that these requests were made in.
    """
    seen, answered = Counter(request.digest for request in requests), Counter[str]()
    for line in lines:
        unheard = sum(cause in ("timeout", "disconnect") for cause in (*line["retries"], line["cause"]))
        answered[fingerprint(line["request"])] += max(0, line["attempts"] - unheard)
        assert line["attempts"] == len(line["retries"]) + 1 or (line["error"] and line["attempts"] == 0), line
        assert line["attempts"] <= config.models["a"].max_retries + 1
    assert all(seen[digest] >= count for digest, count in answered.items())
    assert len(requests) >= sum(answered.values()) >= sum(line["error"] is None for line in lines)
    no_success_was_asked_twice(lines)


def no_success_was_asked_twice(lines: Sequence[Mapping[str, Any]]) -> None:
    successes = Counter(line["key"] for line in lines if line["error"] is None)
    assert set(successes.values()) <= {1}


def the_key_is_nowhere(key: str, directory: Path, *texts: str) -> None:
    for path in directory.rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes(), path
    assert all(key not in text for text in texts)
