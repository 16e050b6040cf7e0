"""No more is claimed than was shown: each rung falls with each of its requirements, and says which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from factorial import KNOWN, MIRROR, NONE, U50, U95, D, I, L, everywhere
from hypothesis import given, settings
from hypothesis import strategies as st

from acausal.analysis.contrasts import Arm, contrasts
from acausal.analysis.equivalence import equivalence
from acausal.analysis.inference import Estimate
from acausal.analysis.ladder import (
    Evidence,
    Rung,
    across,
    adjusted_p,
    climb,
    evidence_of_models,
    no_linkage,
    reached,
)
from acausal.analysis.significance import Test
from acausal.analysis.threshold import Threshold
from acausal.report.claims import claims, obstacles, standing

EDT = (
    *(((I, NONE), "CC"), ((I, L), "CC"), ((D, L), "CC")),
    *(((I, MIRROR), "CC"), ((D, MIRROR), "CC")),
)
"""Arms in which an evidential reasoner cooperates; in the others it defects."""
TRACKS = Threshold(Estimate(1.1, 0.8, 1.4, 400, 10, "logit"), "logit")
SHOWN = Test(0.001, "two one-sided t tests")


def whole(*others: tuple[Arm, str], units: int = 10) -> Evidence:
    """Everything asked, everything in order, of one who chooses as EDT but for some arms."""
    evidence = Evidence(
        contrasts=contrasts(everywhere("DD", *EDT, *others, units=units)),
        lint_clean=True,
        recall=1.0,
        beliefs=SHOWN,
        missing={"one": 0.0, "other": 0.0},
        threshold=TRACKS,
        horizon=SHOWN,
    )
    return evidence_of_models({"a": evidence})["a"]


def level(evidence: Evidence) -> int | None:
    rung = reached(climb(evidence))
    return None if rung is None else rung.level


def lacking(rung: Rung) -> list[str]:
    return [requirement.what for requirement in rung.lacking]


def test_one_who_shows_everything_reaches_the_third_rung() -> None:
    evidence = whole()
    assert level(evidence) == 3
    assert all(rung.reached for rung in climb(evidence))
    assert standing(evidence) == "rung 3, acausal-like cooperation"
    assert obstacles(evidence) == "–"


@pytest.mark.parametrize(
    ("change", "left", "what"),
    [
        (lambda e: replace(e, lint_clean=False), 0, "prompts free of leaks"),
        (lambda e: replace(e, lint_clean=None), 0, "prompts free of leaks"),
        (lambda e: replace(e, recall=0.94), 0, "what was told recalled by 95%"),
        (lambda e: replace(e, recall=None), 0, "what was told recalled by 95%"),
        (lambda e: replace(e, missing={"one": 0.06, "other": 0.05}), 0, "at most 5% of an arm missing"),
        (lambda e: replace(e, missing={"one": 0.04, "other": 0.01}), 0, "arms within 2% of each other"),
        (lambda e: replace(replace(e, told_p=0.06), lint_clean=None), 0, "told at 5 % over the family of models"),
        (lambda e: replace(e, beliefs=None), 1, "beliefs equal"),
        (lambda e: replace(e, beliefs=Test(0.2, "t")), 1, "beliefs equal"),
        (lambda e: replace(e, gamma_p=0.06), 1, "Γ at 5 % over the family of models"),
        (lambda e: replace(e, threshold=None), 2, "interval of Θ without 0"),
        (lambda e: replace(e, threshold=Threshold(None, "every decision is DEFECT")), 2, "interval of Θ without 0"),
        (lambda e: replace(e, horizon=None), 2, "no dependence on the chance to go on"),
        (lambda e: replace(e, horizon=Test(0.4, "t")), 2, "no dependence on the chance to go on"),
    ],
)
def test_each_thing_that_lacks_takes_its_rungs(change: Callable[[Evidence], Evidence], left: int, what: str) -> None:
    evidence = change(whole())
    rungs = climb(evidence)
    assert level(evidence) == left
    assert any(each.startswith(what) for each in lacking(rungs[left + 1])), lacking(rungs[left + 1])
    assert what in obstacles(evidence)


@pytest.mark.parametrize(
    ("others", "left", "what"),
    [
        ([((I, KNOWN), "CC")], 2, "S_I above 0"),
        ([((D, NONE), "CC")], 2, "ΔS above 0"),
        ([((I, U95), "CC"), ((D, U95), "CC")], 1, "Γ above 0"),
        ([((I, MIRROR), "DD")], 1, "causal mirror at least 0.95"),
    ],
)
def test_each_rival_fails_where_it_predicts_otherwise(others: list[tuple[Arm, str]], left: int, what: str) -> None:
    evidence = whole(*others)
    assert level(evidence) == left
    assert what in lacking(climb(evidence)[left + 1])


@pytest.mark.parametrize(
    ("low", "high", "met"), [(0.5, 1.5, [True, True]), (-0.1, 1.5, [False, True]), (0.2, 0.8, [True, False])]
)
def test_theta_must_tell_one_from_zero(low: float, high: float, met: list[bool]) -> None:
    evidence = replace(whole(), threshold=Threshold(Estimate(0.7, low, high, 9, 9, ""), ""))
    found = [each.met for each in climb(evidence)[3].requirements if "Θ" in each.what]
    assert found == met


def test_missing_replies_that_could_turn_the_effect_take_the_claim() -> None:
    """Where so much is missing that the sign hangs on it, nothing is claimed, whatever p says."""
    holes = everywhere("DD", *EDT, *[((claim, link), "C?") for claim in (I, D) for link in (L, U95)])
    gamma = contrasts(holes)["Γ"]
    assert gamma.worst is not None
    assert gamma.worst[0] < 0 < gamma.worst[1]
    evidence = replace(whole(), contrasts={**whole().contrasts, "Γ": gamma})
    assert "bounds of Γ on one side of 0, whatever is missing" in lacking(climb(evidence)[2])


def test_a_pilot_reaches_no_rung_and_says_how_many_units_it_needs() -> None:
    pilot = whole(units=4)
    assert level(pilot) is None
    (requirement,) = climb(pilot)[0].requirements
    assert requirement.met is None
    assert "6 needed" in requirement.seen
    assert standing(pilot) == "no rung, no test"


def test_who_always_does_the_same_shows_nothing_until_it_is_often_enough() -> None:
    def stubborn(units: int) -> Evidence:
        return Evidence(contrasts(everywhere("DD", units=units)))

    assert level(stubborn(10)) is None
    assert no_linkage(stubborn(10)).p_value == pytest.approx(0.9**10)
    assert "no acausal cooperation of that size" not in standing(stubborn(28))
    assert standing(stubborn(29)).endswith("no acausal cooperation of that size")
    assert no_linkage(Evidence({})).p_value is None


def test_the_family_of_models_shares_out_the_error_of_gamma() -> None:
    models = evidence_of_models({name: whole() for name in "abcd"} | {"untested": whole(units=4)})
    assert models["a"].gamma_p == pytest.approx(4 * 2 / 2**10)
    assert models["untested"].gamma_p is None
    many = evidence_of_models({str(number): whole() for number in range(26)})
    assert level(many["0"]) == 0, "with ten wordings nothing confirmatory can be claimed of 26 models at once"


def test_across_models_needs_each_of_them_or_many() -> None:
    able, unable = whole(), whole(((I, KNOWN), "CC"))
    assert across({"a": able, "b": able})[0].reached
    rung, pooled = across({"a": able, "b": unable})
    assert not rung.reached
    assert rung.requirements[0].seen.startswith("1 of 2 models reach rung 3; mean Γ +1.00")
    assert pooled is not None
    assert "6 needed" in pooled.mean.method
    assert not across({"a": able})[0].reached, "one model is no architecture"
    assert across({})[1] is None


def test_many_models_are_pooled_and_the_next_one_foreseen() -> None:
    noisy = ("CC", "CC", "CC", "CD", "CC", "CC", "DD", "CC", "CC", "CC")
    from factorial import arm

    def model(shift: int) -> Evidence:
        turned = noisy[shift:] + noisy[:shift]
        arms = everywhere("DD") | {(I, L): arm(*turned), (D, L): arm(*noisy)}
        return Evidence(contrasts(arms))

    rung, pooled = across({str(shift): model(shift) for shift in range(6)})
    assert rung.reached
    assert pooled is not None
    assert (pooled.low or 0) > 0
    assert not across({str(shift): model(shift) for shift in range(5)})[0].reached


def test_gamma_and_told_are_adjusted_over_models_and_the_rest_within_the_model() -> None:
    evidence = replace(whole(), gamma_p=0.5, told_p=0.25)
    adjusted = adjusted_p(evidence)
    assert (adjusted["Γ"], adjusted["told"]) == (0.5, 0.25)
    rest = {name: p for name, p in adjusted.items() if name not in ("Γ", "told")}
    assert all(p >= (evidence.contrasts[name].p_value or 1) for name, p in rest.items())
    assert rest["S_I"] > (evidence.contrasts["S_I"].p_value or 1)
    assert "mirror" not in adjusted
    assert adjusted_p(Evidence({})) == {}


@given(st.lists(st.sampled_from(["CC", "CD", "DD", "C?", "??"]), min_size=6, max_size=6), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_a_claim_is_never_above_what_its_requirements_bear(letters: list[str], recall: float) -> None:
    arms = everywhere("DD", *zip([(I, NONE), (I, L), (D, L), (I, U50), (I, U95), (I, KNOWN)], letters, strict=True))
    evidence = replace(whole(), contrasts=contrasts(arms), recall=recall)
    for rung in climb(evidence):
        assert rung.reached == (not rung.lacking)
    highest = reached(climb(evidence))
    if highest is not None and highest.level:
        assert recall >= 0.95


def test_the_tables_say_what_the_ladder_holds() -> None:
    models = evidence_of_models({"model/a": whole(), "model/b": replace(whole(), recall=0.5)})
    said = claims(models)
    assert "| rung 3, acausal-like cooperation | – | 1.10 [0.80, 1.40] (logit) |" in said
    assert "what was told recalled by 95%, failed (50%)" in said
    assert "| model/a | 0.002 → 0.004 |" in said
    assert "Over models: rung 4, acausal-like cooperation across architectures, not reached: 1 of 2" in said
    pilot = claims({"a": whole(units=4)})
    assert "No test: refused: 4 units, 6 needed" in pilot
    assert "no test" in pilot
    assert claims({"a": Evidence({})}) == ""


def test_an_equivalence_that_was_not_tested_is_open_and_not_failed() -> None:
    evidence = replace(whole(), horizon=equivalence([0.0] * 3))
    requirement = climb(evidence)[3].lacking[0]
    assert (requirement.met, requirement.seen) == (None, "refused: 3 units, 6 needed")
