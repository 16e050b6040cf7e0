"""What a report must say beside the rate, and when it warns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dsl import play, substituted

from acausal.analysis.rates import CallTotals, summary
from acausal.game import Payoffs
from acausal.records import Decision
from acausal.report.document import CellReport, findings, write_report
from acausal.report.rows import dollars, interval, percent, rate_rows

TOTALS = CallTotals(calls=320, calls_replayed=17, tokens_in=123456, tokens_out=4567, cost_usd=0.0, wall_s=12.3)


def report(decisions: list[Decision], **facts: Any) -> CellReport:
    given: dict[str, Any] = {
        "scenario": "pair",
        "condition": "control",
        "protocol": "direct",
        "game": "prisoners_dilemma",
        "roster": "local",
        "disclosure": "",
        "payoffs": Payoffs(9, 7, 2, 1),
        "models": {"a": "x/one", "b": "y/two"},
        "seats": {"a": 3, "b": 4},
        "seed": 4711,
        "num_rounds": 2,
        "replicates": 6,
        "decisions": decisions,
        "summary": summary(decisions, TOTALS),
        "prompts": [("Asked for a decision", "Choose wisely.")],
        "figures": [],
        "version": "0.1",
        "git_commit": "abc123",
        "fingerprint": "f00dcafe",
        "command": "python run.py scenario=pair",
        "failures": {},
    }
    return CellReport(**given | facts)


def both(directory: Path, decisions: list[Decision], **facts: Any) -> tuple[str, str]:
    write_report(directory, report(decisions, **facts))
    return (directory / "report.md").read_text(), (directory / "report.html").read_text()


@pytest.mark.parametrize(
    "said",
    [
        *("4711", "f00dcafe", "commit abc123", "python run.py scenario=pair", "T, R, P, S = 9, 7, 2, 1"),
        *("3 × x/one, 4 × y/two", "Nothing about the other participants", "Choose wisely."),
        *("320 calls (17 replayed", "cost $0.00", "12 s", "needs the crossed design over several cells"),
    ],
)
def test_both_documents_say(tmp_path: Path, said: str) -> None:
    for text in both(tmp_path, play("CD", "DC")):
        assert said in text


def test_what_is_disclosed_is_told(tmp_path: Path) -> None:
    for text in both(tmp_path, play("C", "D"), disclosure="They run the same model."):
        assert "They run the same model." in text
        assert "Nothing about the other" not in text


def test_a_false_claim_is_warned_of_before_anything_else(tmp_path: Path) -> None:
    told = [replace(d, claim_is_true=d.agent == 1) for d in play("CD", "CC")]
    for text in both(tmp_path, told):
        warning = "Deceptive arm: in 2 of 4 decisions, what the agent was told of its co-player is false."
        assert 0 <= text.find(warning) < text.find("decisions cooperate")
    for text in both(tmp_path, play("CD", "CC")):
        assert "Deceptive" not in text


@pytest.mark.parametrize(("letters", "warned"), [("C" * 19 + "?", False), ("C" * 18 + "??", True)], ids=["5 %", "10 %"])
def test_more_than_a_twentieth_missing_is_warned_of(tmp_path: Path, letters: str, warned: bool) -> None:
    for text in both(tmp_path, play(letters, letters)):
        assert ("of the decisions are missing" in text) == warned


def test_substitutes_are_missing_too(tmp_path: Path) -> None:
    decisions = play("C", "C") + substituted(play("D", "D", replicate=2))
    assert "2 decisions do not count: the rate lies between 50.0 %" in " ".join(findings(report(decisions)))
    assert "50.0 % of the decisions are missing" in both(tmp_path, decisions)[0]


def test_what_substitutes_said_stands_apart_even_where_it_is_all_there_is(tmp_path: Path) -> None:
    said = findings(report(substituted(play("CD", "DD"))))
    assert said[0].startswith("No estimate: none of 4 decisions")
    assert said[1].startswith("Counted for the model assigned whoever answered (intention to treat): 25.0 % of 4 ")
    for text in both(tmp_path, substituted(play("CD", "DD"))):
        assert said[1] in text


def test_nothing_missing_says_nothing_of_bounds() -> None:
    assert len(findings(report(play("CD", "DC", models=("x", "x"))))) == 1


def test_within_and_cross_are_each_said_with_their_own_n() -> None:
    within = play("CC", "CD", models=("x", "x"))
    cross = play("D", "D", models=("x", "y"))
    said = findings(report(within + cross))[1]
    assert "same model 75.0 % of 4 cooperate" in said
    assert "different models 0.0 % of 2 (" in said


def test_an_interval_stands_beside_its_rate() -> None:
    decisions = play("CCC", "CDC", models=("x", "x")) + play("CDD", "DCC", models=("x", "x"), replicate=2)
    (*_, row) = rate_rows(decisions)
    assert row.estimate is not None
    assert row.estimate.low is not None
    assert f"95 % interval {interval(row.estimate)} over 2 replicates" in findings(report(decisions))[0]
    assert interval(row.estimate) == f"{row.estimate.low * 100:.1f}–{percent(row.estimate.high)}"


def test_why_actions_are_missing_is_counted_and_escaped(tmp_path: Path) -> None:
    failures: Mapping[str, int] = {"503 <img src=x onerror=alert(1)>": 37}
    markdown, html = both(tmp_path, play("Cx", "DD"), failures=failures)
    assert "| 37 |" in markdown
    assert "<td>37</td>" in html
    assert "<img" not in html


@pytest.mark.parametrize(
    ("usd", "words"), [(None, "unknown"), (0.0, "$0.00"), (0.0146, "$0.0146"), (1.0, "$1.00"), (12.345, "$12.35")]
)
def test_a_cost_is_printed_to_the_cent_or_finer(usd: float | None, words: str) -> None:
    assert dollars(usd) == words


def test_no_prompt_ends_its_own_fence(tmp_path: Path) -> None:
    prompt = "Your strategy:\n`````\n<b>bold</b>"
    markdown, _ = both(tmp_path, play("C", "D"), prompts=[("Asked", prompt)])
    assert f"``````text\n{prompt}\n``````\n" in markdown


def test_a_reason_stays_in_its_row_and_is_no_markup(tmp_path: Path) -> None:
    markdown, _ = both(tmp_path, play("Cx", "DD"), failures={"503 <b>a|b</b>\n[c](d)": 1})
    assert r"| 503 &lt;b>a\|b&lt;/b> \[c\](d) | 1 |" in markdown
