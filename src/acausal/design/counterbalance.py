"""Which words and orders each agent gets: balanced inside a replicate, not merely random.

An agent keeps its variant within a replicate, so that all its prompts agree with each other. The variants are dealt
in a cycle in which every other one is the mirror image of the one before, to the agents sorted by model and shuffled
within each: so every variant is held by as many agents as any other, give or take one, among all and among those of
each model, and each order by exactly half of an even number of agents. From replicate to replicate the cycle is
mirrored and rotated, so that over as many replicates as there are variants every seat has had each of them once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from acausal.design.population import population, seat_seed
from acausal.design.seeds import placed_seed
from acausal.game import Action
from acausal.settings.schema import Config


@dataclass(frozen=True, slots=True)
class Variant:
    """The words for the actions and the orders in which one agent reads them."""

    cooperate: str
    defect: str
    first_option: Action = Action.COOPERATE
    """The action whose label is named first."""
    payoff_order: Action = Action.COOPERATE
    """The action whose mutual outcome heads the payoff rows; under DEFECT they are listed the other way round."""

    @property
    def labels(self) -> dict[Action, str]:
        """Action → its word, in the order in which the options are named."""
        words = {Action.COOPERATE: self.cooperate, Action.DEFECT: self.defect}
        return {action: words[action] for action in (self.first_option, self.first_option.other)}

    @property
    def label(self) -> str:
        """The pair of words as a covariate, that for cooperation first: `COOPERATE/DEFECT`."""
        return f"{self.cooperate}/{self.defect}"


def variants(config: Config) -> list[Variant]:
    """Every variant that agents of a cell may get, mirror images side by side; the first is the words as they stand."""
    pairs = config.label_pairs
    return [_variant(config, pairs[pair], flips) for pair, flips in _cycle(len(pairs), len(_factors(config)))]


def assigned_variants(config: Config, replicate: int) -> dict[int, Variant]:
    """Agent → its variant in a replicate, counted from 1."""
    pairs, factors = config.label_pairs, _factors(config)
    cycle = _cycle(len(pairs), len(factors))
    masks = [flips for _, flips in _cycle(1, len(factors))]
    block, step = divmod(replicate - 1, len(masks))
    agents = list(population(config.seats, seed=seat_seed(config.seed, replicate)))
    random.Random(placed_seed(config.seed, "counterbalance", replicate)).shuffle(agents)
    agents.sort(key=lambda agent: agent.model)  # stable: shuffled within each model
    dealt = {}
    for position, agent in enumerate(agents):
        pair, flips = cycle[position % len(cycle)]
        dealt[agent.id] = _variant(config, pairs[(pair + step + block) % len(pairs)], flips ^ masks[step])
    return dict(sorted(dealt.items()))


def _factors(config: Config) -> list[str]:
    """What is counterbalanced; only pairs given as such are neutral enough to be swapped."""
    balance = config.counterbalance
    switches = {
        "options": balance.options,
        "payoff_rows": balance.payoff_rows,
        "labels": balance.labels and config.labels_are_neutral,
    }
    return [factor for factor, on in switches.items() if on]


def _cycle(pairs: int, factors: int) -> list[tuple[int, int]]:
    """(pair, factors to flip as bits), each combination once; the flips of every other one undo those before."""
    if not factors:
        return [(pair, 0) for pair in range(pairs)]
    mirror = 2**factors - 1
    halves = range(2 ** (factors - 1))
    return [(pair, half ^ flips) for half in halves for pair in range(pairs) for flips in (0, mirror)]


def _variant(config: Config, pair: tuple[str, str], flips: int) -> Variant:
    flipped = {factor for bit, factor in enumerate(_factors(config)) if flips >> bit & 1}
    cooperate, defect = pair[::-1] if "labels" in flipped else pair
    orders = {True: Action.DEFECT, False: Action.COOPERATE}
    return Variant(cooperate, defect, orders["options" in flipped], orders["payoff_rows" in flipped])
