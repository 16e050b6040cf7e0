"""From a condition, a game and a protocol to the messages that agents read.

Every word comes from conf/: the templates from the protocol, the sentences from condition and wording, payoffs and
labels from the game in force. Two messages a prompt, what varies last: servers reuse the common prefix.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from acausal.design.counterbalance import Variant, variants
from acausal.design.program import outcome_keys
from acausal.errors import ConfigError
from acausal.game import NAMES, Action, PowerRule
from acausal.records import Message
from acausal.settings.disclosure import disclosure
from acausal.settings.elicitation import Elicit
from acausal.settings.encounters import matches_in_words
from acausal.settings.schema import Config

_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)  # plain text, no HTML


@dataclass(frozen=True, slots=True)
class PastMatch:
    """An earlier match of this round, or one turn of it, as its own agent saw it."""

    coplayer: str
    """Anonymous id, fresh in each (agent, round)."""
    own: Action
    other: Action
    turn: int = 1
    """Of the match, from 1."""


@dataclass(frozen=True, slots=True)
class PastRound:
    """An earlier round of this replicate, as it was measured."""

    number: int
    cooperated: int
    counted: int
    """Decisions that count: legible and made by the model assigned."""
    scores: tuple[float, ...]
    """Points of each agent, by id."""


class Prompts:
    """Renders the messages of one cell, in one of its wordings and in the words and orders of one variant.

    Args:
        paraphrase: Which wording, from 1; `paraphrase_of` says which is a replicate's.
        variant: None: the words as conf/ writes them. What `of` gives has another.

    Raises:
        ConfigError: A template of conf/ is broken or asks for a word that prompts do not know.
    """

    def __init__(self, config: Config, paraphrase: int = 1, variant: Variant | None = None) -> None:
        condition, payoffs = config.condition, config.payoffs
        self._config = config
        self.paraphrase = paraphrase
        self.variant = variants(config)[0] if variant is None else variant
        self.labels = self.variant.labels
        self._others: dict[Variant, Prompts] = {self.variant: self}
        self._words = {
            "num_agents": config.num_agents,
            "num_coplayers": config.num_agents - 1,
            "matches": matches_in_words(config),
            "cooperate": self.variant.cooperate,
            "defect": self.variant.defect,
            "options": list(self.labels.values()),
            "payoff_rows": _payoff_rows(config, self.variant),
            "words_are_single": not any(" " in label for label in self.labels.values()),
            **{name: getattr(payoffs, name) for name in NAMES.values()},
            "points": points,
            "percent": percent,
            "number": number,
            "horizon": config.game.horizon,
            "shows_own_matches": condition.shows.own_matches,
            "outcomes": [
                {"key": key, "own": self.labels[own], "other": self.labels[other]}
                for (own, other), key in outcome_keys(self.labels).items()
            ],
        }
        self._words |= _words_of_its_own(config)
        source = "condition.disclosure" if condition.disclosure else f"wording {config.wording.name!r}"
        self.disclosure = self._compiled(source, disclosure(config, paraphrase))()
        """What agents are told about each other, as they read it."""
        self._words["disclosure"] = self.disclosure
        self._words["matching"] = self._compiled("matching.told", config.matching.told)()
        own, usual = config.game.wording, config.protocol  # a game that is not played in pairs brings its own words
        self._system = self._compiled("protocol.system", own.system or usual.system)()
        self._strategy = self._compiled("protocol.strategy", own.strategy or usual.strategy or "")
        self._decision = self._compiled("protocol.decision", own.decision or usual.decision or "")
        form = "probability" if config.elicit is Elicit.probability else "choice"
        self.ask = self._compiled(f"protocol.answer.{form}", getattr(usual.answer, form))()
        """The form of the answer that a decision asks for, as agents read it."""
        self._words["ask"] = self.ask
        reminder = "program_reminder" if usual.is_compiled else f"{form}_reminder"
        self._reminder = self._compiled(f"protocol.answer.{reminder}", getattr(usual.answer, reminder))()
        self._past = [
            self._compiled(f"wording.{shown}", getattr(config.wording, shown))
            for shown in ("round_summaries", "global_rate")
            if getattr(condition.shows, shown)
        ]
        power = config.game.power
        self._power_rule = power.rule
        self._power = self._compiled("game.power.sentence", power.sentence if power.told else "")

    def of(self, variant: Variant) -> Prompts:
        """The same prompts in the words and orders of a variant; rendered once."""
        if variant not in self._others:
            self._others[variant] = Prompts(self._config, self.paraphrase, variant)
        return self._others[variant]

    def again(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The same question, asked again after an illegible reply: word for word, then the reminder of the form."""
        *before, last = messages
        return (*before, replace(last, content=f"{last.content}\n{self._reminder}"))

    def strategy(self, past: Sequence[PastRound] = (), *, power: float = 100.0) -> tuple[Message, ...]:
        """The messages that ask for this round's strategy.

        Args:
            past: The earlier rounds; what the condition does not show of them is left out.
            power: The agent's own of this round, shown only where the game tells it.
        """
        return self._messages(self._strategy(past=self._shown(past)), power)

    def decision(
        self,
        *,
        strategy: str | None,
        history: Sequence[PastMatch],
        coplayer: str,
        past: Sequence[PastRound] = (),
        power: float = 100.0,
        turns: Sequence[PastMatch] = (),
    ) -> tuple[Message, ...]:
        """The messages that ask for one decision.

        Args:
            strategy: What the agent wrote this round; None under a protocol without strategies.
            history: The agent's own earlier matches of this round, in schedule order; empty where the condition
                shows none.
            coplayer: Anonymous id of the co-player.
            past: As for `strategy`.
            power: As for `strategy`.
            turns: The turns of this match so far.
        """
        words = {"strategy": strategy, "coplayer": coplayer, "turn": len(turns) + 1, "past": self._shown(past)}
        told = self._decision(**words, history=self._played(history), turns=self._played(turns))
        return self._messages(told, power)

    def _played(self, past: Sequence[PastMatch]) -> list[dict[str, object]]:
        """Matches and turns in the words of the agent that played them."""
        return [
            {
                "coplayer": match.coplayer,
                "own": self.labels[match.own],
                "other": self.labels[match.other],
                "turn": match.turn,
            }
            for match in past
        ]

    def beside(self, key: str, template: str, *, power: float = 100.0, **words: object) -> tuple[Message, ...]:
        """The messages of a question beside the game: what every deciding call is told, then the question alone.

        Args:
            key: Where the template stands.
            power: As for `strategy`.
            words: Of this template alone.
        """
        return self._messages(self._compiled(key, template)(**words), power)

    def _shown(self, past: Sequence[PastRound]) -> str:
        """The earlier rounds as the condition shows them; a round in which nothing was measured is left out."""
        measured = [round_ for round_ in past if round_.counted]
        if not measured:
            return ""
        rounds, overall = [_in_numbers([round_]) for round_ in measured], _in_numbers(measured)
        return "\n".join(render(past=rounds, overall=overall) for render in self._past)

    def _messages(self, user: str, power: float) -> tuple[Message, ...]:
        told = self._power(power=number(power), factor=factor_in_words(self._power_rule, power))
        return (Message("system", self._system), Message("user", f"{told}\n{user}" if told else user))

    def _compiled(self, key: str, template: str) -> Callable[..., str]:
        """A template of conf/, compiled once: compiling costs more than the whole rest of a call."""

        def refusal(error: TemplateError) -> ConfigError:
            return ConfigError(f"{key} does not render: {error}; the words it may use are {sorted(self._words)}")

        try:
            compiled = _template(template)
        except TemplateError as error:
            raise refusal(error) from error

        def render(**words: object) -> str:
            try:
                return compiled.render(self._words | words).strip()
            except TemplateError as error:
                raise refusal(error) from error

        return render


@lru_cache(maxsize=512)
def _template(text: str) -> Template:
    """Compiled once for all variants and replicates."""
    return _ENVIRONMENT.from_string(text)


def _words_of_its_own(config: Config) -> dict[str, float]:
    """Numbers that only some games and conditions have."""
    condition, goods = config.condition, config.public_goods
    words = {} if goods is None else {"endowment": goods.endowment, "multiplier": goods.multiplier}
    if condition.similarity is not None:
        words["similarity"] = condition.similarity / 100
    if condition.match_probability is not None:
        words["match_probability"] = condition.match_probability
    return words


def _payoff_rows(config: Config, variant: Variant) -> list[dict[str, object]]:
    """The payoff table as an agent reads it: its own label, the other's, its points; the order is the variant's."""
    first, payoffs = variant.payoff_order, config.payoffs
    return [
        {"own": variant.labels[own], "other": variant.labels[other], "points": payoffs.payoff(own, other)}
        for own in (first, first.other)
        for other in (first, first.other)
    ]


def _in_numbers(rounds: Sequence[PastRound]) -> dict[str, float]:
    """Rate and points per agent over some rounds; `number` is that of the last."""
    scores = [round(sum(points), 1) for points in zip(*(round_.scores for round_ in rounds), strict=True)]
    return {
        "number": rounds[-1].number,
        "rate": sum(round_.cooperated for round_ in rounds) / sum(round_.counted for round_ in rounds),
        "mean": round(sum(scores) / len(scores), 1),
        "least": min(scores),
        "most": max(scores),
    }


def messages_hash(messages: Sequence[Message]) -> str:
    """A short hash of the exact messages that were sent."""
    text = json.dumps([(message.role, message.content) for message in messages])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def points(amount: float) -> str:
    """A payoff in words: `3 points`, `1 point`, `0.5 points`."""
    return f"{number(amount)} point" if amount == 1 else f"{number(amount)} points"


def percent(fraction: float) -> str:
    """A fraction in [0, 1] in words, to a tenth: `100 %`, `62.5 %`."""
    return f"{round(fraction * 100, 1):g} %"


def number(amount: float) -> str:
    """A number as agents read it."""
    return f"{amount:g}"


def factor_in_words(rule: PowerRule, power: float) -> str:
    """What an agent of some power has its points multiplied by, as it is told."""
    words = {
        PowerRule.constant: number(power / 100),
        PowerRule.log: f"the natural logarithm of {number(power / 100)}",
        PowerRule.relative: "the other participant's power, divided by yours",
    }
    return words[rule]


def anonymous_id(meeting: int) -> str:
    """What the n-th co-player of a round is called, n from 1."""
    return f"participant {meeting}"
