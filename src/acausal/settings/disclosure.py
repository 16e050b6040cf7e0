"""Which sentences a condition says, in which of their wordings, what they give away, and whether they are true."""

from __future__ import annotations

from dataclasses import replace

from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, ConditionConfig, Linkage, SimilaritySource, Topic, WordingConfig

NO_FRAMING = "none"
_CLAIM_TOPICS = {
    Claim.none: (),
    Claim.another_ai: (Topic.ai,),
    Claim.rational_ai: (Topic.ai, Topic.similarity, Topic.theory),
    Claim.similar_llm: (Topic.ai, Topic.similarity),
    Claim.same_family: (Topic.ai, Topic.similarity),
    Claim.same_model: (Topic.ai, Topic.sameness),
    Claim.same_prompt: (Topic.ai, Topic.sameness),
    Claim.different_model: (Topic.ai, Topic.difference),
    Claim.identical_copy: (Topic.ai, Topic.sameness),
    Claim.copy_that_knows: (Topic.ai, Topic.sameness),
    Claim.copy_that_does_not_know: (Topic.ai, Topic.sameness),
    Claim.human: (Topic.human,),
    Claim.rational_human: (Topic.human, Topic.theory),
    Claim.similarity: (Topic.ai, Topic.similarity),
    Claim.unknown: (Topic.ai, Topic.similarity),
    Claim.mixed: (Topic.ai, Topic.sameness),
}


def claim_key(condition: ConditionConfig) -> str | None:
    """The key of `wording.claim` that a condition asks for; None where it claims nothing."""
    if condition.claim is Claim.none:
        return None
    if condition.claim is Claim.similarity:
        return f"similarity_{condition.similarity_source.name}"
    return condition.claim.name


def linkage_key(condition: ConditionConfig, wording: WordingConfig) -> str | None:
    """The key of `wording.linkage` that a condition asks for; None where it tells of no linkage."""
    if condition.linkage is Linkage.none:
        return None
    own = f"{condition.linkage.name}_{condition.claim.name}"
    return own if own in wording.linkage else condition.linkage.name


def in_force(condition: ConditionConfig, wording: WordingConfig) -> WordingConfig:
    """The wording without the sentences that the condition does not say: what it holds makes the cell what it is.

    Raises:
        KeyError: The wording lacks a sentence; its arguments are the group and the key.
    """
    keys = {
        "framing": None if condition.framing == NO_FRAMING else condition.framing,
        "claim": claim_key(condition),
        "linkage": linkage_key(condition, wording),
    }
    if condition.disclosure:
        keys = {}
    said: dict[str, dict[str, list[str]]] = {"framing": {}, "claim": {}, "linkage": {}}
    for group, key in keys.items():
        if key is not None:
            if not getattr(wording, group).get(key):
                raise KeyError(group, key)
            said[group] = {key: getattr(wording, group)[key]}
    return replace(
        wording,
        claim=said["claim"],
        linkage=said["linkage"],
        framing=said["framing"],
        round_summaries=wording.round_summaries if condition.shows.round_summaries else "",
        global_rate=wording.global_rate if condition.shows.global_rate else "",
    )


def wordings(config: Config) -> list[list[str]]:
    """The sentences of the cell in the order in which they are said, each with its wordings."""
    if config.condition.disclosure:
        return [[config.condition.disclosure]]
    groups = in_force(config.condition, config.wording)
    return [said for group in (groups.framing, groups.claim, groups.linkage) for said in group.values()]


def paraphrase_count(config: Config) -> int:
    """How many wordings the cell has; 1 where it says nothing."""
    count = max((len(said) for said in wordings(config)), default=1)
    return count if config.condition.paraphrases is None else min(count, config.condition.paraphrases)


def paraphrase_of(config: Config, replicate: int) -> int:
    """The wording of a replicate, from 1: they take turns, so that each comes equally often."""
    return (replicate - 1) % paraphrase_count(config) + 1


def disclosure(config: Config, paraphrase: int) -> str:
    """What the cell's agents are told about each other, in one of its wordings; a template."""
    return " ".join(said[(paraphrase - 1) % len(said)].strip() for said in wordings(config))


def topics(config: Config) -> frozenset[Topic]:
    """What the condition declares to give away, the measured past of later rounds aside."""
    condition = config.condition
    linked = () if condition.linkage is Linkage.none else (Topic.linkage,)
    return frozenset((*_CLAIM_TOPICS[condition.claim], *linked, *condition.discloses))


def claim_is_true(config: Config, slot: str, other: str) -> bool | None:
    """Whether what an agent is told of its co-player holds.

    Every told linkage is false: agents choose at the same time, and no choice is drawn, copied or known before. So is
    that the other does not know, since all agents are told the same; and of a rule every claim is that says what the
    co-player is, an AI or a human. A rule itself is told nothing. No file says which models are a family: only a model
    itself surely belongs to its own.

    Args:
        slot: Model slot in the agent's seat.
        other: Model slot in its co-player's seat.

    Returns:
        None where nothing is claimed.
    """
    condition = config.condition
    if config.plays_by_rule(slot):
        return None
    if condition.linkage is not Linkage.none:
        return False
    if condition.claim is Claim.none:
        return None
    if config.plays_by_rule(other) and condition.claim is not Claim.mixed:
        return False
    mine, theirs = config.models[slot], config.models[other]
    same_model, identical = mine.model_type == theirs.model_type, mine == theirs
    measured = condition.similarity_source is SimilaritySource.measured
    seats = config.seats
    alike = sum(count for seat, count in seats.items() if config.models[seat] == mine)
    return {
        Claim.another_ai: True,
        Claim.rational_ai: True,
        Claim.similar_llm: True,
        Claim.same_family: same_model,
        Claim.same_model: same_model,
        Claim.same_prompt: identical and not _words_vary(config),
        Claim.different_model: not same_model,
        Claim.identical_copy: identical,
        Claim.copy_that_knows: identical,
        Claim.copy_that_does_not_know: False,
        Claim.human: False,
        Claim.rational_human: False,
        Claim.similarity: measured or (identical and condition.similarity == 100),
        Claim.unknown: True,
        Claim.mixed: 2 <= alike < config.num_agents,
    }[condition.claim]


def _words_vary(config: Config) -> bool:
    """Whether agents read different words or orders."""
    balance = config.counterbalance
    return balance.options or balance.payoff_rows or (balance.labels and config.labels_are_neutral)


def false_pairing(config: Config) -> tuple[str, str] | None:
    """Two slots whose agents meet and are told something false of each other; None where there are none."""
    seats = config.seats
    for slot in seats:
        for other in seats:
            meets = slot != other or seats[slot] > 1
            if meets and claim_is_true(config, slot, other) is False:
                return slot, other
    return None
