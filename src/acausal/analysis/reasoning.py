"""What markers of reasoning have to do with decisions: never only how often they occur.

A text comes after the treatment, so no effect of a treatment may be conditioned on it: the share of texts that hold an
idea, and cooperation with and without it, are given within each arm, apart. A difference is an association: an idea
may be written because the choice was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from acausal.analysis.agreement import Agreement, agreement
from acausal.analysis.contrasts import mean_interval
from acausal.analysis.inference import Estimate, share
from acausal.analysis.phrases import Marker
from acausal.analysis.rates import cooperation_rate
from acausal.analysis.written import Source, Written
from acausal.game import Action
from acausal.records import Decision

Held = tuple[Written, Collection[Marker]]
"""A text, and the ideas that it holds."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One idea in the texts of one kind, by one model under one condition, and the decisions that followed them."""

    condition: str
    model: str
    source: Source
    marker: Marker
    texts: Estimate | None
    """Share of the texts that hold it, with an interval over replicates."""
    with_it: Estimate | None
    """Cooperation of the decisions under texts that hold it; None where no decision counts."""
    without_it: Estimate | None
    difference: float | None
    """Mean over replicates of the one minus the other; None where no replicate has both."""
    low: float | None
    high: float | None
    replicates: int
    """That have both."""
    method: str


def relations(texts: Iterable[Held]) -> list[Relation]:
    """Every idea that some text holds, by condition, model and kind of text."""
    groups: defaultdict[tuple[str, str, Source], list[Held]] = defaultdict(list)
    for written, markers in texts:
        groups[written.condition, written.model, written.source].append((written, markers))
    return [
        _relation(place, marker, own)
        for place, own in sorted(groups.items())
        for marker in Marker
        if any(marker in markers for _, markers in own)
    ]


def judged_alike(
    first: Mapping[str, Collection[Marker]], second: Mapping[str, Collection[Marker]]
) -> dict[Marker, Agreement]:
    """Idea → agreement of two raters, over the texts that both rated.

    Args:
        first: Text → the ideas that the first rater found; a text that it left unread is absent.
        second: The same of the second.
    """
    common = [text for text in first if text in second]
    found = {
        marker: agreement([marker in first[text] for text in common], [marker in second[text] for text in common])
        for marker in Marker
    }
    return {marker: each for marker, each in found.items() if each is not None}


def _relation(place: tuple[str, str, Source], marker: Marker, texts: Sequence[Held]) -> Relation:
    holding, every = defaultdict[int, int](int), defaultdict[int, int](int)
    for written, markers in texts:
        every[written.replicate] += 1
        holding[written.replicate] += marker in markers
    split: dict[bool, list[Decision]] = {True: [], False: []}
    for written, markers in texts:
        split[marker in markers] += written.decisions
    shares = share([holding[replicate] for replicate in every], list(every.values()))
    rates = {holds: _rates(decisions) for holds, decisions in split.items()}
    whole = sorted(rates[True].keys() & rates[False].keys())
    values = [rates[True][replicate] - rates[False][replicate] for replicate in whole]
    value, low, high, method = (
        mean_interval(values, -1.0, 1.0, 0.95) if values else (None, None, None, "no replicate has both")
    )
    return Relation(
        *place,
        marker,
        shares,
        cooperation_rate(split[True]),
        cooperation_rate(split[False]),
        value,
        low,
        high,
        len(whole),
        method,
    )


def _rates(decisions: Iterable[Decision]) -> dict[int, Fraction]:
    """Replicate → cooperation over the decisions that count."""
    chosen: defaultdict[int, list[bool]] = defaultdict(list)
    for decision in decisions:
        if decision.counts:
            chosen[decision.replicate].append(decision.action is Action.COOPERATE)
    return {replicate: Fraction(sum(own), len(own)) for replicate, own in chosen.items()}
