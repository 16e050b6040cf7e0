"""The questions beside the game: what each asks, in an agent's own words and orders, and how its reply is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from acausal.design.arms import Question
from acausal.design.counterbalance import Variant
from acausal.design.parsing import Reading, declines, named_in, percentage_in, unanswered
from acausal.design.population import population, seat_seed
from acausal.design.prompts import Prompts, number
from acausal.design.recall import NOTHING, recalled_kind, recalled_link, told_kind, told_link
from acausal.design.seeds import placed_seed
from acausal.game import Action, PowerRule, factor
from acausal.records import Check, Message, Reply, Status
from acausal.settings.checks_schema import QuizOrder
from acausal.settings.elicitation import Elicit
from acausal.settings.game_schema import PowerMode
from acausal.settings.schema import Config
from acausal.settings.treatment import Topic

STAGES = ("start", "middle", "end")
"""When a canary is asked."""
_ANSWERS = ("YES", "NO")
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w%])", re.IGNORECASE)
_KIND_TOPICS = {Topic.ai, Topic.human, Topic.sameness, Topic.difference, Topic.similarity}
_LETTER = {Action.COOPERATE: "c", Action.DEFECT: "d"}


@dataclass(frozen=True, slots=True)
class CheckQuestion:
    """One question beside the game, ready to be sent."""

    check: Check
    name: str
    messages: tuple[Message, ...]
    choices: tuple[str, ...]
    """What the reply must choose from; empty: a sentence. Of a belief, the two labels."""
    expected: str | None
    elicit: Elicit = Elicit.choice
    recalled: Callable[[str], str | None] | None = None
    """How a sentence is read."""

    def read(self, reply: Reply) -> tuple[str | None, Reading]:
        """The answer that a reply gives, and what became of it; the reading's probability is of the first label."""
        unread = unanswered(reply)
        if unread is not None:
            return None, unread
        text = (reply.text or "").strip()
        answer = self._answer(text)
        if answer is not None:
            percentage = float(answer) / 100 if self.elicit is Elicit.probability else None
            return answer, Reading(None, Status.LEGIBLE, None, p_cooperate=percentage)
        if declines(text):
            return None, Reading(None, Status.REFUSED, "the text declines to answer")
        return None, Reading(None, Status.ILLEGIBLE, "not exactly one answer" if text else "empty")

    def _answer(self, text: str) -> str | None:
        if self.recalled is not None:
            return self.recalled(text)
        if self.elicit is Elicit.probability:
            percentage = percentage_in(text)
            return None if percentage is None else number(percentage)
        if any(_NUMBER.fullmatch(choice) for choice in self.choices):
            found = {float(each.replace("−", "-")) for each in _NUMBER.findall(text)}
            return next((choice for choice in self.choices if found == {float(choice)}), None)
        return named_in(text, {choice: choice for choice in self.choices})


def agent_questions(config: Config, prompts: Prompts, *, power: float = 100.0) -> list[CheckQuestion]:
    """Everything that one agent is asked beside its games, in the order of `Check`.

    Args:
        prompts: In the words and orders of the agent's variant.
        power: The agent's own in the first round.
    """
    checks, asked = config.checks, list[CheckQuestion]()
    if checks.comprehension:
        asked += _quiz(config, prompts, power)
    if checks.manipulation:
        asked += _recall(config, prompts, power)
    if checks.beliefs:
        asked += [_belief(config, prompts, power, own) for own in Action]
    return asked


def canary(config: Config) -> CheckQuestion:
    """The prompt that stays the same; its answers are compared with each other."""
    words = config.checks.words
    messages = (Message("system", words.canary_system), Message("user", words.canary))
    return CheckQuestion(Check.CANARY, "", messages, _ANSWERS, None)


def canary_slots(config: Config) -> list[str]:
    """Slots whose model is asked a canary: seats and the sub-model."""
    slots = [*config.seats, *([config.sub_model] if config.sub_model is not None else [])]
    asked = [slot for slot in dict.fromkeys(slots) if not config.plays_by_rule(slot)]
    return asked if config.checks.canary else []


def checks_per_replicate(config: Config) -> int:
    """Questions beside the game of one replicate."""
    each = len(agent_questions(config, Prompts(config))) if config.checks.any else 0
    asked = sum(count for slot, count in config.seats.items() if not config.plays_by_rule(slot))
    return asked * each + len(STAGES) * len(canary_slots(config))


def quizzed_before(config: Config, replicate: int) -> dict[int, bool]:
    """Agent → whether it is asked before it decides: under `half`, every other one of each model, give or take one."""
    agents = list(population(config.seats, seed=seat_seed(config.seed, replicate)))
    if config.checks.order is not QuizOrder.half:
        return {agent.id: config.checks.order is QuizOrder.before for agent in agents}
    # By a hash of their own, so that neither seats nor the deal of words and orders decide.
    agents.sort(key=lambda agent: (agent.model, placed_seed(config.seed, "checks", replicate, agent.id)))
    return {agent.id: (position + replicate) % 2 == 1 for position, agent in enumerate(agents)}


def questions_to_read(config: Config, paraphrase: int, variant: Variant | None = None) -> list[Question]:
    """The questions beside the game as the lint and people read them."""
    if not config.checks.any:
        return []
    prompts = Prompts(config, paraphrase, variant)
    asked = agent_questions(config, prompts)
    asked += [replace(canary(config), name="each model")] if config.checks.canary else []
    return [
        Question(
            title=f"check, {question.check} {question.name}",
            round=1,
            asks_for_action=False,
            messages=question.messages,
            past=(),
            variant=prompts.variant,
            ask=question.messages[-1].content if question.elicit is Elicit.probability else "",
            is_check=True,
        )
        for question in asked
    ]


def _quiz(config: Config, prompts: Prompts, power: float) -> list[CheckQuestion]:
    words, labels, payoffs = config.checks.words, prompts.labels, config.payoffs
    times, counted = _power_counted(config, power)
    points = {(own, other): number(payoffs.payoff(own, other) * times) for own, other in product(Action, Action)}
    # By size, so that no number stands in the place of its row; which end comes first goes with the rows.
    falls = prompts.variant.payoff_order is Action.DEFECT
    numbers = tuple(sorted(set(points.values()), key=float, reverse=falls))
    single = not any(" " in label for label in labels.values())
    options = " or ".join(labels.values())
    form = f"Reply with {'one word' if single else 'the name of the choice alone'}, {options}."
    asked = []
    for own, other in product(Action, Action):
        told = {"own": labels[own], "other": labels[other], "numbers": numbers, "counted": counted}
        messages = prompts.beside("checks.words.payoff", words.payoff, power=power, **told)
        name = f"payoff_{_LETTER[own]}{_LETTER[other]}"
        asked.append(CheckQuestion(Check.COMPREHENSION, name, messages, numbers, points[own, other]))
    for other in Action:
        worth = {own: payoffs.payoff(own, other) for own in Action}
        best = max(worth, key=worth.__getitem__)
        told = {"other": labels[other], "form": form, "counted": counted}
        messages = prompts.beside("checks.words.best_reply", words.best_reply, power=power, **told)
        name = f"best_reply_{_LETTER[other]}"
        asked.append(CheckQuestion(Check.COMPREHENSION, name, messages, tuple(labels.values()), labels[best]))
    return asked


def _power_counted(config: Config, power: float) -> tuple[float, str]:
    """What the told points are multiplied by in the quiz, and how it says so.

    Under a rule by which they hang on a logarithm, or on the other's power that nobody is told, the table is asked.
    """
    rules = config.game.power
    if rules.mode is PowerMode.off or not rules.told:
        return 1.0, ""
    if rules.rule is PowerRule.constant:
        return factor(rules.rule, power, power), ", your power included"
    return 1.0, ", before your power counts"


def _recall(config: Config, prompts: Prompts, power: float) -> list[CheckQuestion]:
    """What is asked about what was told; a sentence to recall only where one was told.

    Words outside claim and linkage may tell of the same (`condition.discloses`): then nobody can say what is right.
    """
    condition, words = config.condition, config.checks.words
    answers = _ANSWERS if prompts.variant.first_option is Action.COOPERATE else _ANSWERS[::-1]
    aspects: Sequence[tuple[str, str, Callable[[str], str | None], set[Topic]]] = (
        ("kind", told_kind(condition), recalled_kind, _KIND_TOPICS),
        ("link", told_link(condition), recalled_link, {Topic.linkage, Topic.conclusion}),
    )
    asked = []
    for name, told, recalled, topics in aspects:
        if told == NOTHING and topics & set(condition.discloses):
            continue
        template = getattr(words, f"told_{name}")
        messages = prompts.beside(f"checks.words.told_{name}", template, power=power, answers=answers)
        expected = "NO" if told == NOTHING else "YES"
        asked.append(CheckQuestion(Check.MANIPULATION, f"told_{name}", messages, answers, expected))
        if told != NOTHING:
            messages = prompts.beside(f"checks.words.{name}", getattr(words, name), power=power)
            asked.append(CheckQuestion(Check.MANIPULATION, name, messages, (), told, recalled=recalled))
    return asked


def _belief(config: Config, prompts: Prompts, power: float, own: Action) -> CheckQuestion:
    """How likely the other chooses the label named first, given what I choose."""
    labels: Mapping[Action, str] = prompts.labels
    messages = prompts.beside("checks.words.belief", config.checks.words.belief, power=power, own=labels[own])
    name = f"belief_{_LETTER[own]}"
    return CheckQuestion(Check.BELIEFS, name, messages, tuple(labels.values()), None, Elicit.probability)
