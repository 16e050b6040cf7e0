"""Kinds of strategies by their words, each described by its own words, and a map of all of them in two dimensions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from acausal.analysis.inference import Estimate
from acausal.analysis.rates import cooperation_rate
from acausal.analysis.similarity import SITUATIONS, Profile, vectors
from acausal.analysis.written import Written

MOST_CLUSTERS = 8
MOST_TEXTS = 1500
"""Different texts that are clustered: time and memory grow with their square. Of more, evenly spaced ones are."""
TERMS = 5
APART = 0.25
"""A silhouette below this is hardly more than a cut through one cloud [rousseeuw1987]."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Strategies in similar words."""

    number: int
    """From 1, the largest first."""
    texts: int
    terms: tuple[str, ...]
    """The words that set it apart from all others, the strongest first."""
    typical: str
    """The text that is nearest to all others of the cluster."""
    models: Counter[str]
    cooperation: Estimate | None
    """Of the decisions that followed its strategies."""
    behaviour: Profile
    """Mean over its strategies in each situation that some of them know."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """Clusters, and where each text stands. None: a text left out for its number, or without words."""

    clusters: list[Cluster]
    cluster_of: list[int | None]
    """Number of each text's cluster."""
    places: list[tuple[float, float] | None]
    """Each text on the map: the first two principal components of the TF-IDF vectors."""
    spread: float
    """Share of the variance of those vectors that the map shows, in [0, 1]."""
    silhouette: float | None
    """How far apart the clusters stand, in [-1, 1]; None where there are too few texts to tell."""


def sort_texts(strategies: Sequence[Written], profiles: Sequence[Profile]) -> Sorted | None:
    """Average linkage on cosine distance, at the number of clusters with the best silhouette; None without words."""
    import numpy as np

    keys = [" ".join(written.text.casefold().split()) for written in strategies]
    different = list(dict.fromkeys(key for key in keys if any(letter.isalnum() for letter in key)))
    kept = different[:: max(1, -(-len(different) // MOST_TEXTS))]
    found = vectors(kept)
    if found is None:
        return None
    table, words = found
    alike = (table @ table.T).toarray()
    apart = np.clip(1 - alike, 0, None)
    np.fill_diagonal(apart, 0)
    labels, silhouette = _cut(apart)
    row = {key: number for number, key in enumerate(kept)}
    label_of = [int(labels[row[key]]) if key in row else None for key in keys]
    sizes = Counter(label for label in label_of if label is not None)
    ranked = sorted(sizes, key=lambda label: (-sizes[label], label))
    first_of = {key: written.text for written, key in zip(reversed(strategies), reversed(keys), strict=True)}
    clusters = []
    for number, label in enumerate(ranked, start=1):
        inside = np.flatnonzero(labels == label)
        nearest = int(inside[apart[np.ix_(inside, inside)].sum(axis=1).argmin()])
        members = [place for place, own in enumerate(label_of) if own == label]
        clusters.append(
            Cluster(
                number,
                len(members),
                _terms(table, labels == label, words),
                first_of[kept[nearest]],
                Counter(strategies[place].model for place in members),
                cooperation_rate(decision for place in members for decision in strategies[place].decisions),
                _mean([profiles[place] for place in members]),
            )
        )
    places, spread = _map(alike)
    shown = [(float(places[row[key], 0]), float(places[row[key], 1])) if key in row else None for key in keys]
    number_of = {label: number for number, label in enumerate(ranked, start=1)}
    return Sorted(
        clusters, [None if label is None else number_of[label] for label in label_of], shown, spread, silhouette
    )


def _cut(apart: Any) -> tuple[Any, float | None]:
    """The label of each text, and the silhouette of the best cut."""
    import numpy as np
    from scipy.cluster.hierarchy import cut_tree, linkage
    from scipy.spatial.distance import squareform
    from sklearn.metrics import silhouette_score

    n = len(apart)
    best: tuple[Any, float | None] = (np.zeros(n, dtype=int), None)
    if n < 3 or not apart.any():
        return (np.arange(n), None) if apart.any() else best
    numbers = range(2, min(MOST_CLUSTERS, n - 1) + 1)
    cuts = cut_tree(linkage(squareform(apart, checks=False), method="average"), n_clusters=list(numbers))
    for labels in cuts.T:
        score = float(silhouette_score(apart, labels, metric="precomputed"))
        if best[1] is None or score > best[1]:
            best = labels, score
    return best


def _map(alike: Any) -> tuple[Any, float]:
    """The first two principal components, shape (texts, 2), from products of the vectors, shape (texts, texts)."""
    import numpy as np
    from scipy.linalg import eigh

    n = len(alike)
    centred = alike - alike.mean(axis=0) - alike.mean(axis=1)[:, None] + alike.mean()
    variance = float(np.trace(centred))
    if n < 2 or variance < 1e-9:
        return np.zeros((n, 2)), 0.0
    values, directions = eigh(centred, subset_by_index=(n - 2, n - 1))
    values, directions = np.clip(values[::-1], 0, None), directions[:, ::-1]
    far = np.abs(directions).argmax(axis=0)
    signs = np.where(directions[far, [0, 1]] < 0, -1.0, 1.0)  # which end is which is arbitrary: always the same one
    return directions * np.sqrt(values) * signs, float(values.sum()) / variance


def _terms(table: Any, inside: Any, words: Sequence[str]) -> tuple[str, ...]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    weight = table[inside.nonzero()[0]].mean(axis=0)
    if not inside.all():
        weight = weight - table[(~inside).nonzero()[0]].mean(axis=0)
    ranked = [int(column) for column in (-weight).argsort(kind="stable") if weight[column] > 0]
    telling = ENGLISH_STOP_WORDS - {"always", "never", "not", "first", "last", "both", "everyone", "other", "if"}
    return tuple(words[column] for column in ranked if words[column] not in telling)[:TERMS]


def _mean(profiles: Sequence[Profile]) -> Profile:
    met: defaultdict[str, list[float]] = defaultdict(list)
    for profile in profiles:
        for situation, p_cooperate in profile.items():
            met[situation].append(p_cooperate)
    return {situation: fmean(met[situation]) for situation in SITUATIONS if situation in met}
