"""Real runs against a faulty endpoint: what they say of their calls is what the server saw of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from program import KEY, MODELS, OPENROUTER, endpoint, run

from acausal.models.faults import FAULTS, Fault
from acausal.models.simulator import SeenRequest, SimulatorSettings, running

GPT, CLAUDE, GEMINI = MODELS
FAST = ["preflight=off", *(f"models.{slot}.retry_delay=0.01" for slot in "abc"), "hydra.run.dir=o"]
CAUSES = {
    "429": "429",
    "503": "503",
    "error_body": "502",
    "reset": "disconnect",
    "malformed": "malformed",
    "empty_content": "empty",
}
"""Fault of the simulator → cause in which the client counts it."""


def at(rate: float, *names: str, model: str = "") -> tuple[Fault, ...]:
    return tuple(replace(FAULTS[name], rate=rate, model=model) for name in names)


def settings(*faults: Fault) -> SimulatorSettings:
    return SimulatorSettings(persona="always_c", api_key=KEY, models=MODELS, faults=faults, latency_s=0.002)


def played(
    folder: Path, *overrides: str, faults: Iterable[Fault] = ()
) -> tuple[dict[str, Any], list[SeenRequest], str]:
    """The summary, the server's log, and what was printed."""
    with running(settings(*faults)) as simulator:
        code, out, err = run([*OPENROUTER, *FAST, *overrides], folder, **endpoint(simulator))
    assert code == 0, out + err
    return json.loads((folder / "o" / "summary.json").read_text()), simulator.requests, out


def struck(log: Iterable[SeenRequest], model: str) -> Counter[str]:
    """Cause → requests to a model that failed for it."""
    return Counter(CAUSES[seen.fault] for seen in log if seen.model == model and seen.fault)


def test_attempts_retries_tokens_and_cost_are_those_of_the_servers_log(tmp_path: Path) -> None:
    summary, log, out = played(tmp_path, "models.a.max_retries=20", "models.b.max_retries=20", faults=at(0.05, *CAUSES))
    assert set(summary["calls_by_model"]) == {GPT, CLAUDE}
    for model, figures in summary["calls_by_model"].items():
        own = [seen for seen in log if seen.model == model]
        good = [seen for seen in own if not seen.fault]
        assert figures["attempts"] == len(own)
        assert figures["retries"] == dict(struck(log, model))
        assert figures["calls"] == len(good) == 50
        assert f"  {model} cooperates 100% of 45, legible 100%; 50 calls, {len(own) - 50} retries, median " in out
        assert (figures["failures"], figures["substitutions"]) == (0, 0)
        assert figures["tokens_in"] == sum(seen.tokens_in for seen in good)
        assert figures["tokens_out"] == sum(seen.tokens_out for seen in good)
        assert figures["cost_usd"] == pytest.approx(sum(seen.cost_usd for seen in good))
        assert 0.002 <= figures["latency_p50_s"] <= figures["latency_p95_s"] <= figures["latency_p99_s"]
        assert sum(len(limit["changes"]) for limit in figures["concurrency"]) > 0
    assert len({cause for figures in summary["calls_by_model"].values() for cause in figures["retries"]}) >= 4
    assert summary["cost_usd"] == pytest.approx(sum(f["cost_usd"] for f in summary["calls_by_model"].values()))
    for name in ("report.md", "report.html"):
        text = (tmp_path / "o" / name).read_text()
        assert "Calls by model" in text
        assert "Calls in flight at most, where it changed:" in text


def test_a_resumed_run_counts_its_earlier_failures_as_retries(tmp_path: Path) -> None:
    # With a history shown, a reply that comes later changes the prompts after it: other calls, and not these again.
    never = [*(f"models.{slot}.max_retries=0" for slot in "ab"), "condition.shows.own_matches=false"]
    first, log, _ = played(tmp_path, *never, faults=at(0.15, "429", "503"))
    for model, figures in first["calls_by_model"].items():
        assert figures["failures"] == struck(log, model).total() > 0
        assert (figures["retries"], figures["attempts"]) == ({}, figures["calls"])
    second, later, _ = played(tmp_path, *never, "retry_failed=true")
    whole = log + later
    for model, figures in second["calls_by_model"].items():
        assert figures["failures"] == 0
        assert figures["retries"] == dict(struck(whole, model))
        assert figures["attempts"] == sum(seen.model == model for seen in whole)
        assert figures["calls"] == 50


def test_substitutions_and_failures_of_an_absent_model_are_its_own(tmp_path: Path) -> None:
    summary, log, out = played(
        tmp_path, "scenario=diverse_3_3_4", "fallback.policy=substitute", faults=at(1, "404", model=GEMINI)
    )
    absent, substitute = summary["calls_by_model"][GEMINI], summary["calls_by_model"][GPT]
    assert (absent["calls"], absent["failures"], absent["substitutions"]) == (40, 40, 40)
    assert absent["attempts"] == sum(seen.model == GEMINI for seen in log)
    assert absent["latency_p50_s"] is None
    assert substitute["calls"] == substitute["attempts"] == sum(seen.model == GPT for seen in log) == 70
    assert summary["substituted"] == 36
    assert summary["cooperation_rate_by_model"][GEMINI] is None
    assert summary["cooperation_rate_intention_to_treat_by_model"][GEMINI] == 1.0
    assert summary["estimates"]["cooperation_rate"]["n"] == 54
    assert summary["estimates"]["cooperation_rate_intention_to_treat"]["n"] == 90
    gone = f"{GEMINI} nothing legible yet; 40 calls, 40 failed, cost $0.00; gone: not asked again in this run"
    assert gone in out
    said = "Counted for the model assigned whoever answered (intention to treat): 100.0 % of 90 decisions cooperate"
    assert said in out
    assert f"{GEMINI} 100.0 % of 36." in out
    for name in ("report.md", "report.html"):
        assert said in (tmp_path / "o" / name).read_text()


def test_a_replay_keeps_the_calls_and_knows_nothing_of_limits(tmp_path: Path) -> None:
    first, _, _ = played(tmp_path, "models.a.rate_limit=60000", faults=at(0.05, "429"))
    again, log, _ = played(tmp_path, "models.a.rate_limit=60000")
    assert log == []
    assert first["calls_by_model"][GPT]["limit_share"] > 0
    limits: dict[str, Any] = {"limit_share": None, "concurrency": []}
    assert again["calls_by_model"] == {model: old | limits for model, old in first["calls_by_model"].items()}


def test_what_a_changed_dial_touches_is_said_before_and_counted_after(tmp_path: Path) -> None:
    first, _, out = played(tmp_path)
    assert first["calls_asked_anew"] == 0
    assert "changed" not in out
    changed, log, out = played(tmp_path, "models.a.temperature=0.1", "models.a.max_tokens=999")
    assert (changed["calls_asked_anew"], changed["calls_replayed"]) == (50, 50)
    assert Counter(seen.model for seen in log) == {GPT: 50}
    assert (
        "note: changed since its calls were made: models.a.max_tokens (and 1 more key); "
        "the calls that this touches are asked again"
    ) in out
    assert (
        "changed  models.a.max_tokens (and 1 more key): 50 calls asked again because of it, 50 kept"
    ) in out.splitlines()
    settled, log, out = played(tmp_path, "models.a.temperature=0.1", "models.a.max_tokens=999")
    assert (settled["calls_asked_anew"], log) == (0, [])
    assert "changed" not in out
