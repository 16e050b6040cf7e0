"""The schema of conf/game, with the rules that span its keys."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from acausal.errors import ConfigError
from acausal.game import GameKind, PowerRule
from acausal.settings.elicitation import LabelsConfig


class PowerMode(Enum):
    """How agents come by their power."""

    off = "off"
    """Everybody has `mean`; recorded, without effect on payoffs."""
    random = "random"
    """N(mean, sd), clipped to low … high, drawn anew for each agent and round."""
    evolving = "evolving"
    """Drawn so for the first round; then it moves with what the agent got in a match, by `gain`."""


@dataclass
class PowerConfig:
    """Power, a number per agent and round around 100."""

    mode: PowerMode = PowerMode.off
    mean: float = 100
    sd: float = 20
    low: float = 50
    high: float = 150
    rule: PowerRule = PowerRule.constant
    gain: float = 5
    """Under `evolving`: power gained per round and point a match (at stakes 1) above everybody's mean."""
    told: bool = False
    """Whether each agent reads `sentence`; false: the points it reads are those at power 100."""
    sentence: str = "Your power in this round is {{ power }}: your points are multiplied by {{ factor }}."
    """What an agent is told of its power; `power` and `factor` are words of this template alone."""


@dataclass
class PublicGoodsConfig:
    """The n-player game; num_agents play."""

    endowment: float = 10
    """Points that each agent keeps or contributes."""
    multiplier: float = 3
    """By which the pool grows before it is shared among all."""


@dataclass
class WordingConfig:
    """Templates in place of the protocol's: for a game of all at once, or a cover story; null: the protocol's own."""

    system: str | None = None
    strategy: str | None = None
    """Used only under a protocol that asks for strategies."""
    decision: str | None = None


@dataclass
class PayoffsConfig:
    """Points per turn of a match, in the order that `game.kind` names."""

    temptation: float = 5
    reward: float = 3
    punishment: float = 1
    sucker: float = 0


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

    @property
    def varies(self) -> bool:
        """Whether matches differ in length."""
        return self.continuation is not None


@dataclass
class GameConfig:
    """The rules."""

    name: str = MISSING
    payoffs: PayoffsConfig = field(default_factory=PayoffsConfig)
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    power: PowerConfig = field(default_factory=PowerConfig)
    kind: GameKind = GameKind.prisoners_dilemma
    """Which order of payoffs must hold."""
    stakes: float = 1
    """Multiplies every payoff, in the prompts too."""
    public_goods: PublicGoodsConfig = field(default_factory=PublicGoodsConfig)
    """Used by kind public_goods, in place of `payoffs`."""
    wording: WordingConfig = field(default_factory=WordingConfig)
    horizon: HorizonConfig = field(default_factory=HorizonConfig)


def check_horizon(horizon: HorizonConfig, kind: GameKind) -> None:
    """Every rule of game.horizon.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    if horizon.turns < 1:
        raise ConfigError(f"game.horizon.turns must be at least 1, but is {horizon.turns}: e.g. game.horizon.turns=1")
    if horizon.continuation is not None and not 0 < horizon.continuation < 1:
        raise ConfigError(
            f"game.horizon.continuation must lie between 0 and 1, but is {horizon.continuation:g}: e.g. 0.9, or null "
            "for matches of game.horizon.turns turns"
        )
    if horizon.told and horizon.continuation is not None and not _is_told_exactly(horizon.continuation):
        raise ConfigError(
            f"game.horizon.continuation is told to a tenth of a percent, so {horizon.continuation:g} would be read as "
            f"{horizon.continuation * 100:.1f} %: set e.g. {min(0.999, max(0.001, round(horizon.continuation, 3))):g}, "
            "or game.horizon.told=false"
        )
    if horizon.several and kind is GameKind.public_goods:
        key = "turns" if horizon.continuation is None else "continuation"
        raise ConfigError(
            f"game.horizon.{key} is {getattr(horizon, key):g}, but public_goods is played once a round: leave "
            "game.horizon.turns=1 and game.horizon.continuation=null, and repeat it with num_rounds"
        )


def _is_told_exactly(fraction: float) -> bool:
    return math.isclose(round(fraction * 100, 1), fraction * 100)


def check_stakes(stakes: float) -> None:
    """Refuse stakes that would turn a game round.

    Raises:
        ConfigError: Not a positive number.
    """
    if not 0 < stakes < math.inf:
        raise ConfigError(f"game.stakes must be above 0, since it multiplies every payoff, but is {stakes:g}: e.g. 1")


def check_power(power: PowerConfig, kind: GameKind) -> None:
    """Every rule of game.power.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    if not 0 < power.low <= power.mean <= power.high < math.inf:
        raise ConfigError(
            "game.power needs 0 < low <= mean <= high, but low, mean, high are "
            f"{power.low:g}, {power.mean:g}, {power.high:g}: e.g. 50, 100, 150"
        )
    if not 0 <= power.sd < math.inf:
        raise ConfigError(f"game.power.sd must not be negative, but is {power.sd:g}: e.g. 20")
    if not 0 <= power.gain < math.inf:
        raise ConfigError(f"game.power.gain must not be negative, but is {power.gain:g}: e.g. 5")
    if power.mode is PowerMode.off and (power.rule is not PowerRule.constant or power.told):
        key = "told is true" if power.told else f"rule is {power.rule.value}"
        raise ConfigError(f"game.power.{key}, but game.power.mode is off: set game.power.mode=random")
    if power.rule is PowerRule.relative and kind is GameKind.public_goods:
        raise ConfigError(
            "game.power.rule is relative, which compares the two players of a match, but public_goods has no pairs: "
            "set game.power.rule=constant"
        )
