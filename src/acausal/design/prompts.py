"""From a condition, a game and a protocol to the messages that agents read.

Every word comes from conf/: the templates from the protocol, the disclosure from the condition, payoffs and labels
from the game in force. Two messages a prompt, what varies last: servers reuse the common prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from acausal.design.counterbalance import Variant, variants
from acausal.elicitation import Elicit
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Message
from acausal.schema import Config

_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)  # plain text, no HTML


@dataclass(frozen=True, slots=True)
class PastMatch:
    """An earlier match of this round, as its own agent saw it."""

    coplayer: str
    """Anonymous id, fresh in each (agent, round)."""
    own: Action
    other: Action


class Prompts:
    """Renders the messages of one cell, in the words and orders of one variant.

    Args:
        variant: None: the words as conf/ writes them. What `of` gives has another.

    Raises:
        ConfigError: A template of conf/ is broken or asks for a word that prompts do not know.
    """

    def __init__(self, config: Config, variant: Variant | None = None) -> None:
        game = config.game
        self._config = config
        self.variant = variants(config)[0] if variant is None else variant
        self.labels = self.variant.labels
        self._others: dict[Variant, Prompts] = {self.variant: self}
        self._words = {
            "num_agents": config.num_agents,
            "num_coplayers": config.num_agents - 1,
            "cooperate": self.variant.cooperate,
            "defect": self.variant.defect,
            "options": list(self.labels.values()),
            "payoff_rows": _payoff_rows(config, self.variant),
            "words_are_single": not any(" " in label for label in self.labels.values()),
            "temptation": game.payoffs.temptation,
            "reward": game.payoffs.reward,
            "punishment": game.payoffs.punishment,
            "sucker": game.payoffs.sucker,
            "points": points,
        }
        disclosure = self._compiled("condition.disclosure", config.condition.disclosure)
        self._words["disclosure"] = disclosure()
        self._system = self._compiled("protocol.system", config.protocol.system)()
        self._strategy = self._compiled("protocol.strategy", config.protocol.strategy or "")
        self._decision = self._compiled("protocol.decision", config.protocol.decision)
        answer, form = config.protocol.answer, "probability" if config.elicit is Elicit.probability else "choice"
        self._words["ask"] = self._compiled(f"protocol.answer.{form}", getattr(answer, form))()
        reminder = f"{form}_reminder"
        self._reminder = self._compiled(f"protocol.answer.{reminder}", getattr(answer, reminder))()

    def of(self, variant: Variant) -> Prompts:
        """The same prompts in the words and orders of a variant; rendered once."""
        if variant not in self._others:
            self._others[variant] = Prompts(self._config, variant)
        return self._others[variant]

    def again(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The same question, asked again after an illegible reply: word for word, then the reminder of the form."""
        *before, last = messages
        return (*before, replace(last, content=f"{last.content}\n{self._reminder}"))

    def strategy(self) -> tuple[Message, ...]:
        """The messages that ask for this round's strategy."""
        return self._messages(self._strategy())

    def decision(self, *, strategy: str | None, history: Sequence[PastMatch], coplayer: str) -> tuple[Message, ...]:
        """The messages that ask for one decision.

        Args:
            strategy: What the agent wrote this round; None under a protocol without strategies.
            history: The agent's own earlier matches of this round, in schedule order; empty where the condition
                shows none.
            coplayer: Anonymous id of the co-player.
        """
        shown = [
            {"coplayer": match.coplayer, "own": self.labels[match.own], "other": self.labels[match.other]}
            for match in history
        ]
        return self._messages(self._decision(strategy=strategy, history=shown, coplayer=coplayer))

    def _messages(self, user: str) -> tuple[Message, ...]:
        return (Message("system", self._system), Message("user", user))

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


@lru_cache(maxsize=256)
def _template(source: str) -> Template:
    """Compiled once for all variants and replicates."""
    return _ENVIRONMENT.from_string(source)


def _payoff_rows(config: Config, variant: Variant) -> list[dict[str, object]]:
    """The payoff table as an agent reads it: its own label, the other's, its points; the order is the variant's."""
    first = variant.payoff_order
    return [
        {"own": variant.labels[own], "other": variant.labels[other], "points": config.payoffs.payoff(own, other)}
        for own in (first, first.other)
        for other in (first, first.other)
    ]


def points(number: float) -> str:
    """A payoff in words: `3 points`, `1 point`, `0.5 points`."""
    return f"{number:g} point" if number == 1 else f"{number:g} points"


def anonymous_id(number: int) -> str:
    """What the n-th co-player of a round is called, n from 1."""
    return f"participant {number}"
