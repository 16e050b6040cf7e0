"""The methods of a report, in sentences that a paper can take over."""

from __future__ import annotations

from acausal.analysis.contrasts import PILOT
from acausal.report.contrasts import MISSING, MISSING_DIFFERENCE, POSITIVE_CONTROL

OF_A_CELL = (
    "The unit of inference is the replicate, an independent repetition of the whole tournament under its own seed; "
    "decisions within one are not independent and are never treated so.",
    "A cooperation rate is the share of decisions that cooperate among those that are legible and made by the model "
    "assigned; its 95 % interval is over replicates, or over the wordings of a one-shot design that they share: the "
    "span of a t interval on the logit of the rate, with a jackknifed error, and of a beta-binomial posterior. Where "
    "every unit is all cooperation or all defection an exact one-sided bound stands in its place; one unit gives no "
    "interval.",
    "Nothing is imputed: a reply that is illegible, refused, failed or given by a substitute is missing, and the rates "
    "if all that is missing had defected, or cooperated, bound what it can hide.",
)
OF_A_SWEEP = (
    *OF_A_CELL,
    "Contrasts are taken within each unit and averaged over units: a wording where each replicate of a one-shot arm "
    f"has its own, else a replicate. Intervals are paired t; fewer than {PILOT} units are a pilot, without a test.",
    "The superrationality gap is the effect of told linkage at fixed told identity against an unlinked co-player that "
    "cooperates with 95 %, so that the belief about the co-player is held equal; it is read together with the "
    "disjunction signature, and only where the causal mirror moves at least "
    f"{POSITIVE_CONTROL:.0%} to cooperate.",
    f"More than {MISSING:.0%} of decisions missing, or arms that differ by more than {MISSING_DIFFERENCE * 100:g} "
    "points in what is missing, withdraw every confirmation.",
)
