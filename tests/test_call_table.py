"""The calls to each model as reports show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsl import play
from test_document import TOTALS, both

from acausal.analysis.rates import summary
from acausal.report.call_table import call_rows, causes, concurrency_lines

FIGURES: dict[str, Any] = {
    "calls": 1234,
    "failures": 2,
    "attempts": 1250,
    "retries": {"timeout": 4, "429": 8},
    "substitutions": 3,
    "latency_p50_s": 0.5,
    "latency_p95_s": 2.25,
    "latency_p99_s": 120.4,
    "tokens_in": 98765,
    "tokens_out": 4321,
    "cost_usd": None,
    "queued_s": 2500.0,
    "limit_share": 0.974,
    "concurrency": [],
}
NOTHING: dict[str, Any] = FIGURES | {
    "calls": 5,
    "attempts": 0,
    "retries": {},
    "queued_s": 0.0,
    "limit_share": None,
    **dict.fromkeys(["latency_p50_s", "latency_p95_s", "latency_p99_s"]),
}


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def limit(*changes: tuple[float, int, str], endpoint: str = "e") -> dict[str, Any]:
    steps = [{"at_s": at_s, "width": width, "cause": cause} for at_s, width, cause in changes]
    return {"endpoint": endpoint, "width": 16, "changes": steps}


def test_a_row_says_everything_with_its_unit() -> None:
    (row,) = call_rows({"openai/gpt-4": FIGURES})
    assert {name: plain(cell) for name, cell in row.items()} == {
        "model": "openai/gpt-4",
        "calls": "1,234",
        "retries": "12 (8 × 429, 4 × timeout)",
        "failed": "2",
        "substituted": "3",
        "p50 / p95 / p99": "0.50 / 2.25 / 120 s",
        "tokens": "98,765 + 4,321",
        "cost": "unknown",
        "waited": "2.00 s",
        "limit used": "97.4 %",
    }


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    (row,) = call_rows({"m": NOTHING})
    assert (row["p50 / p95 / p99"], row["waited"], row["limit used"], row["retries"]) == ("–", "–", "–", "0")


def test_one_cause_needs_no_sum() -> None:
    assert plain(causes({"429": 8})) == "8 × 429"


def test_successes_in_a_row_are_one_step_to_where_they_led() -> None:
    changes = [(3.14, 8, "429"), (4.0, 9, "success"), (5.0, 10, "success"), (9.0, 5, "timeout")]
    assert concurrency_lines({"m": FIGURES | {"concurrency": [limit(*changes)]}}) == [
        "m: 16 → 8 (429 at 3.1 s) → 10 → 5 (timeout at 9.0 s)"
    ]


def test_a_long_history_is_shortened_and_says_by_how_much() -> None:
    changes = [(float(number), 8, "429") for number in range(1, 31)]
    (line,) = concurrency_lines({"m": FIGURES | {"concurrency": [limit(*changes)]}})
    assert line.startswith("m: 16 → 8 (429 at 1.0 s) → ")
    assert "(429 at 4.0 s) → … 23 steps … → 8 (429 at 28.0 s)" in line
    assert line.count("429") == 7


def test_only_models_whose_concurrency_changed_are_named_and_endpoints_only_where_there_are_two() -> None:
    both_endpoints = [limit((1.0, 8, "503")), limit((2.0, 8, "429"), endpoint="f")]
    lines = concurrency_lines(
        {"m": FIGURES | {"concurrency": both_endpoints}, "n": FIGURES | {"concurrency": [limit()]}}
    )
    assert lines == ["m at e: 16 → 8 (503 at 1.0 s)", "m at f: 16 → 8 (429 at 2.0 s)"]


def test_both_documents_have_the_table_and_the_history(tmp_path: Path) -> None:
    decisions = play("C", "D")
    figures = FIGURES | {"concurrency": [limit((3.1, 8, "429"))]}
    for text in both(tmp_path, decisions, summary=summary(decisions, TOTALS, {"x/<one>": figures})):
        assert "Calls by model" in text
        assert "12 (8 × 429, 4 × timeout)" in plain(text)
        assert "Calls in flight at most, where it changed:" in text
        assert "16 → 8 (429 at 3.1 s)" in text
        assert "x/&lt;one>" in text.replace("&gt;", ">")
        assert "<one>" not in text


def test_a_cell_without_calls_has_no_such_table(tmp_path: Path) -> None:
    for text in both(tmp_path, play("C", "D")):
        assert "Calls by model" not in text
        assert "Calls in flight" not in text
