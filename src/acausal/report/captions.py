"""What each figure shows, in words: the same under it on a page and in a paper."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BARS = "Bars: 95 % intervals over replicates; a hollow mark has none."
_CAPTIONS = {
    "cooperation_by_round": f"Cooperation by model and round, of the decisions that count. {_BARS}",
    "cooperation_matrix": "Cooperation by model of the agent (rows) and of its co-player (columns): rate, 95 % "
    "interval, number of decisions. Of a sweep: of all cells of the condition in which models met others.",
    "population_by_round": f"Each model's share of the seats over the rounds. {_BARS}",
    "outcome_shares": f"Outcomes of the matches as each agent sees them: its own action, then its co-player's. {_BARS}",
    "scores": f"Points so far, mean of a model's agents. {_BARS}",
    "power": f"Power, mean of a model's agents. {_BARS}",
    "latency_and_cost": "Latency of the answered attempts by model, from the median to the 95th percentile, and what "
    "all calls cost. Over several cells: the median of their medians, to the farthest of their 95th percentiles.",
    "effects": "Effects: differences of cooperation rates between arms, by model and contrast. Bars: 95 % intervals "
    "over replicates or wordings; a hollow mark has none. Dotted: no difference.",
    "cooperation_by_arm": f"Cooperation by arm and model. {_BARS}",
    "match_probability": "Cooperation by told match probability, with the fitted curve. Dashed: r*, above which "
    f"expected points favour cooperation. Below the axis' zero: the fitted switch point. {_BARS}",
    "similarity_map": "Strategies as points; the nearer two are, the more of their words they share, as far as "
    "two axes can show it. Words are blind to the decision: a filled mark says that mostly cooperation followed. "
    "Larger: more of the same text.",
}


@dataclass(frozen=True, slots=True)
class Caption:
    """Of one figure."""

    title: str
    """Up to its first sentence's end or colon."""
    text: str


def caption(stem: str) -> Caption:
    """Of the figure with these files; a name that nobody has described is its own caption.

    Args:
        stem: A name, with what tells it from others of its kind behind it: `effects_2`, `cooperation_matrix_control`.
    """
    kind = max((name for name in _CAPTIONS if stem == name or stem.startswith(f"{name}_")), key=len, default=None)
    if kind is None:
        words = stem.replace("_", " ")
        return Caption(words, words)
    text, more = _CAPTIONS[kind], stem[len(kind) + 1 :]
    title = re.split(r"[.:,(;]", text, maxsplit=1)[0].strip()
    which = "" if not more else f"page {more}" if more.isdigit() else more.replace("_", " ")
    return Caption(f"{title} ({which})", f"{text} ({which[:1].upper()}{which[1:]}.)") if which else Caption(title, text)
