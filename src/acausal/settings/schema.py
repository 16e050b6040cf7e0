"""The schema of conf/: one dataclass per group, registered with Hydra, so that typos and wrong types die early."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

from acausal.game import GameKind, Payoffs, PublicGoods
from acausal.settings.checks_schema import ChecksConfig
from acausal.settings.elicitation import AnswerConfig, CounterbalanceConfig, Elicit
from acausal.settings.game_schema import GameConfig
from acausal.settings.matching_schema import EvolutionConfig, MatchingConfig
from acausal.settings.treatment import ConditionConfig, WordingConfig
from acausal.settings.treatment import OwnLabelsConfig as OwnLabelsConfig
from acausal.settings.treatment import ShowsConfig as ShowsConfig  # a typo below it is explained by its keys


class EndpointKind(Enum):
    """How a model is reached."""

    openai = "openai"
    """An OpenAI-compatible server at `base_url`."""
    embedded = "embedded"
    """llama.cpp in this process, behind the same protocol on a loopback port."""
    scripted = "scripted"
    """A few lines of Python; no network at all."""
    classical = "classical"
    """No language model: a rule that plays from the actions of its match; it is never asked and costs nothing."""


class AnswerFormat(Enum):
    """How a reply is held to its shape."""

    text = "text"
    """Asked for in words only."""
    json_schema = "json_schema"
    """`response_format` with a strict JSON schema."""
    grammar = "grammar"
    """llama.cpp's `grammar` field: the bare label, at the fewest tokens."""


class FallbackPolicy(Enum):
    """What happens when the assigned model gives no reply."""

    substitute = "substitute"
    """`fallback.model` answers; the reply is marked and leaves the estimates."""
    missing = "missing"
    """Nobody answers; the decision is missing with its reason."""
    abort = "abort"
    """The run stops at the first such call."""


class ProgressMode(Enum):
    """How progress is shown."""

    auto = "auto"
    """Live on a terminal, plain lines elsewhere."""
    plain = "plain"
    off = "off"


class Preflight(Enum):
    """What is checked before the first call of a run."""

    catalog = "catalog"
    """Keys and credit (`/key`), models, parameters and prices (`/models`), where the endpoint has them."""
    ping = "ping"
    """The same, and one minimal call to each model."""
    off = "off"


class ReplayMode(Enum):
    """Whether a run may ask for what its ledger does not hold."""

    auto = "auto"
    """From the ledger where it can, else from the models."""
    strict = "strict"
    """From the ledger alone: no key, no network, nothing appended; the tables are compared with those on disk."""


@dataclass
class EndpointConfig:
    """A server of models."""

    name: str = MISSING
    kind: EndpointKind = EndpointKind.openai
    base_url: str | None = None
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself never stands in a configuration."""
    headers: dict[str, str] = field(default_factory=dict)
    lists_every_model: bool = False
    """Whether a model that is absent from its `/models` does not exist; local servers answer to other names too."""
    rate_limit: float | None = None
    """Requests per minute over all its models, beside their own limits; null: none."""
    token_limit: float | None = None
    """Tokens per minute over all its models; null: none."""
    max_concurrency: int | None = None
    """Calls in flight over all its models; null: the sum of theirs."""
    params: dict[str, Any] = field(default_factory=dict)
    """Sent with every request to this endpoint, e.g. OpenRouter's routing; a model's `custom_params` win."""


@dataclass
class EmbeddedConfig:
    """How llama.cpp loads a local model."""

    weights: str | None = None
    """Weights that come as a package: smollm2_135m or gemma3_270m."""
    gguf: str | None = None
    """Path of a GGUF file on disk; wins over `weights`."""
    parallel: int = 10
    """Slots: prompts processed at the same time, and prompts whose prefix is kept."""
    context: int = 1536
    """Tokens per slot."""
    threads: int | None = None
    """null: the processors of the machine shared among the embedded models of the run."""
    chat_template: str | None = None
    """Jinja template for weights that bring none (base models)."""


@dataclass
class PriceConfig:
    """USD per million tokens, where the endpoint does not report a cost itself."""

    input_usd_per_mtok: float = MISSING
    output_usd_per_mtok: float = MISSING


@dataclass
class FallbackConfig:
    """What happens when the assigned model gives no reply."""

    policy: FallbackPolicy = FallbackPolicy.missing
    model: str | None = "${main_model}"


@dataclass
class OwnFallbackConfig:
    """What happens when this one model gives no reply; null: what the run says."""

    policy: FallbackPolicy | None = None
    model: str | None = None


@dataclass
class ModelConfig:
    """A language model and the dials of its calls."""

    model_type: str = MISSING
    """The provider's id."""
    endpoint: EndpointConfig = MISSING
    api_key_env: str | None = None
    """Wins over the endpoint's."""
    max_tokens: int = 1000
    temperature: float | None = 0.7
    """null: not sent, for models that refuse it."""
    rate_limit: float | None = 60
    """Requests per minute; null: none."""
    token_limit: float | None = None
    """Tokens per minute, of prompt and reply together; null: none."""
    max_concurrency: int = 16
    """Calls in flight at most; fewer after an overload, until calls succeed again."""
    retry_delay: float = 1.0
    """Seconds, base of the exponential backoff."""
    max_retries: int = 5
    timeout_s: float = 60
    """Patience with one request, from sending it to its last byte."""
    patience_s: float = 300
    """Patience with one call: its attempts and the waits between them, without the queue for its limits."""
    fallback: OwnFallbackConfig = field(default_factory=OwnFallbackConfig)
    custom_params: dict[str, Any] = field(default_factory=dict)
    """Sent with every request as it stands, e.g. top_p, provider, reasoning."""
    answer_format: AnswerFormat = AnswerFormat.text
    send_seed: bool = False
    """Whether each request carries the seed of its place."""
    served_as: list[str] = field(default_factory=list)
    """Further ids under which the endpoint serves this same model, e.g. a dated snapshot."""
    price: PriceConfig | None = field(default_factory=PriceConfig)
    """Left unset as a whole: null. OmegaConf can set a key below it only where it is not null from the start."""
    embedded: EmbeddedConfig | None = None

    @property
    def width(self) -> int:
        """Calls in flight at most; of an embedded model no more than llama.cpp has slots.

        What waits inside llama.cpp beyond its slots is overtaken by what comes later, and some of it for minutes.
        """
        return self.max_concurrency if self.embedded is None else min(self.max_concurrency, self.embedded.parallel)


@dataclass
class ScenarioConfig:
    """The population's composition."""

    name: str = MISSING
    model_distribution: dict[str, int] = MISSING
    """Slot → number of agents."""


@dataclass
class ProtocolConfig:
    """How a decision comes about, and in which words (Jinja templates)."""

    name: str = MISSING
    system: str = MISSING
    """System message of every call: rules, payoffs, disclosure."""
    strategy: str | None = None
    """User message that asks for a strategy once a round; null: agents decide without one."""
    decision: str | None = MISSING
    """User message that asks for one decision; null: the strategy is a program that decides (design/program.py)."""
    answer: AnswerConfig = field(default_factory=AnswerConfig)
    """How it asks for the form of the answer: `{{ ask }}` in the decision's template."""

    @property
    def is_compiled(self) -> bool:
        """Whether strategies are programs, so that no decision is asked for."""
        return self.decision is None


@dataclass
class BudgetConfig:
    """Caps of one cell, replayed calls not counted; reached: stop cleanly, keep everything."""

    usd: float | None = None
    calls: int | None = None


@dataclass
class TrackingConfig:
    """MLflow; the store is MLFLOW_TRACKING_URI, by default sqlite:///mlflow.db of the current directory."""

    enabled: bool = True
    experiment: str = "acausal"


@dataclass
class Config:
    """A cell: everything that `python run.py` plays."""

    seed: int = 0
    num_agents: int = 10
    num_rounds: int = 3
    replicates: int = 1
    enable_multi_model: bool = True
    """False: every agent is `main_model`, and a scenario with two models is an error."""
    main_model: str = "a"
    sub_model: str | None = None
    """Slot that makes the decisions under protocol=delegated; null: the agent's own model."""
    roster: str = MISSING
    """Name of the roster that binds the slots."""
    models: dict[str, ModelConfig] = MISSING
    scenario: ScenarioConfig = MISSING
    condition: ConditionConfig = MISSING
    game: GameConfig = MISSING
    protocol: ProtocolConfig = MISSING
    fallback: FallbackConfig = field(default_factory=FallbackConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    counterbalance: CounterbalanceConfig = field(default_factory=CounterbalanceConfig)
    elicit: Elicit = Elicit.choice
    max_reasks: int = 2
    """How often an illegible reply is asked for again, with the same prompt and a reminder of the form."""
    samples: int = 1
    """How often each decision is asked; the first is the one on record, the others measure agreement."""
    progress: ProgressMode = ProgressMode.auto
    retry_failed: bool = False
    """Ask again for the calls that failed in a cell that has already finished."""
    replay: ReplayMode = ReplayMode.auto
    preflight: Preflight = Preflight.catalog
    dry_run: bool = False
    """Price the cell or the sweep instead of playing it."""
    probe: int = 0
    """Under dry_run: strategies and decisions per slot that are really asked for, to measure what they take."""
    wording: WordingConfig = field(default_factory=WordingConfig)
    """The sentences of conditions; once checked, those alone that the cell says."""
    matching: MatchingConfig = MISSING
    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    checks: ChecksConfig = field(default_factory=ChecksConfig)

    @property
    def seats(self) -> dict[str, int]:
        """Slot → number of agents, after `enable_multi_model`: the population as it will be played."""
        if not self.enable_multi_model:
            return {self.main_model: self.num_agents}
        return {slot: count for slot, count in self.scenario.model_distribution.items() if count}

    @property
    def used_slots(self) -> list[str]:
        """Slots that may play or be asked during the run, in order: seats, then sub-model, then fallback."""
        slots = list(self.seats)
        if self.sub_model is not None:
            slots.append(self.sub_model)
        slots += [substitute for slot in slots if (substitute := self.substitute_for(slot)) is not None]
        return list(dict.fromkeys(slots))

    def plays_by_rule(self, slot: str) -> bool:
        """Whether a slot holds a rule, which is never asked, in place of a language model."""
        return self.models[slot].endpoint.kind is EndpointKind.classical

    @property
    def asked_slots(self) -> list[str]:
        """The used slots that hold a language model."""
        return [slot for slot in self.used_slots if not self.plays_by_rule(slot)]

    def fallback_of(self, slot: str) -> FallbackConfig:
        """What happens when the model of a slot gives no reply: its own rule, else the run's."""
        own = self.models[slot].fallback
        return FallbackConfig(own.policy or self.fallback.policy, own.model or self.fallback.model)

    def substitute_for(self, slot: str) -> str | None:
        """The slot that may answer for another; None when nobody may."""
        fallback = self.fallback_of(slot)
        if fallback.policy is not FallbackPolicy.substitute or fallback.model == slot or self.plays_by_rule(slot):
            return None
        return fallback.model

    @property
    def label_pairs(self) -> list[tuple[str, str]]:
        """The words for the two actions, that for cooperation first: the condition's own pair, else the game's."""
        own = self.condition.labels
        if own.cooperate is None or own.defect is None:
            return self.game.labels.in_force
        return [(own.cooperate, own.defect)]

    @property
    def labels_are_neutral(self) -> bool:
        """Whether the words in force are given as pairs, so that either may mean cooperation."""
        return bool(self.game.labels.pairs) and self.label_pairs == self.game.labels.in_force

    @property
    def payoffs(self) -> Payoffs:
        """The payoff matrix in force, stakes included; of public goods, its corners."""
        if self.public_goods is not None:
            return self.public_goods.corners
        return Payoffs(**asdict(self.game.payoffs), kind=self.game.kind).scaled(self.game.stakes)

    @property
    def public_goods(self) -> PublicGoods | None:
        """The n-player game in force, stakes included; None where the game is played in pairs."""
        if self.game.kind is not GameKind.public_goods:
            return None
        return PublicGoods(self.num_agents, **asdict(self.game.public_goods)).scaled(self.game.stakes)
