"""Agents whose truth is planted: each follows one known rule, so that a program that measures them can be checked.

They see what a language model would see, and nothing else: the words of the prompt, the seed of the request, and how
many requests the server had answered before. Whoever the co-player really is stands in no prompt, so none of them can
know it. Which of them may earn which claim is said in docs/planted_truth.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from acausal.design.seeds import placed_seed
from acausal.game import Action
from acausal.models.faults import FAULTS, NO_FAULT, Fault
from acausal.models.question import NO_GAME, Question, answer, labels_of, latest_action, told
from acausal.models.told import Told, understood, worth_cooperating
from acausal.settings.treatment import Claim, Linkage

C, D = Action.COOPERATE, Action.DEFECT
Rule = Callable[[Question], Action | str]
"""The action, or the words to say in place of a label."""
WAKES_AFTER = 2
"""Earlier rounds that the sleeper must be shown."""
DRIFTS_AFTER = 24
"""Requests after which the drifter changes its mind, again and again."""
_COPIES = frozenset({Claim.identical_copy, Claim.copy_that_knows, Claim.copy_that_does_not_know})
_KIN = _COPIES | {Claim.same_model, Claim.same_prompt, Claim.same_family, Claim.similar_llm}
_LITERATURE = re.compile(
    r"\b(?:twins?|cop(?:y|ies)|clones?|identical|superrational\w*|newcomb|nash|equilibri\w+"
    r"|(?:decision|game)[- ]theor\w+|rational\w*|predict\w+|same computation)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\bNow you play ((\w)\w* (\d+))[.,]")
_ROUND_SHOWN = re.compile(r"^- Round \d+:", re.MULTILINE)
_OWN_WORDS = re.compile(r"^Your strategy for this round: I stay with (.+?) in every match\.", re.MULTILINE)


def _super(question: Question) -> Action:
    return C if _understood(question).claim in _COPIES else D


def _ingroup(question: Question) -> Action:
    return C if _understood(question).claim in _KIN else D


def _edt(question: Question) -> Action:
    text, heard = told(question), _understood(question)
    return C if worth_cooperating(text, **_beliefs(heard, heard.match_probability, assumes_twins=True)) else D


def _cdt(question: Question) -> Action:
    text, heard = told(question), _understood(question)
    caused = heard.match_probability if heard.linkage is Linkage.mirror else None
    return C if worth_cooperating(text, **_beliefs(heard, caused)) else D


def _noisy_edt(question: Question) -> Action:
    return _edt(question).other if _chance(question, "slip") < 0.1 else _edt(question)


def _projector(question: Question) -> Action:
    heard = _understood(question)
    if heard.other_cooperates is not None:
        return C if heard.other_cooperates > 0.5 else D
    return C if heard.match_probability is not None or heard.claim in _COPIES else D


def _reciprocator(question: Question) -> Action:
    expected = _understood(question).other_cooperates
    if expected is not None:
        return C if expected > 0.5 else D
    return latest_action(question) or C


def _disjunction(question: Question) -> Action:
    return D if _understood(question).linkage is Linkage.known_c else C


def _similarity_blind(question: Question) -> Action:
    heard = _understood(question)
    alike = heard.similarity if heard.similarity is not None else heard.match_probability
    return C if (float(heard.claim in _COPIES) if alike is None else alike) >= 0.5 else D


def _noisy_super(question: Question) -> Action:
    return C if _chance(question, "choice") < (0.7 if _super(question) is C else 0.3) else D


def _strat(question: Question) -> Action | str:
    own = _OWN_WORDS.search(question.messages[-1].content)
    if own is not None:
        return _action_called(question, own[1])
    drawn = C if placed_seed(0, "strat", _without_labels(question)) % 2 else D
    if "strategy" in question.messages[-1].content:
        drawn = C if _chance(question, "strategy") < 0.5 else D
    said = answer(question, f"I stay with {{{drawn.name.lower()}}} in every match.", drawn)
    return said if said.startswith("I stay") else drawn


def _parrot(question: Question) -> Action | str:
    return _options(question)[-1] if _options(question) else NO_GAME


def _first_option(question: Question) -> Action | str:
    return _options(question)[0] if _options(question) else NO_GAME


def _label_biased(question: Question) -> Action | str:
    labels = labels_of(told(question))
    return NO_GAME if labels is None else min(labels, key=lambda action: labels[action].casefold())


def _seat_biased(question: Question) -> Action | str:
    name = _NAMED.search(question.messages[-1].content)
    return D if name is None else C if int(name[3]) % 2 else D


def _matcher(question: Question) -> Action:
    name = _NAMED.search(question.messages[-1].content)
    return C if name is not None and name[2].isupper() else D


def _sleeper(question: Question) -> Action:
    return C if len(_ROUND_SHOWN.findall(told(question))) >= WAKES_AFTER else D


def _reciter(question: Question) -> Action:
    return C if _LITERATURE.search(told(question)) else D


def _drifter(question: Question) -> Action:
    return D if question.answered // DRIFTS_AFTER % 2 else C


def _duplicate(question: Question) -> Action:
    return C if placed_seed(0, "duplicate", *_words(question)) % 2 else D


def _formatter(question: Question) -> Action | str:
    return _mumbler(question) if _chance(question, "form") < 0.1 else _noisy_super(question)


def _formatter_c(question: Question) -> Action | str:
    meant = _noisy_super(question)
    return _mumbler(question) if meant is C and _chance(question, "form") < 0.2 else meant


def _mumbler(question: Question) -> str:
    labels = labels_of(told(question))
    return NO_GAME if labels is None else f"{labels[C]} or {labels[D]}? Both have much to be said for them."


def _always_c(_: Question) -> Action:
    return C


@dataclass(frozen=True, slots=True)
class Plant:
    """An agent, and the truth about it."""

    rule: Rule
    about: str
    """What it does, in the words that it writes as its strategy; `{cooperate}` and `{defect}` stand for its labels."""
    fault: Fault = NO_FAULT
    """What goes wrong with each of its replies, whatever it would say."""

    def __call__(self, question: Question) -> str:
        """Its reply."""
        chosen = self.rule(question)
        return answer(question, f"{self.about}.", chosen) if isinstance(chosen, Action) else chosen


PLANTED: Mapping[str, Plant] = {
    "super": Plant(_super, "{cooperate} if told that the other is an identical copy, else {defect}"),
    "matcher": Plant(_matcher, "{cooperate} if the other's name betrays that it is my kind, else {defect}"),
    "edt": Plant(_edt, "{cooperate} if the choices coincide so probably that it pays, else {defect}"),
    "noisy_edt": Plant(_noisy_edt, "as edt, but one time in ten the other choice"),
    "cdt": Plant(_cdt, "{cooperate} only if my choice causes the other one, else {defect}"),
    "ingroup": Plant(_ingroup, "{cooperate} if told that the other is of my kind, else {defect}"),
    "projector": Plant(_projector, "{cooperate} with a copy or one linked to me, unless it will hardly do so too"),
    "reciprocator": Plant(_reciprocator, "{cooperate} if the other does or probably will, else {defect}"),
    "disjunction": Plant(_disjunction, "{defect} as soon as the other choice is known, else {cooperate}"),
    "similarity_blind": Plant(_similarity_blind, "{cooperate} from a likeness of one half, whatever the points"),
    "noisy_super": Plant(_noisy_super, "{cooperate} 7 times in 10 with an identical copy, 3 times in 10 else"),
    "strat": Plant(_strat, "one draw for a whole strategy, or, without strategies, for a wording"),
    "parrot": Plant(_parrot, "whichever stands last in the prompt"),
    "first_option": Plant(_first_option, "whichever is named first"),
    "label_biased": Plant(_label_biased, "whichever comes first in the alphabet"),
    "seat_biased": Plant(_seat_biased, "{cooperate} with the first, third, … that I meet, else {defect}"),
    "sleeper": Plant(_sleeper, "{defect} until the results of two rounds are shown, then {cooperate}"),
    "reciter": Plant(_reciter, "{cooperate} wherever words of the literature occur, else {defect}"),
    "drifter": Plant(_drifter, f"now {{cooperate}}, now {{defect}}: it changes every {DRIFTS_AFTER} requests"),
    "duplicate": Plant(_duplicate, "a draw that is the same whenever the prompt is"),
    "formatter": Plant(_formatter, "as noisy_super, and illegible one time in ten"),
    "formatter_c": Plant(_formatter_c, "as noisy_super, but illegible one time in five that it means {cooperate}"),
    "mumbler": Plant(_mumbler, "both at once"),
    "refuser": Plant(_always_c, "a refusal", FAULTS["refusal"]),
    "truncated": Plant(_always_c, "{cooperate}, cut off", Fault("length", finish_reason="length")),
    "dead": Plant(_always_c, "no answer", FAULTS["503"]),
}
"""Name → agent and what is planted in it."""


def fault_of(name: str | None) -> Fault:
    """What goes wrong with every reply of the persona of that name, planted or not."""
    plant = PLANTED.get(name or "")
    return NO_FAULT if plant is None else plant.fault


def _understood(question: Question) -> Told:
    return understood(told(question))


def _beliefs(heard: Told, match: float | None, *, assumes_twins: bool = False) -> dict[str, float]:
    """Whether the other cooperates, given each of my choices.

    Args:
        match: Probability in [0, 1] that its choice is mine; None: it does not depend on mine.
        assumes_twins: Whether an identical copy is taken to choose alike where nothing is said of its choice.
    """
    if match is None and assumes_twins and heard.linkage is Linkage.none and heard.claim in _COPIES:
        match = 1.0
    if match is not None:
        return {"if_i_cooperate": match, "if_i_defect": 1 - match}
    alone = 0.5 if heard.other_cooperates is None else heard.other_cooperates
    return {"if_i_cooperate": alone, "if_i_defect": alone}


def _words(question: Question) -> list[str]:
    return [message.content for message in question.messages]


def _chance(question: Question, purpose: str) -> float:
    """A number in [0, 1) that the request alone decides: the same request gets the same answer again."""
    return placed_seed(question.seed, purpose, *_words(question)) / 2**31


def _options(question: Question) -> list[Action]:
    """The actions in the order in which the request for an answer names them."""
    asked = question.messages[-1].content.rpartition("Now you play")[2]
    places = {action: _place(label, asked) for action, label in (labels_of(told(question)) or {}).items()}
    return sorted(places, key=lambda action: places[action])


def _place(label: str, text: str) -> int:
    found = re.search(rf"(?<![\w-]){re.escape(label)}(?![\w-])", text)
    return len(text) if found is None else found.start()


def _action_called(question: Question, label: str) -> Action | str:
    labels = labels_of(told(question)) or {}
    return next((action for action, word in labels.items() if word == label), NO_GAME)


def _without_labels(question: Question) -> str:
    """What is told besides the game, whatever the labels: the wording that a replicate's agents share."""
    labels = [*(labels_of(told(question)) or {}).values(), "A"]  # which is also a word
    lines = [line for line in question.messages[0].content.splitlines()[1:] if not line.startswith("-")]
    text = "\n".join(lines)
    for label in labels:
        text = re.sub(rf"(?<![\w-]){re.escape(label)}(?![\w-])", "…", text)
    return text
