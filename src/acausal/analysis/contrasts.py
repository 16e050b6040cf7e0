"""What told identity and told linkage do: contrasts between the arms of a sweep (E2, E5, E6, E7).

An arm is told a claim and a linkage: π is its cooperation rate. The unit is a wording where each replicate of a
one-shot arm has its own, else the replicate; arms that share wordings, seeds and seats are compared unit by unit,
never decision by decision. Formulas: docs/planted_truth.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from acausal.analysis.rates import bounds
from acausal.analysis.significance import FEWEST_PAIRS, PAIRED, Test, paired
from acausal.analysis.units import ONE_WORDING as ONE_WORDING
from acausal.analysis.units import Unit, replicate, unit_of
from acausal.game import Action
from acausal.records import Decision
from acausal.settings.treatment import Claim, Linkage

Arm = tuple[Claim, Linkage]
Weights = Mapping[Arm, Fraction]
_UNTOLD = Claim.none, Linkage.none

_I, _D, _SAME, _NOTHING = Claim.identical_copy, Claim.different_model, Claim.same_model, Claim.none


def _weights(*terms: tuple[str, Claim, Linkage]) -> Weights:
    return MappingProxyType({(claim, linkage): Fraction(weight) for weight, claim, linkage in terms})


_ALONE, _LINKED, _U95, _U50 = Linkage.none, Linkage.linked, Linkage.u95, Linkage.u50
CONTRASTS: Mapping[str, Weights] = MappingProxyType(
    {
        "told": _weights(("1", _I, _ALONE), ("-1", _D, _ALONE)),
        "I - none": _weights(("1", _I, _ALONE), ("-1", _NOTHING, _ALONE)),
        "none - D": _weights(("1", _NOTHING, _ALONE), ("-1", _D, _ALONE)),
        "same - none": _weights(("1", _SAME, _ALONE), ("-1", _NOTHING, _ALONE)),
        "Γ_I": _weights(("1", _I, _LINKED), ("-1", _I, _U95)),
        "Γ_D": _weights(("1", _D, _LINKED), ("-1", _D, _U95)),
        "Γ": _weights(*(("1/2", claim, _LINKED) for claim in (_I, _D)), *(("-1/2", claim, _U95) for claim in (_I, _D))),
        "Γ50": _weights(
            *(("1/2", claim, _LINKED) for claim in (_I, _D)), *(("-1/2", claim, _U50) for claim in (_I, _D))
        ),
        "B": _weights(
            *((f"{sign}1/2", claim, _LINKED) for sign, claim in (("", _I), ("-", _D))),
            *((f"{sign}1/4", claim, cut) for sign, claim in (("", _I), ("-", _D)) for cut in (_U50, _U95)),
        ),
        "S_I": _weights(("1", _I, _ALONE), ("-1", _I, Linkage.known_c)),
        "S_D": _weights(("1", _D, _ALONE), ("-1", _D, Linkage.known_c)),
        "ΔS": _weights(
            *(("1", _I, _ALONE), ("-1", _I, Linkage.known_c)), *(("-1", _D, _ALONE), ("1", _D, Linkage.known_c))
        ),
        "mirror": _weights(*(("1/2", claim, Linkage.mirror) for claim in (_I, _D))),
    }
)
"""Name → weight of each arm's rate. E2 is `told`, split at nothing told; Γ, its halves within an identity, and Γ50
are E5, B is E6, S and ΔS are E7; `mirror` is the causal positive control, a rate."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One contrast of one model, with its uncertainty, or the reason why there is none."""

    name: str
    value: float | None
    """A difference of rates; None where an arm has no data: that is not 0."""
    low: float | None
    high: float | None
    units: int
    unit: str
    """`wording`, `replicate`, or `replicate of one wording`: which proves nothing of other wordings."""
    dropped: int
    """Units of which an arm has no decision that counts."""
    worst: tuple[float, float] | None
    """The value if all that is missing had been chosen against it, and for it [manski1990]."""
    method: str
    p_value: float | None = None
    """Two-sided, of no difference; None where the test is refused, or where the contrast is a rate."""
    test: str = ""
    """Which test gave it, or how many units it would need."""
    differences: tuple[float, ...] = ()
    """The contrast in each unit, in the order of the units' numbers."""


def arm_rate(decisions: Iterable[Decision]) -> float | None:
    """π of an arm: the mean of its units' rates; None over nothing."""
    rates = list(_unit_rates(decisions, replicate).values())
    return None if not rates else float(sum(rates) / len(rates))


def contrasts(arms: Mapping[Arm, Sequence[Decision]], *, level: float = 0.95) -> dict[str, Contrast]:
    """Every contrast of one model all of whose arms were asked, by name, in the order of CONTRASTS.

    Args:
        arms: What each arm was told → its decisions, those that do not count included.
        level: Coverage of each interval, in (0, 1).
    """
    asked = {name: weights for name, weights in CONTRASTS.items() if weights.keys() <= arms.keys()}
    return {name: contrast(name, weights, arms, level=level) for name, weights in asked.items()}


def contrast(name: str, weights: Weights, arms: Mapping[Arm, Sequence[Decision]], *, level: float = 0.95) -> Contrast:
    """A weighted sum of arms' rates, taken within each unit and averaged over units.

    Args:
        weights: Arm → its weight; all of them must be in `arms`.
        level: Coverage of the interval, in (0, 1).
    """
    asked = {arm: arms[arm] for arm in weights}
    unit, key = _unit(asked)
    rates = {arm: _unit_rates(decisions, key) for arm, decisions in asked.items()}
    every = {key(decision) for decisions in asked.values() for decision in decisions}
    whole = sorted(number for number in every if all(number in own for own in rates.values()))
    values = [sum((weight * rates[arm][number] for arm, weight in weights.items()), Fraction(0)) for number in whole]
    dropped = len(every) - len(whole)
    worst = _worst(weights, asked)
    if not values:
        return Contrast(name, None, None, None, 0, unit, dropped, worst, "no data in every arm")
    least = float(sum(weight for weight in weights.values() if weight < 0))
    most = float(sum(weight for weight in weights.values() if weight > 0))
    value, low, high, method = mean_interval(values, least, most, level)
    differences = tuple(map(float, values))
    test = paired(differences) if sum(weights.values()) == 0 else Test(None, "a rate: nothing to test")
    found = Contrast(name, value, low, high, len(values), unit, dropped, worst, method)
    return replace(found, p_value=test.p_value, test=test.method, differences=differences)


def as_assigned(arms: Mapping[Arm, Sequence[Decision]]) -> dict[Arm, list[Decision]]:
    """The arms by intention to treat: what a substitute decided counts for the model that it stood in for."""
    return {arm: [replace(decision, substituted=False) for decision in own] for arm, own in arms.items()}


def per_protocol(
    arms: Mapping[Arm, Sequence[Decision]], failing: Container[tuple[str, int]]
) -> dict[Arm, list[Decision]]:
    """The arms without the units whose comprehension was not shown.

    Args:
        failing: (model that decides, wording), as `checks.failing_units` gives them.
    """
    return {
        arm: [decision for decision in own if (decision.model, decision.paraphrase or 1) not in failing]
        for arm, own in arms.items()
    }


def by_meeting(decisions: Iterable[Decision]) -> dict[int, float]:
    """The rate in the first match of an agent's round, in its second, and so on, over decisions that count."""
    numbered: defaultdict[tuple[str, int, int, int], list[Decision]] = defaultdict(list)
    for decision in decisions:
        numbered[decision.condition, decision.replicate, decision.round, decision.agent].append(decision)
    met: defaultdict[int, list[int]] = defaultdict(list)
    for own in numbered.values():
        matches = sorted({decision.match for decision in own})
        for decision in own:
            if decision.counts:
                met[matches.index(decision.match) + 1].append(decision.action is Action.COOPERATE)
    return {number: sum(own) / len(own) for number, own in sorted(met.items())}


def missing_share(decisions: Sequence[Decision]) -> float | None:
    """The share of decisions that do not count; None over nothing."""
    return sum(not decision.counts for decision in decisions) / len(decisions) if decisions else None


def repeat_agreement(decisions: Iterable[Decision]) -> float | None:
    """How often decisions on exactly equal prompts were equal: share of pairs, each prompt with equal weight.

    At 1 a replicate adds wordings and orders but no draw: the model is deterministic, or its replies are copies.

    Returns:
        None where no prompt came twice.
    """
    same: defaultdict[str | None, list[int]] = defaultdict(list)
    for decision in decisions:
        if decision.counts:
            same[decision.messages_hash].append(decision.action is Action.COOPERATE)
    shares = [_agreeing(len(own), sum(own)) for own in same.values() if len(own) > 1]
    return sum(shares) / len(shares) if shares else None


def _agreeing(total: int, cooperated: int) -> float:
    """Share of the pairs among decisions that are equal."""
    defected = total - cooperated
    return (cooperated * (cooperated - 1) + defected * (defected - 1)) / (total * (total - 1))


def _unit(arms: Mapping[Arm, Sequence[Decision]]) -> tuple[str, Unit]:
    """That of the arms; where nothing is told there are no words to vary."""
    told = [own for arm, own in arms.items() if arm != _UNTOLD]
    untold = [own for arm, own in arms.items() if arm == _UNTOLD]
    return unit_of([*told, *untold], unworded=len(untold))


def _unit_rates(decisions: Iterable[Decision], key: Unit) -> dict[int, Fraction]:
    """Unit → rate of cooperation over the decisions that count; units without any are absent."""
    won: defaultdict[int, int] = defaultdict(int)
    total: defaultdict[int, int] = defaultdict(int)
    for decision in decisions:
        if decision.counts:
            total[key(decision)] += 1
            won[key(decision)] += decision.action is Action.COOPERATE
    return {number: Fraction(won[number], count) for number, count in total.items()}


def mean_interval(
    values: Sequence[Fraction], least: float, most: float, level: float
) -> tuple[float, float | None, float | None, str]:
    """Mean and interval of exact values, one per unit, by `many_tests.contrast_interval`."""
    import numpy as np

    from acausal.analysis.many_tests import contrast_interval

    n, value = len(values), float(sum(values) / len(values))
    if n == 1:
        return value, None, None, "one unit: no interval"
    pilot = "" if n >= FEWEST_PAIRS else f"pilot of {n} units, estimate only: "
    equal = len(set(values)) == 1
    floats = np.full(n, value) if equal else np.array([float(each) for each in values])
    low, high = contrast_interval(floats, least, most, level=level)
    words = "all units equal: exact bound on the share of units that differ" if equal else PAIRED
    return value, float(low), float(high), pilot + words


def _worst(weights: Weights, arms: Mapping[Arm, Sequence[Decision]]) -> tuple[float, float] | None:
    low = high = 0.0
    for arm, weight in weights.items():
        extremes = bounds(arms[arm])
        if extremes is None:
            return None
        ends = [float(weight) * extreme for extreme in extremes]
        low, high = low + min(ends), high + max(ends)
    return low, high
