"""Texts as agents write them, and the decisions that follow: `wrote("We are copies.", "CCD")`."""

from __future__ import annotations

from dataclasses import replace

from dsl import play

from acausal.analysis.written import Source, Written
from acausal.game import Action


def wrote(
    text: str,
    letters: str = "",
    *,
    model: str = "a",
    condition: str = "control",
    replicate: int = 1,
    round_: int = 1,
    agent: int = 1,
    told: str = "",
    defect: str = "",
) -> Written:
    """A strategy and the decisions made under it.

    Args:
        letters: As in `play`, one a match of the round.
        defect: The word that its author was given for defection.
    """
    decisions = [
        replace(decision, round=round_, match=match, matchday=match, agent=agent, agent_model=model)
        for match, decision in enumerate(play(letters, "C" * len(letters), replicate=replicate)[::2], start=1)
    ]
    return Written(
        Source.STRATEGY,
        "",
        condition,
        model,
        replicate,
        round_,
        agent,
        text,
        f"{condition}.{replicate}.{round_}.{agent}",
        told=told,
        labels={Action.DEFECT: defect} if defect else {},
        decisions=tuple(decisions),
    )
