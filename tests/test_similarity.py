"""Words alike are not deeds alike: cosine and distance apart, kinds of strategies, and their map."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from statistics import fmean

import pytest
from dsl import play
from hypothesis import given
from hypothesis import strategies as st
from writing import wrote

from acausal.analysis.clusters import sort_texts
from acausal.analysis.similarity import (
    BASELINE,
    BETWEEN,
    FIRST,
    SITUATIONS,
    WITHIN,
    Likeness,
    distance,
    likenesses,
    played_profile,
    profile_of,
    situations_of,
    vectors,
)
from acausal.analysis.written import Written
from acausal.design.program import OUTCOMES, Program, constant
from acausal.game import Action

PROFILES = st.dictionaries(st.sampled_from(SITUATIONS), st.floats(0, 1), min_size=1)
PARTLY = st.dictionaries(st.sampled_from(SITUATIONS), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
TIT_FOR_TAT = Program(1.0, {(own, other): float(other is Action.COOPERATE) for own, other in OUTCOMES})
C, D = (profile_of(constant(p)) for p in (1.0, 0.0))


def named(rows: list[Likeness], kind: str, round_: int | None = None) -> Likeness:
    return next(row for row in rows if (row.kind, row.round) == (kind, round_))


def test_cosine_is_blind_to_the_decision_and_the_distance_is_not() -> None:
    rows = likenesses(
        [
            wrote("Always cooperate with all the others here.", agent=1),
            wrote("Always defect with all the others here.", agent=2),
        ],
        [C, D],
    )
    found = named(rows, WITHIN)
    assert found.cosine is not None
    assert found.cosine.value > 0.7
    assert found.distance is not None
    assert found.distance.value == 1.0


def test_two_wordings_of_one_rule_share_no_word_and_do_the_same() -> None:
    rows = likenesses(
        [wrote("Tit for tat.", agent=1), wrote("Return whatever was received.", agent=2)],
        [profile_of(TIT_FOR_TAT), profile_of(TIT_FOR_TAT)],
    )
    found = named(rows, WITHIN)
    assert found.cosine is not None
    assert found.distance is not None
    assert (found.cosine.value, found.distance.value) == (0.0, 0.0)


def test_a_program_is_known_in_every_situation() -> None:
    assert profile_of(TIT_FOR_TAT) == {FIRST: 1, "CC": 1, "CD": 0, "DC": 1, "DD": 0}
    assert distance(profile_of(TIT_FOR_TAT), C) == pytest.approx(2 / 5)


@given(PROFILES, PROFILES)
def test_a_distance_is_symmetric_and_a_fraction_or_nothing(one: dict[str, float], two: dict[str, float]) -> None:
    apart = distance(one, two)
    assert apart == distance(two, one)
    assert distance(one, one) == 0
    if one.keys() & two.keys():
        assert apart is not None
        assert 0 <= apart <= 1
    else:
        assert apart is None


def turns(first: str, second: str) -> list[Written]:
    """Two agents, one match of as many turns as there are letters."""
    decisions = [replace(decision, turn=decision.round, round=1) for decision in play(first, second)]
    return [replace(wrote("…", agent=i), decisions=tuple(d for d in decisions if d.agent == i)) for i in (1, 2)]


def test_what_a_strategy_did_is_read_in_the_situations_that_it_met() -> None:
    own, other = turns("CCDC", "CDDC")
    situations = situations_of([*own.decisions, *other.decisions], shows_matches=False)
    assert played_profile(own.decisions, situations) == {FIRST: 1, "CC": 1, "CD": 0, "DD": 1}
    assert played_profile(other.decisions, situations) == {FIRST: 1, "CC": 0, "DC": 0, "DD": 1}


def test_an_earlier_match_is_a_situation_only_where_it_was_shown() -> None:
    decisions = [replace(d, round=1, match=d.round, matchday=d.round) for d in play("CD", "DD")]
    shown, hidden = (situations_of(decisions, shows_matches=shows) for shows in (True, False))
    own = [d for d in decisions if d.agent == 1]
    assert played_profile(own, shown) == {FIRST: 1, "CD": 0}
    assert played_profile(own, hidden) == {FIRST: 0.5}


def test_a_void_match_leaves_the_situation_as_it_was() -> None:
    decisions = [replace(d, round=1, match=d.round, matchday=d.round) for d in play("CCD", "D?C")]
    situations = situations_of(decisions, shows_matches=True)
    assert [situations[1, 1, match, 1, 1] for match in (1, 2, 3)] == [FIRST, "CD", "CD"]


def population() -> tuple[list[Written], list[dict[str, float]]]:
    """Two models, two agents each, two rounds, three replicates: model a says one thing, model b another."""
    said = {"a": "I always choose to help the others", "b": "Take points while nobody looks"}
    texts = [
        wrote(f"{said[model]} in round {round_}.", model=model, replicate=replicate, round_=round_, agent=agent)
        for replicate in (1, 2, 3)
        for round_ in (1, 2)
        for agent, model in enumerate("aabb", start=1)
    ]
    return texts, [dict(C) if text.model == "a" else dict(D) for text in texts]


def test_likeness_is_within_and_between_models_and_over_rounds() -> None:
    rows = likenesses(*population())
    within = [row for row in rows if row.kind == WITHIN]
    assert {(row.models, row.round) for row in within} == {(m, r) for m in "ab" for r in (None, 1, 2)}
    assert all(row.cosine is not None and row.cosine.value == pytest.approx(1.0) for row in within)
    between = named(rows, BETWEEN)
    assert between.models == "a × b"
    assert between.cosine is not None
    assert between.cosine.value < 0.3
    assert between.cosine.n == 3 * 2 * 4
    assert between.cosine.clusters == 3
    assert between.distance is not None
    assert between.distance.value == 1.0


def test_the_baseline_pairs_agents_that_share_no_history() -> None:
    rows = likenesses(*population())
    baseline = named(rows, BASELINE)
    assert baseline.cosine is not None
    assert baseline.cosine.n == 2 * 2 * 4  # two steps to a next replicate, two rounds, two agents by two
    texts, profiles = population()
    assert not [row for row in likenesses(texts[:8], profiles[:8]) if row.kind == BASELINE]


def test_kinds_are_found_and_described_by_their_own_words() -> None:
    kind = {"cooperate": "CCC", "defect": "DDD"}
    said = {"cooperate": "I cooperate since mutual gain {} helps us", "defect": "I {} defect and take every point"}
    fillings = ["surely", "clearly", "really", "plainly", "simply", "of course"]
    texts = [
        wrote(said[word].format(filling), letters, agent=n, model="ab"[n % 2])
        for n, filling in enumerate(fillings)
        for word, letters in kind.items()
    ]
    found = sort_texts(texts, [C if "cooperate" in text.text else D for text in texts])
    assert found is not None
    by_word = {next(w for w in kind if w in c.terms): c for c in found.clusters if set(kind) & set(c.terms)}
    assert by_word.keys() == kind.keys()
    for word, cluster in by_word.items():
        assert cluster.cooperation is not None
        assert cluster.cooperation.value == float(word == "cooperate")
        assert word in cluster.typical
        assert cluster.models == {"a": 3, "b": 3}
    assert sum(cluster.texts for cluster in found.clusters) == len(texts)


def test_the_map_puts_equal_texts_on_one_place_and_is_the_same_again() -> None:
    texts = [wrote(text, agent=n) for n, text in enumerate(["one rule", "another way", "one rule", "third of all"], 1)]
    found = sort_texts(texts, [C] * 4)
    assert found is not None
    assert found.places[0] == found.places[2] != found.places[1]
    assert found.places == (sort_texts(texts, [C] * 4) or found).places
    assert 0 < found.spread <= 1


@pytest.mark.parametrize("texts", [["…"], ["one"], ["one", "one"], ["one", "two"], ["a b", "b a", "a b!"]])
def test_few_texts_are_no_reason_to_fail(texts: list[str]) -> None:
    written = [wrote(text, agent=n) for n, text in enumerate(texts, start=1)]
    found = sort_texts(written, [C] * len(texts))
    assert (found is None) == (texts == ["…"])
    assert len(likenesses(written, [C] * len(texts))) == (len(texts) > 1)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["one rule", "a rule", "no way", "…"]), PARTLY), max_size=9
    )
)
def test_what_is_summed_is_what_visiting_every_pair_gives(agents: list[tuple[str, str, dict[str, float]]]) -> None:
    texts = [wrote(text, model=model, agent=n) for n, (model, text, _) in enumerate(agents, start=1)]
    profiles = [profile for _, _, profile in agents]
    rows = likenesses(texts, profiles)
    table = vectors([written.text for written in texts])
    for row in rows:
        pairs = [
            (a, b)
            for a, b in combinations(range(len(texts)), 2)
            if " × ".join(sorted({texts[a].model, texts[b].model})) == row.models
        ]
        apart = [known for a, b in pairs if (known := distance(profiles[a], profiles[b])) is not None]
        assert (row.distance is None) == (not apart)
        if row.distance is not None:
            assert row.distance.n == len(apart)
            assert row.distance.value == pytest.approx(fmean(apart), abs=1e-9)
        if table is not None:
            dense = table[0].toarray()
            assert row.cosine is not None
            assert row.cosine.value == pytest.approx(fmean(float(dense[a] @ dense[b]) for a, b in pairs), abs=1e-9)


def test_what_position_does_is_told_apart_from_what_strategies_do() -> None:
    first = {Action.COOPERATE: "X", Action.DEFECT: "Y"}
    orders = [first, dict(reversed(first.items()))]
    texts = [replace(wrote("Take the first.", agent=n), labels=orders[n % 2]) for n in range(6)]
    found = named(likenesses(texts, [D if n % 2 else C for n in range(6)]), WITHIN)
    assert found.distance is not None
    assert found.distance.value == pytest.approx(9 / 15)  # pairs with opposite orders do the opposite
    assert found.same_order is not None
    assert (found.same_order.value, found.same_order.n) == (0.0, 6)
