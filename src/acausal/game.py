"""The rules of a game: actions and payoffs. Knows nothing about models."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from acausal.errors import ConfigError


class Action(StrEnum):
    """What an agent can do. The words the agents see are labels, kept apart."""

    COOPERATE = "COOPERATE"
    DEFECT = "DEFECT"


@dataclass(frozen=True, slots=True)
class Payoffs:
    """A prisoner's dilemma in points: temptation > reward > punishment > sucker [rapoport1965].

    Raises:
        ConfigError: The order does not hold, so defection would not dominate.
    """

    temptation: float = 5.0
    """T: I defect, the other cooperates."""
    reward: float = 3.0
    """R: both cooperate."""
    punishment: float = 1.0
    """P: both defect."""
    sucker: float = 0.0
    """S: I cooperate, the other defects."""

    def __post_init__(self) -> None:
        if not self.temptation > self.reward > self.punishment > self.sucker:
            raise ConfigError(
                "a prisoner's dilemma needs temptation > reward > punishment > sucker, but game.payoffs is "
                f"{self.temptation:g}, {self.reward:g}, {self.punishment:g}, {self.sucker:g}: "
                "change the payoffs, e.g. 5, 3, 1, 0"
            )

    def payoff(self, own: Action, other: Action) -> float:
        """Points of the agent that plays `own` against `other`."""
        if own is Action.COOPERATE:
            return self.reward if other is Action.COOPERATE else self.sucker
        return self.temptation if other is Action.COOPERATE else self.punishment


@dataclass
class HorizonConfig:
    """How many turns a match has."""

    turns: int = 1
    """Turns that are certain; all there are where `continuation` is null."""
    continuation: float | None = None
    """Probability, in (0, 1), with which a match goes on after each turn from the last certain one on."""
    told: bool = True
    """Whether agents are told of it; that there are turns they see in any case."""

    @property
    def several(self) -> bool:
        """Whether a match may have more than one turn."""
        return self.turns > 1 or self.continuation is not None
