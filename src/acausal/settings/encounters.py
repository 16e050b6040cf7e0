"""How many matches a matching gives each agent, and what it refuses: arithmetic over the configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator

from acausal.errors import ConfigError
from acausal.game import GameKind
from acausal.settings.matching_schema import EvolutionRule, MatchingKind, Neighbourhood
from acausal.settings.schema import Config

_LEAST_SIDE = 3
"""Of a torus: on a shorter one the same neighbour stands on two sides."""


def check_matching(config: Config) -> None:
    """Whether everybody can meet as `matching` says, round after round.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    kind, matches, agents = config.matching.kind, config.matching.matches, config.num_agents
    if config.game.kind is GameKind.public_goods and kind is not MatchingKind.round_robin:
        raise ConfigError(
            f"matching={kind.value} pairs agents, but game.kind is public_goods, which all play at once: choose "
            "matching=round_robin"
        )
    if kind in (MatchingKind.random_pairs, MatchingKind.ring, MatchingKind.strangers) and matches is None:
        raise ConfigError(f"matching={kind.value} needs a number of matches: set e.g. matching.matches=2")
    if kind in (MatchingKind.round_robin, MatchingKind.lattice) and matches is not None:
        raise ConfigError(
            f"matching={kind.value} itself says who meets whom, but matching.matches is {matches}: leave it null, "
            "or choose matching=random_pairs"
        )
    if matches is not None and matches < 1:
        raise ConfigError(f"matching.matches must be at least 1, but is {matches}: e.g. matching.matches=1")
    if matches is not None and kind is not MatchingKind.self_play and matches > agents - 1:
        raise ConfigError(
            f"matching.matches must be at most num_agents - 1 = {agents - 1}, since no pair meets twice in a round, "
            f"but is {matches}: e.g. matching.matches={agents - 1}"
        )
    if kind is MatchingKind.ring and matches is not None and matches % 2:
        raise ConfigError(
            f"matching=ring seats half of matching.matches on either side, so it must be even, but is {matches}: "
            f"e.g. matching.matches={matches - 1 or 2}"
        )
    if kind is MatchingKind.lattice:
        torus_sides(agents, config.matching.rows)
    if kind is MatchingKind.strangers:
        _check_strangers(config)
    if kind is MatchingKind.self_play:
        _check_self_play(config)


def check_evolution(config: Config) -> None:
    """Whether the population can change as `evolution` says.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    evolution = config.evolution
    if not 0 <= evolution.mutation <= 1:
        raise ConfigError(f"evolution.mutation must lie in [0, 1], but is {evolution.mutation:g}: e.g. 0.01")
    if not 0 <= evolution.strength < math.inf:
        raise ConfigError(
            f"evolution.strength must be a number of at least 0, but is {evolution.strength:g}: 0 is neutral drift"
        )
    if evolution.rule is not EvolutionRule.none and config.matching.kind is MatchingKind.self_play:
        raise ConfigError(
            f"matching=self_play pairs agents of one slot, but under evolution.rule={evolution.rule.value} a slot may "
            "be left with one agent: set evolution.rule=none, or choose another matching"
        )


def matches_by_slot(config: Config) -> dict[str, tuple[int, int]]:
    """Slot → fewest and most matches of one of its agents in a round."""
    if config.game.kind is GameKind.public_goods:
        return dict.fromkeys(config.seats, (1, 1))
    kind, matches = config.matching.kind, config.matching.matches or 0
    agents, short = config.num_agents, 0
    match kind:
        case MatchingKind.round_robin:
            matches = agents - 1
        case MatchingKind.lattice:
            matches = 4 if config.matching.neighbourhood is Neighbourhood.von_neumann else 8
        case MatchingKind.random_pairs:
            short = agents * matches % 2
        case MatchingKind.strangers:
            short = agents % 2
        case MatchingKind.self_play:
            most = {slot: config.matching.matches or count - 1 for slot, count in config.seats.items()}
            return {slot: (each - each * config.seats[slot] % 2, each) for slot, each in most.items()}
        case MatchingKind.ring:
            pass
    return dict.fromkeys(config.seats, (matches - short, matches))


def matches_per_round(config: Config) -> int:
    """Matches of one round, in every round the same number; of public goods one, with everybody in it."""
    if config.game.kind is GameKind.public_goods:
        return 1
    if config.matching.kind is MatchingKind.strangers:
        return config.num_agents // 2 * (config.matching.matches or 0)
    if config.matching.kind is MatchingKind.self_play:
        most = matches_by_slot(config)
        return sum(count * most[slot][1] // 2 for slot, count in config.seats.items())
    _, each = next(iter(matches_by_slot(config).values()))
    return config.num_agents * each // 2


def decisions_per_round(config: Config) -> int:
    """Decisions of one round: two for each match, everybody's where all play at once."""
    return config.num_agents if config.game.kind is GameKind.public_goods else 2 * matches_per_round(config)


def is_even(config: Config) -> bool:
    """Whether all agents of a slot play equally many matches, in every round."""
    return all(fewest == most for fewest, most in matches_by_slot(config).values())


def matches_in_words(config: Config) -> str:
    """Matches of an agent in a round, true of every agent: `9 matches`, `2 to 3 matches`, `at most 1 match`."""
    spans = matches_by_slot(config).values()
    fewest, most = min(low for low, _ in spans), max(high for _, high in spans)
    noun = "match" if most == 1 else "matches"
    if fewest == most:
        return f"{most} {noun}"
    return f"{fewest} to {most} {noun}" if fewest else f"at most {most} {noun}"


def matching_in_words(config: Config) -> str:
    """For a report: `random_pairs, 2 to 3 matches an agent and round, 13 a round`."""
    if config.game.kind is GameKind.public_goods:
        return "everybody at once, once a round"
    words = (
        f"{config.matching.name}, {matches_in_words(config)} an agent and round, {matches_per_round(config)} a round"
    )
    if config.matching.kind is MatchingKind.lattice:
        rows, columns = torus_sides(config.num_agents, config.matching.rows)
        return f"{words}, on a torus of {rows} × {columns}"
    return words


def evolution_in_words(config: Config) -> str:
    """For a report: `moran, strength 1, mutation 0.01`, or `none`."""
    evolution = config.evolution
    if evolution.rule is EvolutionRule.none:
        return "none"
    return f"{evolution.rule.value}, strength {evolution.strength:g}, mutation {evolution.mutation:g}"


def torus_sides(agents: int, rows: int | None) -> tuple[int, int]:
    """Rows and columns of the torus that agents stand on, as square as can be where `rows` is None.

    Raises:
        ConfigError: They fill none with both sides at least 3.
    """
    if rows is None:
        sides = [(side, agents // side) for side in _divisors(agents)]
        if sides:
            return max(sides)
        raise ConfigError(
            f"matching=lattice needs num_agents = rows × columns with both at least {_LEAST_SIDE}, but num_agents is "
            f"{agents}: e.g. num_agents={next(n for n in range(max(agents, 9), 2 * agents + 9) if any(_divisors(n)))} "
            "with a scenario of as many, or matching=ring"
        )
    if rows < _LEAST_SIDE or agents % rows or agents // rows < _LEAST_SIDE:
        known = sorted({side for least in _divisors(agents) for side in (least, agents // least)})
        cure = f"choose one of {', '.join(map(str, known))}" if known else "no number does: change num_agents"
        raise ConfigError(
            f"matching.rows must divide num_agents = {agents} with both sides at least {_LEAST_SIDE}, but is {rows}: "
            f"{cure}"
        )
    return rows, agents // rows


def matchdays_of_all_pairs(agents: int) -> int:
    """Matchdays on which every pair meets once: one agent rests on each where their number is odd."""
    return agents - 1 + agents % 2


def _divisors(agents: int) -> Iterator[int]:
    """The shorter side of each torus that so many agents fill."""
    return (side for side in range(_LEAST_SIDE, math.isqrt(agents) + 1) if agents % side == 0)


def _check_strangers(config: Config) -> None:
    matches, agents = config.matching.matches or 0, config.num_agents
    possible = matchdays_of_all_pairs(agents) // matches
    if config.num_rounds > possible:
        raise ConfigError(
            f"matching=strangers lets nobody meet twice, so {agents} agents at matching.matches={matches} can play "
            f"{possible} rounds, but num_rounds is {config.num_rounds}: set num_rounds={possible} or seat more agents"
        )


def _check_self_play(config: Config) -> None:
    for slot, count in config.seats.items():
        if count < 2:
            raise ConfigError(
                f"matching=self_play needs at least 2 agents of each slot, but scenario {config.scenario.name!r} seats "
                f"{count} of {slot!r}: seat more of them, or choose another scenario"
            )
        if config.matching.matches is not None and config.matching.matches > count - 1:
            raise ConfigError(
                f"matching.matches must be at most {count - 1} under matching=self_play, since slot {slot!r} seats "
                f"{count} agents, but is {config.matching.matches}: e.g. matching.matches={count - 1}, or null for all"
            )
