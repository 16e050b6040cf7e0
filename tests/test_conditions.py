"""A condition tells what it declares, each wording equally often, and says where it is false."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from dsl import play
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from test_play import ScriptedModel, arbitrary, played

from acausal.analysis.rates import CallTotals, round_summaries, summary
from acausal.config import conf_dir, from_hydra, identity
from acausal.design.arms import questions, used_paraphrases
from acausal.design.prompts import Prompts
from acausal.errors import ConfigError
from acausal.play.tournament import play_replicates
from acausal.records import Decision, Purpose
from acausal.settings.disclosure import claim_is_true, disclosure, paraphrase_count, paraphrase_of
from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, Linkage

FACTORIAL = [
    f"{claim}{linkage}"
    for claim in ("identical_copy", "different_model")
    for linkage in ("", "_linked", "_u95", "_u50", "_known_c")
]
CONFIRMATORY = [*FACTORIAL, "identical_copy_mirror", "human", "match_probability"]
ONE_MODEL = ["model@models.b=scripted", "models.b.model_type=scripted/always_c"]


def truths(config: Config) -> dict[str, bool | None]:
    return {f"{slot}{other}": claim_is_true(config, slot, other) for slot in "ab" for other in "ab"}


@pytest.mark.parametrize("condition", CONFIRMATORY)
def test_confirmatory_cells_have_twenty_different_wordings(composed: Callable[..., Config], condition: str) -> None:
    config = composed(f"condition={condition}")
    assert paraphrase_count(config) == 20
    assert len({disclosure(config, paraphrase) for paraphrase in range(1, 21)}) == 20


def test_replicates_take_turns_in_the_wordings(composed: Callable[..., Config]) -> None:
    config = composed("condition=identical_copy_linked")
    assert [paraphrase_of(config, replicate) for replicate in (1, 2, 20, 21, 40)] == [1, 2, 20, 1, 20]
    assert set(Counter(paraphrase_of(config, replicate) for replicate in range(1, 41)).values()) == {2}
    assert paraphrase_of(composed("condition=identical_copy_linked", "condition.paraphrases=2"), 3) == 1
    assert paraphrase_of(composed(), 7) == 1


@pytest.mark.parametrize("claim", ["identical_copy", "different_model"])
def test_linked_and_belief_matched_cells_differ_in_why_the_choices_agree_alone(
    composed: Callable[..., Config], claim: str
) -> None:
    linked, drawn = (composed(f"condition={claim}_{linkage}", "protocol=direct") for linkage in ("linked", "u95"))
    for paraphrase in range(1, 11):
        for one, other in zip(questions(linked, paraphrase), questions(drawn, paraphrase), strict=True):
            assert one.messages[1] == other.messages[1]
            one_line, other_line = (q.messages[0].content.splitlines() for q in (one, other))
            assert one_line[:-1] == other_line[:-1]
            assert all(
                re.search("sealed", line) and re.search("[ae]ffect", line) for line in (one_line[-1], other_line[-1])
            )
            assert "coincide" in one_line[-1]
            assert "coincide" not in other_line[-1]
            assert ("95 %" in other_line[-1], "95 %" in one_line[-1]) == (True, False)


def test_two_arms_of_the_factorial_differ_in_the_disclosure_alone(composed: Callable[..., Config]) -> None:
    """No other word of the rules hangs on the linkage: a contrast between linkages is one of the declared span."""
    rules = set()
    for condition in ["no_information", *FACTORIAL, "identical_copy_mirror", "match_probability"]:
        config = composed(f"condition={condition}", "protocol=direct")
        for paraphrase in used_paraphrases(replace(config, replicates=10)):
            system = questions(config, paraphrase)[0].messages[0].content
            told = Prompts(config, paraphrase).disclosure
            assert system.endswith(told)
            rules.add(system.removesuffix(told).rstrip())
    assert len(rules) == 1


def test_claims_are_held_against_the_models_in_the_seats(scripted: Callable[..., Config]) -> None:
    same = {"aa": True, "ab": False, "ba": False, "bb": True}
    assert truths(scripted("condition=same_model")) == same
    assert truths(scripted("condition=identical_copy")) == same
    assert truths(scripted("condition=different_model")) == {pair: not true for pair, true in same.items()}
    assert set(truths(scripted("condition=human")).values()) == {False}
    assert set(truths(scripted("condition=rational_human")).values()) == {False}
    assert set(truths(scripted("condition=rational_ai")).values()) == {True}
    assert truths(scripted("condition=same_family")) == same
    assert truths(scripted("condition=copy_that_knows")) == same
    assert set(truths(scripted("condition=copy_that_does_not_know")).values()) == {False}
    assert set(truths(scripted("condition=same_prompt")).values()) == {False}
    same_words = ["counterbalance.options=false", "counterbalance.payoff_rows=false"]
    assert truths(scripted("condition=same_prompt", *same_words)) == same
    assert set(truths(scripted("condition=another_ai")).values()) == {True}
    assert set(truths(scripted("condition=mixed_info")).values()) == {True}
    assert set(truths(scripted("condition=mixed_info", "scenario=homogeneous")).values()) == {False}
    assert set(truths(scripted("condition=control")).values()) == {None}


def test_another_temperature_makes_the_same_model_no_identical_copy(scripted: Callable[..., Config]) -> None:
    warmer = [*ONE_MODEL, "models.b.temperature=1.5"]
    assert truths(scripted("condition=same_model", *warmer))["ab"] is True
    assert truths(scripted("condition=identical_copy", *warmer))["ab"] is False
    assert truths(scripted("condition=identical_copy", *ONE_MODEL))["ab"] is True


@pytest.mark.parametrize("linkage", [linkage.name for linkage in Linkage if linkage is not Linkage.none])
def test_every_told_linkage_is_false_of_agents_that_choose_apart(scripted: Callable[..., Config], linkage: str) -> None:
    extra = ["condition.match_probability=0.5"] if linkage == "match_probability" else []
    config = scripted("condition=identical_copy", "scenario=homogeneous", f"condition.linkage={linkage}", *extra)
    assert claim_is_true(config, "a", "a") is False


def test_a_similarity_is_true_only_if_measured_or_total(scripted: Callable[..., Config]) -> None:
    def true_of(*overrides: str) -> bool | None:
        return claim_is_true(scripted("condition=similarity", *overrides), "a", "a")

    assert true_of("condition.similarity=60") is False
    assert true_of("condition.similarity=100") is True
    assert true_of("condition.similarity=60", "condition.similarity_source=measured") is True
    assert true_of("condition.similarity=60", "condition.similarity_source=random") is False
    assert claim_is_true(scripted("condition=similarity_unknown"), "a", "b") is True


def test_a_truthful_condition_is_refused_where_it_is_false(scripted: Callable[..., Config]) -> None:
    truthful = "condition.claims=truthful"
    scripted("condition=same_model", "scenario=homogeneous", truthful)
    scripted(
        "condition=different_model",
        "scenario=mixed_5_5",
        "scenario.model_distribution={a: 1, b: 1}",
        "num_agents=2",
        truthful,
    )
    told = (
        r"condition.claims=truthful, but 'same_model' of condition 'same_model' is false where agents of a \(.*\) and b"
    )
    with pytest.raises(ConfigError, match=told):
        scripted("condition=same_model", "scenario=mixed_5_5", truthful)
    with pytest.raises(ConfigError, match="'linked' of condition 'identical_copy_linked' is false"):
        scripted("condition=identical_copy_linked", "scenario=homogeneous", truthful)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["condition.claim=similarity"],
            "condition.claim=similarity needs condition.similarity in 0…100, but it is None",
        ),
        (["condition=similarity", "condition.similarity=101"], "needs condition.similarity in 0…100, but it is 101"),
        (["condition.similarity=50"], "condition.similarity is 50.0, but no agent is told of it"),
        (["condition=match_probability", "condition.match_probability=1.5"], "in 0…1, but it is 1.5"),
        (["condition.paraphrases=0"], "condition.paraphrases must be at least 1"),
        (["condition.framing=competitoin"], "needs wording.framing.competitoin, .* did you mean competition?"),
        (["condition.framing=veil", "condition.disclosure=Hello."], "condition.disclosure stands for every sentence"),
        (["condition.labels.cooperate=J"], "condition.labels gives defect no word: set condition.labels.defect"),
        (["condition=identical_copy", "wording.claim.identical_copy=[]"], "needs wording.claim.identical_copy, which"),
        (
            ["condition=identical_copy_linked", "condition.paraphrases=9", "wording.claim.identical_copy=[A., B.]"],
            "joins 2 wordings of one sentence with 9 of another",
        ),
    ],
)
def test_a_condition_that_is_not_whole_is_refused_in_one_line(
    composed: Callable[..., Config], overrides: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        composed(*overrides)
    assert "\n" not in str(error.value)


def test_an_own_condition_needs_a_file_and_no_code(tmp_path: Path) -> None:
    (tmp_path / "condition").mkdir()
    (tmp_path / "condition" / "mine.yaml").write_text(
        "name: mine\nclaim: human\ndisclosure: Your {{ num_coplayers }} co-players are humans.\n"
    )
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = from_hydra(compose("config", [f"hydra.searchpath=[file://{tmp_path}]", "condition=mine"]))
    assert questions(config, 1)[0].messages[0].content.endswith("Your 9 co-players are humans.")
    assert claim_is_true(config, "a", "b") is False


def test_a_cell_is_made_of_the_sentences_that_it_says(composed: Callable[..., Config]) -> None:
    facts = identity(composed("condition=identical_copy"))
    assert [key for key in facts if key.startswith("wording.claim.")] == ["wording.claim.identical_copy"]
    assert identity(composed("wording.claim.human=[Humans.]")) == identity(composed())
    told = composed("condition=human", "wording.claim.human=[Humans.]")
    assert identity(told) != identity(composed("condition=human"))


def decisions_of(config: Config) -> list[Decision]:
    model = ScriptedModel(arbitrary)
    return [d for record in asyncio.run(play_replicates(config, model)) for d in record.decisions]


def test_each_decision_records_wording_truth_and_what_was_sent(scripted: Callable[..., Config]) -> None:
    config = scripted("condition=same_model", "num_rounds=1", "replicates=3")
    decisions = decisions_of(config)
    assert {(d.replicate, d.paraphrase) for d in decisions} == {(1, 1), (2, 2), (3, 3)}
    assert all(d.claim_is_true == (d.agent_model == d.coplayer_agent_model) for d in decisions)
    first = next(q for q in questions(config, 2) if q.asks_for_action)
    assert first.hash not in {d.messages_hash for d in decisions}  # it quotes a placeholder for the strategy
    direct = scripted("condition=same_model", "num_rounds=1", "protocol=direct", "condition.shows.own_matches=false")
    sent = {question.hash for question in questions(direct, 1)}
    assert sent < {d.messages_hash for d in decisions_of(direct)}


def test_false_claims_are_counted_and_silence_is_not_one() -> None:
    totals = CallTotals(0, 0, 0, 0, 0.0, 0.0)
    silent = play("CD", "DD")
    assert summary(silent, totals)["false_claims"] == 0
    assert summary([replace(d, claim_is_true=True) for d in silent], totals)["false_claims"] == 0
    assert summary([replace(d, claim_is_true=False) for d in silent], totals)["false_claims"] == 4


@pytest.mark.parametrize("protocol", ["delegated", "direct"])
def test_agents_are_shown_the_rates_that_the_tables_hold(scripted: Callable[..., Config], protocol: str) -> None:
    config = scripted("condition=original_biased", f"protocol={protocol}", "num_rounds=3")
    model = ScriptedModel(arbitrary)
    record = played(config, model)
    first, second, _ = round_summaries(record.decisions)
    assert first.cooperation_rate is not None
    assert second.cooperation_rate is not None
    for request in model.asked:
        text = request.messages[1].content
        lines = [line for line in text.splitlines() if line.startswith("- Round")]
        rates = [line.partition(": ")[2].partition(" %")[0] for line in lines]
        measured = [first.cooperation_rate, second.cooperation_rate][: request.place.round - 1]
        assert rates == [f"{round(rate * 100, 1):g}" for rate in measured]
        assert ("Over the earlier rounds, " in text) == (request.place.round > 1)
    strategies = [request for request in model.asked if request.place.purpose is Purpose.STRATEGY]
    assert bool(strategies) == (protocol == "delegated")


def test_every_claim_has_its_words_in_the_shipped_wording(composed: Callable[..., Config]) -> None:
    for claim in Claim:
        extra = ["condition.similarity=50"] if claim is Claim.similarity else []
        config = composed(f"condition.claim={claim.name}", *extra)
        assert bool(disclosure(config, 1)) == (claim is not Claim.none)
