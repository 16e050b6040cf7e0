"""The leak lint: no prompt says more than its condition declares. It reads the rendered messages, as agents will."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from functools import lru_cache

from acausal.design.arms import Question, alike, questions, variants_to_read
from acausal.design.checks import questions_to_read
from acausal.design.counterbalance import Variant
from acausal.design.prompts import PastRound, Prompts
from acausal.errors import ConfigError
from acausal.settings.disclosure import topics
from acausal.settings.elicitation import Elicit
from acausal.settings.schema import Config
from acausal.settings.treatment import Linkage, Topic

_KIND = r"(?:AIs?|LLMs?|(?:language )?models?|machines?|weights|programs?|architectures?|systems?)"
_LEXICON: Mapping[Topic, str] = {
    Topic.ai: r"AIs?|artificial intelligences?|LLMs?|language models?|models?|machines?|neural nets?(?:works?)?"
    r"|chatbots?|bots?|GPT\S*|Claude|Gemini|Llama|Mistral|OpenAI|Anthropic|Google",
    Topic.human: r"humans?|persons?|people|man|woman",
    Topic.sameness: rf"identical|(?:exact )?cop(?:y|ies) of|copies|clones?|twins?|instances? of|yourself|your own kind"
    rf"|the same (?:\w+ ){{0,2}}(?:{_KIND}|prompts?)|(?:is|are)(?: all)? the same|mirror images?|another you",
    Topic.difference: rf"different (?:\w+ ){{0,2}}{_KIND}|another (?:\w+ ){{0,2}}{_KIND}|unlike you",
    Topic.similarity: r"similar(?:ly|ity|ities)?|alike|resembles?|like you|the way you (?:do|reason|think)"
    r"|reasons? as you|thinks? as you|the same family",
    Topic.linkage: r"sealed|coincides?|predict\w*|already chosen|chose already|correlated|same computation"
    r"|replaced by|replaced the|repeats? (?:it|your choice)|(?:sees?|shown) your choice|cannot affect",
    Topic.conclusion: r"(?:decides?|choos(?:e|es)|chose|acts?|plays?|reasons?|behaves?|concludes?|does?|thinks?|moves?)"
    r" (?:\w+ ){0,2}(?:as|like|what) you(?: \w+)?|(?:make|makes|making|reach|reaches) the same"
    r"|the same (?:choice|decision|conclusion|action|answer) as you\w*|therefore|hence|it follows that|you should"
    r"|it is (?:best|better|rational|wise|optimal) to",
    Topic.statistics: r"averages?|on average|rates?|majority|most (?:of (?:the|them)|others|participants|agents)"
    r"|usually|typically|tend to|per ?cent(?:age)?s?|of all choices",
    Topic.theory: r"nash|equilibri(?:um|a)|dominant|dominates?|superrational\w*|rational(?:ly|ity)?|game theor\w+"
    r"|decision theor\w+|prisoner\S* dilemma|acausal\w*|evidential",
    Topic.competition: r"competi\w+|opponents?|rivals?|enem(?:y|ies)|adversar\w+|beat|outscore|win|winner"
    r"|your own score",
    Topic.trust: r"trust\w*|reputations?|loyal\w*|friends?|betray\w*",
    Topic.norm: r"fair(?:ness|ly)?|moral\w*|ethic\w*|good for all|veil|the common good|not knowing which",
    Topic.demand: r"study|experiment|researchers?|cooperation|cooperative|altruis\w+",
}
_WORDS = {topic: re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE) for topic, words in _LEXICON.items()}
_HOLE = re.compile(r"\{\{|\}\}|\{%|%\}|\bNone\b|\bnan\b|\binf\b|\bundefined\b|\$\{|<[A-Z_]{2,}>")
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_SHARE = re.compile(rf"({_NUMBER}) ?(?:%|per ?cent)", re.IGNORECASE)
_POINTS = re.compile(rf"({_NUMBER}) points?\b")
_TURNS = re.compile(r"(?<![\w.])(\d+) turns\b")
_PEOPLE = re.compile(r"(?<![\w.])(\d+) (other )?(?:participants|agents|players)\b")
_ROW = re.compile(rf"You (.+?), the other (.+?): ({_NUMBER}) points?\b")
_EVERYBODY = re.compile(r"^\d+ all ")
"""Where a game is played by all at once, a row names what all the others do."""
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n")
_TOLD = {Linkage.u95: {95.0}, Linkage.u50: {50.0}}


@dataclass(frozen=True, slots=True)
class Leak:
    """What a prompt says and should not."""

    rule: str
    sentence: str
    cure: str


def lint(config: Config) -> None:
    """Read every message of a cell, in every wording, variant and round, for what its condition does not declare.

    Raises:
        ConfigError: The first leak: rule, sentence, where it stands, cure.
    """
    declared = _declared(config)
    for paraphrase, variant in variants_to_read(config):
        told = Prompts(config, paraphrase, variant).disclosure
        for number in re.finditer(rf"(?<![\w.]){_NUMBER}(?!\w)", _without_labels(variant, told)):
            if float(number[0]) not in declared | {config.num_agents, config.num_agents - 1}:
                raise ConfigError(
                    f"condition {config.condition.name!r} leaks: the number {number[0]} is declared nowhere, in "
                    f"{told!r} (disclosure, paraphrase {paraphrase}); take it out, or render it from the "
                    "configuration"
                )
        for question in (*questions(config, paraphrase, variant), *questions_to_read(config, paraphrase, variant)):
            for leak in _leaks(config, question, declared):
                raise ConfigError(
                    f"condition {config.condition.name!r} leaks: {leak.rule}, in {leak.sentence!r} "
                    f"({question.title}, paraphrase {paraphrase}); {leak.cure}"
                )


def lint_arms(cells: Sequence[tuple[str, Config]]) -> None:
    """Read every cell of a sweep, and compare them.

    Args:
        cells: What to call each, e.g. its overrides, and its configuration.

    Raises:
        ConfigError: A prompt leaks, or the agents of two arms would read exactly the same.
    """
    for _, config in cells:
        lint(config)
    pair = alike([config for _, config in cells])
    if pair is not None:
        first, second = (f"{number} ({cells[number][0]})" for number in pair)
        raise ConfigError(
            f"the agents of cells {first} and {second} would read exactly the same: drop one of them or make them "
            "differ; acausal prompts -m … shows what each is told"
        )


def _leaks(config: Config, question: Question, numbers: Set[float]) -> Iterator[Leak]:
    told = topics(config) | _shown(config, question)
    numbers = numbers | (_measured(question.past) if _shown(config, question) else set())
    for message in question.messages:
        for sentence in filter(None, map(str.strip, _SENTENCE_END.split(message.content))):
            yield from _holes(sentence)
            declared = told | _asked_for(config, question, sentence)
            yield from _undeclared_words(declared, question, _without_labels(question.variant, sentence))
            yield from _undeclared_numbers(config, numbers, sentence)
    yield from _payoffs(config, question)
    yield from _labels(question)


def _holes(sentence: str) -> Iterator[Leak]:
    hole = _HOLE.search(sentence)
    if hole:
        yield Leak(f"a template left {hole[0]!r}", sentence, "mend the template that it comes from")


def _undeclared_words(declared: frozenset[Topic], question: Question, sentence: str) -> Iterator[Leak]:
    for topic, word in _told(sentence):
        if topic not in declared:
            cure = (
                f"take it out, or declare it: condition.discloses=[{topic.name}]"
                if topic is not Topic.statistics or question.round > 1
                else "take it out: before round 2 nothing is measured"
            )
            yield Leak(f"{word!r} tells of {topic.name}, which is not declared", sentence, cure)


@lru_cache(maxsize=4096)
def _told(sentence: str) -> tuple[tuple[Topic, str], ...]:
    """The topics that a sentence tells of, each with its first word; most sentences stand in many a prompt."""
    found = ((topic, words.search(sentence)) for topic, words in _WORDS.items())
    return tuple((topic, word[0]) for topic, word in found if word)


def _shown(config: Config, question: Question) -> frozenset[Topic]:
    """What the measured past adds where it is shown."""
    shows = config.condition.shows
    return frozenset({Topic.statistics} if question.past and (shows.round_summaries or shows.global_rate) else ())


def _asked_for(config: Config, question: Question, sentence: str) -> frozenset[Topic]:
    """Who is asked for a percentage must be told so; it tells nothing of the others."""
    may_ask = config.elicit is Elicit.probability or question.is_check
    asks_for_percent = may_ask and sentence in question.ask
    return frozenset({Topic.statistics} if asks_for_percent else ())


def _undeclared_numbers(config: Config, declared: Set[float], sentence: str) -> Iterator[Leak]:
    for kind, pattern in (("share", _SHARE), ("payoff", _POINTS)):
        for found in pattern.finditer(sentence):
            if float(found[1]) not in declared:
                yield Leak(
                    f"the {kind} {found[0]!r} is declared nowhere",
                    sentence,
                    "take it out, or render it from the configuration, as {{ points(reward) }} is",
                )
    horizon = config.game.horizon
    for found in _TURNS.finditer(sentence):
        if not horizon.told or int(found[1]) != horizon.turns:
            said = f"{found[0]!r} is not what game.horizon tells agents"
            yield Leak(said, sentence, "write {{ horizon.turns }}, and only where {{ horizon.told }}")
    for found in _PEOPLE.finditer(sentence):
        number = config.num_agents - bool(found[2])
        if int(found[1]) != number:
            cure = f"write {{{{ {'num_coplayers' if found[2] else 'num_agents'} }}}}"
            yield Leak(f"{found[0]!r} contradicts num_agents={config.num_agents}", sentence, cure)


def _declared(config: Config) -> set[float]:
    """Every number of the game and the condition that agents may be told; a fraction also as percent."""
    condition = config.condition
    goods = config.public_goods
    given = [*asdict(config.payoffs).values(), condition.match_probability]
    given += [] if goods is None else [goods.endowment, goods.multiplier]
    given += [100.0, 1.0] if config.game.power.told else []  # the power that prompts are read with, and its factor
    horizon = config.game.horizon
    given += [horizon.turns, horizon.continuation] if horizon.several and horizon.told else []
    numbers = {float(number) for number in given if isinstance(number, int | float)}
    percents = {round(number * 100, 1) for number in numbers if 0 <= number <= 1}
    similarity = set() if condition.similarity is None else {round(condition.similarity, 1)}
    return numbers | percents | similarity | _TOLD.get(condition.linkage, set())


def _measured(past: tuple[PastRound, ...]) -> set[float]:
    """The numbers of a made-up past, as they are shown."""
    numbers: set[float] = set()
    for round_ in past:
        mean = sum(round_.scores) / len(round_.scores)
        numbers |= {round(100 * round_.cooperated / round_.counted, 1), round(mean, 1), *round_.scores}
    return numbers


def _payoffs(config: Config, question: Question) -> Iterator[Leak]:
    """The rows of the payoff table against the matrix in force."""
    actions = {label.casefold(): action for action, label in question.variant.labels.items()}
    payoffs = config.payoffs
    for message in question.messages:
        for row in _ROW.finditer(message.content):
            own, other = actions.get(row[1].casefold()), actions.get(_EVERYBODY.sub("", row[2]).casefold())
            if own is None or other is None:
                yield Leak("a row of the payoffs names no label", row[0], "write {{ cooperate }} and {{ defect }}")
            elif config.public_goods is not None and not _EVERYBODY.match(row[2]):
                yield Leak("a row of a game of all names one other", row[0], "drop the cover, which is told for pairs")
            elif abs(float(row[3]) - payoffs.payoff(own, other)) > 1e-5 * abs(float(row[3])):
                number = f"{payoffs.payoff(own, other):g}"
                cure = "render it from the matrix, e.g. {{ points(reward) }}"
                yield Leak(f"a payoff contradicts the matrix, which says {number}", row[0], cure)


def _labels(question: Question) -> Iterator[Leak]:
    """Both labels in the question that asks for one of them, and in the rules."""
    if not question.asks_for_action:
        return
    for label in question.variant.labels.values():
        for message in question.messages:
            if not _label(label).search(message.content):
                ending = message.content.splitlines()[-1] if message.content else ""
                cure = "write {{ cooperate }} and {{ defect }} into protocol.system and protocol.decision"
                yield Leak(f"the label {label!r} is missing in the {message.role} message", ending, cure)


def _label(label: str) -> re.Pattern[str]:
    flags = re.IGNORECASE if len(label) > 1 else re.NOFLAG  # "a" is an article, no label
    return re.compile(rf"(?<![\w-]){re.escape(label)}(?![\w-])", flags)


def _without_labels(variant: Variant, sentence: str) -> str:
    """A label is no leak, whatever word it is."""
    for label in variant.labels.values():
        sentence = _label(label).sub("…", sentence)
    return sentence
