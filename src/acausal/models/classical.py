"""Agents without a language model: rules that play from the actions of their match, from no word of a prompt.

A rule is asked nothing, costs nothing and has no line in the ledger: its action follows from the configuration, the
seed and the replies that its co-player's actions were read from, so a replay makes it again. The ten rules here are
those everybody knows; `axelrod/NAME` takes any other from the Axelrod library (models/axelrod_players.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from acausal.config import nearest
from acausal.design.seeds import placed_seed
from acausal.errors import ConfigError
from acausal.game import Action, Payoffs
from acausal.settings.schema import Config, ModelConfig

C, D = Action.COOPERATE, Action.DEFECT

Turns = Sequence[tuple[Action, Action]]
"""The turns of a match so far: own action, the other's."""
Player = Callable[[Turns], Action]
"""A rule in one match: asked turn by turn, each time with all turns before."""


class Rule(Protocol):
    """What sits in a slot in place of a model."""

    def sit_down(self, seed: int) -> Player:
        """A player of one match.

        Args:
            seed: Of its place; the only source of chance.
        """
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a strategy decides one turn from."""

    turns: Turns
    """Those before."""
    chance: Random
    """Of this turn alone."""
    payoffs: Payoffs


Strategy = Callable[[Moment], Action]


def cooperator(_: Moment) -> Action:
    """Always cooperates [axelrod1984]."""
    return C


def defector(_: Moment) -> Action:
    """Always defects [axelrod1984]."""
    return D


def random(now: Moment) -> Action:
    """Cooperates with probability one half, independently in each turn [axelrod1984]."""
    return C if now.chance.random() < 0.5 else D


def tit_for_tat(now: Moment) -> Action:
    """Cooperates first, then does what the other did last [axelrod1984]."""
    return now.turns[-1][1] if now.turns else C


def generous_tit_for_tat(now: Moment) -> Action:
    """Tit for tat that lets a defection pass with the probability of `generosity` [nowak1992]."""
    return C if now.chance.random() < generosity(now.payoffs) else tit_for_tat(now)


def suspicious_tit_for_tat(now: Moment) -> Action:
    """Tit for tat that defects first [boyd1987]."""
    return now.turns[-1][1] if now.turns else D


def grim(now: Moment) -> Action:
    """Cooperates until the other has defected once, then never again [friedman1971]."""
    return D if any(other is D for _, other in now.turns) else C


def win_stay_lose_shift(now: Moment) -> Action:
    """Cooperates first, and after every turn in which both did the same [nowak1993]."""
    return C if not now.turns or now.turns[-1][0] is now.turns[-1][1] else D


def alternator(now: Moment) -> Action:
    """Cooperates and defects by turns, beginning with cooperation [axelrod1984]."""
    return D if len(now.turns) % 2 else C


def majority(now: Moment) -> Action:
    """Cooperates unless the other has defected more often than cooperated [axelrod1984]."""
    defections = sum(other is D for _, other in now.turns)
    return D if 2 * defections > len(now.turns) else C


STRATEGIES: Mapping[str, Strategy] = {
    strategy.__name__: strategy
    for strategy in (
        *(cooperator, defector, random, tit_for_tat, generous_tit_for_tat),
        *(suspicious_tit_for_tat, grim, win_stay_lose_shift, alternator, majority),
    )
}


def generosity(payoffs: Payoffs) -> float:
    """The most forgiving probability that neither a defector nor an equal's mistakes exploit [nowak1992].

    `min(1 - (T - R) / (R - S), (R - P) / (T - P))`, held to [0, 1]; 1/3 for 5, 3, 1, 0. Where R = S or T = P, a
    quotient that is not defined does not bind.
    """
    temptation, reward, punishment, sucker = payoffs.temptation, payoffs.reward, payoffs.punishment, payoffs.sucker
    bounds = [1.0]
    if reward != sucker:
        bounds.append(1 - (temptation - reward) / (reward - sucker))
    if temptation != punishment:
        bounds.append((reward - punishment) / (temptation - punishment))
    return max(0.0, min(bounds))


class Classical:
    """One of STRATEGIES, under the payoffs of one game."""

    def __init__(self, strategy: Strategy, payoffs: Payoffs) -> None:
        self._strategy = strategy
        self._payoffs = payoffs

    def sit_down(self, seed: int) -> Player:
        """A player of one match; each turn has its own seed."""
        return lambda turns: self._strategy(Moment(turns, Random(placed_seed(seed, len(turns) + 1)), self._payoffs))


def rules_of(config: Config) -> dict[str, Rule]:
    """Slot → rule, for every seated slot that holds one.

    Raises:
        ConfigError: There is no such rule, or the library that has it is not installed.
    """
    return {slot: _rule(config, slot, config.models[slot]) for slot in config.seats if config.plays_by_rule(slot)}


def _rule(config: Config, slot: str, model: ModelConfig) -> Rule:
    family, _, name = model.model_type.partition("/")
    if family == "axelrod":
        from acausal.models.axelrod_players import AxelrodRule

        return AxelrodRule(slot, name, model.custom_params, config.payoffs, config.game.horizon)
    if family != "classical" or name not in STRATEGIES:
        raise ConfigError(
            f"models.{slot}.model_type names no classical strategy: {model.model_type!r}; there are "
            f"{', '.join(f'classical/{known}' for known in STRATEGIES)}, and axelrod/NAME of the Axelrod library"
            f"{nearest(name, list(STRATEGIES))}"
        )
    if model.custom_params:
        raise ConfigError(
            f"models.{slot}.custom_params is {dict(model.custom_params)}, but {model.model_type} has no parameter: "
            "remove it, or take a strategy that has, e.g. axelrod/Random with p"
        )
    return Classical(STRATEGIES[name], config.payoffs)
