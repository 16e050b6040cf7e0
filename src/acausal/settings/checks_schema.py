"""The schema of checks: questions beside the game, in conversations of their own that no game ever sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class QuizOrder(Enum):
    """When an agent is asked about the rules and its beliefs: before it decides in the first round, or after."""

    half = "half"
    """Before in one half of the agents of each model, after in the other; which half turns with the replicate."""
    before = "before"
    after = "after"


@dataclass
class CheckWordsConfig:
    """What each question says (Jinja templates with the words of the prompts)."""

    payoff: str = (
        "Suppose that in a match you choose {{ own }} and the other participant chooses {{ other }}. How many points "
        "do you get{{ counted }}? Reply with one number: {{ numbers[:-1] | join(', ') }} or {{ numbers[-1] }}."
    )
    best_reply: str = (
        "Suppose that in a match the other participant chooses {{ other }}. Which choice of yours gives you more "
        "points{{ counted }}, {{ options | join(' or ') }}? {{ form }}"
    )
    told_kind: str = (
        "Is there a statement, in all that you were told above, on what the other participant is? "
        "Reply with one word, {{ answers | join(' or ') }}."
    )
    told_link: str = (
        "Is there a statement, in all that you were told above, on how the other choice of a match comes about or "
        "hangs together with yours, apart from the rules for all participants? "
        "Reply with one word, {{ answers | join(' or ') }}."
    )
    kind: str = (
        "What were you told above that the other participant is? Reply with one sentence, in the words that you were "
        "told."
    )
    link: str = (
        "What were you told above on how the other choice of a match comes about or hangs together with yours? Reply "
        "with one sentence, in the words that you were told."
    )
    belief: str = (
        "Suppose that in a match you choose {{ own }}. Reply with one whole number from 0 to 100: how likely, in "
        "percent, it is that the other participant chooses {{ options[0] }}."
    )
    canary_system: str = "Answer the question."
    canary: str = "Is 17077 a prime number? Reply with one word, YES or NO."
    """Has nothing to do with any game, and stays the same from the first call to the last."""


@dataclass
class ChecksConfig:
    """Which questions are asked beside the game; with all of them off nothing is."""

    comprehension: bool = False
    """A quiz on the payoffs in force, of each agent once a replicate."""
    manipulation: bool = False
    """After the decisions of the first round: what the agent was told of its co-player."""
    beliefs: bool = False
    """How likely the other cooperates if I do, and if I do not, each in a conversation of its own."""
    canary: bool = False
    """The same prompt to each model at the start, in the middle and at the end of each replicate."""
    order: QuizOrder = QuizOrder.half
    words: CheckWordsConfig = field(default_factory=CheckWordsConfig)

    @property
    def any(self) -> bool:
        """Whether anything is asked beside the game."""
        return self.comprehension or self.manipulation or self.beliefs or self.canary
