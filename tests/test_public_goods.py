"""Public goods: everybody at once, a decision without a single co-player, from the prompt to the tables."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from test_play import ScriptedModel, arbitrary, played

from acausal.experiment import Cell, run_cell
from acausal.game import Action, PublicGoods
from acausal.pricing.workload import workload
from acausal.records import Place, Purpose, Request
from acausal.report.tables import read_decisions
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config

PLAY = ("game=public_goods", "num_rounds=2", "tracking.enabled=false")


def run(config: Config, directory: Path) -> tuple[ExitCode, str]:
    directory.mkdir(exist_ok=True)
    stream = io.StringIO()
    cell = Cell(config, directory, "python run.py", "python run.py")
    with Process() as process:
        code, message = run_cell(cell, {}, Console(file=stream, width=200), process)
    assert message == ""
    return code, stream.getvalue()


def test_a_round_is_one_match_of_everybody(scripted: Callable[..., Config]) -> None:
    model = ScriptedModel(arbitrary)
    record = played(scripted(*PLAY), model)
    assert [(match.round, match.matchday, match.match, len(match.decisions)) for match in record.matches] == [
        (1, 1, 1, 10),
        (2, 1, 1, 10),
    ]
    assert {(d.coplayer, d.coplayer_model, d.coplayer_agent_model) for d in record.decisions} == {(None, None, None)}
    assert len(model.decisions()) == 20
    assert model.widest == 10, "all at the same time"


def test_points_follow_from_the_number_of_contributors_among_the_others(scripted: Callable[..., Config]) -> None:
    record = played(scripted(*PLAY), ScriptedModel(arbitrary))
    for match in record.matches:
        actions = [decision.action for decision in match.decisions]
        assert len(set(actions)) == 2
        given = 10.0 * actions.count(Action.COOPERATE)
        for decision in match.decisions:
            kept = 10.0 if decision.action is Action.DEFECT else 0.0
            assert decision.payoff == pytest.approx(kept + 3 * given / 10)
        assert sum(d.payoff or 0.0 for d in match.decisions) == pytest.approx(100 + 2 * given), "the pool's gain"


def test_one_missing_action_voids_the_round_for_all(scripted: Callable[..., Config]) -> None:
    def mumbling(request: Request) -> str:
        mumbles = request.place.purpose is Purpose.DECISION and (request.place.round, request.place.agent) == (1, 4)
        return "Hmm." if mumbles else arbitrary(request)

    first, second = played(scripted(*PLAY), ScriptedModel(mumbling)).matches
    assert first.is_void
    assert all(decision.payoff is None for decision in first.decisions)
    assert sum(decision.action is not None for decision in first.decisions) == 9, "what was said stays on record"
    assert all(decision.payoff is not None for decision in second.decisions)


def test_power_multiplies_what_an_agent_gets(scripted: Callable[..., Config]) -> None:
    record = played(scripted(*PLAY, "game.power.mode=random"), ScriptedModel(lambda _: "DEFECT"))
    assert all(decision.payoff == pytest.approx(10 * decision.power / 100) for decision in record.decisions)


def test_a_cell_runs_from_prompt_to_report(scripted: Callable[..., Config], tmp_path: Path) -> None:
    config = scripted(*PLAY, "progress=plain")
    code, said = run(config, tmp_path / "cell")
    assert code is ExitCode.DONE
    assert "2 rounds, 2 matches, 40 calls" in said
    assert "round 2 of 2 played; 2/2 matches, 40/40 calls" in said
    table = pd.read_parquet(tmp_path / "cell" / "decisions.parquet")
    assert len(table) == 20
    assert table.coplayer.isna().all()
    assert set(table.action[table.model == "scripted/always_c"]) == {"COOPERATE"}
    assert set(table.payoff[table.model == "scripted/always_d"]) == {25.0}
    summary = json.loads((tmp_path / "cell" / "summary.json").read_text())
    assert summary["cooperation_rate"] == 0.5
    assert (summary["cooperation_rate_within_model"], summary["cooperation_rate_cross_model"]) == (None, None)
    assert summary["mean_payoff_by_model"] == {"scripted/always_c": 15.0, "scripted/always_d": 25.0}
    assert set(summary["outcomes"].values()) == {None}
    assert summary["game"]["public_goods"]["per_capita_return"] == pytest.approx(0.3)
    for name in ("report.md", "report.html"):
        report = (tmp_path / "cell" / name).read_text()
        assert (
            "10 players, an endowment of 10 points, the pool times 3: a contributed point gives its giver 0.3" in report
        )
        assert "Between agents of the same model" not in report


def test_a_cell_is_replayed_from_its_ledger(scripted: Callable[..., Config], tmp_path: Path) -> None:
    run(scripted(*PLAY), tmp_path / "cell")
    before = read_decisions(tmp_path / "cell" / "decisions.parquet")
    _, said = run(scripted(*PLAY), tmp_path / "cell")
    assert "40 calls (40 replayed)" in said
    assert read_decisions(tmp_path / "cell" / "decisions.parquet") == before
    _, audited = run(scripted(*PLAY, "replay=strict"), tmp_path / "cell")
    assert "40 calls, all from the ledger" in audited


@pytest.mark.parametrize("played_up_to", [0, 5000], ids=["sampled", "played"])
@pytest.mark.parametrize(("protocol", "strategies"), [("delegated", 20), ("direct", 0)])
def test_the_calls_are_counted_before_they_are_made(
    scripted: Callable[..., Config], played_up_to: int, protocol: str, strategies: int
) -> None:
    loads = workload(scripted(*PLAY, f"protocol={protocol}"), played_up_to=played_up_to)
    calls = {purpose: sum(load.calls for kind, load in loads.items() if kind[1] is purpose) for purpose in Purpose}
    assert calls == {Purpose.STRATEGY: strategies, Purpose.DECISION: 20, Purpose.CHECK: 0}


def test_a_place_without_a_coplayer_is_with_all() -> None:
    assert Place(1, 2, 3, Purpose.DECISION, 1).in_words == "replicate 1, round 2, agent 3, decision, match 1 with all"


def test_stakes_scale_points_and_leave_the_return_alone() -> None:
    goods = PublicGoods(4, 10, 1.6)
    assert goods.scaled(3).per_capita_return == goods.per_capita_return == pytest.approx(0.4)
    assert goods.scaled(3).corners.points == pytest.approx(goods.corners.scaled(3).points)
