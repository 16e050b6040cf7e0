"""A kind of game is an order of payoffs; what follows from it follows from the matrix in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acausal.config import conf_dir
from acausal.design.prompts import PastMatch, Prompts, anonymous_id
from acausal.errors import ConfigError
from acausal.game import Action, GameKind, Payoffs, PowerRule, PublicGoods, factor
from acausal.models.scripted import Question, always_c, always_d, superrational
from acausal.settings.schema import Config

C, D = Action.COOPERATE, Action.DEFECT
GOLDEN = Path(__file__).parent / "prompts"
GAMES = sorted(path.stem for path in (conf_dir() / "game").glob("*.yaml"))
PAIRED = [kind for kind in GameKind if kind is not GameKind.public_goods]
ORDERS = {  # which of four ascending numbers T, R, P and S take
    GameKind.prisoners_dilemma: (3, 2, 1, 0),
    GameKind.stag_hunt: (2, 3, 1, 0),
    GameKind.chicken: (3, 2, 0, 1),
    GameKind.harmony: (1, 3, 0, 2),
    GameKind.deadlock: (3, 1, 2, 0),
}
ladders = st.lists(st.integers(-400, 400), min_size=4, max_size=4, unique=True).map(
    lambda numbers: [number / 4 for number in sorted(numbers)]
)
stakes = st.floats(0.01, 1000)


def game(kind: GameKind, ladder: list[float]) -> Payoffs:
    temptation, reward, punishment, sucker = (ladder[place] for place in ORDERS[kind])
    return Payoffs(temptation, reward, punishment, sucker, kind)


@pytest.mark.parametrize("kind", PAIRED)
@given(ladder=ladders, data=st.data())
def test_a_kind_admits_its_own_order_and_no_other(kind: GameKind, ladder: list[float], data: st.DataObject) -> None:
    game(kind, ladder)
    others = [other for other in PAIRED if other is not kind]
    other = data.draw(st.sampled_from(others))
    with pytest.raises(ConfigError, match=r"needs .*>.* but game\.payoffs is .* change the payoffs") as refusal:
        replace(game(kind, ladder), kind=other)
    assert "\n" not in str(refusal.value)


def test_a_wrong_order_is_named_with_its_values_and_a_cure(composed: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match="a stag hunt needs reward > temptation >= punishment > sucker, but") as error:
        composed("game.kind=stag_hunt")
    assert "5, 3, 1, 0 (in the order T, R, P, S): change the payoffs, e.g. 3, 4, 2, 0, or game.kind" in str(error.value)
    with pytest.raises(ConfigError, match="must be finite numbers, but T, R, P, S are inf, 3, 1, 0"):
        composed("game.payoffs.temptation=inf")


def test_a_stag_hunt_may_have_equal_hares() -> None:
    assert Payoffs(2, 4, 2, 0, GameKind.stag_hunt).dominant is None


@pytest.mark.parametrize("kind", PAIRED)
@given(ladder=ladders)
def test_the_other_always_gets_more_by_cooperation(kind: GameKind, ladder: list[float]) -> None:
    """What the personas find the label of cooperation by; swapping the seats swaps nothing else."""
    payoffs = game(kind, ladder)
    assert sum(payoffs.payoff(own, C) for own in Action) > sum(payoffs.payoff(own, D) for own in Action)
    assert all(payoffs.payoff(own, C) > payoffs.payoff(own, D) for own in Action)


@given(ladder=ladders, by=stakes)
def test_every_dilemma_has_a_threshold_that_stakes_and_constant_power_leave_alone(
    ladder: list[float], by: float
) -> None:
    payoffs = game(GameKind.prisoners_dilemma, ladder)
    r_star = payoffs.r_star
    assert r_star is not None
    assert 0 < r_star < 1
    assert payoffs.scaled(by).r_star == pytest.approx(r_star)
    assert payoffs.scaled(factor(PowerRule.constant, by, 100)).r_star == pytest.approx(r_star)


@given(ladder=ladders, r=st.floats(0, 1))
def test_above_the_threshold_cooperation_is_worth_more(ladder: list[float], r: float) -> None:
    t, reward, p, s = (payoffs := game(GameKind.prisoners_dilemma, ladder)).points
    gain = (r * reward + (1 - r) * s) - (r * p + (1 - r) * t)
    assert payoffs.r_star is not None
    if abs(r - payoffs.r_star) > 1e-6:
        assert (gain > 0) == (r > payoffs.r_star)


@pytest.mark.parametrize(
    ("name", "r_star"),
    [
        *(("prisoners_dilemma", 5 / 7), ("pd_x10", 5 / 7), ("pd_r625", 0.625), ("pd_r833", 0.833)),
        *(("pd_r576", 0.576), ("pd_r818", 0.818), ("stag_hunt", 0.6), ("chicken", 4 / 7), ("deadlock", None)),
    ],
)
def test_the_shipped_payoffs_move_the_threshold(composed: Callable[..., Config], name: str, r_star: float) -> None:
    found = composed(f"game={name}").payoffs.r_star
    assert found == (None if r_star is None else pytest.approx(r_star, abs=5e-4))


def test_there_is_no_threshold_where_cooperation_is_never_or_always_worth_more() -> None:
    assert Payoffs(1, 5, 0, 3, GameKind.harmony).r_star is None
    assert Payoffs(5, 1, 3, 0, GameKind.deadlock).r_star is None


@pytest.mark.parametrize(
    ("kind", "dominant", "equilibria", "optimal"),
    [
        (GameKind.prisoners_dilemma, D, [(D, D)], True),
        (GameKind.stag_hunt, None, [(C, C), (D, D)], True),
        (GameKind.chicken, None, [(C, D), (D, C)], True),
        (GameKind.harmony, C, [(C, C)], True),
        (GameKind.deadlock, D, [(D, D)], False),
    ],
)
@given(ladder=ladders)
def test_dominance_and_equilibria_are_those_of_the_kind(
    kind: GameKind,
    dominant: Action | None,
    equilibria: list[tuple[Action, Action]],
    optimal: bool,
    ladder: list[float],
) -> None:
    payoffs = game(kind, ladder)
    assert (payoffs.dominant, payoffs.equilibria) == (dominant, equilibria)
    assert payoffs.mutual_cooperation_is_pareto_optimal == optimal


@given(players=st.integers(2, 60), share=st.floats(0.05, 0.95), endowment=st.floats(0.1, 1000))
def test_public_goods_are_a_dilemma_at_every_number_of_contributors(
    players: int, share: float, endowment: float
) -> None:
    goods = PublicGoods(players, endowment, 1 + share * (players - 1))
    for contributors in range(players):
        assert goods.payoff(D, contributors) > goods.payoff(C, contributors)
    assert goods.payoff(C, players - 1) > goods.payoff(D, 0)
    assert goods.corners.dominant is D


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["game.public_goods.multiplier=10"], "need 1 < multiplier < players, but .* is 10 with 10 agents: e.g. 5.5"),
        (["game.public_goods.multiplier=1"], "need 1 < multiplier < players"),
        (["game.public_goods.endowment=0"], "endowment must be above 0 points, but is 0: e.g. 10"),
        (["game.stakes=0"], "game.stakes must be above 0, since it multiplies every payoff, but is 0: e.g. 1"),
        (["game.stakes=-1"], "game.stakes must be above 0"),
        (["matching=random_pairs"], "matching=random_pairs pairs agents, but .* all play at once: choose matching=ro"),
    ],
)
def test_what_is_no_public_goods_game_is_refused(
    composed: Callable[..., Config], overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        composed("game=public_goods", *overrides)


@pytest.mark.parametrize("name", GAMES)
def test_every_word_of_every_game_is_the_golden_one(composed: Callable[..., Config], name: str) -> None:
    prompts = Prompts(composed(f"game={name}"))
    history = [PastMatch(anonymous_id(1), C, D)]
    asked = prompts.strategy(), prompts.decision(strategy="S.", history=history, coplayer=anonymous_id(2))
    text = "\n".join(f"[{message.role}]\n{message.content}\n" for messages in asked for message in messages)
    assert text == (GOLDEN / f"game_{name}.txt").read_text()


@pytest.mark.parametrize("name", GAMES)
def test_stakes_are_in_the_prompt(composed: Callable[..., Config], name: str) -> None:
    config = composed(f"game={name}", "game.stakes=7")
    system = Prompts(config).strategy()[0].content
    assert config.payoffs.points == composed(f"game={name}").payoffs.scaled(7 / (10 if name == "pd_x10" else 1)).points
    assert all(f" {point:g} point" in system for point in config.payoffs.points)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("protocol", ["delegated", "direct"])
def test_personas_find_the_labels_of_every_game(composed: Callable[..., Config], name: str, protocol: str) -> None:
    labels = ("game.labels.cooperate=X", "game.labels.defect=Y")
    prompts = Prompts(composed(f"game={name}", f"protocol={protocol}", *labels))
    messages = prompts.decision(strategy=None if protocol == "direct" else "S.", history=(), coplayer="participant 1")
    assert (always_c(Question(messages, 0)), always_d(Question(messages, 0))) == ("X", "Y")


@pytest.mark.parametrize("name", GAMES)
def test_copies_that_know_it_cooperate_but_where_defection_is_better_for_all(
    composed: Callable[..., Config], name: str
) -> None:
    prompts = Prompts(composed(f"game={name}", "condition=identity_only"))
    decision = Question(prompts.decision(strategy="S.", history=(), coplayer="participant 1"), 0)
    assert superrational(decision) == ("DEFECT" if name == "deadlock" else "COOPERATE")
    assert superrational(Question(prompts.strategy(), 0)).count("DEFECT") == (2 if name == "deadlock" else 1)
