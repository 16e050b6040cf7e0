"""The arms of a sweep as Markdown: rates with their bounds, contrasts with their intervals, and what is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acausal.analysis.contrasts import (
    CONTRASTS,
    ONE_WORDING,
    Arm,
    Contrast,
    arm_rate,
    by_meeting,
    contrasts,
    missing_share,
    repeat_agreement,
)
from acausal.analysis.ladder import ALPHA
from acausal.analysis.ladder import MISSING as MISSING
from acausal.analysis.ladder import MISSING_DIFFERENCE as MISSING_DIFFERENCE
from acausal.analysis.ladder import POSITIVE_CONTROL as POSITIVE_CONTROL
from acausal.analysis.position import PositionEffects, position_effects
from acausal.analysis.rates import bounds, grouped
from acausal.analysis.significance import FEWEST_PAIRS, holm
from acausal.records import Decision
from acausal.report.arms import Group
from acausal.settings.treatment import Claim, Linkage

NO_ROOM = 0.05
"""A control this near to 0 or 1 leaves an effect no room on that side."""
PLACE = 0.2
"""A difference between rounds, or between matches of a round, beyond which it is named."""
NOTHING = "–"


def document(groups: Sequence[Group]) -> str:
    """Three tables for each part of a sweep that differs in more than what is told; ends with a line break."""
    numbers = sorted({group.number for group in groups})
    parts = []
    for number in numbers:
        own = [group for group in groups if group.number == number]
        head = f"## Part {number} of {len(numbers)}\n\n" if len(numbers) > 1 else ""
        parts.append(f"{head}{_rates(own)}\n{_contrasts(own)}{_seen(own)}")
    return "\n".join(parts)


def reading(arms: Mapping[Arm, Sequence[Decision]]) -> str:
    """Which contrasts of a model differ from 0, in a few words: a pattern, never a claim; claims are the ladder's.

    A contrast is shown where its test passes at 5 % by Holm over all that were tested, as rung 0 of the ladder asks.
    """
    found = contrasts(arms)
    if not found:
        return "no arms to compare"
    if all(each.value is None for each in found.values()):
        return "no data"
    if not any(each.p_value is not None for each in found.values()):
        fewest = min(each.units for each in found.values() if each.value is not None)
        return f"no test: {fewest} unit{'' if fewest == 1 else 's'}, {FEWEST_PAIRS} needed"
    words = _pattern(found)
    mirror = found["mirror"].value if "mirror" in found else None
    if mirror is not None and mirror < POSITIVE_CONTROL:
        words += f"; the causal mirror moves it to {mirror:.2f} only"
    return f"{words}; of one wording only" if any(each.unit == ONE_WORDING for each in found.values()) else words


def _pattern(found: Mapping[str, Contrast]) -> str:
    shown = shown_contrasts(found)
    above = {name for name in shown if (found[name].value or 0.0) > 0}
    if {"Γ", "S_I", "ΔS"} <= above:
        return "linkage, belief held equal (Γ), and only while the other's choice is open (S_I, ΔS)"
    if "Γ" in above and not {"S_I", "ΔS"} <= found.keys():
        return "linkage (Γ); whether only while the other's choice is open was not asked"
    words = next((words for name, words in _ALONE.items() if name in above), "")
    if words:
        return words
    return f"below 0: {', '.join(shown)}" if shown else "nothing shown"


def shown_contrasts(found: Mapping[str, Contrast]) -> list[str]:
    """The names of the contrasts that differ from 0 at 5 % by Holm over those of the model that were tested."""
    tested = [(name, each.p_value) for name, each in found.items() if each.p_value is not None]
    adjusted = holm([p for _, p in tested])
    return [name for (name, _), p in zip(tested, adjusted, strict=True) if p <= ALPHA]


_ALONE = {
    "Γ": "linkage (Γ), but not only while the other's choice is open (S_I or ΔS not shown)",
    "Γ50": "linkage or belief about the other (Γ50); linkage at equal belief (Γ) not shown",
    "Γ_I": "linkage with a copy (Γ_I); with both identities together (Γ) not shown",
    "S_I": "the other's choice being known (S_I); linkage (Γ) not shown",
    "B": "identity at fixed linkage (B), which is framing; linkage (Γ) not shown",
    "told": "told identity",
    "I - none": "told identity, against nothing told",
    "same - none": "told the same model, against nothing told",
}
"""Contrast → what it says where it is the first of these that is shown above 0."""


def oddities(group: Group) -> list[str]:
    """What else moves a model, or is missing: position, words, rounds, replies, copies."""
    every = [decision for arm in group.arms.values() for decision in arm.decisions]
    shares = [share for arm in group.arms.values() if (share := missing_share(arm.decisions)) is not None]
    told = group.told
    found = [words for effects in position_effects(every) for words in _positions(effects)]
    control = arm_rate(told.get((Claim.none, Linkage.none), ()))
    if control is not None and not NO_ROOM <= control <= 1 - NO_ROOM:
        found.append(f"no room {'below' if control < NO_ROOM else 'above'} the control's {control:.2f}")
    missing = missing_share(every)
    if missing:
        reasons = ", ".join(sorted({str(d.outcome or d.status) for d in every if not d.counts}))
        found.append(f"{missing:.0%} missing ({reasons})")
        if missing > MISSING or max(shares) - min(shares) > MISSING_DIFFERENCE:
            spread = f", {min(shares):.0%} to {max(shares):.0%} of an arm" if min(shares) < max(shares) else ""
            found[-1] += f"{spread}: nothing confirmed"
    found += _places(every)
    unsettled = [arm.decisions for arm in group.arms.values() if arm_rate(arm.decisions) not in (None, 0, 1)]
    agreements = {repeat_agreement(decisions) for decisions in unsettled} - {None}
    if agreements == {1}:
        found.append("equal prompts always answered alike: a rule, or copies")
    return found


def _places(decisions: Sequence[Decision]) -> list[str]:
    """Rounds, and matches of a round, in which a model chooses differently."""
    by_round = {
        number: rate
        for number, own in grouped(decisions, lambda d: d.round).items()
        if (rate := arm_rate(own)) is not None
    }
    return [
        f"depends on the {place}: {', '.join(f'{rate:.2f}' for rate in rates.values())}"
        for place, rates in (("round", by_round), ("match of the round", by_meeting(decisions)))
        if rates and max(rates.values()) - min(rates.values()) > PLACE
    ]


def _positions(effects: PositionEffects) -> list[str]:
    told = {
        "first option": f"first option taken {effects.first_option_share or 0:.0%}",
        "payoff rows": f"payoff rows {effects.payoff_order_effect or 0:+.2f}",
        "label": f"label {effects.label} {effects.label_effect or 0:+.2f}",
    }
    return [told[flag] for flag in effects.flags]


def _rates(groups: Sequence[Group]) -> str:
    names = list(dict.fromkeys(name for group in groups for name in group.arms))
    rows = [
        [group.model, *(_rate(group.arms[name].decisions) if name in group.arms else NOTHING for name in names)]
        for group in groups
    ]
    return (
        "Cooperation by arm; where decisions are missing, the rate if all of them had defected or cooperated.\n\n"
        + (table(["model", *names], rows))
    )


def _rate(decisions: Sequence[Decision]) -> str:
    rate, extremes = arm_rate(decisions), bounds(decisions)
    value = "no data" if rate is None else f"{rate:.2f}"
    if extremes is None or extremes[0] == extremes[1]:
        return value
    return f"{value} ({extremes[0]:.2f}…{extremes[1]:.2f})"


def _contrasts(groups: Sequence[Group]) -> str:
    found = [(group.model, contrasts(group.told)) for group in groups]
    names = [name for name in CONTRASTS if any(name in own for _, own in found)]
    if not names:
        return ""
    rows = [[model, *(_contrast(own.get(name)) for name in names)] for model, own in found]
    every = [each for _, own in found for each in own.values() if each.units]
    units = sorted({f"{each.units} × {each.unit}" for each in every})
    head = f"Contrasts with 95 % intervals over units ({', '.join(units) or 'none'})."
    return f"{head}\n\n{table(['model', *names], rows)}\n"


def _contrast(each: Contrast | None) -> str:
    if each is None:
        return NOTHING
    if each.value is None:
        return "no data"
    if each.low is None or each.high is None:
        return _signed(each.value)
    return f"{_signed(each.value)} [{_signed(each.low)}, {_signed(each.high)}]"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"


def _seen(groups: Sequence[Group]) -> str:
    rows = [[group.model, reading(group.told), "; ".join(oddities(group)) or NOTHING] for group in groups]
    return table(["model", "what the contrasts show", "what else is seen"], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; ends with a line break."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
