"""What repeats independently: the replicate, or the wording of one-shot designs; never the decision.

Decisions of one tournament answer each other, and decisions under one wording share it. Where matches share agents, all
of a match's decisions lie in one replicate, so its two seats are never taken for two units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acausal.records import Decision

REPLICATE, WORDING = "replicate", "wording"
ONE_WORDING = "replicate of one wording"
"""Proves nothing of other wordings."""
Unit = Callable[[Decision], int]
"""Decision → the number of its unit."""


def unit_of(arms: Sequence[Sequence[Decision]], *, unworded: int = 0) -> tuple[str, Unit]:
    """The unit of arms that are compared, or of one alone: its name, and the number of each decision's.

    The wording where all arms are one-shot (one round, nothing to answer to) and have the same ones, else the
    replicate; *replicate of one wording* where an arm that says something has one wording only.

    Args:
        unworded: How many of the arms, from the last, have no words of their own to vary.
    """
    if any(decision.round > 1 for own in arms for decision in own):
        return REPLICATE, replicate
    wordings = [frozenset(wording(decision) for decision in own) for own in arms]
    if any(len(own) == 1 for own in wordings[: len(arms) - unworded]):
        return ONE_WORDING, replicate
    return (WORDING, wording) if len(set(wordings)) == 1 else (REPLICATE, replicate)


def replicate(decision: Decision) -> int:
    """The number of the repetition that the decision belongs to."""
    return decision.replicate


def wording(decision: Decision) -> int:
    """The number of the paraphrase that was shown; 1 where there are none."""
    return decision.paraphrase or 1
