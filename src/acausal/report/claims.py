"""Tests and the claim ladder as Markdown: what may be said of each model, and what stands in the way of more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acausal.analysis.contrasts import CONTRASTS
from acausal.analysis.equivalence import MARGIN
from acausal.analysis.inference import Estimate
from acausal.analysis.ladder import ALPHA, Evidence, Requirement, across, adjusted_p, climb, no_linkage, reached
from acausal.report.contrasts import NOTHING, table

_SHOWN = 3
"""Requirements that the table of the ladder names; of the others it says how many they are."""


def claims(evidence: Mapping[str, Evidence]) -> str:
    """Two tables and, where there are several models, what holds over them; ends with a line break.

    Args:
        evidence: Model → what is known of it, adjusted over models; empty where no arms can be compared.
    """
    if not any(own.contrasts or own.threshold for own in evidence.values()):
        return ""
    parts = [_tests(evidence), _ladder(evidence)]
    if len(evidence) > 1:
        parts.append(_over_models(evidence))
    return "\n".join(part for part in parts if part)


def standing(evidence: Evidence) -> str:
    """The highest rung of a model in words, or that nothing was shown; with equivalence, that there is nothing."""
    rung = reached(climb(evidence))
    words = "no rung: nothing shown" if rung is None else f"rung {rung.level}: {rung.claim}"
    absent = no_linkage(evidence).p_value
    if absent is not None and absent <= ALPHA:
        words += f"; Γ within ±{MARGIN:g} (p {absent:.2g}): no acausal cooperation of that size"
    return words


def obstacles(evidence: Evidence) -> str:
    """What the next rung lacks; a dash on the last one."""
    rungs = climb(evidence)
    rung = reached(rungs)
    higher = rungs[0] if rung is None else next((each for each in rungs if each.level > rung.level), None)
    if higher is None:
        return NOTHING
    lacking = higher.lacking
    words = [_lacks(requirement) for requirement in lacking[:_SHOWN]]
    words += [f"{len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
    return f"rung {higher.level}: {'; '.join(words)}"


def shown(estimate: Estimate | None) -> str:
    """A value with its interval where it has one; a dash over nothing."""
    if estimate is None:
        return NOTHING
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _lacks(requirement: Requirement) -> str:
    verdict = "failed" if requirement.met is False else "open"
    return f"{requirement.what}, {verdict} ({requirement.seen})"


def _tests(evidence: Mapping[str, Evidence]) -> str:
    names = [name for name in CONTRASTS if any(name in own.contrasts for own in evidence.values())]
    tested = [
        name for name in names if any(own.contrasts[name].test for own in evidence.values() if name in own.contrasts)
    ]
    tested = [name for name in tested if name != "mirror"]
    if not tested:
        return ""
    rows = []
    for model, own in evidence.items():
        adjusted = adjusted_p(own)
        rows.append([model, *(_p(own, name, adjusted.get(name)) for name in tested)])
    head = (
        "p of no difference, and p adjusted within its family: Γ and told are confirmatory, each over models by Holm; "
        "the rest of a model is exploratory, by Benjamini–Hochberg."
    )
    refused = {each.test for own in evidence.values() for each in own.contrasts.values() if "refused" in each.test}
    head += f" No test: {'; '.join(sorted(refused))}." if refused else ""
    return f"{head}\n\n{table(['model', *tested], rows)}"


def _p(evidence: Evidence, name: str, adjusted: float | None) -> str:
    each = evidence.contrasts.get(name)
    if each is None:
        return NOTHING
    if each.value is None:
        return "no data"
    if each.p_value is None:
        return "no test"
    return f"{_short(each.p_value)} → {NOTHING if adjusted is None else _short(adjusted)}"


def _short(p: float) -> str:
    """A p value in few characters; never 0."""
    return f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}"


def _ladder(evidence: Mapping[str, Evidence]) -> str:
    with_theta = any(own.threshold is not None for own in evidence.values())
    rows: list[list[str]] = []
    for model, own in evidence.items():
        theta = [_theta(own)] if with_theta else []
        rows.append([model, standing(own), obstacles(own), *theta])
    head: Sequence[str] = ["model", "may be said", "stands in the way", *(["Θ"] if with_theta else [])]
    return f"The claim ladder (docs/methods.md): no more than this may be said.\n\n{table(head, rows)}"


def _theta(evidence: Evidence) -> str:
    found = evidence.threshold
    if found is None:
        return NOTHING
    return found.method if found.theta is None else f"{shown(found.theta)} ({found.method})"


def _over_models(evidence: Mapping[str, Evidence]) -> str:
    rung, pooled = across(evidence)
    verdict = "reached" if rung.reached else "not reached"
    seen = "; ".join(requirement.seen for requirement in rung.requirements)
    method = f" ({pooled.mean.method})" if pooled is not None else ""
    return f"Over models: rung 4, {rung.claim}, {verdict}: {seen}{method}.\n"
