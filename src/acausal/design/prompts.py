"""From a condition, a game and a protocol to the messages that agents read.

Every word comes from conf/: the templates from the protocol, the disclosure from the condition, payoffs and labels
from the game in force. Two messages a prompt, what varies last: servers reuse the common prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from acausal.design.program import outcome_keys
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
            "shows_own_matches": config.condition.shows.own_matches,
            "outcomes": [
                {"key": key, "own": self.labels[own], "other": self.labels[other]}
                for (own, other), key in outcome_keys(self.labels).items()
            ],
        }
        disclosure = self._compiled("condition.disclosure", config.condition.disclosure)
        self._words["disclosure"] = disclosure()
        self._system = self._compiled("protocol.system", config.protocol.system)()
        self._strategy = self._compiled("protocol.strategy", config.protocol.strategy or "")
        self._decision = self._compiled("protocol.decision", config.protocol.decision or "")

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
            compiled = _ENVIRONMENT.from_string(template)
        except TemplateError as error:
            raise refusal(error) from error

        def render(**words: object) -> str:
            try:
                return compiled.render(self._words | words).strip()
            except TemplateError as error:
                raise refusal(error) from error

        return render


def points(number: float) -> str:
    """A payoff in words: `3 points`, `1 point`, `0.5 points`."""
    return f"{number:g} point" if number == 1 else f"{number:g} points"


def anonymous_id(number: int) -> str:
    """What the n-th co-player of a round is called, n from 1."""
    return f"participant {number}"
