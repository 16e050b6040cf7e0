"""P(COOPERATE) from the log-probabilities of the tokens that begin an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from acausal.game import Action
from acausal.records import TokenChances

_FRAME = " \t\n\r\"'`*_#>“”"
"""What may stand around a label without being part of it."""
PRECISION = 0.01
"""A probability is read where what the list leaves out could move it by no more than this."""
MOST_TOKENS = 8
"""Tokens of a reply that are kept at most."""


def deciding_tokens(tokens: Sequence[TokenChances], labels: Sequence[str]) -> tuple[TokenChances, ...]:
    """What `p_cooperate` needs of the tokens of a reply: the first, up to the one that leaves at most one label.

    Of their alternatives those are kept with which a label remains possible, and the least likely one, which bounds
    what is not listed. Log-probabilities are rounded to four digits.
    """
    said, kept = "", []
    for place in tokens[:MOST_TOKENS]:
        listed = [(token, round(logprob, 4)) for token, logprob in place.alternatives]
        able = tuple(each for each in listed[:-1] if each[0] == place.token or _possible(said + each[0], labels))
        kept.append(TokenChances(place.token, (*able, *listed[-1:])))
        said += place.token
        if len(_possible(said, labels)) < 2:
            break
    return tuple(kept)


def p_cooperate(tokens: Sequence[TokenChances] | None, labels: Mapping[Action, str]) -> float | None:
    """The probability of the label for cooperation, normalised over the two labels.

    Every listed token that leaves one label alone possible adds to that label, along the tokens that were sampled.
    Spelling in capitals or not, quotes and emphasis make no difference.

    Returns:
        None where no log-probabilities were given, or none of the labels is listed, or the unlisted one could be
        likelier than PRECISION: what is not known is not guessed.
    """
    weights = dict.fromkeys(labels, 0.0)
    said, path, unlisted = "", 0.0, 0.0
    for place in tokens or ():
        for token, logprob in place.alternatives:
            possible = _possible(said + token, list(labels.values()))
            if token and len(possible) == 1:
                action = next(action for action, label in labels.items() if label == possible[0])
                weights[action] += math.exp(path + logprob)
        unlisted = max(unlisted, math.exp(path + min((logprob for _, logprob in place.alternatives), default=0.0)))
        said += place.token
        own = next((logprob for token, logprob in place.alternatives if token == place.token), None)
        if own is None or len(_possible(said, list(labels.values()))) < 2:
            break
        path += own
    total = math.fsum(weights.values())
    if not total or (min(weights.values()) == 0 and unlisted / (total + unlisted) > PRECISION):
        return None
    return weights[Action.COOPERATE] / total


def _possible(said: str, labels: Sequence[str]) -> list[str]:
    """The labels that a reply which begins with these characters may still be, or already is."""
    begun = said.lstrip(_FRAME).casefold()
    return [label for label in labels if _fits(begun, label.casefold())]


def _fits(begun: str, label: str) -> bool:
    if len(begun) <= len(label):
        return label.startswith(begun)
    return begun.startswith(label) and not begun[len(label)].isalnum()
