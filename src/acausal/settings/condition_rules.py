"""The rules that span the keys of a condition, its wording and the scenario it is played in."""

from __future__ import annotations

from acausal.errors import ConfigError
from acausal.settings.disclosure import NO_FRAMING, false_pairing, in_force, paraphrase_count, wordings
from acausal.settings.schema import Config
from acausal.settings.spelling import nearest
from acausal.settings.treatment import Claim, Claims, Linkage


def check_condition(config: Config) -> None:
    """Whether the condition is complete, has its words, and keeps its promise of the truth.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    _check_numbers(config)
    _check_labels(config)
    _check_wording(config)
    if config.condition.claims is Claims.truthful:
        _check_truth(config)


def _check_numbers(config: Config) -> None:
    condition = config.condition
    numbers = [
        ("similarity", condition.similarity, 100, "claim", condition.claim is Claim.similarity, "60"),
        (
            *("match_probability", condition.match_probability, 1, "linkage"),
            *(condition.linkage is Linkage.match_probability, "0.625"),
        ),
    ]
    for key, value, most, asked_by, is_asked, example in numbers:
        if is_asked and (value is None or not 0 <= value <= most):
            raise ConfigError(
                f"condition.{asked_by}={key} needs condition.{key} in 0…{most}, but it is {value}: "
                f"e.g. condition.{key}={example}"
            )
        if value is not None and not is_asked:
            raise ConfigError(
                f"condition.{key} is {value}, but no agent is told of it: set condition.{asked_by}={key}, or "
                f"condition.{key}=null"
            )
    if condition.paraphrases is not None and condition.paraphrases < 1:
        raise ConfigError(
            f"condition.paraphrases must be at least 1, or null for all wordings, but is {condition.paraphrases}"
        )


def _check_labels(config: Config) -> None:
    labels = config.condition.labels
    if (labels.cooperate is None) != (labels.defect is None):
        missing = "cooperate" if labels.cooperate is None else "defect"
        raise ConfigError(
            f"condition.labels gives {missing} no word: set condition.labels.{missing}, or neither of them"
        )


def _check_wording(config: Config) -> None:
    condition, wording = config.condition, config.wording
    if condition.disclosure and condition.framing != NO_FRAMING:
        raise ConfigError(
            f"condition.disclosure stands for every sentence of {condition.name!r}, but condition.framing is "
            f"{condition.framing!r}: write the framing into the disclosure, or empty one of them"
        )
    try:
        in_force(condition, wording)
    except KeyError as error:
        group, key = error.args
        known = list(getattr(wording, group))
        raise ConfigError(
            f"condition {condition.name!r} needs wording.{group}.{key}, which wording {wording.name!r} does not have "
            f"(it has {', '.join(known) or 'none'}){nearest(key, known)}; write it there, or into condition.disclosure"
        ) from None
    for shown in ("round_summaries", "global_rate"):
        if getattr(condition.shows, shown) and not getattr(wording, shown).strip():
            raise ConfigError(f"condition.shows.{shown} needs wording.{shown}, which wording {wording.name!r} lacks")
    count = paraphrase_count(config)
    for said in wordings(config):
        if count % min(len(said), count):
            raise ConfigError(
                f"condition {condition.name!r} joins {len(said)} wordings of one sentence with {count} of another, so "
                f"they would not be balanced: make the numbers divide, e.g. condition.paraphrases={len(said)}"
            )


def _check_truth(config: Config) -> None:
    pairing = false_pairing(config)
    if pairing is None:
        return
    condition = config.condition
    told = condition.claim.name if condition.linkage is Linkage.none else condition.linkage.name
    who = " and ".join(f"{slot} ({config.models[slot].model_type})" for slot in dict.fromkeys(pairing))
    raise ConfigError(
        f"condition.claims=truthful, but {told!r} of condition {condition.name!r} is false where agents of {who} meet "
        f"in scenario {config.scenario.name!r}: choose another scenario, or play it flagged with "
        "condition.claims=as_stated"
    )
