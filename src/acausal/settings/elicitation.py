"""The part of the schema that says how an answer is asked for: what is counterbalanced, elicited, asked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Elicit(Enum):
    """What is asked for in a decision."""

    choice = "choice"
    """One of the two labels."""
    probability = "probability"
    """A percentage: of choosing the label listed first. The action is drawn from it by the seed of its place."""
    logprobs = "logprobs"
    """One of the two labels, and the log-probabilities of its tokens where the endpoint gives them."""


@dataclass
class CounterbalanceConfig:
    """What is balanced over the agents of each replicate; false: as conf/game writes it, for everybody."""

    options: bool = True
    """Which of the two labels is named first."""
    payoff_rows: bool = True
    """Whether the payoffs are listed from mutual cooperation or from mutual defection."""
    labels: bool = True
    """Which word of each of `game.labels.pairs` means cooperation."""


@dataclass
class LabelsConfig:
    """The words for the two actions, as agents read and write them."""

    cooperate: str = "COOPERATE"
    defect: str = "DEFECT"
    pairs: list[list[str]] = field(default_factory=list)
    """Pairs of words in place of the two above, dealt to agents; under `counterbalance.labels` both ways round."""

    @property
    def in_force(self) -> list[tuple[str, str]]:
        """The pairs dealt to agents, the word for cooperation first."""
        return [(pair[0], pair[1]) for pair in self.pairs] or [(self.cooperate, self.defect)]


@dataclass
class AnswerConfig:
    """The last words of a decision's prompt (Jinja templates): the form of the answer, and the reminder of it."""

    choice: str = (
        "Reply with {{ 'one word' if words_are_single else 'the name of your choice alone' }}, "
        "{{ options | join(' or ') }}."
    )
    probability: str = (
        "Reply with one whole number from 0 to 100: how likely, in percent, it is that you choose {{ options[0] }} "
        "rather than {{ options[1] }}."
    )
    choice_reminder: str = (
        "Your reply must consist of {{ options | join(' or ') }} and nothing else: no explanation, no other word."
    )
    probability_reminder: str = (
        "Your reply must consist of one whole number from 0 to 100 and nothing else: no explanation, no other word."
    )
    program_reminder: str = (
        "Your reply must consist of one JSON object with these keys and nothing else: no explanation, no other word."
    )
