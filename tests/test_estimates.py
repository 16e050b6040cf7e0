"""Every estimand that a cell or a sweep has data for stands in one table, and none as a bare number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from dsl import play
from factorial import NONE, D, I, everywhere

from acausal.analysis.contrasts import contrasts
from acausal.analysis.nuisance import first_match_effect, nuisance_effects, seat_effect
from acausal.analysis.significance import FEWEST_PAIRS
from acausal.records import Decision
from acausal.report.arms import Cell
from acausal.report.claims import requirement_rows
from acausal.report.contrasts import reading
from acausal.report.estimates import of_cell, of_sweep
from acausal.report.sweep_facts import facts_of
from acausal.report.sweep_findings import findings, seen_sentences, smallest_effect
from acausal.report.sweep_sections import contrasts_table, detail_tables, sweep_lines, sweep_sections
from acausal.settings.schema import Config

Composed = Callable[..., Config]


def replicates(*letters: str, models: tuple[str, str] = ("m", "m")) -> list[Decision]:
    return [
        replace(decision, paraphrase=number)
        for number, (own, other) in enumerate((each.split("/") for each in letters), start=1)
        for decision in play(own, other, models=models, replicate=number)
    ]


def test_no_estimate_is_a_bare_number() -> None:
    mixed = replicates("CCDC/DCDD", "CDDC/CCCD", "DCDC/DDCC", models=("a", "b"))
    lines = of_cell("cell", mixed)
    keys = {line.key for line in lines}
    assert {"E1", "E13", "E13a"} <= keys
    assert {"Gini coefficient of scores", "Gini coefficient of power", "share of CC"} <= {x.quantity for x in lines}
    assert all(line.estimate.n and line.estimate.clusters and line.estimate.method for line in lines)
    assert len({(line.model, line.quantity) for line in lines}) == len(lines)


def test_what_is_missing_or_substituted_has_its_own_readings() -> None:
    gaps = replicates("CC?C/DCDD", "CDDC/CC?D")
    served = [replace(d, substituted=True) if d.replicate == d.round == 1 else d for d in gaps]
    readings = {line.quantity: line.estimate for line in of_cell("", served, failing=frozenset({("m", 2)}))}
    bounds, kept = readings["worst and best case"], readings["cooperation rate, per protocol"]
    assert bounds.low is not None
    assert bounds.high is not None
    assert bounds.low < readings["cooperation rate"].value < bounds.high
    assert kept.clusters == 1
    assert readings["cooperation rate, intention to treat"].n > readings["cooperation rate"].n


def test_a_planted_seat_and_a_planted_order_are_seen_and_others_are_not() -> None:
    seats = replicates(*["CCCC/DDDD"] * 5, "CCCD/DDDD")
    effects = nuisance_effects(seats)
    assert seat_effect(seats) == pytest.approx(23 / 24)
    seat = effects["seat"]
    assert seat is not None
    assert seat.low is not None
    assert seat.low > 0
    assert effects["first option"] is None, "nothing was varied"
    # `play` gives each round one match, so that no match of a round is the later one.
    assert first_match_effect(seats) is None


def test_the_smallest_effect_shrinks_with_units_and_grows_with_the_family() -> None:
    few, many = (
        contrasts(everywhere("DD", ((I, NONE), "CD"), ((D, NONE), "DD"), units=units))["told"] for units in (6, 24)
    )
    varied = [replace(each, differences=tuple([0.1, 0.5] * (each.units // 2))) for each in (few, many)]
    small, large = smallest_effect(varied[1]), smallest_effect(varied[0])
    assert small is not None
    assert large is not None
    assert small < large
    assert (smallest_effect(varied[0], family=10) or 0) > large
    assert smallest_effect(few) is None, "equal units have no spread"
    assert smallest_effect(replace(varied[0], units=FEWEST_PAIRS - 1)) is None


def test_too_few_units_for_a_test_show_no_pattern() -> None:
    five = everywhere("DD", ((I, NONE), "CC"), units=5)
    assert reading(five) == "no test: 5 units, 6 needed"
    assert reading(everywhere("DD", ((I, NONE), "CC"), units=12)).startswith("the other's choice being known")


@pytest.fixture
def sweep(tmp_path: Path, scripted: Composed) -> list[Cell]:
    letters = {"identical_copy": ["CC/CC", "CD/CC"] * 4, "different_model": ["DD/DD", "DD/CD"] * 4}
    return [
        Cell(tmp_path / name, scripted(f"condition={name}"), tuple(replicates(*own))) for name, own in letters.items()
    ]


def test_a_sweep_says_what_it_could_have_seen_and_whether_it_was_registered(sweep: list[Cell]) -> None:
    facts = facts_of(sweep, ["Preregistered, with 1 deviation from x: see Registration.", "design: seed"])
    said = findings(facts)
    assert sum("finds four times in five" in sentence for sentence in said) == 1
    assert said[-1].startswith("Preregistered, with 1 deviation")
    sections = {section.title: section for section in sweep_sections(facts, sweep_lines(facts))}
    assert list(sections) == ["The claim ladder", "Contrasts", "Registration", "Estimates"]
    assert "design: seed" in sections["Registration"].said
    few = facts_of([replace(cell, decisions=cell.decisions[:12]) for cell in sweep])
    assert any(
        sentence.startswith("Too few units for any test, 6 are needed") for sentence in seen_sentences(few.evidence)
    )


def test_each_contrast_names_its_family_and_each_rung_its_requirements(sweep: list[Cell]) -> None:
    facts = facts_of(sweep)
    table = contrasts_table(facts)
    (row,) = (dict(zip(table.head, values, strict=True)) for values in table.rows)
    assert row["family"] == "told of all models, Holm"
    assert row["p"] == row["p_adjusted"] == pytest.approx(2 / 2**8)
    assert isinstance(row["smallest_effect"], float)
    ladder, trends, estimates = detail_tables(facts, sweep_lines(facts))
    assert {values[4] for values in requirement_rows(facts.evidence)} <= {"passed", "failed", "not asked"}
    assert {values[1] for values in ladder.rows} == {0, 1, 2, 3}
    assert len(estimates.rows) == len(sweep_lines(facts))
    assert trends.rows == [] or trends.head[0] == "cell"
    assert any(line.key == "E2" for line in of_sweep(facts.cells, facts.groups, frozenset()))
