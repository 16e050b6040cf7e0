"""Whose rate it is: the model in the seat, even where a sub-model decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dsl import play, substituted
from generators import replicates
from hypothesis import given

from acausal.analysis.rates import (
    CallTotals,
    bounds,
    by_model,
    by_round_and_model,
    cooperation_rate,
    cross_model,
    matrix,
    summary,
    within_model,
)
from acausal.records import Decision
from acausal.report.rows import ALL_MODELS, intention_to_treat, rate_rows

TOTALS = CallTotals(calls=8, calls_replayed=0, tokens_in=0, tokens_out=0, cost_usd=None, wall_s=0)


@pytest.fixture
def delegated() -> list[Decision]:
    """x cooperates and y defects, each through the same sub-model."""
    decisions = play("CC", "DD", models=("x", "y"))
    return [replace(decision, model="sub", coplayer_model="sub") for decision in decisions]


def test_a_sub_model_takes_no_agents_place_in_any_rate(delegated: list[Decision]) -> None:
    assert {model: rate.value for model, rate in by_model(delegated).items() if rate} == {"x": 1.0, "y": 0.0}
    assert list(by_round_and_model(delegated)) == ["x", "y"]
    assert list(matrix(delegated)) == [("x", "y"), ("y", "x")]
    assert [row.model for row in rate_rows(delegated) if row.round is None] == ["x", "y", ALL_MODELS]


def test_agents_of_two_models_are_strangers_though_one_sub_model_decides(delegated: list[Decision]) -> None:
    cross = cross_model(delegated)
    assert cross is not None
    assert cross.n == 4
    assert within_model(delegated) is None


def test_the_matrix_gives_the_rate_of_the_first_against_the_second(delegated: list[Decision]) -> None:
    rates = {pair: rate.value for pair, rate in matrix(delegated).items() if rate}
    assert rates == {("x", "y"): 1.0, ("y", "x"): 0.0}


def test_a_substitutes_decision_widens_the_bounds() -> None:
    assert bounds(play("C", "C") + substituted(play("C", "D", replicate=2))) == (0.5, 1.0)


def test_a_row_counts_a_substitutes_legible_reply_but_gives_it_no_rate() -> None:
    (row,) = rate_rows(play("C", "?", models=("x", "x")) + substituted(play("D", "D", models=("x", "x"), replicate=2)))
    assert row.estimate is not None
    assert (row.estimate.value, row.estimate.n) == (1.0, 1)
    assert (row.decisions, row.legible) == (4, 3)


def replaced() -> list[Decision]:
    """Two replicates of x against y; in the second a substitute answers for x, and differently."""
    second = play("DD", "DD", models=("x", "y"), replicate=2)
    return play("CC", "DD", models=("x", "y")) + substituted(second[::2]) + second[1::2]


def test_the_unit_of_a_one_shot_rate_is_the_wording_and_of_a_tournament_the_replicate() -> None:
    """Forty replicates of ten wordings are ten units: replicates of a wording share it."""
    one_shot = [replace(d, paraphrase=k % 10 + 1) for k in range(40) for d in play("C", "CD"[k % 2], replicate=k + 1)]
    rate = cooperation_rate(one_shot)
    assert rate is not None
    assert (rate.clusters, rate.method.rpartition(" ")[2]) == (10, "wordings")
    later = [replace(d, paraphrase=k % 10 + 1) for k in range(40) for d in play("CC", "CD", replicate=k + 1)]
    rounds, alone = cooperation_rate(later), cooperation_rate([replace(d, paraphrase=1) for d in one_shot])
    assert rounds is not None
    assert alone is not None
    assert (rounds.clusters, alone.clusters) == (40, 40)


def test_by_intention_to_treat_a_substitutes_decision_counts_for_the_model_assigned_and_elsewhere_never() -> None:
    said = summary(replaced(), TOTALS)
    assert said["cooperation_rate"] == 2 / 6
    assert said["cooperation_rate_by_model"] == {"x": 1.0, "y": 0.0}
    assert said["cooperation_rate_intention_to_treat"] == 2 / 8
    assert said["cooperation_rate_intention_to_treat_by_model"] == {"x": 0.5, "y": 0.0}
    assert said["estimates"]["cooperation_rate"]["n"] == 6
    assert said["estimates"]["cooperation_rate_intention_to_treat"]["n"] == 8
    assert said["estimates_intention_to_treat_by_model"]["x"]["clusters"] == 2
    assert said["estimates_by_model"]["x"]["clusters"] == 1
    assert said["bounds"] == {"all_missing_defect": 0.25, "all_missing_cooperate": 0.5}


@given(decisions=replicates())
def test_without_substitutes_intention_to_treat_changes_nothing(decisions: list[Decision]) -> None:
    own = [decision for decision in decisions if not decision.substituted]
    assert cooperation_rate(own, intention_to_treat=True) == cooperation_rate(own)
    assert by_model(own, intention_to_treat=True) == by_model(own)
    assert intention_to_treat(own) == []


def test_what_a_substitute_left_illegible_is_missing_by_intention_to_treat_too() -> None:
    rate = cooperation_rate(substituted(play("C?r", "x?D")), intention_to_treat=True)
    assert rate is not None
    assert (rate.value, rate.n) == (0.5, 2)


def test_the_intention_to_treat_sentence_names_the_models_that_were_stood_in_for() -> None:
    (said,) = intention_to_treat(replaced())
    assert said.startswith(
        "Counted for the model assigned whoever answered (intention to treat): 25.0 % of 8 decisions cooperate "
        "(95 % interval "
    )
    assert said.endswith(" over 2 replicates: logit t and beta-binomial interval over replicates); x 50.0 % of 4.")
    assert intention_to_treat(substituted(play("?", "?"))) == []
