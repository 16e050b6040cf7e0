"""How alike strategies are: in their words, and in what they do.

The cosine of TF-IDF vectors is blind to the decision: `always cooperate` and `always defect` share nearly all words.
So it never stands alone: beside it stands a distance of behaviour over a fixed set of situations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from statistics import fmean
from typing import Any

from acausal.analysis.inference import Estimate, clipped, pooled_mean
from acausal.analysis.outcomes import OUTCOMES, both_sides
from acausal.analysis.written import Written
from acausal.design.program import Program
from acausal.game import Action
from acausal.records import Decision

FIRST = "first"
SITUATIONS = (FIRST, *OUTCOMES)
"""The fixed set: nothing shown yet, or the latest outcome shown, own action first. A program knows no more."""
Profile = Mapping[str, float]
"""Situation → probability of cooperating there; situations that were not met are absent."""

WITHIN, BETWEEN, BASELINE = "same model", "two models", "same model, next replicate"
"""Pairs of one replicate and round; and pairs of one round that share no history: what likeness is worth alone."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike the strategies of some pairs are. Means over pairs, with intervals over replicates."""

    kind: str
    models: str
    """One model, or two with × between them."""
    round: int | None
    """None: all rounds."""
    cosine: Estimate | None
    """Of TF-IDF vectors, in [0, 1]; 1: the same words equally often."""
    distance: Estimate | None
    """Mean difference of P(cooperate) over the situations that both know, in [0, 1]; None where none is shared."""


def profile_of(program: Program) -> Profile:
    """What a program does, exactly."""
    after = {own.value[0] + other.value[0]: p for (own, other), p in program.after.items()}
    return {FIRST: program.first, **{outcome: after[outcome] for outcome in OUTCOMES}}


def played_profile(decisions: Iterable[Decision], situations: Mapping[tuple[int, ...], str]) -> Profile:
    """What a strategy in words did: the share that cooperated in each situation that was met.

    Args:
        decisions: Those that followed the strategy.
        situations: As `situations_of` gives them.
    """
    chosen: defaultdict[str, list[bool]] = defaultdict(list)
    for decision in decisions:
        if decision.counts:
            chosen[situations[_place(decision)]].append(decision.action is Action.COOPERATE)
    return {situation: fmean(chosen[situation]) for situation in SITUATIONS if situation in chosen}


def situations_of(decisions: Sequence[Decision], *, shows_matches: bool) -> dict[tuple[int, ...], str]:
    """Place of each decision → the situation in which it was made.

    Args:
        decisions: Of one cell, all of them.
        shows_matches: Whether agents are shown their own earlier matches; turns of a match are always shown.
    """
    met = {_place(own): (own, other) for own, other in both_sides(decisions)}
    has_turns = any(decision.turn > 1 for decision in decisions)
    latest: dict[tuple[int, ...], str] = {}
    found = {}
    for decision in sorted(decisions, key=lambda d: (d.replicate, d.round, d.matchday, d.match, d.turn)):
        past = (decision.replicate, decision.round, decision.agent, decision.match if has_turns else 0)
        found[_place(decision)] = latest.get(past, FIRST)
        pair = met.get(_place(decision))
        if pair and (has_turns or shows_matches) and all(each.action is not None for each in pair):
            latest[past] = "".join(each.action.value[0] for each in pair if each.action is not None)
    return found


def distance(first: Profile, second: Profile) -> float | None:
    """Mean difference of P(cooperate) over the situations that both know; None where none is shared."""
    shared = [
        abs(first[situation] - second[situation]) for situation in SITUATIONS if {situation} <= first.keys() & second
    ]
    return fmean(shared) if shared else None


def vectors(texts: Sequence[str]) -> tuple[Any, list[str]] | None:
    """TF-IDF vectors of length 1, a sparse array of shape (texts, words), and its words; None where there are none.

    No stop words: lists of them hold `always`, `never` and `not`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(letter.isalnum() for text in texts for letter in text):
        return None
    found = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b")
    table = found.fit_transform(texts)
    return table, list(found.get_feature_names_out())


def likenesses(strategies: Sequence[Written], profiles: Sequence[Profile]) -> list[Likeness]:
    """Likeness within and between models and to the next replicate, over all rounds and in each.

    Args:
        strategies: Of one cell.
        profiles: What each of them does.
    """
    found = vectors([written.text for written in strategies])
    table = None if found is None else found[0]
    seated: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for number, written in enumerate(strategies):
        seated[written.replicate, written.round].append(number)
    replicates = sorted({replicate for replicate, _ in seated})
    following = dict(pairwise(replicates))
    pairs: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for (replicate, round_), here in sorted(seated.items()):
        for a, b in combinations(here, 2):
            models = sorted({strategies[a].model, strategies[b].model})
            pairs[WITHIN if len(models) == 1 else BETWEEN, " × ".join(models)].append((a, b))
        for a, b in product(here, seated.get((following.get(replicate, 0), round_), ())):
            if strategies[a].model == strategies[b].model:
                pairs[BASELINE, strategies[a].model].append((a, b))
    rows = []
    for (kind, models_), own in sorted(pairs.items(), key=lambda item: (item[0][1], item[0][0])):
        rounds = sorted({strategies[a].round for a, _ in own})
        for round_ in [None, *(rounds if len(rounds) > 1 else ())]:
            chosen = [(a, b) for a, b in own if round_ in (None, strategies[a].round)]
            rows.append(_likeness(kind, models_, round_, chosen, table, strategies, profiles))
    return rows


def _likeness(
    kind: str,
    models: str,
    round_: int | None,
    pairs: Sequence[tuple[int, int]],
    table: Any,
    strategies: Sequence[Written],
    profiles: Sequence[Profile],
) -> Likeness:
    cosines: defaultdict[int, list[float]] = defaultdict(list)
    distances: defaultdict[int, list[float]] = defaultdict(list)
    if table is not None:
        firsts, seconds = [a for a, _ in pairs], [b for _, b in pairs]
        products = table[firsts].multiply(table[seconds]).sum(axis=1).ravel().tolist()
        products = products[0] if products and isinstance(products[0], list) else products
        for (a, _), cosine in zip(pairs, products, strict=True):
            cosines[strategies[a].replicate].append(float(cosine))
    for a, b in pairs:
        if (apart := distance(profiles[a], profiles[b])) is not None:
            distances[strategies[a].replicate].append(apart)
    return Likeness(kind, models, round_, _fraction(cosines), _fraction(distances))


def _fraction(values: Mapping[int, Sequence[float]]) -> Estimate | None:
    """A mean whose interval ends where fractions do."""
    found = pooled_mean(values.values())
    return None if found is None else clipped(found, 0.0, 1.0)


def _place(decision: Decision) -> tuple[int, ...]:
    return decision.replicate, decision.round, decision.match, decision.turn, decision.agent
