"""What a condition is, as data: what agents are told about each other, what they are shown, and in which words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING


class Claim(Enum):
    """What agents are told the co-player is."""

    none = "none"
    another_ai = "another_ai"
    rational_ai = "rational_ai"
    similar_llm = "similar_llm"
    same_family = "same_family"
    same_model = "same_model"
    same_prompt = "same_prompt"
    """The same model, given the same prompt."""
    different_model = "different_model"
    identical_copy = "identical_copy"
    copy_that_knows = "copy_that_knows"
    """An identical copy that knows that it plays one: common knowledge."""
    copy_that_does_not_know = "copy_that_does_not_know"
    human = "human"
    rational_human = "rational_human"
    similarity = "similarity"
    """So many percent similar, with the source of the number."""
    unknown = "unknown"
    """That nobody knows how similar the two are: the `?` of a similarity gradient."""
    mixed = "mixed"
    """Some of the others are identical to the agent, others are not."""


class Linkage(Enum):
    """What agents are told of how the two choices of a match hang together."""

    none = "none"
    linked = "linked"
    """Both choices are made and sealed, neither can affect the other, and the same computation made both."""
    u95 = "u95"
    """The other choice was replaced by a draw that cooperates with 95 %: unlinked, at the belief of `linked`."""
    u50 = "u50"
    """The same with a fair coin."""
    known_c = "known_c"
    """The other has already chosen to cooperate."""
    mirror = "mirror"
    """The other sees the choice and repeats it: the causal positive control."""
    match_probability = "match_probability"
    """The two choices are the same with the probability that `match_probability` says."""


class Claims(Enum):
    """Whether a claim may be false of the actual co-player."""

    truthful = "truthful"
    """A claim that is false for some pairing of the scenario is refused before the first call."""
    as_stated = "as_stated"
    """It is played, and every output says that it is false."""


class SimilaritySource(Enum):
    """Where a told similarity comes from, in words that the agents read."""

    measured = "measured"
    stated = "stated"
    random = "random"
    """A random number: says nothing of the co-player, the control for the number alone."""


class Topic(Enum):
    """What a sentence can give away. Claims, linkages and what is shown imply theirs; `discloses` declares more."""

    ai = "ai"
    human = "human"
    sameness = "sameness"
    difference = "difference"
    similarity = "similarity"
    linkage = "linkage"
    conclusion = "conclusion"
    statistics = "statistics"
    theory = "theory"
    competition = "competition"
    trust = "trust"
    norm = "norm"
    demand = "demand"


@dataclass
class ShowsConfig:
    """What agents see of the past."""

    own_matches: bool = True
    """In each decision: the agent's own earlier matches of this round."""
    round_summaries: bool = False
    """From round 2 on: the measured rate and points of each earlier round."""
    global_rate: bool = False
    """From round 2 on: the measured rate and points over all earlier rounds together."""


@dataclass
class OwnLabelsConfig:
    """Words for the two actions in place of the game's; null: the game's."""

    cooperate: str | None = None
    defect: str | None = None


@dataclass
class ConditionConfig:
    """What agents are told about each other and shown of the past."""

    name: str = MISSING
    disclosure: str = ""
    """Own sentence(s) in place of those that claim, linkage and framing name; a template like those of the protocol.
    Claim, linkage and `discloses` then declare what they say."""
    shows: ShowsConfig = field(default_factory=ShowsConfig)
    claim: Claim = Claim.none
    claims: Claims = Claims.as_stated
    similarity: float | None = None
    """Percent, 0 to 100, under claim=similarity."""
    similarity_source: SimilaritySource = SimilaritySource.stated
    linkage: Linkage = Linkage.none
    match_probability: float | None = None
    """In [0, 1], under linkage=match_probability."""
    framing: str = "none"
    """A key of `wording.framing`."""
    discloses: list[Topic] = field(default_factory=list)
    """What its words give away beyond what claim, linkage and shows imply."""
    paraphrases: int | None = None
    """How many of its wordings are used, from the first; null: all."""
    labels: OwnLabelsConfig = field(default_factory=OwnLabelsConfig)


@dataclass
class WordingConfig:
    """The sentences of conditions (Jinja templates): each list holds wordings that say the same and no more."""

    name: str = ""
    claim: dict[str, list[str]] = field(default_factory=dict)
    """Claim → wordings; a similarity's are under `similarity_<source>`."""
    linkage: dict[str, list[str]] = field(default_factory=dict)
    """Linkage → wordings; those under `<linkage>_<claim>` win where that claim is made."""
    framing: dict[str, list[str]] = field(default_factory=dict)
    round_summaries: str = ""
    """Earlier rounds one by one, from `past`."""
    global_rate: str = ""
    """All earlier rounds together, from `overall`."""
