"""The identity × linkage factorial in letters: what each arm chose, unit by unit."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from dsl import play

from acausal.analysis.contrasts import Arm
from acausal.records import Decision
from acausal.settings.treatment import Claim, Linkage

I, D, NOTHING = Claim.identical_copy, Claim.different_model, Claim.none  # noqa: E741  # as SCIENCE calls them
NONE, L, U95, U50, KNOWN, MIRROR = (
    *(Linkage.none, Linkage.linked, Linkage.u95, Linkage.u50, Linkage.known_c, Linkage.mirror),
)
FULL = [(NOTHING, NONE), *product((I, D), (NONE, L, U95, U50, KNOWN, MIRROR))]


def arm(*letters: str, wording: bool = True) -> list[Decision]:
    """A one-shot arm: two letters a replicate; each replicate has its own wording, or all have the first."""
    return [
        replace(decision, paraphrase=number if wording else 1, agent_model="a", match=1)
        for number, pair in enumerate(letters, start=1)
        for decision in play(pair[0], pair[1], models=("a", "a"), replicate=number)
    ]


def everywhere(letters: str, *others: tuple[Arm, str], units: int = 10) -> dict[Arm, list[Decision]]:
    """The whole factorial with these two letters in each unit, but for some arms."""
    told = dict.fromkeys(FULL, letters) | dict(others)
    return {key: arm(*[own] * units, wording=key[0] is not NOTHING) for key, own in told.items()}
