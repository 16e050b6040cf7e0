"""What is estimated: E1 to E13, each with its formula, its unit, and the function that computes it.

Formulas and designs: docs/methods.md. A function that stands for several readings takes the arms as data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from acausal.analysis.contrasts import CONTRASTS, Weights, contrast
from acausal.analysis.mediation import mediation
from acausal.analysis.outcomes import mean_payoff, outcome_shares
from acausal.analysis.own_kind import matching_effect, own_kind, told_by_actual
from acausal.analysis.prompts import evidential_correlation
from acausal.analysis.rates import cooperation_rate
from acausal.analysis.strategies import execution_fidelity, strategy_level
from acausal.analysis.threshold import threshold


@dataclass(frozen=True, slots=True)
class Estimand:
    """One quantity that a report may print."""

    key: str
    """`E5`; the readings of one have a letter, `E5a`."""
    name: str
    formula: str
    unit: str
    """What repeats independently."""
    source: str
    """A key of docs/bibliography.md, or empty where the quantity is this program's own."""
    function: Callable[..., Any]
    """Pure; `contrast` takes `weights` beside the arms."""
    weights: Weights | None = None
    """Of a contrast of arms."""


def _told(key: str, name: str, formula: str, contrast_name: str, source: str = "") -> Estimand:
    return Estimand(key, name, formula, "wording, else replicate", source, contrast, CONTRASTS[contrast_name])


_GAMMA = "½[(π_IL − π_I{0}) + (π_DL − π_D{0})]"
ESTIMANDS = (
    Estimand("E1", "cooperation rate", "Σ cooperating / Σ that count", "replicate", "", cooperation_rate),
    _told("E2", "identity effect", "π_I − π_D", "told"),
    _told("E2a", "identity effect above nothing told", "π_I − π_none", "I - none"),
    _told("E2b", "difference effect below nothing told", "π_none − π_D", "none - D"),
    Estimand(
        *(
            "E3",
            "matching effect of the actual co-player",
            "½[(p_AA − p_AB) − (p_BA − p_BB)]",
            "replicate",
            "kenny1984",
        ),
        matching_effect,
    ),
    Estimand(
        *("E4", "told × actual", "E3 in the arm told identical − E3 in the arm told different", "replicate", ""),
        told_by_actual,
    ),
    _told("E5", "superrationality gap Γ", _GAMMA.format("U95"), "Γ", "hofstadter1985"),
    _told("E5a", "Γ50, belief not held equal", _GAMMA.format("U50"), "Γ50"),
    _told("E6", "in-group effect B", "½[(π_IL − π_DL) + (π_IU − π_DU)], U over U50 and U95", "B"),
    _told("E7", "disjunction signature S_I", "π_I − π_IkC", "S_I", "shafir1992"),
    _told("E7a", "disjunction signature S_D", "π_D − π_DkC", "S_D", "shafir1992"),
    _told("E7b", "ΔS", "S_I − S_D", "ΔS"),
    Estimand(
        *("E8", "threshold tracking Θ", "−b2/b1 of logit P(C) = b0 + b1 r + b2 r*", "wording", "mancl2001"), threshold
    ),
    Estimand(
        *("E9", "evidential correlation", "Cov(p_a, p_b) / (m_a (1 − m_a)); E[p_a p_b + (1 − p_a)(1 − p_b)]"),
        *("prompt", "efron1981", evidential_correlation),
    ),
    Estimand(
        *("E10", "own kind, first encounters", "γ of p_ab = μ + α_a + β_b + γ 1[a = b]", "replicate", "kenny1984"),
        own_kind,
    ),
    Estimand("E11", "strategy level σ", "share with P(C first) > ½, round 1", "strategy", "", strategy_level),
    Estimand(
        *("E11a", "execution fidelity F", "P(decision = what the strategy prescribes)", "replicate", ""),
        execution_fidelity,
    ),
    Estimand("E12", "belief mediation", "q1 R + (1 − q1) S − q0 T − (1 − q0) P", "wording", "", mediation),
    Estimand("E13", "outcomes", "shares of CC, CD, DC, DD", "replicate", "rapoport1965", outcome_shares),
    Estimand("E13a", "mean payoff", "points a decision", "replicate", "", mean_payoff),
)
"""In the order of their numbers."""
