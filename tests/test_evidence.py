"""From the cells of a sweep to the evidence of each model: what was asked, in which arms, of whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from dsl import play
from small_cell import composed

from acausal.records import Check, CheckRecord, Status
from acausal.report.arms import Cell, arms_of, cells_below
from acausal.report.evidence import evidence_of, horizon_of, mediation_of, threshold_of
from acausal.report.kinship import kinship
from acausal.report.tables import read_checks, write_checks
from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, Linkage

ONE_SHOT = ("protocol=direct", "num_rounds=1", "matching=strangers", "scenario=homogeneous")
GAMES = {"prisoners_dilemma": 5 / 7, "pd_r625": 0.625, "pd_r833": 5 / 6}
STEPS = (0.5, 0.6, 0.67, 0.77, 1.0)


@cache
def _composed(*overrides: str) -> Config:
    return composed(*ONE_SHOT, *overrides)


def cell(*overrides: str, letters: str, checks: Sequence[CheckRecord] = ()) -> Cell:
    """A cell in which one agent a wording chose these letters."""
    return of(_composed(*overrides), "/".join(overrides), letters, checks)


def of(config: Config, place: str, letters: str, checks: Sequence[CheckRecord] = ()) -> Cell:
    decisions = [
        replace(play(letter, "D", replicate=number, models=("a", "a"))[0], paraphrase=number)
        for number, letter in enumerate(letters, start=1)
    ]
    return Cell(Path(place), config, tuple(decisions), tuple(checks))


def grid(chooses: Callable[[float, float], bool]) -> list[Cell]:
    cells = []
    for (game, star), step in product(GAMES.items(), STEPS):
        config = deepcopy(_composed(f"game={game}", "condition=match_probability"))
        config.condition.match_probability, config.condition.name = step, f"match_probability_{step:g}"
        cells.append(of(config, f"{game}/{step:g}", ("C" if chooses(step, star) else "D") * 8))
    return cells


def question(check: Check, number: int, *, right: bool = True, q: float | None = None, name: str = "") -> CheckRecord:
    return CheckRecord(
        *(number, 0, 1, "a", "a", False, "arm", "pair", number, check, name, None, "answer", Status.LEGIBLE),
        *(right, False, "k", None),
        p_cooperate=q,
    )


def believing(q1: float, q0: float) -> list[CheckRecord]:
    return [
        question(Check.BELIEFS, number, q=q, name=name)
        for number in range(1, 11)
        for name, q in (("belief_c", q1), ("belief_d", q0))
    ]


def test_theta_is_read_off_the_cells_that_tell_a_match_probability() -> None:
    evidential = threshold_of([*grid(lambda r, star: r > star), cell("condition=identical_copy", letters="C" * 8)], "a")
    assert evidential is not None
    assert evidential.theta is not None
    assert (evidential.theta.low or 0) < 1 < (evidential.theta.high or 0)
    assert (evidential.theta.low or 0) > 0
    assert evidential.theta.n == 8 * len(GAMES) * len(STEPS)
    assert threshold_of([cell("condition=identical_copy", letters="C")], "a") is None


def test_match_probabilities_are_arms_of_their_own() -> None:
    groups = arms_of(grid(lambda r, star: r > star))
    assert len(groups) == len(GAMES)
    assert len(groups[0].arms) == len(STEPS)


def test_no_dependence_on_the_chance_to_go_on_is_an_equivalence() -> None:
    def horizon(late: str, claim: str = "identical_copy") -> list[Cell]:
        return [
            cell(f"game=pd_goes_on_{chance}", f"condition={claim}", letters=own)
            for chance, own in (("25", "CD" * 15), ("50", "CD" * 15), ("90", late))
        ]

    same, rising = horizon_of(horizon("CD" * 15), "a"), horizon_of(horizon("C" * 30), "a")
    assert same is not None
    assert rising is not None
    assert same.p_value == pytest.approx(0.9**30)
    assert rising.p_value == 1
    assert horizon_of(horizon("CD" * 15, claim="different_model"), "a") is None
    assert horizon_of(horizon("CD" * 15)[:1], "a") is None


def test_beliefs_are_compared_where_linked_and_where_not() -> None:
    linked = cell("condition=identical_copy_linked", letters="C" * 10, checks=believing(0.95, 0.1))
    cut = cell("condition=identical_copy_u95", letters="D" * 10, checks=believing(0.5, 0.95))
    assert mediation_of([linked, cut], "a").keys() == {
        (Claim.identical_copy, Linkage.linked),
        (Claim.identical_copy, Linkage.u95),
    }
    cells = [linked, cut]
    evidence = evidence_of(cells, arms_of(cells), read_prompts=False)["a"]
    assert evidence.beliefs is not None
    assert evidence.beliefs.p_value == pytest.approx(0.9**10)
    assert evidence.lint_clean is None


def test_the_evidence_of_a_model_is_its_own_cells() -> None:
    recalled = [question(Check.MANIPULATION, number, right=number > 2) for number in range(1, 11)]
    cells = [
        cell("condition=identical_copy", letters="CCCCCCCC?C", checks=recalled),
        cell("condition=different_model", letters="D" * 10),
    ]
    found = evidence_of(cells, arms_of(cells))["a"]
    assert found.recall == pytest.approx(0.8)
    assert found.missing == {"identical_copy": 0.1, "different_model": 0.0}
    assert found.contrasts["told"].value == 1
    assert (found.lint_clean, found.beliefs, found.threshold, found.horizon) == (True, None, None, None)
    assert found.told_p == found.contrasts["told"].p_value


def test_a_prompt_that_leaks_is_known_to() -> None:
    leaking = cell("condition=identical_copy", "condition.disclosure='You both score 7 on average.'", letters="C" * 6)
    plain = cell("condition=different_model", letters="D" * 6)
    evidence = evidence_of([leaking, plain], arms_of([leaking, plain]))["a"]
    assert evidence.lint_clean is False


def test_checks_are_read_as_they_were_written(tmp_path: Path) -> None:
    records = (*believing(0.9, 0.1), question(Check.MANIPULATION, 1, right=False))
    write_checks(tmp_path / "checks.parquet", records)
    assert sorted(read_checks(tmp_path / "checks.parquet"), key=repr) == sorted(records, key=repr)
    assert cells_below(tmp_path) == []


def test_beside_identity_stands_how_alike_models_choose() -> None:
    told = cell("condition=identical_copy", letters="CCDD")
    twice = [replace(d, messages_hash=f"p{d.paraphrase}") for d in told.decisions]
    again = [replace(decision, replicate=decision.replicate + 4) for decision in twice]
    hashed = replace(told, decisions=(*twice, *again))
    said = kinship([hashed], arms_of([hashed]))
    assert "| a | a | 4 | 1.00 | 1.00 |" in said
    assert "first encounters" not in said, "one model has no other kind"
    assert kinship([told], arms_of([told])) == "", "no prompt came twice"


def test_own_kind_is_shown_where_a_cell_mixes_models() -> None:
    letters = {("a", "a"): "C", ("a", "b"): "D", ("b", "a"): "D", ("b", "b"): "C"}
    met = [
        replace(play(letter, "D", models=pair, replicate=replicate)[0], agent=agent, match=agent)
        for replicate in (1, 2)
        for agent, (pair, letter) in enumerate(letters.items(), start=1)
    ]
    mixed = Cell(Path("sweep/3_mixed"), _composed("condition=identical_copy"), tuple(met))
    assert "| 3_mixed | 1.00 | 1.00 |" in kinship([mixed], arms_of([mixed]))
