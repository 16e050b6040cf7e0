"""E11: what strategies say of an unknown co-player, and whether decisions follow them.

A strategy is coded by its chance of cooperating while nothing is known of the other. A compiled program says that
exactly; free text says it through whoever codes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from acausal.analysis.first_moves import first_move
from acausal.analysis.inference import Estimate, share
from acausal.analysis.written import Written
from acausal.design.program import Program, read_program
from acausal.game import Action
from acausal.records import Decision, StrategyRecord


@dataclass(frozen=True, slots=True)
class CodedStrategy:
    """What one agent's strategy of one round does first."""

    replicate: int
    round: int
    agent: int
    model: str
    first: float
    """Its probability of cooperating with a co-player of whom nothing is known, in [0, 1]."""


def coded_programs(strategies: Iterable[StrategyRecord], decisions: Iterable[Decision]) -> list[CodedStrategy]:
    """Compiled programs, each read in the words in which its agent was asked; those of substitutes are left out.

    Args:
        decisions: Of the same cell: they say which words and in which order.
    """
    words: dict[tuple[int, int], dict[Action, str]] = {}
    for decision in decisions:
        if decision.label is not None and decision.first_option is not None:
            pair = dict(zip((Action.COOPERATE, Action.DEFECT), decision.label.split("/"), strict=True))
            first = decision.first_option
            second = next(action for action in Action if action is not first)
            words[decision.replicate, decision.agent] = {first: pair[first], second: pair[second]}
    coded = []
    for record in strategies:
        labels = words.get((record.replicate, record.agent))
        if labels is None or record.substituted or record.strategy is None:
            continue
        program = read_program(record.strategy, labels)
        if isinstance(program, Program):
            coded.append(CodedStrategy(record.replicate, record.round, record.agent, record.model, program.first))
    return coded


def coded_texts(strategies: Iterable[Written]) -> list[CodedStrategy]:
    """Strategies in words, each read by the rules of `first_move`; those that do not tell a first move are left out."""
    read = ((own, first_move(own.text, own.labels)) for own in strategies)
    return [
        CodedStrategy(own.replicate, own.round, own.agent, own.model, first) for own, first in read if first is not None
    ]


def strategy_level(coded: Iterable[CodedStrategy], *, level: float = 0.95) -> Estimate | None:
    """σ: the share of strategies of the first round that cooperate with an unknown co-player more likely than not.

    Strategies of a first round are independent draws of a model and a prompt, so each is a unit; later ones have seen
    the same past, and are left out.
    """
    first = [own.first > 0.5 for own in coded if own.round == 1]
    rate = share([int(each) for each in first], [1] * len(first), level=level)
    return None if rate is None else replace(rate, method=f"strategies of round 1 as units: {rate.method}")


def execution_fidelity(
    coded: Iterable[CodedStrategy], decisions: Sequence[Decision], *, level: float = 0.95
) -> Estimate | None:
    """F: the share of decisions that are what a certain strategy prescribes, with an interval over replicates.

    Taken on each agent's first decision of a round, where what the strategy prescribes does not hang on a history. A
    low F says that what was measured is whoever executes the strategy, not who wrote it.
    """
    certain = {(own.replicate, own.round, own.agent): own.first for own in coded if own.first in (0.0, 1.0)}
    place: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    for decision in decisions:
        agent, when = _agent(decision), _when(decision)
        place[agent] = min(place.get(agent, when), when)
    followed, total = Counter[int](), Counter[int]()
    for decision in decisions:
        agent = _agent(decision)
        if agent in certain and decision.counts and place[agent] == _when(decision):
            total[decision.replicate] += 1
            followed[decision.replicate] += (decision.action is Action.COOPERATE) == (certain[agent] == 1.0)
    replicates = sorted(total)
    return share([followed[each] for each in replicates], [total[each] for each in replicates], level=level)


def _agent(decision: Decision) -> tuple[int, int, int]:
    return decision.replicate, decision.round, decision.agent


def _when(decision: Decision) -> tuple[int, int, int]:
    return decision.matchday, decision.match, decision.turn
