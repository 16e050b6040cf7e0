"""Gates: each fails on what it is there for, and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from dsl import play

from acausal.records import Decision
from acausal.report.arms import ArmOnRecord, Group
from acausal.report.gates import Gate, Verdict, cell_gates, first_line, sweep_gates, withdrawn
from acausal.settings.treatment import Claim, Linkage

FINE = play("CD", "DC") + play("DD", "CC", replicate=2)


def verdicts(gates: Sequence[Gate]) -> dict[str, str]:
    return {gate.name: gate.verdict.value for gate in gates}


def cell(decisions: Sequence[Decision], *, is_control: bool = True, **summary: Any) -> dict[str, str]:
    return verdicts(cell_gates(decisions, summary, is_control=is_control))


def group(**arms: Sequence[Decision]) -> Group:
    told = {
        "control": (Claim.none, Linkage.none),
        "copy": (Claim.identical_copy, Linkage.none),
        "i_mirror": (Claim.identical_copy, Linkage.mirror),
        "d_mirror": (Claim.different_model, Linkage.mirror),
    }
    return Group("a", 1, {name: ArmOnRecord(name, told[name], own) for name, own in arms.items()})


def sweep(one: Group, checks: Sequence[dict[str, Any]] = ()) -> list[Gate]:
    return sweep_gates([one], {name: arm.decisions for name, arm in one.arms.items()}, checks)


def test_a_sound_cell_passes_what_was_asked() -> None:
    assert cell(FINE) == {
        "missing decisions": "passed",
        "differential missingness": "passed",
        "room for an effect": "passed",
        "comprehension": "not asked",
        "manipulation": "not asked",
        "truthful arms": "passed",
        "distinct replicates": "passed",
    }


@pytest.mark.parametrize(("letters", "verdict"), [("C" * 19 + "?", "passed"), ("C" * 18 + "??", "failed")])
def test_more_than_a_twentieth_missing_fails(letters: str, verdict: str) -> None:
    assert cell(play(letters, letters))["missing decisions"] == verdict


def test_nothing_at_all_is_missing_too() -> None:
    assert cell([])["missing decisions"] == "failed"


def test_a_model_that_is_silent_more_often_fails() -> None:
    assert cell(play("C" * 49 + "?", "D" * 50))["differential missingness"] == "passed"
    assert cell(play("C" * 48 + "??", "D" * 50))["differential missingness"] == "failed"


@pytest.mark.parametrize(("letters", "verdict"), [("CCCC", "failed"), ("DDDD", "failed"), ("CDCD", "passed")])
def test_a_control_at_an_end_has_no_room(letters: str, verdict: str) -> None:
    decisions = play(letters, letters)
    assert cell(decisions)["room for an effect"] == verdict
    assert "room for an effect" not in cell(decisions, is_control=False)


@pytest.mark.parametrize(
    ("name", "share", "verdict"),
    [
        *[("comprehension", 0.95, "passed"), ("comprehension", 0.94, "failed"), ("comprehension", None, "failed")],
        *[("manipulation", 0.80, "passed"), ("manipulation", 0.79, "failed")],
    ],
)
def test_checks_have_their_thresholds(name: str, share: float | None, verdict: str) -> None:
    assert cell(FINE, checks={f"{name}_by_model": {"a": share}})[name] == verdict


def test_a_false_claim_is_named_but_withdraws_nothing() -> None:
    gates = cell_gates([replace(d, claim_is_true=False) for d in FINE], {}, is_control=False)
    assert verdicts(gates)["truthful arms"] == "failed"
    assert first_line(gates) == ""


def test_replicates_that_repeat_each_other_are_copies() -> None:
    same = play("CD", "DC") + play("CD", "DC", replicate=2)
    assert cell(same)["distinct replicates"] == "failed"
    reworded = [replace(d, messages_hash=str(d.replicate)) for d in same]
    assert cell(reworded)["distinct replicates"] == "passed"
    assert cell(play("CD", "DC"))["distinct replicates"] == "not asked"


def test_arms_that_differ_in_silence_are_named_in_the_first_line() -> None:
    one = group(control=play("C" * 50, "D" * 50), copy=play("C" * 46 + "????", "D" * 50))
    gates = sweep(one)
    assert first_line(gates).startswith("Not confirmed: differential missingness failed. The arms of a (part 1)")
    assert withdrawn(one) == ["differential missingness"]


def test_a_mirror_that_moves_too_few_fails_and_withdraws() -> None:
    weak = group(i_mirror=play("CD", "CC"), d_mirror=play("CC", "CC"))
    strong = group(i_mirror=play("CC", "CC"), d_mirror=play("CC", "CC"))
    assert verdicts(sweep(weak))["positive control"] == "failed"
    assert verdicts(sweep(strong))["positive control"] == "passed"
    assert withdrawn(weak) == ["positive control"]
    assert withdrawn(strong) == []
    assert verdicts(sweep(group(control=FINE)))["positive control"] == Verdict.NOT_ASKED


def test_a_model_that_failed_the_quiz_claims_nothing_and_others_may() -> None:
    checks = [{"comprehension_by_model": {"a": share, "b": 0.2}, "manipulation_by_model": {}} for share in (1.0, 0.5)]
    assert withdrawn(group(control=FINE), checks[:1]) == []
    assert withdrawn(group(control=FINE), checks) == ["comprehension"]


def test_checks_of_any_cell_can_fail_a_sweep() -> None:
    checks = [{"comprehension_by_model": {"a": share}, "manipulation_by_model": {}} for share in (1.0, 0.5)]
    assert "comprehension failed" in first_line(sweep(group(control=FINE), checks))
