"""Contrasts are taken within units, never over decisions; what has no data is no number."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from dsl import play, substituted
from factorial import KNOWN, NONE, NOTHING, U50, U95, D, I, L, arm, everywhere
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from acausal.analysis.contrasts import (
    CONTRASTS,
    ONE_WORDING,
    Arm,
    arm_rate,
    as_assigned,
    by_meeting,
    contrast,
    contrasts,
    missing_share,
    per_protocol,
    repeat_agreement,
)
from acausal.settings.treatment import Claim


def test_the_weights_are_those_of_the_estimands() -> None:
    def weights(name: str) -> dict[Arm, float]:
        return {key: float(weight) for key, weight in CONTRASTS[name].items()}

    half, quarter = 0.5, 0.25
    assert weights("told") == {(I, NONE): 1, (D, NONE): -1}
    assert weights("Γ") == {(I, L): half, (D, L): half, (I, U95): -half, (D, U95): -half}
    assert weights("Γ50") == {(I, L): half, (D, L): half, (I, U50): -half, (D, U50): -half}
    assert weights("B") == {
        (I, L): half,
        (D, L): -half,
        (I, U50): quarter,
        (I, U95): quarter,
        (D, U50): -quarter,
        (D, U95): -quarter,
    }
    assert weights("ΔS") == {(I, NONE): 1, (I, KNOWN): -1, (D, NONE): -1, (D, KNOWN): 1}
    for name, own in CONTRASTS.items():
        assert sum(own.values()) == (1 if name == "mirror" else 0), name


def test_a_unit_is_a_wording_where_all_arms_have_them_and_else_a_replicate() -> None:
    found = contrasts(everywhere("CC"))
    assert {found[name].unit for name in ("told", "Γ", "B", "ΔS")} == {"wording"}
    assert found["I - none"].unit == "replicate"
    twice = [replace(decision, replicate=decision.replicate + 10) for decision in arm(*["CD"] * 10)]
    arms = {(I, NONE): arm(*["CC"] * 10) + twice, (D, NONE): arm(*["DD"] * 10)}
    told = contrast("told", CONTRASTS["told"], arms)
    assert (told.units, told.value) == (10, 0.75), "two replicates of a wording are one unit"


def test_many_replicates_of_one_wording_are_called_that() -> None:
    arms = {(Claim.same_model, NONE): arm(*["CC"] * 8, wording=False), (NOTHING, NONE): arm(*["DD"] * 8, wording=False)}
    assert contrasts(arms)["same - none"].unit == ONE_WORDING


def test_rounds_make_the_replicate_the_unit() -> None:
    rounds = [replace(decision, paraphrase=1) for decision in play("CD", "DD") + play("CC", "DD", replicate=2)]
    arms = {(I, NONE): rounds, (D, NONE): rounds}
    assert contrasts(arms)["told"].unit == "replicate"


def test_the_interval_is_the_paired_t_of_the_units() -> None:
    arms = {(I, NONE): arm("CC", "CD", "CC", "DD", "CC", "CD"), (D, NONE): arm("DD", "DD", "CD", "DD", "CD", "DD")}
    own, other = [1, 0.5, 1, 0, 1, 0.5], [0, 0, 0.5, 0, 0.5, 0]
    expected = stats.ttest_rel(own, other).confidence_interval()
    told = contrasts(arms)["told"]
    assert (told.low, told.high) == pytest.approx((expected.low, expected.high))
    assert told.method == "paired t over units"


@pytest.mark.parametrize(("name", "value", "least", "most"), [("Γ", 1, -1, 1), ("ΔS", 0, -2, 2), ("mirror", 0, 0, 1)])
def test_equal_units_give_a_bound_and_never_an_interval_without_width(
    name: str, value: float, least: float, most: float
) -> None:
    found = contrasts(everywhere("DD", ((I, L), "CC"), ((D, L), "CC")))[name]
    share = 1 - 0.05 ** (1 / 10)
    assert (found.value, found.low, found.high) == pytest.approx(
        (value, value - share * (value - least), value + share * (most - value))
    )


def test_few_units_are_a_pilot() -> None:
    assert contrasts(everywhere("CC", units=4))["Γ"].method.startswith("pilot of 4 units, estimate only")
    single = contrasts(everywhere("CC", units=1))["Γ"]
    assert (single.low, single.high, single.method) == (None, None, "one unit: no interval")


@pytest.mark.parametrize("letters", ["??", "xx", "rr"])
def test_an_arm_without_data_leaves_no_contrast_and_every_bound(letters: str) -> None:
    found = contrasts(everywhere("CC", ((I, L), letters)))
    assert (found["Γ"].value, found["Γ"].low, found["Γ"].method) == (None, None, "no data in every arm")
    assert found["Γ"].worst == (-0.5, 0)
    assert found["told"].value == 0, "arms that the contrast does not need cost it nothing"


def test_a_unit_that_lacks_an_arm_is_dropped_and_counted() -> None:
    arms = {(I, NONE): arm("CC", "??", "CD"), (D, NONE): arm("DD", "DD", "DD")}
    told = contrasts(arms)["told"]
    assert (told.units, told.dropped, told.value) == (2, 1, 0.75)
    assert told.worst == pytest.approx((0.5, 5 / 6))


def test_a_substitute_decides_nothing() -> None:
    arms = {(I, NONE): arm("CC", "CC"), (D, NONE): substituted(arm("CC", "CC"))}
    assert contrasts(arms)["told"].value is None


def test_only_contrasts_whose_arms_were_asked_are_given() -> None:
    assert list(contrasts({(I, NONE): arm("CC"), (D, NONE): arm("CC")})) == ["told"]
    assert contrasts({}) == {}


@given(st.lists(st.sampled_from(["CC", "CD", "DD", "C?", "??", "xD"]), min_size=2, max_size=9), st.data())
def test_the_bounds_contain_the_estimate_whatever_is_missing(letters: list[str], data: st.DataObject) -> None:
    others = data.draw(
        st.lists(st.sampled_from(["CC", "DD", "C?", "??"]), min_size=len(letters), max_size=len(letters))
    )
    told = contrasts({(I, NONE): arm(*letters), (D, NONE): arm(*others)})["told"]
    assert told.worst is not None
    assert -1 <= told.worst[0] <= told.worst[1] <= 1
    if (
        told.value is not None
        and told.dropped == 0
        and not any("?" in each or "x" in each for each in letters + others)
    ):
        assert told.worst == pytest.approx((told.value, told.value))
    if told.low is not None and told.high is not None and told.value is not None:
        assert -1 <= told.low <= told.value <= told.high <= 1


def test_agreement_over_equal_prompts_tells_copies_from_draws() -> None:
    draws = [replace(decision, messages_hash="same") for decision in arm("CD", "CD")]
    assert repeat_agreement(draws) == pytest.approx(1 / 3)
    assert repeat_agreement([replace(d, messages_hash=str(d.action)) for d in draws]) == 1
    assert repeat_agreement([replace(d, messages_hash=str(n)) for n, d in enumerate(draws)]) is None


def test_meetings_are_numbered_within_each_arm() -> None:
    first = play("C", "C")
    second = [replace(decision, match=2) for decision in play("D", "D")]
    arms = [*first, *second, *(replace(d, condition="other") for d in first + second)]
    assert by_meeting(arms) == {1: 1, 2: 0}


def test_a_rate_of_nothing_is_none() -> None:
    assert arm_rate([]) is None
    assert arm_rate(arm("??")) is None
    assert missing_share([]) is None
    assert missing_share(arm("C?")) == 0.5
    assert Fraction(1, 2) == arm_rate(arm("CC", "DD"))


def test_a_contrast_is_tested_over_its_units_and_a_rate_is_not() -> None:
    arms = {(I, NONE): arm("CC", "CD", "CC", "DD", "CC", "CD"), (D, NONE): arm("DD", "DD", "CD", "DD", "CD", "DD")}
    told = contrasts(arms)["told"]
    assert told.differences == (1, 0.5, 0.5, 0, 0.5, 0.5)
    assert (told.p_value, told.test) == (2 * 2 / 2**6, "exact sign flips over units")
    few = contrasts(everywhere("CC", units=5))
    assert (few["told"].p_value, few["told"].test[:7]) == (None, "refused")
    assert contrasts(everywhere("CC"))["mirror"].p_value is None


def test_by_intention_to_treat_a_substitute_counts_for_the_model_it_stood_in_for() -> None:
    arms = {(I, NONE): arm("CC", "CC"), (D, NONE): substituted(arm("CC", "DD"))}
    assert contrasts(as_assigned(arms))["told"].value == 0.5
    assert contrasts(arms)["told"].value is None


def test_per_protocol_leaves_out_wordings_that_were_not_understood() -> None:
    arms = {(I, NONE): arm("CC", "DD", "CC"), (D, NONE): arm("DD", "DD", "DD")}
    assert contrasts(per_protocol(arms, {("a", 2)}))["told"].value == 1
    assert contrasts(per_protocol(arms, {("b", 2)}))["told"].value == pytest.approx(2 / 3)
