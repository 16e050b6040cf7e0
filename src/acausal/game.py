"""The rules of a game: actions, payoffs, power. Knows nothing about models."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from acausal.errors import ConfigError


class Action(StrEnum):
    """What an agent can do. The words the agents see are labels, kept apart."""

    COOPERATE = "COOPERATE"
    DEFECT = "DEFECT"

    @property
    def other(self) -> Action:
        """The one of the two that this is not."""
        return Action.DEFECT if self is Action.COOPERATE else Action.COOPERATE


class GameKind(StrEnum):
    """Which order of payoffs a game must have.

    In every kind COOPERATE is the action by which the other player gets more, whatever that one does (T = P in a stag
    hunt: no less). Whether it is also the better one for both together depends on the kind.
    """

    prisoners_dilemma = "prisoners_dilemma"
    """Defection dominates, and mutual cooperation is better for both [rapoport1965]."""
    stag_hunt = "stag_hunt"
    """Each action is the best reply to itself; mutual cooperation is better for both."""
    chicken = "chicken"
    """Each action is the best reply to the other one."""
    harmony = "harmony"
    """Cooperation dominates."""
    deadlock = "deadlock"
    """Defection dominates, and mutual defection is better for both: R < P, so copies should defect too."""
    public_goods = "public_goods"
    """n players at once; between one and all others alike it is a prisoner's dilemma."""


class PowerRule(StrEnum):
    """What power does to an agent's own points; every rule multiplies them by one factor."""

    constant = "constant"
    """own / 100. A positive constant on one's own payoffs leaves their order and r* as they are."""
    log = "log"
    """ln(own / 100): 0 at 100, negative below, where it turns the order of the payoffs round."""
    relative = "relative"
    """other / own: the weaker of a match gets more for the same outcome."""


NAMES = {"T": "temptation", "R": "reward", "P": "punishment", "S": "sucker"}
ORDERS = {
    GameKind.prisoners_dilemma: ("T > R > P > S",),
    GameKind.stag_hunt: ("R > T >= P > S",),
    GameKind.chicken: ("T > R > S > P",),
    GameKind.harmony: ("R > T > P", "R > S > P"),
    GameKind.deadlock: ("T > P > R > S",),
    GameKind.public_goods: ("T > R > P > S",),
}
"""The chains that must all hold."""
_TITLES = {
    GameKind.prisoners_dilemma: "prisoner's dilemma",
    GameKind.stag_hunt: "stag hunt",
    GameKind.chicken: "game of chicken",
    GameKind.harmony: "harmony game",
    GameKind.deadlock: "deadlock",
    GameKind.public_goods: "public goods game",
}
_EXAMPLES = {
    GameKind.prisoners_dilemma: "5, 3, 1, 0",
    GameKind.stag_hunt: "3, 4, 2, 0",
    GameKind.chicken: "5, 3, 0, 1",
    GameKind.harmony: "3, 5, 0, 1",
    GameKind.deadlock: "5, 1, 3, 0",
    GameKind.public_goods: "",
}


@dataclass(frozen=True, slots=True)
class Payoffs:
    """A symmetric game of two actions, in points for oneself.

    Raises:
        ConfigError: The order that `kind` names does not hold.
    """

    temptation: float = 5.0
    """T: I defect, the other cooperates."""
    reward: float = 3.0
    """R: both cooperate."""
    punishment: float = 1.0
    """P: both defect."""
    sucker: float = 0.0
    """S: I cooperate, the other defects."""
    kind: GameKind = GameKind.prisoners_dilemma

    def __post_init__(self) -> None:
        listed = ", ".join(f"{point:g}" for point in self.points)
        if not all(map(math.isfinite, self.points)):
            raise ConfigError(f"game.payoffs must be finite numbers, but T, R, P, S are {listed}: e.g. 5, 3, 1, 0")
        if not all(self._holds(chain) for chain in ORDERS[self.kind]):
            rule = " and ".join(_spelled(chain) for chain in ORDERS[self.kind])
            raise ConfigError(
                f"a {title(self.kind)} needs {rule}, but game.payoffs is {listed} (in the order T, R, P, S): "
                f"change the payoffs, e.g. {_EXAMPLES[self.kind]}, or game.kind"
            )

    @property
    def points(self) -> tuple[float, float, float, float]:
        """T, R, P, S."""
        return self.temptation, self.reward, self.punishment, self.sucker

    def payoff(self, own: Action, other: Action) -> float:
        """Points of the agent that plays `own` against `other`."""
        if own is Action.COOPERATE:
            return self.reward if other is Action.COOPERATE else self.sucker
        return self.temptation if other is Action.COOPERATE else self.punishment

    def scaled(self, stakes: float) -> Payoffs:
        """The same game with every payoff multiplied by a positive number."""
        temptation, reward, punishment, sucker = (point * stakes for point in self.points)
        return Payoffs(temptation, reward, punishment, sucker, self.kind)

    @property
    def r_star(self) -> float | None:
        """The probability of being matched above which cooperation pays for one who takes the match as evidence.

        If the other does as I do with probability r, cooperation gives r R + (1 - r) S and defection
        r P + (1 - r) T, which are equal at r* = (T - S) / ((T - S) + (R - P)). None where they cross nowhere in (0, 1).
        """
        risk, gain = self.temptation - self.sucker, self.reward - self.punishment
        return risk / (risk + gain) if risk > 0 and gain > 0 else None

    @property
    def dominant(self) -> Action | None:
        """The action that pays strictly more whatever the other does; None where there is none."""
        gains = self.temptation - self.reward, self.punishment - self.sucker
        if min(gains) > 0:
            return Action.DEFECT
        return Action.COOPERATE if max(gains) < 0 else None

    @property
    def equilibria(self) -> list[tuple[Action, Action]]:
        """The Nash equilibria in pure strategies [nash1951]: pairs in which nobody gains by a change of its own."""
        pairs = [(own, other) for own in Action for other in Action]
        return [(own, other) for own, other in pairs if self._is_best(own, other) and self._is_best(other, own)]

    @property
    def mutual_cooperation_is_pareto_optimal(self) -> bool:
        """Whether no outcome is better for one of the two and no worse for the other than both cooperating."""
        pairs = ((self.payoff(own, other), self.payoff(other, own)) for own in Action for other in Action)
        return not any(min(pair) >= self.reward and max(pair) > self.reward for pair in pairs)

    def _is_best(self, own: Action, other: Action) -> bool:
        return self.payoff(own, other) >= max(self.payoff(each, other) for each in Action)

    def _holds(self, chain: str) -> bool:
        values = dict(zip(NAMES, self.points, strict=True))
        words = chain.split()
        steps = zip(words[::2], words[1::2], words[2::2], strict=False)
        return all(
            values[more] >= values[less] if order == ">=" else values[more] > values[less]
            for more, order, less in steps
        )


@dataclass(frozen=True, slots=True)
class PublicGoods:
    """n players each keep an endowment or put all of it into a common pool that grows and is shared [isaac1988].

    Raises:
        ConfigError: Keeping would not pay, or not everybody would gain if everybody contributed.
    """

    players: int
    endowment: float = 10.0
    """Points."""
    multiplier: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.endowment < math.inf:
            raise ConfigError(f"game.public_goods.endowment must be above 0 points, but is {self.endowment:g}: e.g. 10")
        if not 1 < self.multiplier < self.players:
            raise ConfigError(
                f"public goods need 1 < multiplier < players, but game.public_goods.multiplier is {self.multiplier:g} "
                f"with {self.players} agents: e.g. {(1 + self.players) / 2:g}"
            )

    def payoff(self, own: Action, contributors: int) -> float:
        """Points of an agent when so many of the others contribute."""
        pool = contributors + (own is Action.COOPERATE)
        kept = self.endowment if own is Action.DEFECT else 0.0
        return kept + self.endowment * self.multiplier * pool / self.players

    def scaled(self, stakes: float) -> PublicGoods:
        """The same game with every payoff multiplied by a positive number."""
        return replace(self, endowment=self.endowment * stakes)

    @property
    def per_capita_return(self) -> float:
        """What one point that is contributed gives back to its giver, in (1 / players, 1)."""
        return self.multiplier / self.players

    @property
    def corners(self) -> Payoffs:
        """The game between one and all others, if the others all do the same."""
        others = self.players - 1
        return Payoffs(
            temptation=self.payoff(Action.DEFECT, others),
            reward=self.payoff(Action.COOPERATE, others),
            punishment=self.payoff(Action.DEFECT, 0),
            sucker=self.payoff(Action.COOPERATE, 0),
            kind=GameKind.public_goods,
        )


def factor(rule: PowerRule, own: float, other: float) -> float:
    """What one's points are multiplied by under a rule of power.

    Args:
        own: One's own power, above 0; 100 is the ordinary one.
        other: The co-player's.
    """
    if rule is PowerRule.log:
        return math.log(own / 100)
    return other / own if rule is PowerRule.relative else own / 100


def title(kind: GameKind) -> str:
    """A kind of game in words."""
    return _TITLES[kind]


def _spelled(chain: str) -> str:
    return " ".join(NAMES.get(word, word) for word in chain.split())
