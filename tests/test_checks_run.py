"""Cells with questions beside their games: played, killed, resumed, starved, replayed and priced."""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from invariants import ledger_of, tables_of
from program import ACAUSAL, run
from rich.console import Console
from small_cell import KEY, at, changed, once, play, served
from small_cell import composed as over_http

from acausal.config import identity
from acausal.experiment import Cell, run_cell
from acausal.models.faults import Fault
from acausal.models.recorded import recorded_calls
from acausal.models.simulator import SimulatorSettings, running
from acausal.outputs import CHECKS_TABLE
from acausal.play.tournament import play_tournament
from acausal.pricing.estimate import estimate
from acausal.pricing.workload import workload
from acausal.records import Check, Place, Purpose, Reply, Request
from acausal.report.price_table import price_lines
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config, ReplayMode
from acausal.tracking import _scalars

ALL = [f"checks.{check}=true" for check in ("comprehension", "manipulation", "beliefs", "canary")]
FOUR = ["num_agents=4", "scenario.model_distribution={a: 2, b: 2}", "num_rounds=2", "replicates=2"]
QUIET = ["tracking.enabled=false", "progress=off"]
LINKED = "condition=identical_copy_linked"
ASKED = 2 * (4 * 12 + 2 * 3)
"""Of each agent 6 about the payoffs, 4 about what it was told, 2 beliefs; of each model 3 canaries; two replicates."""
PROCESSES = multiprocessing.get_context("forkserver")

pytestmark = pytest.mark.usefixtures("without_figures")


def cell(config: Config, directory: Path) -> tuple[ExitCode, str]:
    """Play a cell of personas; its exit code, and all that a user reads."""
    directory.mkdir(exist_ok=True)
    console = Console(file=(shown := io.StringIO()), width=200)
    with Process() as process:
        code, message = run_cell(Cell(config, directory, "go on", "run.py"), {}, console, process)
    return code, f"{shown.getvalue()}{message}"


def summary_of(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "summary.json").read_text())
    return found


def checks_of(directory: Path) -> pd.DataFrame:
    return pd.read_parquet(directory / CHECKS_TABLE)


def is_check(line: dict[str, Any]) -> bool:
    return bool(line["purpose"] == "check")


def in_game(directory: Path) -> Counter[str]:
    """Key of every call that is part of a game."""
    return Counter(line["key"] for line in ledger_of(directory) if not is_check(line))


def test_no_game_ever_hears_of_a_check(scripted: Callable[..., Config], tmp_path: Path) -> None:
    without, with_checks = tmp_path / "without", tmp_path / "with"
    assert cell(scripted(*FOUR, *QUIET, LINKED), without)[0] is ExitCode.DONE
    assert cell(scripted(*FOUR, *QUIET, LINKED, *ALL), with_checks)[0] is ExitCode.DONE
    assert in_game(with_checks) == in_game(without)
    assert tables_of(with_checks) == tables_of(without)
    plain, beside = summary_of(without), summary_of(with_checks)
    assert plain.keys() == beside.keys() - {"checks"}
    assert not (without / CHECKS_TABLE).exists()
    assert all("question" not in line for line in ledger_of(without))
    assert "Checks beside" not in (without / "report.md").read_text()
    for line in filter(is_check, ledger_of(with_checks)):
        roles = [message["role"] for message in line["request"]["messages"]]
        assert roles == ["system", "user"], "a conversation of its own"
        assert "Your strategy" not in line["request"]["messages"][1]["content"]


def test_a_check_reads_the_very_rules_that_its_decision_reads(scripted: Callable[..., Config], tmp_path: Path) -> None:
    cell(scripted(*FOUR, *QUIET, LINKED, *ALL), tmp_path)
    rules: dict[tuple[int, int], set[str]] = {}
    for line in ledger_of(tmp_path):
        if line["agent"]:
            place = line["replicate"], line["agent"]
            rules.setdefault(place, set()).add(line["request"]["messages"][0]["content"])
    assert len(rules) == 8
    assert all(len(told) == 1 for told in rules.values())


def test_checks_are_counted_apart_and_shown(scripted: Callable[..., Config], tmp_path: Path) -> None:
    config = scripted(*FOUR, *QUIET, LINKED, *ALL, "models.b.model_type=scripted/muddled")
    code, said = cell(config, tmp_path)
    assert code is ExitCode.DONE
    table, summary = checks_of(tmp_path), summary_of(tmp_path)
    checks = summary["checks"]
    lines = ledger_of(tmp_path)
    assert len(table) == checks["calls"] == checks["legible"] == ASKED == sum(map(is_check, lines))
    assert set(table.call_key) == {line["key"] for line in lines if is_check(line)}
    assert checks["tokens_in"] == table.tokens_in.sum() == sum(line["tokens_in"] for line in lines if is_check(line))
    assert summary["calls"] == len(lines)
    assert checks["comprehension_by_model"] == {"scripted/always_c": 1.0, "scripted/muddled": 0.0}
    assert checks["manipulation_by_model"] == {"scripted/always_c": 1.0, "scripted/muddled": 1.0}
    assert {unit["model"] for unit in checks["failing_units"]} == {"scripted/muddled"}
    assert summary["cooperation_rate"] == checks["cooperation_rate_intention_to_treat"] == 1.0
    assert checks["per_protocol"]["n"] == summary["decisions"] / 2
    assert f"{ASKED} of these calls" in said
    assert "cooperation of all units (intention to treat) 100.0 %, of those that passed the quiz" in said
    report = (tmp_path / "report.md").read_text()
    assert "| scripted/muddled | comprehension | 1 | 0.0 % | 12 | 100.0 % | failed |" in report
    assert "<td>treatment received</td>" in (tmp_path / "report.html").read_text()
    metrics = _scalars(summary)
    assert (metrics["checks/calls"], metrics["checks/comprehension/scripted/muddled"]) == (ASKED, 0.0)
    assert metrics["checks/canary_changed_end/scripted/muddled"] == 0
    assert metrics["checks/q1/scripted/muddled"] == 0.5


class Reluctant:
    """A model that takes longer over what is asked beside the game than over the game."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Place]] = []

    async def complete(self, request: Request) -> Reply:
        self.events.append(("asked", request.place))
        if request.place.purpose is Purpose.CHECK:
            for _ in range(200):
                await asyncio.sleep(0)
        self.events.append(("answered", request.place))
        text = request.choices[0] if request.choices else "I wait and see."
        return Reply(str(request.place), "m", "m", False, text, finish_reason="stop")


def test_one_half_of_the_agents_is_quizzed_before_any_of_its_calls(scripted: Callable[..., Config]) -> None:
    model = Reluctant()
    config = scripted(*FOUR, *ALL, "replicates=1")
    record = asyncio.run(play_tournament(config, model, 1))
    before = {check.agent: check.before_decision for check in record.checks if check.check is Check.COMPREHENSION}
    assert Counter(before.values()) == {True: 2, False: 2}
    for agent, is_before in before.items():
        own = [(what, place) for what, place in model.events if place.agent == agent]
        quiz = [n for n, (_, place) in enumerate(own) if place.question.startswith(("comprehension", "beliefs"))]
        recall = [n for n, (_, place) in enumerate(own) if place.question.startswith("manipulation")]
        first_round = [n for n, (_, place) in enumerate(own) if place.purpose is not Purpose.CHECK and place.round == 1]
        assert (max(quiz) < min(first_round)) if is_before else (max(first_round) < min(quiz))
        assert max(first_round) < min(recall)
    stages = [place.question.split("/")[1] for what, place in model.events if what == "asked" and not place.agent]
    assert stages == [stage for stage in ("start", "middle", "end") for _ in "ab"]


def test_a_misled_arm_is_said_not_to_have_received_its_treatment(
    scripted: Callable[..., Config], tmp_path: Path
) -> None:
    config = scripted(*FOUR, *QUIET, LINKED, "checks.manipulation=true", "models.b.model_type=scripted/forgetful")
    cell(config, tmp_path)
    found = {score["model"]: score["treatment"] for score in summary_of(tmp_path)["checks"]["manipulation"]}
    assert found == {"scripted/always_c": "received", "scripted/forgetful": "not received"}
    assert "Treatment not received (recall below 80.0 %): scripted/forgetful." in (tmp_path / "report.md").read_text()


def test_evidential_beliefs_reach_the_summary(scripted: Callable[..., Config], tmp_path: Path) -> None:
    kinds = [f"models.{slot}.model_type=scripted/superrational" for slot in "ab"]
    cell(scripted(*FOUR, *QUIET, "condition=same_model", "checks.beliefs=true", *kinds), tmp_path)
    (belief,) = summary_of(tmp_path)["checks"]["beliefs"]
    assert (belief["q1"], belief["q0"], belief["edt_score"], belief["n"]) == (1.0, 0.0, 2.0, 8)


def test_checks_turned_on_later_ask_the_checks_alone(scripted: Callable[..., Config], tmp_path: Path) -> None:
    cell(scripted(*FOUR, *QUIET), tmp_path)
    before = ledger_of(tmp_path)
    code, _ = cell(scripted(*FOUR, *QUIET, *ALL), tmp_path)
    added = ledger_of(tmp_path)[len(before) :]
    assert code is ExitCode.DONE
    assert added
    assert all(map(is_check, added))


def test_a_strict_replay_remakes_checks_to_the_byte_and_sees_a_tampered_one(
    scripted: Callable[..., Config], tmp_path: Path
) -> None:
    config = scripted(*FOUR, *QUIET, *ALL)
    cell(config, tmp_path)
    strict = replace(config, replay=ReplayMode.strict)
    code, said = cell(strict, tmp_path)
    assert code is ExitCode.DONE
    assert f"model_assignments.json, {CHECKS_TABLE}" in said
    (tmp_path / CHECKS_TABLE).write_bytes(b"tampered")
    code, said = cell(strict, tmp_path)
    assert code is ExitCode.REFUSED
    assert f"tables that differ from those on disk, which are kept: {CHECKS_TABLE}" in said


@pytest.mark.parametrize(
    "overrides", [[], ["sub_model=c"], ["protocol=direct", "matching=random_pairs", "matching.matches=1"]]
)
def test_an_estimate_counts_and_prices_checks_on_a_line_of_their_own(
    scripted: Callable[..., Config], tmp_path: Path, overrides: list[str]
) -> None:
    config = scripted(*FOUR, *QUIET, LINKED, *ALL, *overrides)
    loads = {kind: load for kind, load in workload(config).items() if kind[1] is Purpose.CHECK}
    cell(config, tmp_path)
    asked, size = Counter[str](), Counter[str]()
    slots = {model.model_type: slot for slot, model in config.models.items()}
    for line in filter(is_check, ledger_of(tmp_path)):
        slot = slots[line["model"]]
        asked[slot] += 1
        size[slot] += sum(len(message["content"].encode()) for message in line["request"]["messages"])
    assert {slot: load.calls for (slot, _), load in loads.items()} == asked
    assert {slot: load.least_bytes for (slot, _), load in loads.items()} == size
    assert any(line.startswith("  check  ") for line in price_lines(estimate(config, {})))
    left = estimate(config, {}, recorded_calls(tmp_path, identity(config), settled=True))
    assert left.calls == 0


def test_what_plays_by_a_rule_is_asked_nothing(composed: Callable[..., Config], tmp_path: Path) -> None:
    rules = ["model@models.a=scripted", "model@models.b=tit_for_tat"]
    config = composed(*FOUR, *QUIET, *ALL, *rules, "protocol=direct")
    assert cell(config, tmp_path)[0] is ExitCode.DONE
    assert set(checks_of(tmp_path).model) == {config.models["a"].model_type}
    assert {kind[0] for kind in workload(config) if kind[1] is Purpose.CHECK} == {"a"}


def test_whoever_is_quizzed_first_has_one_step_more(scripted: Callable[..., Config]) -> None:
    def steps(*overrides: str) -> int:
        return estimate(scripted(*FOUR, *QUIET, *overrides), {}).steps

    assert steps(*ALL) == steps("checks.beliefs=true", "checks.order=before") == steps() + 1
    assert steps(*ALL, "checks.order=after") == steps("checks.manipulation=true", "checks.canary=true") == steps()


def test_a_budget_stops_checks_too_and_the_same_command_goes_on(
    scripted: Callable[..., Config], tmp_path: Path
) -> None:
    config = scripted(*FOUR, *QUIET, *ALL)
    whole = tmp_path / "whole"
    cell(config, whole)
    capped = replace(config, budget=replace(config.budget, calls=30))
    code, _ = cell(capped, tmp_path / "capped")
    assert code is ExitCode.BUDGET
    assert len(ledger_of(tmp_path / "capped")) == 30
    assert cell(config, tmp_path / "capped")[0] is ExitCode.DONE
    again = [line["key"] for line in ledger_of(tmp_path / "capped")]
    assert sorted(again) == sorted(line["key"] for line in ledger_of(whole)), "nothing was asked twice"
    assert (tmp_path / "capped" / CHECKS_TABLE).read_bytes() == (whole / CHECKS_TABLE).read_bytes()


def http(*overrides: str) -> Config:
    """A cell of one round over HTTP, as quick as it answers."""
    config = over_http(*FOUR, *ALL, LINKED, "protocol=direct", "num_rounds=1", *overrides)
    return changed(config, retry_delay=0.001, max_retries=3, timeout_s=30)


def test_over_http_a_flaky_endpoint_is_retried_and_its_illegible_answers_stay_illegible(tmp_path: Path) -> None:
    faults = (Fault(status=503, rate=0.1), Fault(text="Hmm.", rate=0.2))
    assert play(http(), tmp_path, faults=faults).code is ExitCode.DONE
    table = checks_of(tmp_path)
    assert len(table) == ASKED
    unread = table[table.status == "illegible"]
    assert len(unread) > 5
    assert unread.answer.isna().all()
    assert unread.correct.isna().all()
    assert any(line["retries"] for line in ledger_of(tmp_path) if is_check(line))
    assert summary_of(tmp_path)["checks"]["illegible"] == len(unread)
    assert summary_of(tmp_path)["checks"]["cost_usd"] == pytest.approx(table.cost_usd.sum())
    assert table.cost_usd.sum() > 0


def test_a_dead_endpoint_gives_no_answer_no_share_and_no_estimate(tmp_path: Path) -> None:
    played = play(changed(http(), patience_s=0.5, max_retries=1), tmp_path, faults=(Fault(status=503),))
    assert played.code is ExitCode.NO_ESTIMATE
    checks = summary_of(tmp_path)["checks"]
    assert (checks["failed"], checks["legible"], checks["cost_usd"]) == (ASKED, 0, 0)
    assert set(checks["comprehension_by_model"].values()) == {None}
    assert checks["cooperation_rate_per_protocol"] is None
    assert {score["treatment"] for score in checks["manipulation"]} == {"no data"}
    assert "no data" in (tmp_path / "report.md").read_text()


def one_life(config: Config, directory: Path) -> None:
    with Process() as process:
        code, _ = once(config, directory, process)
    sys.exit(int(code))


def test_a_run_killed_amid_its_checks_ends_as_one_that_was_not(tmp_path: Path) -> None:
    undisturbed, directory = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    directory.mkdir()
    config = changed(http(), max_concurrency=2)
    assert play(config, undisturbed).code is ExitCode.DONE
    with running(SimulatorSettings("coin", api_key=KEY, latency_s=0.02)) as simulator:
        config = at(config, simulator.base_url)
        child = PROCESSES.Process(target=one_life, args=(config, directory))
        child.start()
        while len(simulator.requests) < 50:
            assert child.is_alive(), "the run ended before its time"
            time.sleep(0.001)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
    kept = (directory / "calls.jsonl").read_bytes()
    assert b'"purpose":"check"' in kept
    with served(SimulatorSettings("coin", api_key=KEY)) as (process, simulator):
        assert once(at(config, simulator.base_url), directory, process)[0] is ExitCode.DONE
    assert (directory / "calls.jsonl").read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    keys = [line["key"] for line in ledger_of(directory)]
    assert len(keys) == len(set(keys)) == len(ledger_of(undisturbed))
    assert (directory / CHECKS_TABLE).read_bytes() == (undisturbed / CHECKS_TABLE).read_bytes()


def test_acausal_prompts_shows_checks_of_every_arm(tmp_path: Path) -> None:
    arguments = ["prompts", "-m", "condition=human,identical_copy", "protocol=direct", *ALL]
    code, out, err = run(arguments, tmp_path, ACAUSAL)
    assert (code, err) == (0, "")
    assert "[check, comprehension payoff_dc, paraphrase 1 of 20: " in out
    assert "[check, canary each model, paraphrase 1 of 20: " in out
    assert "Is 17077 a prime number?" in out
    code, out, err = run(["prompts", "protocol=direct"], tmp_path, ACAUSAL)
    assert (code, err) == (0, "")
    assert "check" not in out
