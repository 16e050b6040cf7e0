"""Tests and the claim ladder as Markdown: what may be said of each model, and what stands in the way of more."""

from __future__ import annotations

from collections.abc import Mapping

from acausal.analysis.contrasts import CONTRASTS
from acausal.analysis.equivalence import MARGIN
from acausal.analysis.inference import Estimate
from acausal.analysis.ladder import ALPHA, Evidence, Requirement, Rung, across, adjusted_p, climb, no_linkage, reached
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
        parts.append(f"{over_models_words(evidence)}\n")
    return "\n".join(part for part in parts if part)


def standing(evidence: Evidence) -> str:
    """The highest rung of a model in words, or why there is none; with equivalence, that there is nothing.

    The one voice of every report: what it does not say is not claimed.
    """
    rung = reached(climb(evidence))
    found = evidence.contrasts.values()
    if rung is not None:
        words = f"rung {rung.level}, {rung.claim}"
    elif any(each.p_value is not None for each in found):
        words = "no rung, nothing shown"
    else:
        words = "no rung, no test" if any(each.value is not None for each in found) else "no rung, no data"
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
        "p of no difference, and p adjusted within its family: Γ and told are primary, each over models by Holm; "
        "the rest of a model is secondary, by Benjamini–Hochberg."
    )
    head += f" {refused}" if (refused := refusals(evidence)) else ""
    return f"{head}\n\n{table(['model', *tested], rows)}"


def _p(evidence: Evidence, name: str, adjusted: float | None) -> str:
    each = evidence.contrasts.get(name)
    if each is None:
        return NOTHING
    if each.value is None:
        return "no data"
    if each.p_value is None:
        return "no test"
    return f"{short_p(each.p_value)} → {NOTHING if adjusted is None else short_p(adjusted)}"


def short_p(p: float) -> str:
    """A p value in few characters; never 0."""
    return f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}"


def refusals(evidence: Mapping[str, Evidence]) -> str:
    """Why tests were refused, and how many units they would need; empty where none was."""
    refused = {each.test for own in evidence.values() for each in own.contrasts.values() if "refused" in each.test}
    return f"No test: {'; '.join(sorted(refused))}." if refused else ""


def _ladder(evidence: Mapping[str, Evidence]) -> str:
    head, rows = ladder_rows(evidence)
    return f"The claim ladder (docs/methods.md): no more than this may be said.\n\n{table(head, rows)}"


def ladder_rows(evidence: Mapping[str, Evidence]) -> tuple[list[str], list[list[str]]]:
    """Head and a row a model: each rung's verdict, what may be said, and what the next rung lacks."""
    with_theta = any(own.threshold is not None for own in evidence.values())
    rows: list[list[str]] = []
    for model, own in evidence.items():
        rungs = [rung_verdict(rung) for rung in climb(own)]
        rows.append([model, *rungs, standing(own), obstacles(own), *([_theta(own)] if with_theta else [])])
    head = ["model", *(f"rung {level}" for level in range(4)), "may be said", "stands in the way"]
    return head + (["Θ"] if with_theta else []), rows


def rung_verdict(rung: Rung) -> str:
    """`passed`, `failed` where a requirement is not met, `not asked` where one only was not asked."""
    if rung.reached:
        return "passed"
    return "failed" if any(requirement.met is False for requirement in rung.requirements) else "not asked"


def requirement_rows(evidence: Mapping[str, Evidence]) -> list[tuple[str, int, str, str, str, str]]:
    """Model, rung, claim, requirement, its verdict and what was seen: the ladder in full."""
    verdict = {True: "passed", False: "failed", None: "not asked"}
    return [
        (model, rung.level, rung.claim, each.what, verdict[each.met], each.seen)
        for model, own in evidence.items()
        for rung in climb(own)
        for each in rung.requirements
    ]


def _theta(evidence: Evidence) -> str:
    found = evidence.threshold
    if found is None:
        return NOTHING
    return found.method if found.theta is None else f"{shown(found.theta)} ({found.method})"


def over_models_words(evidence: Mapping[str, Evidence]) -> str:
    """Rung 4 in a sentence."""
    rung, pooled = across(evidence)
    verdict = "reached" if rung.reached else "not reached"
    seen = "; ".join(requirement.seen for requirement in rung.requirements)
    method = f" ({pooled.mean.method})" if pooled is not None else ""
    return f"Over models: rung 4, {rung.claim}, {verdict}: {seen}{method}."
