"""What the cells of a sweep, or of several, say of each model: the evidence for the claim ladder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from acausal.analysis.checks import scores
from acausal.analysis.contrasts import Arm, contrasts, missing_share
from acausal.analysis.equivalence import equivalence
from acausal.analysis.ladder import Evidence, evidence_of_models
from acausal.analysis.mediation import Mediation, beliefs_equal, mediation
from acausal.analysis.rates import cooperation_rate, grouped
from acausal.analysis.significance import Test
from acausal.analysis.threshold import Threshold, grid_of, threshold
from acausal.design.lint import lint
from acausal.errors import ConfigError
from acausal.records import Check, Decision
from acausal.report.arms import Cell, Group
from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, Linkage

_SIDES = tuple(
    ((claim, Linkage.linked), (claim, Linkage.u95)) for claim in (Claim.identical_copy, Claim.different_model)
)
"""Arms of Γ whose beliefs must agree, two by two."""


def evidence_of(cells: Sequence[Cell], groups: Sequence[Group], *, read_prompts: bool = True) -> dict[str, Evidence]:
    """Model → its evidence, with Γ adjusted over models.

    Of several parts of a sweep the factorial is the one in which most contrasts were asked; match probabilities and
    horizons are taken from all.

    Args:
        groups: The cells' decisions by model and part.
        read_prompts: Whether every prompt is read for leaks again: a second or so an arm.
    """
    clean = {cell.directory: _is_clean(cell.config) for cell in cells} if read_prompts else {}
    found: dict[str, Evidence] = {}
    for model in dict.fromkeys(group.model for group in groups):
        found_in = [(contrasts(group.told), group) for group in groups if group.model == model]
        asked, group = max(found_in, key=lambda each: len(each[0]))
        own = [cell for cell in cells if any(decision.agent_model == model for decision in cell.decisions)]
        found[model] = Evidence(
            contrasts=asked,
            lint_clean=all(clean[cell.directory] for cell in own) if read_prompts else None,
            recall=_recall(own, model),
            beliefs=_beliefs(own, model),
            missing={
                name: share
                for name, arm in group.arms.items()
                if arm.told is not None and (share := missing_share(arm.decisions)) is not None
            },
            threshold=threshold_of(own, model),
            horizon=horizon_of(own, model),
        )
    return evidence_of_models(found)


def threshold_of(cells: Sequence[Cell], model: str) -> Threshold | None:
    """Θ over the cells that tell a match probability; None where none does."""
    graded = [cell for cell in cells if cell.config.condition.linkage is Linkage.match_probability]
    if not graded:
        return None
    return threshold(
        grid_of(
            (cell.config.condition.match_probability, cell.config.payoffs.r_star, _of(cell, model)) for cell in graded
        )
    )


def horizon_of(cells: Sequence[Cell], model: str) -> Test | None:
    """Is cooperation with a copy the same over all chances to go on? Slope times range, within each replicate.

    Returns:
        None where fewer than two chances were told to agents with a copy.
    """
    rates: defaultdict[int, dict[float, float]] = defaultdict(dict)
    for cell in cells:
        chance, condition = cell.config.game.horizon.continuation, cell.config.condition
        alone = condition.claim is Claim.identical_copy and condition.linkage in (Linkage.none, Linkage.linked)
        if chance is not None and alone:
            for replicate, own in grouped(_of(cell, model), lambda d: d.replicate).items():
                if (rate := cooperation_rate(own)) is not None:
                    rates[replicate][chance] = rate.value
    chances = {chance for own in rates.values() for chance in own}
    if len(chances) < 2:
        return None
    whole = [own for _, own in sorted(rates.items()) if own.keys() == chances]
    return equivalence([_slope(own) * (max(chances) - min(chances)) for own in whole])


def mediation_of(cells: Sequence[Cell], model: str) -> dict[Arm, Mediation]:
    """What was told → the beliefs of a model, where they were elicited."""
    return {
        (cell.config.condition.claim, cell.config.condition.linkage): mediation(
            _of(cell, model), cell.checks, cell.config.payoffs
        )
        for cell in cells
        if any(record.check is Check.BELIEFS for record in cell.checks)
    }


def _beliefs(cells: Sequence[Cell], model: str) -> Test | None:
    arms = mediation_of(cells, model)
    sides = [(arms[linked], arms[cut]) for linked, cut in _SIDES if linked in arms and cut in arms]
    return beliefs_equal([one for one, _ in sides], [other for _, other in sides]) if sides else None


def _recall(cells: Sequence[Cell], model: str) -> float | None:
    """The least share over the cells whose agents were asked what they had been told."""
    shares = []
    for cell in cells:
        decides = {decision.model for decision in _of(cell, model)}
        shares += [s.share for s in scores(cell.checks, Check.MANIPULATION) if s.model in decides]
    known = [share for share in shares if share is not None]
    return min(known) if known else None


def _is_clean(config: Config) -> bool:
    try:
        lint(config)
    except ConfigError:
        return False
    return True


def _of(cell: Cell, model: str) -> list[Decision]:
    return [decision for decision in cell.decisions if decision.agent_model == model]


def _slope(rates: Mapping[float, float]) -> float:
    x, y = sum(rates) / len(rates), sum(rates.values()) / len(rates)
    return sum((a - x) * (b - y) for a, b in rates.items()) / sum((a - x) ** 2 for a in rates)
