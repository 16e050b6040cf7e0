"""E12: is it by what a model believes of the other that it cooperates, and is the belief the same in two arms?

q1 is P(the other cooperates | I cooperate), q0 the same given that I defect, both elicited. κ̂ = q1 - q0 is the
evidence that a model takes its own choice for; by its beliefs cooperation pays where
q1 R + (1 - q1) S - q0 T - (1 - q0) P > 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from acausal.analysis.checks import Elicited, edt_score, elicited
from acausal.analysis.equivalence import MARGIN, equivalence
from acausal.analysis.inference import Estimate, unit_mean
from acausal.analysis.significance import Test
from acausal.game import Action, Payoffs
from acausal.records import CheckRecord, Decision


@dataclass(frozen=True, slots=True)
class Mediation:
    """The beliefs of one model in one arm, over wordings of equal weight."""

    evidential: Estimate | None
    """κ̂ = q1 - q0."""
    score: Estimate | None
    """What cooperation is expected to pay more than defection, in points."""
    follows: Estimate | None
    """Share of agents whose first choice is the one that pays by their own beliefs; those with a score of 0 aside."""
    believed: Mapping[int, float]
    """Wording → mean belief that the other cooperates, given the choice that the agent made."""


def mediation(decisions: Iterable[Decision], records: Iterable[CheckRecord], payoffs: Payoffs) -> Mediation:
    """Beliefs of one arm beside the choices of the same agents in their first match.

    Args:
        decisions: Of one model.
        records: Questions of the same cell; those of other models are left out.
        payoffs: Those in force.
    """
    chose: dict[tuple[int, int], tuple[str, Action]] = {}
    for decision in sorted(decisions, key=lambda d: (d.round, d.matchday, d.match, d.turn)):
        if decision.counts and decision.action is not None:
            chose.setdefault((decision.replicate, decision.agent), (decision.model, decision.action))
    units: defaultdict[int, list[tuple[Elicited, Action]]] = defaultdict(list)
    for own in elicited(records):
        model, action = chose.get((own.replicate, own.agent or 0), ("", None))
        if action is not None and model == own.model:
            units[own.paraphrase].append((own, action))

    scored = {
        wording: [(edt_score(own.q1, own.q0, payoffs), action) for own, action in agents]
        for wording, agents in sorted(units.items())
    }
    agree = [
        _mean([(score > 0) == (action is Action.COOPERATE) for score, action in agents if score])
        for agents in scored.values()
        if any(score for score, _ in agents)
    ]
    return Mediation(
        evidential=_over([_mean([own.q1 - own.q0 for own, _ in agents]) for _, agents in sorted(units.items())]),
        score=_over([_mean([score for score, _ in agents]) for agents in scored.values()]),
        follows=_over(agree),
        believed={
            wording: _mean([own.q1 if action is Action.COOPERATE else own.q0 for own, action in agents])
            for wording, agents in sorted(units.items())
        },
    )


def beliefs_equal(one: Sequence[Mediation], other: Sequence[Mediation], *, margin: float = MARGIN) -> Test | None:
    """Do agents of two sides believe equally often, to within a margin, that the other cooperates?

    Args:
        one: Arms of one side, e.g. those told a linkage; each with its counterpart at the same place of `other`.
        other: Those of the other side.

    Returns:
        None where nothing was elicited on one of the sides.
    """
    gaps: defaultdict[int, list[float]] = defaultdict(list)
    for linked, cut in zip(one, other, strict=True):
        for wording in linked.believed.keys() & cut.believed.keys():
            gaps[wording].append(linked.believed[wording] - cut.believed[wording])
    return equivalence([_mean(gaps[wording]) for wording in sorted(gaps)], margin=margin) if gaps else None


def _over(values: Sequence[float]) -> Estimate | None:
    return unit_mean(values, unit="wording")


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
