"""The schema of who meets whom, and of how the population changes between rounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING


class MatchingKind(Enum):
    """Who meets whom in a round."""

    round_robin = "round_robin"
    """Every pair once."""
    random_pairs = "random_pairs"
    """Each agent meets `matches` others, drawn anew each round."""
    ring = "ring"
    """Each agent meets the `matches` nearest of a circle, in every round the same."""
    lattice = "lattice"
    """Each agent meets its neighbours on a torus, in every round the same."""
    strangers = "strangers"
    """Nobody meets the same co-player twice in the whole tournament."""
    self_play = "self_play"
    """Each agent meets agents of its own slot only."""


class Neighbourhood(Enum):
    """Who is a neighbour on a lattice."""

    von_neumann = "von_neumann"
    """The four that share a side."""
    moore = "moore"
    """These and the four that share a corner."""


class EvolutionRule(Enum):
    """How the measured payoffs of a round change who sits where in the next."""

    none = "none"
    """Everybody keeps their model."""
    moran = "moran"
    """One agent, likelier the fitter, is copied into the seat of another."""
    replicator = "replicator"
    """Each model's seats grow in proportion to its mean fitness."""


@dataclass
class MatchingConfig:
    """Who meets whom in a round, and what agents are told of it."""

    name: str = MISSING
    kind: MatchingKind = MatchingKind.round_robin
    matches: int | None = None
    """Per agent and round, where the kind leaves it open; null under self_play: with all others of the slot."""
    neighbourhood: Neighbourhood = Neighbourhood.von_neumann
    """Of a lattice."""
    rows: int | None = None
    """Of a lattice; null: as square as the number of agents allows."""
    told: str = MISSING
    """Sentence about the matches of a round, a template like those of the protocol, which place it as `matching`."""


@dataclass
class EvolutionConfig:
    """How the population changes between rounds."""

    rule: EvolutionRule = EvolutionRule.none
    mutation: float = 0.0
    """Probability that a newborn takes another slot of the scenario, drawn at random; in [0, 1]. Newborn is the copy
    under moran, every agent with a measured payoff under replicator."""
    strength: float = 1.0
    """Intensity of selection, per point: fitness is exp(strength · mean points a decision); 0: neutral drift."""
