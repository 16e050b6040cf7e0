"""What the words of a prompt say about the other participant, for agents whose truth is planted.

Nothing here knows a condition or a key of conf/: claim, linkage and numbers come from the sentences alone, as any
reader would take them. What the words do not say is `none`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from acausal.game import Action
from acausal.models.question import SENTENCE_END, labels_of, payoff_table
from acausal.settings.treatment import Claim, Linkage

_CLAIMS = (
    (Claim.mixed, r"\bsome (?:of the other participants )?may be identical\b|\bsome of the other .* identical\b"),
    (Claim.copy_that_does_not_know, r"\bidentical copy\b.*\bdoes not know\b"),
    (Claim.copy_that_knows, r"\bidentical copy\b.*\bknows\b"),
    (Claim.identical_copy, r"\bidentical (?:copy|copies)\b"),
    (Claim.same_prompt, r"\bsame AI model\b.*\bsame prompt\b"),
    (Claim.same_family, r"\bsame family\b"),
    (Claim.same_model, r"\bsame (?:AI|language) model\b"),
    (Claim.different_model, r"\bdifferent (?:AI|language) model\b"),
    (Claim.rational_human, r"\ba rational human\b"),
    (Claim.human, r"\ba human\b"),
    (Claim.unknown, r"\bsimilarity to you is unknown\b|\bunknown similarity to you\b"),
    (Claim.similarity, r"\bsimilarity to you\b"),
    (Claim.similar_llm, r"\blanguage model (?:that is )?similar to you\b"),
    (Claim.rational_ai, r"\ba similarly rational AI\b"),
    (Claim.another_ai, r"\ban AI\b"),
)
"""The first that a text matches is what it claims."""
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")
_REPEATS = re.compile(r"\brepeats\b", re.IGNORECASE)
_KNOWN = re.compile(r"\balready chosen\b|\bchose already\b", re.IGNORECASE)
_DRAWN = re.compile(r"\bdraw\b", re.IGNORECASE)
_COINCIDE = re.compile(r"\bcoincide\b", re.IGNORECASE)
_SIMILARITY = re.compile(r"\bsimilarity to you\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent understood of a prompt."""

    claim: Claim
    linkage: Linkage
    match_probability: float | None = None
    """That the two choices are the same, in [0, 1]: 1 where they coincide for sure; None where they are unlinked."""
    other_cooperates: float | None = None
    """Told probability that the other has chosen to cooperate, in [0, 1]; None where nothing is said of it."""
    similarity: float | None = None
    """In [0, 1]; None where no number is given."""


def understood(text: str) -> Told:
    """Claim and linkage as the words of a prompt tell them."""
    claim = next((claim for claim, words in _CLAIMS if re.search(words, text, re.IGNORECASE)), Claim.none)
    similarity = _share(_sentence(_SIMILARITY, text)) if claim is Claim.similarity else None
    if _REPEATS.search(text):
        return Told(claim, Linkage.mirror, 1.0, None, similarity)
    if _KNOWN.search(text):
        return Told(claim, Linkage.known_c, None, 1.0, similarity)
    if drawn := _sentence(_DRAWN, text):
        chance = _share(drawn)
        linkage = Linkage.u50 if chance == 0.5 else Linkage.u95
        return Told(claim, linkage, None, chance, similarity)
    if coincide := _sentence(_COINCIDE, text):
        chance = _share(coincide)
        linkage = Linkage.linked if chance is None else Linkage.match_probability
        return Told(claim, linkage, 1.0 if chance is None else chance, None, similarity)
    return Told(claim, Linkage.none, None, None, similarity)


def worth_cooperating(text: str, *, if_i_cooperate: float, if_i_defect: float) -> bool:
    """Whether cooperation pays more under these beliefs, by the payoffs that the text lists; never on a tie.

    Args:
        text: The prompt.
        if_i_cooperate: Probability that the other cooperates given that I do, in [0, 1].
        if_i_defect: The same given that I defect.
    """
    labels, table = labels_of(text), payoff_table(text)
    if labels is None:
        return False

    def expected(own: Action, chance: float) -> float:
        """Points of an action against one who cooperates with that chance."""
        against = {other: table.get((labels[own], labels[other]), 0.0) for other in Action}
        return chance * against[Action.COOPERATE] + (1 - chance) * against[Action.DEFECT]

    return expected(Action.COOPERATE, if_i_cooperate) > expected(Action.DEFECT, if_i_defect)


def _sentence(words: re.Pattern[str], text: str) -> str | None:
    """The first sentence with these words."""
    return next((sentence for sentence in SENTENCE_END.split(text) if words.search(sentence)), None)


def _share(sentence: str | None) -> float | None:
    found = _PERCENT.search(sentence or "")
    return None if found is None else float(found[1]) / 100
