"""The result set that the Axelrod library computes, from its own interactions and from our own classical cells."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from statistics import fmean, median

import pandas as pd
import pytest
from axelrod_results import INTERACTIONS, RESULTS, STRATEGIES, TURNS
from dsl import seated
from test_classical import played

from acausal.analysis.memory import after, outcome_counts
from acausal.analysis.outcomes import mean_payoff
from acausal.analysis.rates import cooperation_rate, matrix
from acausal.cli import _main
from acausal.game import Action
from acausal.report.foreign import Foreign, Seen, read_foreign
from acausal.report.mapping import Reading
from acausal.settings.schema import Config

LIBRARY = json.loads(RESULTS.read_text())
NAMES: list[str] = LIBRARY["names"]
PAIRS = list(product(range(len(NAMES)), repeat=2))
COLUMNS = {
    "action": "Actions",
    "match": "Interaction index",
    "agent": "Player index",
    "coplayer": "Opponent index",
    "replicate": "Repetition",
    "model": "Player name",
}
RULES = ("cooperator", "defector", "tit_for_tat", "grim", "win_stay_lose_shift", "alternator")
"""Ours, in the order of the first strategies there."""


@pytest.fixture(scope="module")
def foreign() -> Foreign:
    columns = {name: (column,) for name, column in COLUMNS.items()}
    return read_foreign(INTERACTIONS, Reading(columns, letters=True, payoffs=("5", "3", "1", "0")))


def between(foreign: Foreign, one: int, other: int) -> list[Seen]:
    pair = NAMES[one], NAMES[other]
    return [e for e in foreign.seen if (e.decision.agent_model, e.decision.coplayer_agent_model) == pair]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """As the command writes them."""
    output = tmp_path_factory.mktemp("analysed")
    words = [f"{name}={column}" for name, column in COLUMNS.items()]
    options = ["--map", *words, "--letters", "--payoffs", "5,3,1,0", "-o", str(output)]
    assert _main(["analyse", str(INTERACTIONS), *options]) == 0
    return {file.stem: pd.read_csv(file) for file in (output / "tables").glob("*.csv")}


def test_who_meets_whom_is_the_librarys_cooperation_and_payoff_matrix(tables: dict[str, pd.DataFrame]) -> None:
    pairs = tables["pairs"].set_index(["model", "meets"])
    assert len(pairs) == len(PAIRS)
    for one, other in PAIRS:
        row = pairs.loc[(NAMES[one], NAMES[other])]
        assert row.rate == pytest.approx(LIBRARY["normalised_cooperation"][one][other], rel=1e-12), (one, other)
        assert row.points == pytest.approx(LIBRARY["payoff_matrix"][one][other], rel=1e-12), (one, other)


def test_shares_of_outcomes_are_the_librarys_state_distribution(foreign: Foreign) -> None:
    for one, other in PAIRS:
        if one == other:
            continue  # the library leaves a copy of itself out
        counts = outcome_counts((e.decision, e.met) for e in between(foreign, one, other)).values()
        shares = {state: fmean(seen[state] / TURNS for seen in counts) for state in ("CC", "CD", "DC", "DD")}
        expected = LIBRARY["normalised_state_distribution"][one][other]
        assert {state: share for state, share in shares.items() if share} == pytest.approx(expected), (one, other)


def test_what_follows_what_is_the_librarys_state_to_action_distribution(foreign: Foreign) -> None:
    """The library averages the shares of its repetitions; over a pair that never varies that is the share of all."""
    checked = 0
    for one, other in PAIRS:
        if one == other or not {"GTFT: 0.33", "Random: 0.5"}.isdisjoint({NAMES[one], NAMES[other]}):
            continue
        found = after((e.decision, e.met) for e in between(foreign, one, other))
        for state in ("CC", "CD", "DC", "DD"):
            rate = cooperation_rate(found[state])
            expected = LIBRARY["normalised_state_to_action_distribution"][one][other]
            assert (None if rate is None else rate.value) == (
                expected.get(f"{state}>C", 0.0) if {f"{state}>C", f"{state}>D"} & expected.keys() else None
            )
            checked += rate is not None
    assert checked > 40


def test_ratings_and_ranks_are_the_librarys(foreign: Foreign) -> None:
    """Over co-players other than a copy of itself, as the library has it."""
    scores = {}
    for number, name in enumerate(NAMES):
        met = [e.decision for e in foreign.seen if e.decision.agent_model == name]
        others = [d for d in met if d.coplayer_agent_model != name]
        rate, first = (cooperation_rate(own) for own in (others, [d for d in others if d.turn == 1]))
        assert rate is not None
        assert first is not None
        assert rate.value == pytest.approx(LIBRARY["cooperating_rating"][number])
        assert first.value == pytest.approx(LIBRARY["initial_cooperation_rate"][number])
        scores[name] = [sum(d.payoff or 0.0 for d in others if d.replicate == repetition) for repetition in range(3)]
    assert list(scores.values()) == LIBRARY["scores"]
    assert sorted(scores, key=lambda name: -median(scores[name])) == LIBRARY["ranked_names"]


def test_a_cell_of_ours_has_the_librarys_matrix(composed: Callable[..., Config]) -> None:
    config = composed(*seated(**dict.fromkeys(RULES, 1)), f"game.horizon.turns={TURNS}", "num_rounds=1")
    decisions = played(config).decisions
    found = matrix(decisions)
    assert len(found) == len(RULES) * (len(RULES) - 1)
    for (one, first), (other, second) in product(enumerate(RULES), repeat=2):
        if one == other:
            continue
        pair = f"classical/{first}", f"classical/{second}"
        rate = found[pair]
        points = mean_payoff(d for d in decisions if (d.agent_model, d.coplayer_agent_model) == pair)
        assert rate is not None
        assert points is not None
        assert rate.value == pytest.approx(LIBRARY["normalised_cooperation"][one][other]), pair
        assert points.value == pytest.approx(LIBRARY["payoff_matrix"][one][other]), pair


def test_both_rows_of_a_match_with_itself_are_read_as_two_players(foreign: Foreign) -> None:
    own = between(foreign, STRATEGIES.index("Random"), STRATEGIES.index("Random"))
    assert len(own) == 2 * 3 * TURNS
    assert all(e.met is not None and e.decision.agent != e.decision.coplayer for e in own)
    assert {e.decision.action for e in own} == set(Action)


@pytest.mark.slow
def test_the_tables_in_this_repository_are_the_librarys() -> None:
    pytest.importorskip("axelrod")
    from axelrod_results import play

    interactions, results = play()
    assert json.loads(json.dumps(results)) == LIBRARY
    assert interactions == pd.read_csv(INTERACTIONS, dtype=str).to_dict("records")
