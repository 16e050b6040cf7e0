"""Frozen facts that a run produces. Places are counted from 1: replicate, round, matchday, match, agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from acausal.game import Action
from acausal.settings.elicitation import Elicit


class Purpose(StrEnum):
    """Why a model is called."""

    STRATEGY = "strategy"
    DECISION = "decision"
    CHECK = "check"
    """A question beside the game."""


class Check(StrEnum):
    """What a question beside the game is for."""

    COMPREHENSION = "comprehension"
    MANIPULATION = "manipulation"
    BELIEFS = "beliefs"
    CANARY = "canary"


class Status(StrEnum):
    """What became of a reply. Everything but LEGIBLE is missing data, with its reason."""

    LEGIBLE = "legible"
    ILLEGIBLE = "illegible"
    REFUSED = "refused"
    FAILED = "failed"


class Outcome(StrEnum):
    """What became of a reply, in more detail than its status."""

    LEGIBLE = "legible"
    ILLEGIBLE = "illegible"
    TRUNCATED = "truncated"
    """Cut off at its token limit, or ended by anything else but its own end; its status is illegible."""
    REFUSED = "refused"
    FILTERED = "filtered"
    """Withheld by the provider's content filter; its status is refused."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TokenChances:
    """One token of a reply, and how likely others would have been in its place."""

    token: str
    alternatives: tuple[tuple[str, float], ...]
    """Tokens with their natural log-probabilities, the likeliest first; the token itself is among them if listed."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the design a call belongs; part of its ledger key."""

    replicate: int
    round: int
    agent: int
    purpose: Purpose
    match: int | None = None
    """Number of the match within the round; None for a strategy."""
    coplayer: int | None = None
    """None also where everybody plays with all others at once."""
    sample: int = 1
    """Which of several times that the same decision is asked."""
    ask: int = 1
    """1: the first time; from 2: asked again because the reply before was illegible."""
    turn: int = 1
    """Of the match, from 1; 1 for a strategy too."""
    question: str = ""
    """Of a check, which one: `comprehension/payoff_cd`, `canary/start/a`."""

    @property
    def in_words(self) -> str:
        """As in `replicate 1, round 2, agent 3, decision, match 4 with agent 5`; the turn where it is not the first."""
        words = f"replicate {self.replicate}, round {self.round}, agent {self.agent}, {self.purpose}"
        words += f" {self.question}" if self.question else ""
        if self.match is not None:
            words += f", match {self.match} with {'all' if self.coplayer is None else f'agent {self.coplayer}'}"
        words += "" if self.turn == 1 else f", turn {self.turn}"
        words += "" if self.sample == 1 else f", sample {self.sample}"
        return words if self.ask == 1 else f"{words}, ask {self.ask}"


@dataclass(frozen=True, slots=True)
class Request:
    """What an agent asks a model, before the model's own dials are added."""

    place: Place
    slot: str
    """Key of `models`: who is asked."""
    messages: tuple[Message, ...]
    choices: tuple[str, ...]
    """Labels among which the reply must choose; empty: free text of one sentence."""
    seed: int
    """Seed of this place, in [0, 2^31), sent where the model takes one."""
    elicit: Elicit = Elicit.choice
    program: tuple[str, ...] = ()
    """Labels, in the order in which the prompt named them, between which the program asked for chooses; empty: none."""

    @property
    def characters(self) -> int:
        """Length of its messages."""
        return sum(len(message.content) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a request, or why nothing did."""

    key: str
    """Ledger key of the call."""
    model: str
    """Provider's id of the model assigned."""
    served_by: str | None
    """Provider's id of the model that answered; None when the endpoint does not say or nothing came."""
    substituted: bool
    """True when another model than the one assigned answered."""
    text: str | None
    reasoning: str | None = None
    """The model's own reasoning text, where the endpoint gives it apart from the reply."""
    finish_reason: str | None = None
    refusal: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    """None when neither the endpoint nor the configuration tells a price."""
    latency_s: float | None = None
    """Seconds from sending the last attempt to its last byte, without the wait for the limiter."""
    attempts: int = 1
    asked: str | None = None
    """Provider's id of the model that was asked: the one assigned, or its substitute."""
    retries: tuple[str, ...] = ()
    """Why each attempt but the last gave no reply: an HTTP status, or timeout, disconnect, malformed, empty."""
    queued_s: float = 0.0
    """Seconds waited for the model's limits, over all attempts."""
    error: str | None = None
    """Why there is no text; None when there is one."""
    cause: str | None = None
    """The same in the word by which retries are counted: why the last attempt gave no reply."""
    replayed: bool = False
    """True when the reply came from the ledger and cost nothing now."""
    logprobs: tuple[TokenChances, ...] | None = None
    """Of its first tokens, up to the one that decides between the labels; None where they were not given."""


@dataclass(frozen=True, slots=True)
class StrategyRecord:
    """One agent writing its strategy for a round."""

    replicate: int
    round: int
    agent: int
    model: str
    served_by: str | None
    substituted: bool
    status: Status
    strategy: str | None
    reasoning: str | None
    call_key: str
    reason: str | None
    """Why there is no strategy; None when there is one."""
    messages_hash: str | None = None
    """Of the exact messages that asked for it."""
    paraphrase: int | None = None
    """Which wording of the condition they were in, from 1."""
    reasks: int = 0
    """How often it was asked again because the reply was no program."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One agent choosing, once: who was asked, what was read, what it earned."""

    replicate: int
    round: int
    matchday: int
    match: int
    agent: int
    coplayer: int | None
    """None where everybody plays with all others at once; its two models are None then too."""
    model: str
    """Model assigned to decide: the agent's own, or `sub_model`."""
    coplayer_model: str | None
    agent_model: str
    """Model that sits in the agent's seat; differs from `model` only under a `sub_model`."""
    coplayer_agent_model: str | None
    served_by: str | None
    substituted: bool
    condition: str
    scenario: str
    action: Action | None
    """None when the reply is illegible, a refusal or a failure; never guessed."""
    status: Status
    p_cooperate: float | None
    payoff: float | None
    """Points; None when either action of the turn is missing: the turn is void."""
    power: float
    call_key: str | None
    """The call that made the decision, or the strategy call whose failure left nothing to decide with; None where a
    rule decided.
    """
    reason: str | None
    """Why there is no action; None when there is one."""
    messages_hash: str | None = None
    """Of the exact messages that asked for it; None when nothing was asked."""
    paraphrase: int | None = None
    """Which wording of the condition they were in, from 1."""
    claim_is_true: bool | None = None
    """Whether what the agent was told of its co-player holds; None when nothing was claimed."""
    outcome: Outcome | None = None
    """The status in more detail."""
    label: str | None = None
    """The words that its agent was given, that for cooperation first: `COOPERATE/DEFECT`."""
    first_option: Action | None = None
    """The action whose label its prompt named first."""
    payoff_order: Action | None = None
    """The action whose mutual outcome headed the payoff rows of its prompt."""
    reasks: int = 0
    """How often it was asked again because the reply was illegible."""
    samples_agree: float | None = None
    """Share of the pairs of its legible samples that chose alike; None with fewer than two."""
    turn: int = 1
    """Of the match, from 1."""

    @property
    def counts(self) -> bool:
        """Whether the decision enters estimates: legible and made by the model assigned."""
        return self.action is not None and not self.substituted


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One question beside the game, and what came of it."""

    replicate: int
    round: int
    agent: int | None
    """None of a canary, which is asked of a model and not of an agent."""
    model: str
    """Model assigned to answer: the one that decides for the agent."""
    served_by: str | None
    substituted: bool
    condition: str
    scenario: str
    paraphrase: int
    """Which wording of the condition the agent reads, from 1."""
    check: Check
    question: str
    """`payoff_cd`: I cooperate, the other defects; `belief_c`: given that I cooperate; `start` of a canary."""
    expected: str | None
    """What the rules or the condition make of it; None where every answer is as good as another."""
    answer: str | None
    """As it was read; None where nothing was."""
    status: Status
    correct: bool | None
    """None where nothing was read or nothing is expected."""
    before_decision: bool | None
    """Whether it was asked before the agent decided in the first round; None of a canary."""
    call_key: str
    reason: str | None
    """Why there is no answer; None when there is one."""
    p_cooperate: float | None = None
    """Of a belief: that the other cooperates."""
    label: str | None = None
    """As in a decision, with the two orders that follow."""
    first_option: Action | None = None
    payoff_order: Action | None = None
    messages_hash: str | None = None
    agent_model: str | None = None
    """Model in the agent's seat; differs from `model` only under a `sub_model`."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class MatchRecord:
    """Two agents, one turn or several; of an n-player game: everybody, once."""

    replicate: int
    round: int
    matchday: int
    match: int
    decisions: tuple[Decision, ...]
    """Two a turn, in the order of the turns and always the same agent first; of an n-player game everybody's."""

    @property
    def turns(self) -> tuple[tuple[Decision, ...], ...]:
        """The decisions of each turn that was played."""
        last = max(decision.turn for decision in self.decisions)
        return tuple(tuple(d for d in self.decisions if d.turn == turn) for turn in range(1, last + 1))

    @property
    def is_void(self) -> bool:
        """Whether an action is missing: in that turn, the last, nobody scores and nothing is shown."""
        return any(decision.action is None for decision in self.decisions)


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """A round of one replicate in numbers. Rates are fractions in [0, 1], None over nothing."""

    replicate: int
    round: int
    decisions: int
    legible: int
    cooperation_rate: float | None
    cooperation_rate_by_model: dict[str, float | None]
    cooperation_rate_within_model: float | None
    cooperation_rate_cross_model: float | None
    scores: dict[int, float]
    """Agent → points of this round."""
    power: dict[int, float]
    population: dict[str, int] = field(default_factory=dict)
    """Model → agents that it sits in, extinct ones with 0."""
