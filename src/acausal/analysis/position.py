"""Do words and orders move a model? Shares and differences over what was counterbalanced, per model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from acausal.analysis.rates import grouped
from acausal.game import Action
from acausal.records import Decision, Outcome

FLAGGED = 0.10
"""An effect beyond this, or a share this far from one half, is named."""


@dataclass(frozen=True, slots=True)
class PositionEffects:
    """What position and words did to one model, over decisions that count. None: not varied, so nothing is known."""

    model: str
    n: int
    first_option_share: float | None
    """Share that chose the label named first, each order with equal weight; one half without a position bias."""
    payoff_order_effect: float | None
    """Cooperation where mutual cooperation heads the payoff rows, minus where mutual defection does."""
    label_effect: float | None
    """Of the pair of words that does most: cooperation with one word for it, minus with the other."""
    label: str | None
    """That pair, the first of the two words first."""
    flags: tuple[str, ...] = field(default=())
    """Which of the three exceed FLAGGED."""


def position_effects(decisions: Iterable[Decision]) -> list[PositionEffects]:
    """One line per model in the agents' seats, in alphabetical order."""
    return [_effects(model, own) for model, own in grouped(decisions, lambda d: d.agent_model).items()]


def agreement_by_model(decisions: Iterable[Decision]) -> dict[str, float | None]:
    """Model that decides → mean share of pairs of samples that chose alike; None where nothing was asked twice."""
    return {
        model: _mean([d.samples_agree for d in own if d.samples_agree is not None])
        for model, own in grouped(decisions, lambda d: d.model).items()
    }


def p_cooperate_by_model(decisions: Iterable[Decision]) -> dict[str, float | None]:
    """Model in the agent's seat → mean of the elicited P(COOPERATE); None where none was read."""
    return {
        model: _mean([d.p_cooperate for d in own if d.p_cooperate is not None and not d.substituted])
        for model, own in grouped(decisions, lambda d: d.agent_model).items()
    }


def answers_summary(decisions: Sequence[Decision]) -> dict[str, Any]:
    """What summary.json says of how answers came about: outcomes, re-asks, agreement, probabilities, positions."""
    outcomes = Counter(decision.outcome for decision in decisions)
    return {
        "decisions_by_outcome": {outcome.value: outcomes[outcome] for outcome in Outcome},
        "reasks": sum(decision.reasks for decision in decisions),
        "agreement_by_model": agreement_by_model(decisions),
        "p_cooperate_by_model": p_cooperate_by_model(decisions),
        "position_by_model": {
            effects.model: {name: value for name, value in asdict(effects).items() if name != "model"}
            for effects in position_effects(decisions)
        },
    }


def _effects(model: str, decisions: Sequence[Decision]) -> PositionEffects:
    counted = [decision for decision in decisions if decision.counts]
    first = _difference(counted, "first_option", Action.COOPERATE, Action.DEFECT)
    share = None if first is None else 0.5 + first / 2
    rows = _difference(counted, "payoff_order", Action.COOPERATE, Action.DEFECT)
    label, effect = _label_effect(counted)
    excess = {
        "first option": None if share is None else abs(share - 0.5),
        "payoff rows": None if rows is None else abs(rows),
        "label": None if effect is None else abs(effect),
    }
    # Differences of fractions: 0.6 − 0.5 must not exceed 0.1 by a rounding error.
    flags = tuple(name for name, size in excess.items() if size is not None and size > FLAGGED + 1e-9)
    return PositionEffects(model, len(counted), share, rows, effect, label, flags)


def _label_effect(decisions: Sequence[Decision]) -> tuple[str | None, float | None]:
    """The pair of words, met both ways round, whose two directions differ most."""
    found = []
    for label in sorted({decision.label for decision in decisions if decision.label is not None}):
        mirrored = "/".join(reversed(label.split("/")))
        if label < mirrored:
            effect = _difference(decisions, "label", label, mirrored)
            found += [] if effect is None else [(label, effect)]
    return max(found, key=lambda each: abs(each[1]), default=(None, None))


def _difference(decisions: Sequence[Decision], by: str, one: str, other: str) -> float | None:
    """Rate of cooperation among those of one value of a covariate minus among those of the other.

    Taken where the other covariates are equal and averaged over them, since a deal to ten agents cannot make four
    variants equally many; over everything where no two decisions are so alike. None unless both values were met.
    """
    others = [name for name in ("label", "first_option", "payoff_order") if name != by]
    strata = grouped(decisions, lambda d: repr([getattr(d, name) for name in others])).values()
    within = [found for stratum in strata if (found := _crude(stratum, by, one, other)) is not None]
    return _mean(within) if within else _crude(decisions, by, one, other)


def _crude(decisions: Sequence[Decision], by: str, one: str, other: str) -> float | None:
    met: dict[str, list[float]] = {one: [], other: []}
    for decision in decisions:
        if (value := getattr(decision, by)) in met:
            met[value].append(float(decision.action is Action.COOPERATE))
    first, second = _mean(met[one]), _mean(met[other])
    return None if first is None or second is None else first - second


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
