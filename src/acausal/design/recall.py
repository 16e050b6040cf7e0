"""What a sentence says of the co-player and of how its choice comes about, in the words of claims and linkages.

It reads what agents recall. A text that says two things at once, or denies one, is not read at all.
"""

from __future__ import annotations

import re

from acausal.settings.treatment import Claim, ConditionConfig, Linkage

NOTHING = "nothing"
_NOTHING = re.compile(r"^\W*(?:nothing|none|I was(?: not|n['’]t) told|I was told nothing)\b", re.IGNORECASE)
_DENIAL = re.compile(r"\b(?:not|never|no longer|neither|nor)\b|n['’]t\b", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?(?:%|per ?cent\b)", re.IGNORECASE)
_MACHINE = r"(?:AIs?|LLMs?|language models?|models?|machines?|weights|programs?)"
_SIMILAR = re.compile(r"\bsimilar(?:ity|ly)?\b|\balike\b", re.IGNORECASE)
_UNKNOWN = re.compile(r"\bun(?:known|clear|certain)\b|\bnot known\b|\bnobody knows\b", re.IGNORECASE)
_MIXED = re.compile(r"(?=.*\bsome\b).*\b(?:identical|copies|the same)\b", re.IGNORECASE | re.DOTALL)
_KINDS = {
    Claim.identical_copy: re.compile(r"\bcop(?:y|ies)\b|\bclones?\b|\btwins?\b|\bidentical\b", re.IGNORECASE),
    Claim.same_model: re.compile(rf"\bsame (?:\w+ ){{0,2}}{_MACHINE}\b", re.IGNORECASE),
    Claim.different_model: re.compile(
        rf"\b(?:different|another|distinct) (?:\w+ ){{0,2}}(?:model|architecture)s?\b|\b{_MACHINE} different from\b",
        re.IGNORECASE,
    ),
    Claim.similar_llm: _SIMILAR,
    Claim.human: re.compile(r"\bhumans?\b|\bpersons?\b|\bpeople\b", re.IGNORECASE),
    Claim.another_ai: re.compile(rf"\b(?:{_MACHINE}|artificial intelligences?|chatbots?)\b", re.IGNORECASE),
}
_KNOWS = re.compile(r"\b(does not|doesn['’]t )?\s*\bknows?\b", re.IGNORECASE)
_RATIONAL, _FAMILY, _PROMPT = (
    re.compile(rf"\b{words}\b", re.IGNORECASE) for words in ("rational", "same family", "same prompt")
)
_DRAW = re.compile(r"\bdraws?\b|\bdrawn\b|\breplaced\b|\bcoin\b", re.IGNORECASE)
_LINKS = {
    Linkage.known_c: re.compile(r"\balready (?:chosen|chose)\b|\bchose already\b|\bhas chosen\b", re.IGNORECASE),
    Linkage.mirror: re.compile(r"\brepeat(?:s|ed|ing)?\b|\b(?:is|being|are) shown\b|\bsees? my\b", re.IGNORECASE),
    Linkage.linked: re.compile(r"\bcoincide\w*|\bsame computation\b|\bpredict\w*", re.IGNORECASE),
}


def told_kind(condition: ConditionConfig) -> str:
    """What a condition tells of the co-player, as `recalled_kind` reads it."""
    if condition.claim is Claim.none:
        return NOTHING
    if condition.claim is Claim.similarity:
        return _with_share(Claim.similarity.name, condition.similarity or 0.0)
    return condition.claim.name


def told_link(condition: ConditionConfig) -> str:
    """What a condition tells of the linkage, as `recalled_link` reads it."""
    if condition.linkage is Linkage.none:
        return NOTHING
    if condition.linkage is Linkage.match_probability:
        return _with_share(Linkage.match_probability.name, 100 * (condition.match_probability or 0.0))
    return condition.linkage.name


def recalled_kind(text: str) -> str | None:
    """What a text says the co-player is: a claim's name, `similarity 60`, `nothing`; None where it cannot be read."""
    if _NOTHING.search(text):
        return NOTHING
    if (more := _with_more(text)) is not None:
        return more
    if _MIXED.search(text):
        return Claim.mixed.name
    if _SIMILAR.search(text):
        if _UNKNOWN.search(text):
            return Claim.unknown.name
        shares = {float(share) for share in _PERCENT.findall(text)}
        if shares:
            return _with_share(Claim.similarity.name, shares.pop()) if len(shares) == 1 else None
    if _DENIAL.search(text):
        return None
    named = [claim for claim, words in _KINDS.items() if words.search(text)]
    if Claim.identical_copy in named:  # a copy is of the same model
        named = [claim for claim in named if claim is not Claim.same_model]
    if len(named) > 1 and named[0] is not Claim.human and named[-1] is Claim.another_ai:  # every model is an AI
        named = named[:-1]
    return named[0].name if len(named) == 1 else None


def _with_more(text: str) -> str | None:
    """The claim that says more than another one does: a copy that knows, a rational AI, a family, a prompt."""
    plain = {claim for claim, words in _KINDS.items() if words.search(text)}
    if Claim.identical_copy in plain and (known := _KNOWS.search(text)) is not None:
        return (Claim.copy_that_does_not_know if known[1] else Claim.copy_that_knows).name
    if _DENIAL.search(text):
        return None
    if _RATIONAL.search(text) and len(plain & {Claim.human, Claim.another_ai}) == 1:
        return (Claim.rational_human if Claim.human in plain else Claim.rational_ai).name
    if _FAMILY.search(text) and Claim.human not in plain:
        return Claim.same_family.name
    return Claim.same_prompt.name if _PROMPT.search(text) and Claim.same_model in plain else None


def recalled_link(text: str) -> str | None:
    """What a text says of how the other choice comes about: a linkage's name, `match_probability 62.5`, `nothing`.

    None where it cannot be read.
    """
    if _NOTHING.search(text):
        return NOTHING
    named = {linkage.name for linkage, words in _LINKS.items() if words.search(text)}
    shares = {float(share) for share in _PERCENT.findall(text)}
    if _DRAW.search(text):
        share = shares.pop() if len(shares) == 1 else None
        draw = {95.0: Linkage.u95, 50.0: Linkage.u50}.get(share or 0.0)
        return draw.name if draw is not None and not named else None
    if named == {Linkage.linked.name} and shares:
        return _with_share(Linkage.match_probability.name, shares.pop()) if len(shares) == 1 else None
    return named.pop() if len(named) == 1 else None


def _with_share(name: str, percent: float) -> str:
    return f"{name} {round(percent, 1):g}"
