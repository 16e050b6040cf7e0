"""The lexicon's phrases: an idea of reasoning, and the words in which a text may speak of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Marker(StrEnum):
    """An idea that a text may hold."""

    IDENTITY = "identity"
    CORRELATION = "correlation"
    SUPERRATIONALITY = "superrationality"
    DECISION_THEORY = "decision_theory"
    DOMINANCE = "dominance"
    RECIPROCITY = "reciprocity"
    WELFARE = "welfare"
    SURPRISE = "surprise"


ABOUT: Mapping[Marker, str] = MappingProxyType(
    {
        Marker.IDENTITY: "the other is the same as the author: the same model, a copy, a twin",
        Marker.CORRELATION: "the two choices hang together because both reason alike, with no cause between them",
        Marker.SUPERRATIONALITY: "the author chooses as if for all who reason alike, since only equal choices occur",
        Marker.DECISION_THEORY: "a decision theory by name or initials (CDT, EDT, FDT, UDT), or Newcomb's problem",
        Marker.DOMINANCE: "one action is better whatever the other does: dominance, Nash equilibrium, best response",
        Marker.RECIPROCITY: "the choice answers what the other did or does: return, punishment, forgiveness",
        Marker.WELFARE: "what is good for both or for all: total points, mutual gain, fairness",
        Marker.SURPRISE: "surprise or disappointment at a defection of the other",
    }
)
"""What a judge is told of each, in one line."""


_OTHER = (
    r"(?:other(?:s| one| player| agent| side)?|they|it|he|she|both(?: of us)?|we|opponents?|co-?players?|partners?"
    r"|twins?|cop(?:y|ies)|clones?)"
)
_ACT = (
    r"(?:choos\w+|chose|mak\w+|reach\w*|com\w+ to|arriv\w+ at|giv\w+|play\w*|pick\w*|do|does|did|decid\w+|act\w*|tak\w+"
    r"|reason\w*|think\w*|behav\w+|respond\w*|conclud\w+|land\w* on|select\w*|follow\w*)"
)
_THINGS = r"(?:choices?|decisions?|actions?|moves?|answers?|outputs?|reasoning|conclusions?)"
_OUTSIDE = (
    r"payoffs?|moves?|choices?|outcomes?|results?|actions?|strateg\w+|scores?|reasoning|conclusions?|decisions?"
    r"|to (?:mine|its|their|the (?:last|previous))"
)
"""What may be identical without the players' being so."""
_HIM = (
    r"(?:(?:the |my |an? |our )?(?:others?|co-?players?|opponents?|partners?|counterparts?)(?: player| agent| one)?"
    r"|they|it|he|she|someone|anyone)"
)
_MOVED = r"(?:cooperat|defect|betray|choos|chose|pick|play|do|did|does|select|help|exploit)\w*"

_PHRASES: Mapping[Marker, tuple[str, ...]] = {
    Marker.IDENTITY: (
        rf"\bidentical(?! (?:{_OUTSIDE}))\b",
        r"\bsame (?:[\w-]+ ){0,2}(?:models?|ai|program|system|architecture|weights|mind|agent|network|llm)\b",
        r"\bsame (?:[\w-]+ ){0,2}(?:code|algorithm|person|entity)\b",
        r"\bcop(?:y|ies) of (?:me|myself|you|yourself|itself|each other|one another|the same)\b",
        r"\b(?:my|exact|perfect|own) (?:own |exact )?(?:cop(?:y|ies)|doubles?|counterparts?)\b",
        r"\b(?:clones?|twins?|doppelg\w+|replicas?|duplicates?)\b(?!-)",
        r"\b(?:are|is|be) (?:all |both |only |just )?(?:a )?cop(?:y|ies)\b",
        r"\binstances? of (?:me|myself|the same|one)\b",
        r"\banother me\b",
        r"\b(?:against|with|facing|meet|meeting|playing) myself\b",
    ),
    Marker.CORRELATION: (
        rf"\b{_OTHER}\b[^.;:]{{0,40}}?\b{_ACT} (?:exactly |precisely |just |much )?the (?:very |exact )?same"
        r"(?! (?:\w+ )?(?:as )?(?:last|before|in the (?:last|previous)|again|every|each|throughout|so far|over))",
        rf"\b{_OTHER}\b[^.;:]{{0,40}}?\b{_ACT} (?:exactly |precisely |just |much )?(?:identically|alike)",
        rf"\b{_OTHER}\b[^.;:]{{0,40}}?\b{_ACT} (?:exactly |precisely |just |much )?(?:what(?:ever)?|as|like|the way)"
        r" (?:i|me|we)\b(?! (?:did|have|had|chose|played|want|need|expect|get|gain|earn|hope))",
        rf"\bsame {_THINGS} (?:as (?:me|mine|i)\b|i\b)",
        rf"\b(?:whatever|what) i (?:choose|do|decide|pick|play|conclude)[^.;:]*\b(?:{_OTHER}|be|also|too)\b",
        rf"\b{_THINGS}[^.;:]{{0,30}} (?:are|is) (?:logically |perfectly |strongly )?"
        r"(?:linked|correlated|coupled|tied|connected|entangled|bound)",
        r"\bcorrelat\w+",
        r"\bsubjunctive\w*",
        r"\blogically (?:linked|dependent|connected)",
        r"\bmy (?:own )?(?:choice|decision|action|reasoning) (?:\w+ )?"
        r"(?:determines|decides|implies|reveals|predicts|mirrors|is evidence|is also|tells)",
        r"\bmirrors? (?:my|our) (?:own )?(?:choice|decision|reasoning|thinking)",
    ),
    Marker.SUPERRATIONALITY: (
        r"\bsuper-?rational\w*",
        r"\bhofstadter\w*",
        r"\bcategorical imperative\b",
        r"\bacausal\w*",
        r"\b(?:choos\w+|decid\w+|acting|act) (?:\w+ )?for (?:both|all|everyone|every cop|each cop)\w*(?: of us)?",
        r"\bonly (?:the )?(?:symmetric|matching|equal|diagonal|mutual)[\w ]{0,20}(?:possible|occur|matter|remain)",
        r"\bno (?:outcome|world|way)[^.;:]{0,40}\b(?:differ|one of us|mixed|apart)\w*",
        r"\b(?:compare|choice is(?: really)? between|choose between)\b[^.;:]{0,20}\b(?:mutual|both|all|cc)\b",
        r"\bbest (?:for (?:all|both|everyone)[^.;:]{0,15} )?(?:if|when|that) (?:we )?(?:all|both|everyone)"
        r"[^.;:]{0,20}\b(?:the )?same\b",
    ),
    Marker.DECISION_THEORY: (
        r"\b(?:causal|evidential|functional|updateless|timeless|logical) decision theor\w+",
        r"\bdecision[- ]theor\w+",
        r"\bnewcomb\w*",
        r"\b(?:CDT|EDT|FDT|UDT|TDT)\b",
    ),
    Marker.DOMINANCE: (
        r"\bdominan\w+",
        r"\bdominat\w+",
        r"\bnash\b",
        r"\bbest (?:response|reply)\b",
        r"\b(?:regardless of|no matter|whatever|irrespective of)(?: what)? (?:the )?"
        r"(?:other|they|it|my|opponent|co-?player|partner)[\w' ]{0,25}"
        r"\b(?:does|do|choos\w+|pick\w*|play\w*|decid\w+|choice|move|action)\b",
    ),
    Marker.RECIPROCITY: (
        r"\btit[- ]for[- ]tat\b",
        r"\breciproc\w+",
        r"\bretaliat\w+",
        r"\bpunish\w*",
        r"\bforgiv\w+",
        r"\bgrim trigger\b",
        r"\brevenge\b",
        r"\breturn(?:ing|s)? the favou?r\b",
        rf"\b(?:if|when|whenever) {_HIM}\b[^.;:]{{0,30}}?\b{_MOVED}\b[^.;:]{{0,30}}?,? (?:then )?(?:so )?(?:i|we)\b"
        r"(?:['’]ll| will| would| shall| also| always| too| must| should)* "
        r"(?:cooperat|defect|choos|pick|play|do|retaliat|respond|return|switch|answer|punish|forgiv)\w*",
        rf"\b(?:if|when|whenever) {_HIM} (?:(?:has|have|had|just|ever) )*"
        r"(?:cooperated|defected|betrayed|did|exploited)\b",
        rf"\b(?:as long as|until|once|unless|after) {_HIM}\b[^.;:]{{0,30}}?\b{_MOVED}",
        rf"\bwhat(?:ever)? {_HIM}\b[^.;:]{{0,15}}\b(?:did|chose|played)\b",
        r"\b(?:copy|copies|repeat|mirror|match)(?:ing|es|s)? (?:(?:the|my|our) )?"
        r"(?:others?|opponent|co-?player|partner|their|its|his|her)\b[\w'’ ]{0,20} "
        r"(?:last|previous|latest|move|choice|action)",
    ),
    Marker.WELFARE: (
        r"\bmutual(?:ly)? (?:benefi\w+|gain\w*|advantage\w*|good)",
        r"\b(?:both|all|everyone|everybody)(?: of us)?(?: \w+){0,2} "
        r"(?:gains?|benefits?|profits?|wins?|better off|more points|well)\b",
        r"\bbetter off together\b",
        r"\b(?:points|scores?|outcomes?|payoffs?|rewards?|result) for (?:both|all|everyone|everybody|us)\b",
        r"\bbenefit(?:s|ed|ing)? (?:us )?(?:both|all|everyone|everybody)\b",
        r"\b(?:total|joint|combined|collective|overall|our) "
        r"(?:payoffs?|points|scores?|welfare|gain|outcome|benefit|good|reward)\b",
        r"\b(?:common|greater|social) (?:good|welfare|optimum)\b",
        r"\bsocially optimal\b",
        r"\bfair(?:ness|ly)?\b(?! (?:coin|chance))",
        r"\baltruis\w+",
        r"\bkindness\b",
        r"\b(?:good|best|better) for (?:both|all|everyone|us both|the group)\b",
        r"\bmaximi[sz]\w+ (?:our|the (?:total|joint|sum)|total|joint|combined)",
    ),
    Marker.SURPRISE: (
        r"\bsurpris\w+",
        r"\bunexpected\w*",
        r"\bshock\w*",
        r"\bdisappoint\w*",
        r"\b(?:did not|didn['’]t|had not|never) (?:expect|foresee)\w*",
        r"\bastonish\w+",
        r"\bdismay\w*",
        r"\btaken aback\b",
        r"\bcontrary to (?:my|what i)\b",
    ),
}
PHRASES: Mapping[Marker, re.Pattern[str]] = MappingProxyType(
    {marker: re.compile("|".join(phrases), re.IGNORECASE) for marker, phrases in _PHRASES.items()}
)
"""Idea → what speaks of it."""
