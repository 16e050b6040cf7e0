"""How much power each agent has in a round: drawn by seed, or moved by what the round before gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist, fmean

from acausal.design.population import Agent
from acausal.design.seeds import placed_seed
from acausal.records import Decision
from acausal.settings.game_schema import PowerConfig, PowerMode
from acausal.settings.schema import Config

_DIGITS = 1
"""Decimals of a power: what an agent is told is exactly what it has."""


def empowered(
    config: Config, replicate: int, round_: int, agents: Mapping[int, Agent], last_round: Sequence[Decision]
) -> dict[int, Agent]:
    """The agents with their power of a round.

    Args:
        round_: Counted from 1.
        agents: As they left the round before, ordered by id.
        last_round: The decisions of that round; empty before the first.
    """
    power = config.game.power
    if power.mode is PowerMode.off:
        return {number: replace(agent, power=power.mean) for number, agent in agents.items()}
    if power.mode is PowerMode.random or round_ == 1:
        place = (config.seed, "power", replicate, round_)
        return {number: replace(agent, power=drawn(power, *place, number)) for number, agent in agents.items()}
    return evolved(power, agents, last_round, config.game.stakes)


def drawn(power: PowerConfig, seed: int, *place: int | str) -> float:
    """N(mean, sd) clipped to low … high, a function of the place alone."""
    uniform = (placed_seed(seed, *place) + 0.5) / 2**31
    return _clipped(power, power.mean + power.sd * NormalDist().inv_cdf(uniform))


def evolved(
    power: PowerConfig, agents: Mapping[int, Agent], decisions: Sequence[Decision], stakes: float
) -> dict[int, Agent]:
    """Power moves by `gain` for each point a match above the mean of all agents, at stakes 1, clipped to low … high.

    Void matches say nothing: an agent without a scored match keeps its power, and enters no mean.
    """
    scored: dict[int, list[float]] = {}
    for decision in decisions:
        if decision.payoff is not None:
            scored.setdefault(decision.agent, []).append(decision.payoff / stakes)
    own = {number: fmean(points) for number, points in scored.items()}
    everybody = fmean(own.values()) if own else 0.0
    return {
        number: replace(agent, power=_clipped(power, agent.power + power.gain * (own[number] - everybody)))
        if number in own
        else agent
        for number, agent in agents.items()
    }


def _clipped(power: PowerConfig, value: float) -> float:
    return round(min(max(value, power.low), power.high), _DIGITS)
