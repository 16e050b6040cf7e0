"""E11: programs say exactly what they do first, and decisions are held against it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dsl import play, substituted

from acausal.analysis.strategies import CodedStrategy, coded_programs, execution_fidelity, strategy_level
from acausal.design.program import Program, constant, written
from acausal.game import Action
from acausal.records import Decision, Status, StrategyRecord

C, D = Action.COOPERATE, Action.DEFECT


def strategy(text: str | None, *, agent: int = 1, round_: int = 1, substitute: bool = False) -> StrategyRecord:
    status = Status.LEGIBLE if text else Status.FAILED
    return StrategyRecord(1, round_, agent, "a", "a", substitute, status, text, None, "k", None)


def asked(letters: str, label: str, first: Action) -> list[Decision]:
    return [replace(d, label=label, first_option=first) for d in play(letters, "D" * len(letters))[::2]]


def coded(first: float, *, replicate: int = 1, round_: int = 1, agent: int = 1) -> CodedStrategy:
    return CodedStrategy(replicate, round_, agent, "a", first)


def test_a_program_is_read_in_the_words_and_the_order_of_its_prompt() -> None:
    labels = {D: "Y", C: "X"}
    decisions = asked("C", "X/Y", D)
    (found,) = coded_programs([strategy(written(constant(1.0), labels))], decisions)
    assert found == coded(1.0)
    nuanced = Program(0.25, dict.fromkeys(constant(0.0).after, 0.0))
    (found,) = coded_programs([strategy(written(nuanced, labels))], decisions)
    assert found.first == 0.25


def test_what_is_no_program_or_a_substitutes_is_not_coded() -> None:
    decisions = asked("C", "X/Y", C)
    text = written(constant(1.0), {C: "X", D: "Y"})
    assert coded_programs([strategy(None), strategy("be nice"), strategy(text, substitute=True)], decisions) == []
    assert coded_programs([strategy(text, agent=7)], decisions) == [], "nobody knows in which words it was asked"


def test_the_strategy_level_counts_first_rounds_alone() -> None:
    level = strategy_level([coded(1.0), coded(0.9, agent=2), coded(0.5, agent=3), coded(1.0, round_=2)])
    assert level is not None
    assert level.value == pytest.approx(2 / 3)
    assert (level.n, level.clusters) == (3, 3)
    assert strategy_level([coded(1.0, round_=2)]) is None


def test_fidelity_is_taken_where_nothing_has_been_seen() -> None:
    first = play("CD", "DD")
    later = [replace(d, match=2, matchday=2, action=D) for d in first]
    written_down = [coded(1.0), coded(1.0, round_=2), coded(0.0, agent=2), coded(0.5, agent=2, round_=2)]
    fidelity = execution_fidelity(written_down, [*later, *first])
    assert fidelity is not None
    assert fidelity.value == pytest.approx(2 / 3)
    assert fidelity.n == 3


def test_a_missing_first_decision_is_not_replaced_by_the_second() -> None:
    first = play("?", "D")
    second = [replace(d, match=2, matchday=2) for d in play("C", "D")]
    found = execution_fidelity([coded(1.0)], first + second)
    assert found is None
    assert execution_fidelity([coded(1.0)], substituted(play("C", "D"))) is None
