"""What a strategy in words does with a co-player of whom nothing is known: read by rules, or left uncoded.

Rules find the plain cases. What they cannot tell stays uncoded and is counted: it is never a defection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from acausal.game import Action

_CLAUSE = re.compile(
    r"(?<=[.!?;])\s+|[;\n•]+|,? (?:but|however|and then|then|after that|afterwards|thereafter)\b", re.I
)
_LEADING = re.compile(r"^\W*(?:then|after that|afterwards|thereafter|later|in later|from then|subsequently)\b", re.I)
_FIRST = re.compile(
    r"\b(?:start(?:s|ing)?|begin(?:s|ning)?|open(?:s|ing)?|initial(?:ly)?|at first|at the outset|by default"
    r"|(?:first|opening) (?:move|round|turn|match|matches|encounter|meeting|game|time|choice|interaction|contact)"
    r"|in the first|on the first|unknown|never met|have not met|haven't met|strangers?"
    r"|new (?:co-?player|partner|opponent)s?|no (?:history|information|record|past|prior|previous|earlier)"
    r"|nothing (?:is )?known|know nothing|without (?:any )?(?:history|information|knowledge))\b",
    re.I,
)
_IF = re.compile(
    r"\b(?:if|when|whenever|once|after|(?:every|each) time (?:the|they|it|he|she|someone|an?|my)"
    r"|should (?:the|they|it|he|she)|in case|in response to|only (?:if|when|with|after)|depending on"
    r"|with (?:those|anyone|players|agents|people|others|whoever) (?:who|that|which)"
    r"|based on|those who|whether)\b",
    re.I,
)
_CONDITION = re.compile(r"\b(?:if|when|whenever|in case)\b(?:(?!\bi\b)[^,.;\n])*", re.I)
_PAST = re.compile(r"⟪|\b(?:did|last|latest|previous|past|history|before|earlier|moves?|chose|played|so too)\b", re.I)
"""A condition on what the other did: with nothing known, it is not met."""
_EXCEPT = re.compile(r"\b(?:unless|until|till|as long as|so long as|except|while|provided|but switch)\b", re.I)
_OTHERWISE = re.compile(r"\b(?:otherwise|or else|in all other cases|else)\b", re.I)
_OTHERS = re.compile(
    r"\b(?:they|he|she|it|other|others|co-?players?|opponents?|partners?|agents?|players?|anyone|someone|both|everyone"
    r"|whoever|who|you|we(?: both| all)?)(?:['’](?:s|ll|d|ve))?"
    r"(?: (?:player|agent|one|side|also|has|have|had|is|are|was"
    r"|were|do|does|did|will|would|might|may|could|can|always|never|too|choose[sn]?|chose|choosing|pick(?:s|ed)?"
    r"|play(?:s|ed)?|select(?:s|ed)?|just|likely|probably|previously|first|last|to|going|expected|tends?|all"
    r"|of us))*\W*$",
    re.I,
)
_NOT = re.compile(
    r"\b(?:not|never|no|avoid(?:s|ing)?|refus\w+|don['’]t|won['’]t|cannot|can['’]t|rather than|instead of|without"
    r"|refrain from|against|no reason to|over|than|tempt\w*|temptation to|urge to|risk of)\b(?: (?:to|be|the|any|ever"
    r"|choos\w+|pick\w*|play\w*|select\w*|first|going|want|will|option))*\W*$",
    re.I,
)
_FLIPS = re.compile(r"\b(?:not|never|avoid\w*|refus\w+|don['’]t|won['’]t|cannot|can['’]t|refrain from)\b", re.I)
_CHANCE = re.compile(
    r"\b(?:at random|randomly|random(?:ly)? (?:choice|pick|choose)|flip a coin|coin (?:flip|toss)|50/50|fifty.fifty"
    r"|half (?:of )?the time)\b",
    re.I,
)
_NAMES: Mapping[str, float] = {
    r"suspicious tit[- ]for[- ]tat": 0.0,
    r"(?<!suspicious )tit[- ]for[- ](?:two[- ])?tats?\b": 1.0,
    r"grim(?:[- ]trigger)?\b": 1.0,
    r"win[- ]stay,?[- ]lose[- ]shift|pavlov\b": 1.0,
}
"""Strategies with a first move of their own, by definition."""
_BEHIND = (
    r"(?:then|if|when|unless|until|on|in|first|every|always|against|and|or|for|but|because|since|as|with|to|at|is|by)"
)


def first_move(text: str, labels: Mapping[Action, str]) -> float | None:
    """P(COOPERATE) with a co-player of whom nothing is known, in [0, 1]; None where the text does not say, or not one.

    Args:
        labels: The words for the actions that its author was given.
    """
    read = _marked(text, labels)
    opening, plain, default = set[float](), set[float](), set[float]()
    for clause in filter(None, map(str.strip, _CLAUSE.split(read))):
        for value, before, behind in _choices(clause):
            if _FIRST.search(clause) and not _IF.search(before.rpartition(",")[2]) and not _LEADING.search(clause):
                opening.add(value)
            elif _OTHERWISE.search(before):
                default.add(value)
            elif not _IF.search(before) and not _IF.search(_EXCEPT.split(behind)[0]) and not _LEADING.search(clause):
                plain.add(value)
    if not (opening or plain) and _CHANCE.search(read):
        plain.add(0.5)
    named = {value for name, value in _NAMES.items() if re.search(rf"\b{name}", read, re.I)}
    if any(_PAST.search(condition[0]) is None for condition in _CONDITION.finditer(read)):
        default.clear()  # what else is done hangs on what was told, not on what happened
    for told in (opening, named if len(named) == 1 else plain, plain, default):
        if told:
            return told.pop() if len(told) == 1 else None
    return None


_C, _D = "⟪C⟫", "⟪D⟫"
_MARK = re.compile(f"{_C}|{_D}")


def _marked(text: str, labels: Mapping[Action, str]) -> str:
    """A text in which a mark stands for every word for an action."""
    words = {Action.COOPERATE: (_C, r"\bco-?operat\w*"), Action.DEFECT: (_D, r"\bdefect(?!ive)\w*|\bbetray\w*")}
    for action, (mark, common) in words.items():
        label = labels.get(action, "")
        if label:
            alone = re.escape(label) + (rf"(?! (?!{_BEHIND}\b)[a-z])" if len(label) == 1 else "")
            careless = re.IGNORECASE if len(label) > 3 else 0
            text = re.sub(rf"(?<![\w-]){alone}(?![\w-])", mark, text, flags=careless)
        text = re.sub(common, mark, text, flags=re.IGNORECASE)
    return text


def _choices(clause: str) -> Iterator[tuple[float, str, str]]:
    """The author's own choices in a clause: P(COOPERATE), what stands before and what behind."""
    for match in _MARK.finditer(clause):
        before, behind = clause[: match.start()], clause[match.end() :]
        if _OTHERS.search(before):
            continue
        value = float(match[0] == _C)
        refused = _NOT.search(before)
        if refused is None:
            yield value, before, behind
        elif _FLIPS.search(refused[0]):
            yield 1 - value, before, behind
