"""From a condition, a game and a protocol to the messages that agents read.

Every word comes from conf/: the templates from the protocol, the disclosure from the condition, payoffs and labels
from the game in force. Two messages a prompt, what varies last: servers reuse the common prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Message
from acausal.schema import Config


@dataclass(frozen=True, slots=True)
class PastMatch:
    """An earlier match of this round, as its own agent saw it."""

    coplayer: str
    """Anonymous id, fresh in each (agent, round)."""
    own: Action
    other: Action


class Prompts:
    """Renders the messages of one cell.

    Raises:
        ConfigError: A template of conf/ is broken or asks for a word that prompts do not know.
    """

    def __init__(self, config: Config) -> None:
        game = config.game
        self.labels = {Action.COOPERATE: game.labels.cooperate, Action.DEFECT: game.labels.defect}
        self._words = {
            "num_agents": config.num_agents,
            "num_coplayers": config.num_agents - 1,
            "cooperate": game.labels.cooperate,
            "defect": game.labels.defect,
            "temptation": game.payoffs.temptation,
            "reward": game.payoffs.reward,
            "punishment": game.payoffs.punishment,
            "sucker": game.payoffs.sucker,
            "points": points,
        }
        self._environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)  # plain text, no HTML
        self._words["disclosure"] = self._render("condition.disclosure", config.condition.disclosure)
        self._system = self._render("protocol.system", config.protocol.system)
        self._protocol = config.protocol

    def strategy(self) -> tuple[Message, ...]:
        """The messages that ask for this round's strategy."""
        return self._messages(self._render("protocol.strategy", self._protocol.strategy or ""))

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
        words = {"strategy": strategy, "history": shown, "coplayer": coplayer}
        return self._messages(self._render("protocol.decision", self._protocol.decision, **words))

    def _messages(self, user: str) -> tuple[Message, ...]:
        return (Message("system", self._system), Message("user", user))

    def _render(self, key: str, template: str, **words: object) -> str:
        try:
            return self._environment.from_string(template).render(self._words | words).strip()
        except TemplateError as error:
            raise ConfigError(
                f"{key} does not render: {error}; the words it may use are {sorted(self._words)}"
            ) from error


def points(number: float) -> str:
    """A payoff in words: `3 points`, `1 point`, `0.5 points`."""
    return f"{number:g} point" if number == 1 else f"{number:g} points"


def anonymous_id(number: int) -> str:
    """What the n-th co-player of a round is called, n from 1."""
    return f"participant {number}"
