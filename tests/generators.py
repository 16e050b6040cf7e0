"""Hypothesis strategies for what a run produces."""

from __future__ import annotations

from dataclasses import replace

from dsl import play, substituted
from hypothesis import strategies as st

from acausal.records import Decision

MODELS = st.sampled_from(["openai/gpt-4", "anthropic/claude-3-sonnet-20240229", "local/x"])
SUB_MODELS = st.none() | st.sampled_from(["openai/gpt-4o-mini", "local/x"])


@st.composite
def replicates(draw: st.DrawFn) -> list[Decision]:
    """Up to five replicates of two agents, with gaps, substitutes, sub-models and probabilities."""
    decisions: list[Decision] = []
    models, sub_model = draw(st.tuples(MODELS, MODELS)), draw(SUB_MODELS)
    for replicate in range(1, draw(st.integers(1, 5)) + 1):
        rounds = draw(st.integers(1, 4))
        letters = st.text("CD?rx", min_size=rounds, max_size=rounds)
        played = play(draw(letters), draw(letters), models=models, replicate=replicate)
        if sub_model is not None:
            played = [replace(decision, model=sub_model, coplayer_model=sub_model) for decision in played]
        p_cooperate = draw(st.none() | st.floats(0, 1))
        played = [replace(decision, p_cooperate=p_cooperate) for decision in played]
        decisions += substituted(played) if draw(st.booleans()) else played
    return decisions
