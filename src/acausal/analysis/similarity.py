"""How alike strategies are: in their words, and in what they do.

The cosine of TF-IDF vectors is blind to the decision: `always cooperate` and `always defect` share nearly all words.
So it never stands alone: beside it stands a distance of behaviour over a fixed set of situations.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, groupby, pairwise, product
from statistics import fmean
from typing import Any

from acausal.analysis.inference import Estimate, clipped, mean_of_sums
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
    same_order: Estimate | None = None
    """The same over pairs that were asked in the same words, named in the same order: without what position does."""


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
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(letter.isalnum() for text in texts for letter in text):
        return None
    found = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b")
    table = found.fit_transform(texts)
    return csr_array(table), list(found.get_feature_names_out())


def likenesses(strategies: Sequence[Written], profiles: Sequence[Profile]) -> list[Likeness]:
    """Likeness within and between models and to the next replicate, over all rounds and in each.

    Exact over all pairs, without visiting each: time and memory grow with the number of strategies.

    Args:
        strategies: Of one cell.
        profiles: What each of them does.
    """
    groups: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
    for number, written in enumerate(strategies):
        groups[written.replicate, written.round, written.model].append(number)
    cosines = _summed_cosines([written.text for written in strategies], groups)
    whole = {group: _by_known([profiles[number] for number in members]) for group, members in groups.items()}
    orders = {group: _by_order(members, strategies, profiles) for group, members in groups.items()}
    pairs: defaultdict[tuple[str, str], list[tuple[_Group, _Group]]] = defaultdict(list)
    for kind, first, second in _pairings(sorted(groups)):
        models = first[2] if first[2] == second[2] else f"{first[2]} × {second[2]}"
        pairs[models, kind].append((first, second))
    rows = []
    for (models, kind), own in sorted(pairs.items()):
        rounds = sorted({first[1] for first, _ in own})
        for round_ in [None, *(rounds if len(rounds) > 1 else ())]:
            chosen = [pair for pair in own if round_ in (None, pair[0][1])]
            cosine = None if cosines is None else _mean(chosen, cosines)
            apart = _mean(chosen, lambda a, b: _summed_distances(whole[a], whole[b], same=a == b))
            in_order = _mean(chosen, lambda a, b: _summed_in_order(orders[a], orders[b], same=a == b))
            if sum(_number_of_pairs(len(groups[a]), len(groups[b]), same=a == b) for a, b in chosen):
                rows.append(Likeness(kind, models, round_, cosine, apart, in_order))
    return rows


_Group = tuple[int, int, str]
"""Replicate, round, model."""
_Sums = Callable[[_Group, _Group], tuple[float, int]]
"""Of two groups, or twice the same: what the pairs across sum to, and how many there are."""


def _pairings(groups: Sequence[_Group]) -> Iterator[tuple[str, _Group, _Group]]:
    following = dict(pairwise(sorted({replicate for replicate, _, _ in groups})))
    every = set(groups)
    for _, here in groupby(groups, lambda group: group[:2]):
        for first, second in combinations_with_replacement(here, 2):
            yield (WITHIN if first == second else BETWEEN), first, second
    for replicate, round_, model in groups:
        if (after := (following.get(replicate, -1), round_, model)) in every:
            yield BASELINE, (replicate, round_, model), after


def _number_of_pairs(first: int, second: int, *, same: bool) -> int:
    return first * (first - 1) // 2 if same else first * second


def _summed_cosines(texts: Sequence[str], groups: Mapping[_Group, Sequence[int]]) -> _Sums | None:
    """Cosines of vectors of length 1 sum to the product of the vectors' sums; None where no text has a word."""
    from scipy.sparse import csr_array

    found = vectors(texts)
    if found is None:
        return None
    row_of = {group: row for row, group in enumerate(groups)}
    rows = [row_of[group] for group, members in groups.items() for _ in members]
    columns = [number for members in groups.values() for number in members]
    sums = csr_array(csr_array(([1.0] * len(texts), (rows, columns)), shape=(len(groups), len(texts))) @ found[0])
    worded = found[0].multiply(found[0]).sum(axis=1).ravel()  # 1, and 0 of a text without words

    def summed(first: _Group, second: _Group) -> tuple[float, int]:
        same = first == second
        total = float(sums[[row_of[first]]].multiply(sums[[row_of[second]]]).sum())
        if same:
            total = (total - float(worded[list(groups[first])].sum())) / 2
        count = _number_of_pairs(len(groups[first]), len(groups[second]), same=same)
        return min(max(total, 0.0), float(count)), count

    return summed


_Known = Mapping[frozenset[str], Mapping[str, Any]]
"""Situations that some profiles know → situation → their probabilities, sorted, shape (profiles,)."""


def _by_known(profiles: Iterable[Profile]) -> _Known:
    import numpy as np

    alike: defaultdict[frozenset[str], list[Profile]] = defaultdict(list)
    for profile in profiles:
        alike[frozenset(profile)].append(profile)
    return {
        known: {situation: np.sort([own[situation] for own in members]) for situation in known}
        for known, members in alike.items()
        if known
    }


def _by_order(
    members: Sequence[int], strategies: Sequence[Written], profiles: Sequence[Profile]
) -> Mapping[tuple[tuple[Action, str], ...], _Known]:
    """Words in the order in which they were named → what those agents do."""
    alike: defaultdict[tuple[tuple[Action, str], ...], list[Profile]] = defaultdict(list)
    for number in members:
        alike[tuple(strategies[number].labels.items())].append(profiles[number])
    return {order: _by_known(own) for order, own in alike.items()}


def _summed_in_order(
    first: Mapping[tuple[tuple[Action, str], ...], _Known],
    second: Mapping[tuple[tuple[Action, str], ...], _Known],
    *,
    same: bool,
) -> tuple[float, int]:
    found = [_summed_distances(first[order], second[order], same=same) for order in first if order in second]
    return math.fsum(total for total, _ in found), sum(count for _, count in found)


def _summed_distances(first: _Known, second: _Known, *, same: bool) -> tuple[float, int]:
    """What `distance` sums to over all pairs that know a situation in common, and how many those are."""
    total, count = 0.0, 0
    pairs = combinations_with_replacement(first.items(), 2) if same else product(first.items(), second.items())
    for (one, here), (other, there) in pairs:
        shared = [situation for situation in SITUATIONS if situation in one and situation in other]
        if not shared:
            continue
        alone = same and one == other
        apart = sum(_summed_differences(here[situation], there[situation]) for situation in shared) / len(shared)
        total += apart / 2 if alone else apart
        count += _number_of_pairs(len(here[shared[0]]), len(there[shared[0]]), same=alone)
    return total, count


def _summed_differences(first: Any, second: Any) -> float:
    """Σ |a − b| over all a and b of two sorted arrays, without their product."""
    import numpy as np

    below = np.searchsorted(second, first)
    before = np.concatenate(([0.0], np.cumsum(second)))
    return float((first * (2 * below - len(second)) - 2 * before[below] + before[-1]).sum())


def _mean(pairs: Iterable[tuple[_Group, _Group]], sums: _Sums) -> Estimate | None:
    """The mean over pairs, with an interval over the replicates of the first of each."""
    totals, counts = defaultdict[int, float](float), defaultdict[int, int](int)
    for first, second in pairs:
        total, count = sums(first, second)
        totals[first[0]] += total
        counts[first[0]] += count
    known = [replicate for replicate, count in counts.items() if count]
    return _fraction([totals[each] for each in known], [counts[each] for each in known])


def _fraction(sums: Sequence[float], counts: Sequence[int]) -> Estimate | None:
    """A mean whose interval ends where fractions do."""
    found = mean_of_sums(sums, counts)
    return None if found is None else clipped(found, 0.0, 1.0)


def _place(decision: Decision) -> tuple[int, ...]:
    return decision.replicate, decision.round, decision.match, decision.turn, decision.agent
