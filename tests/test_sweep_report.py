"""What a sweep's report is made of, from cells on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from dsl import play
from rich.console import Console

from acausal.design.arms import questions
from acausal.records import Decision
from acausal.report.arms import Cell
from acausal.report.prompt_diff import against
from acausal.report.sweep_facts import facts_of
from acausal.report.sweep_findings import findings
from acausal.report.sweep_report import _met, sweep_tables
from acausal.running.status import ExitCode
from acausal.settings.schema import Config, TrackingConfig
from acausal.sweeps.books import Plan, PlannedCell, Sweep

Composed = Callable[..., Config]
REPLICATES = 6


def arm(letters: str) -> list[Decision]:
    """Six replicates in which both agents of a model choose alike."""
    own = [d for r in range(1, REPLICATES + 1) for d in play(letters, letters, models=("m", "m"), replicate=r)]
    return [replace(d, paraphrase=1 + d.replicate % 6) for d in own]


def cell(directory: Path, config: Config, decisions: Sequence[Decision]) -> Cell:
    return Cell(directory, config, tuple(decisions))


def test_a_claim_that_fails_a_gate_is_marked_and_others_are_not(tmp_path: Path, scripted: Composed) -> None:
    told = {name: scripted(f"condition={name}") for name in ("identical_copy", "different_model")}
    sound = [
        cell(tmp_path / "0", told["identical_copy"], arm("C")),
        cell(tmp_path / "1", told["different_model"], arm("D")),
    ]
    said = (
        "m (told +1.00 [+0.21, +1.00], adjusted p 0.031): rung 0, rates differ between arms. Contrasts: told identity."
    )
    assert findings(facts_of(sound))[1] == said
    gappy = [sound[0], cell(tmp_path / "1", told["different_model"], [*arm("D"), *arm("?")])]
    assert "Not confirmed: missing decisions and differential missingness failed." in findings(facts_of(gappy))[1]


def test_the_same_arm_twice_is_no_contrast_and_no_error(tmp_path: Path, scripted: Composed) -> None:
    config = scripted("condition=identical_copy")
    facts = facts_of([cell(tmp_path / name, config, arm("C")) for name in "xy"])
    assert facts.groups == []
    assert facts.note.startswith("No contrasts: ")
    assert list(facts.titles) == ["x", "y"]
    assert facts.note in findings(facts)
    assert [len(table.rows) for table in sweep_tables(facts)][:3] == [2, 0, 0]


def test_cells_that_differ_in_more_than_words_are_parts(tmp_path: Path, scripted: Composed) -> None:
    configs = [scripted("condition=identical_copy", f"game={game}") for game in ("prisoners_dilemma", "pd_r833")]
    facts = facts_of([cell(tmp_path / str(n), config, arm("C")) for n, config in enumerate(configs)])
    assert sorted(facts.names.values()) == ["m, part 1", "m, part 2"]
    assert len(facts.parts) == 2


def test_a_grid_finds_where_cooperation_sets_in(tmp_path: Path, scripted: Composed) -> None:
    told = (0.5, 0.67, 0.77, 1)
    configs = [scripted("condition=match_probability", f"condition.match_probability={r}") for r in told]
    cells = [
        cell(tmp_path / str(r), config, arm("C" if r > 0.7 else "D")) for r, config in zip(told, configs, strict=True)
    ]
    (grid,) = facts_of(cells).grids
    assert grid.r_star == pytest.approx(5 / 7)
    assert grid.switch is not None
    assert (grid.switch.low, grid.switch.high) == (0.67, 0.77)
    assert "sets in at a told match probability of 0.7" in " ".join(findings(facts_of(cells)))


def test_who_met_whom_is_of_cells_in_which_models_met_others(tmp_path: Path, scripted: Composed) -> None:
    config = scripted("condition=control")
    mixed, alone = play("CD", "DD", models=("m", "n")), play("CC", "CC", models=("m", "m"))
    found = _met([cell(tmp_path / name, config, own) for name, own in (("0", mixed), ("1", alone))])
    assert found == {"control": mixed}


def test_the_prompts_of_two_arms_differ_where_they_differ(scripted: Composed) -> None:
    first, other = (questions(scripted(f"condition={name}"), 1) for name in ("no_information", "identical_copy"))
    assert against(first, first) == {}
    changed = [line for lines in against(first, other).values() for line in lines]
    assert changed
    assert all(line.startswith("+") for line in changed)
    assert any("identical" in line or "copy" in line for line in changed)


def test_a_report_that_fails_never_costs_a_sweep_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("in a figure")

    monkeypatch.setattr("acausal.sweeps.books.report_sweep", broken)
    sweep = Sweep.start(tmp_path, Plan([], [PlannedCell(0, "0", [], {})]), TrackingConfig(enabled=False))
    assert sweep.end(Console(width=200)) is ExitCode.REFUSED  # its one cell was never played
    assert "not written: in a figure; again with: acausal report" in capsys.readouterr().out
