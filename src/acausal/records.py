"""Frozen facts that a run produces. Places are counted from 1: replicate, round, matchday, match, agent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from acausal.game import Action


class Purpose(StrEnum):
    """Why a model is called."""

    STRATEGY = "strategy"
    DECISION = "decision"


class Status(StrEnum):
    """What became of a reply. Everything but LEGIBLE is missing data, with its reason."""

    LEGIBLE = "legible"
    ILLEGIBLE = "illegible"
    REFUSED = "refused"
    FAILED = "failed"


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

    @property
    def in_words(self) -> str:
        """As in `replicate 1, round 2, agent 3, decision, match 4 with agent 5`."""
        words = f"replicate {self.replicate}, round {self.round}, agent {self.agent}, {self.purpose}"
        return words if self.match is None else f"{words}, match {self.match} with agent {self.coplayer}"


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
    program: tuple[str, ...] = ()
    """Labels, cooperation first, between which the reply must be a program that chooses; empty: it is none."""

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


@dataclass(frozen=True, slots=True)
class Decision:
    """One agent choosing, once: who was asked, what was read, what it earned."""

    replicate: int
    round: int
    matchday: int
    match: int
    agent: int
    coplayer: int
    model: str
    """Model assigned to decide: the agent's own, or `sub_model`."""
    coplayer_model: str
    agent_model: str
    """Model that sits in the agent's seat; differs from `model` only under a `sub_model`."""
    coplayer_agent_model: str
    served_by: str | None
    substituted: bool
    condition: str
    scenario: str
    action: Action | None
    """None when the reply is illegible, a refusal or a failure; never guessed."""
    status: Status
    p_cooperate: float | None
    payoff: float | None
    """Points; None when either action of the match is missing: the match is void."""
    power: float
    call_key: str
    """The call that made the decision, or the strategy call whose failure left nothing to decide with."""
    reason: str | None
    """Why there is no action; None when there is one."""

    @property
    def counts(self) -> bool:
        """Whether the decision enters estimates: legible and made by the model assigned."""
        return self.action is not None and not self.substituted


@dataclass(frozen=True, slots=True)
class MatchRecord:
    """Two agents, one turn."""

    replicate: int
    round: int
    matchday: int
    match: int
    decisions: tuple[Decision, Decision]

    @property
    def is_void(self) -> bool:
        """Whether an action is missing, so that nobody scores and nothing is shown."""
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
