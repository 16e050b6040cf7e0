"""Hypothesis strategies for what a run produces."""

from __future__ import annotations

from dsl import play, substituted
from hypothesis import strategies as st

from acausal.records import Decision

MODELS = st.sampled_from(["openai/gpt-4", "anthropic/claude-3-sonnet-20240229", "local/x"])


@st.composite
def replicates(draw: st.DrawFn) -> list[Decision]:
    """Up to five replicates of two agents, with gaps and substitutes."""
    decisions: list[Decision] = []
    models = draw(st.tuples(MODELS, MODELS))
    for replicate in range(1, draw(st.integers(1, 5)) + 1):
        rounds = draw(st.integers(1, 4))
        letters = st.text("CD?rx", min_size=rounds, max_size=rounds)
        played = play(draw(letters), draw(letters), models=models, replicate=replicate)
        decisions += substituted(played) if draw(st.booleans()) else played
    return decisions
