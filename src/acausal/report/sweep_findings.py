"""What a sweep shows, in plain sentences: what may be said of each model, how surely, and what could have been seen."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import stdev

from acausal.analysis.contrasts import Contrast
from acausal.analysis.ladder import ALPHA, Evidence, adjusted_p, climb, reached
from acausal.analysis.power import effect_seen
from acausal.analysis.rates import cooperation_rate
from acausal.analysis.significance import FEWEST_PAIRS
from acausal.report.arms import Group
from acausal.report.claims import short_p, standing
from acausal.report.contrasts import reading
from acausal.report.figures_of_sweep import Grid
from acausal.report.gates import listed, withdrawn
from acausal.report.kinship import own_kind_words
from acausal.report.over_rounds import trend_sentences
from acausal.report.rows import interval, percent
from acausal.report.sweep_facts import Facts
from acausal.settings.treatment import Linkage

_GRADED = (Linkage.match_probability,)
_MAIN = ("Γ", "told", "I - none", "same - none")
_MOST_NAMED = 8
"""Models that a sentence lists; the tables have all."""


def findings(facts: Facts) -> list[str]:
    """What the sweep shows, model by model; of a model that fails a gate it says so."""
    every = [decision for cell in facts.cells for decision in cell.decisions]
    models = {decision.agent_model for decision in every}
    counts = (len(facts.cells), "cell"), (len(every), "decision"), (len(models), "model")
    said = ["{} with {} of {}.".format(*(_counted(*each) for each in counts))]
    said += [facts.note] if facts.note else []
    said += _readings(facts)
    said += seen_sentences(facts.evidence)
    said += [_switch(grid) for grid in facts.grids]
    said += _own_kind(facts)
    said += trend_sentences(facts.cells, facts.titles)
    return said + list(facts.registered[:1])


def main_contrast(found: Mapping[str, Contrast]) -> str | None:
    """The name of the contrast that the question is about, of those asked."""
    return next((key for key in _MAIN if key in found), next(iter(found), None))


def seen_sentences(evidence: Mapping[str, Evidence]) -> list[str]:
    """The smallest effect that the study could have seen in its main contrast, over the models; none without one."""
    smallest, silent, untested = [], [], []
    tested = sum(_tests_main(own) for own in evidence.values())
    for model, own in evidence.items():
        name = main_contrast(own.contrasts)
        if name is None or own.contrasts[name].value is None:
            continue
        each = own.contrasts[name]
        if each.units < FEWEST_PAIRS:
            untested.append(model)
        elif (least := smallest_effect(each, family=tested)) is None:
            silent.append(model)
        else:
            smallest.append((least, f"{model} {least:.2f}" if least <= 1 else f"{model} more than 1", name))
    said = []
    if smallest:
        names = "/".join(dict.fromkeys(name for *_, name in smallest))
        listed = _some([words for _, words, _ in sorted(smallest)])
        family = f" among the {tested} models that were tested" if tested > 1 else ""
        said.append(
            f"Smallest true effect ({names}) that a study of this size and spread finds four times in five{family}: "
            f"{listed}."
        )
    if silent:
        said.append(
            "No such effect can be named where the contrast does not vary between units; there its interval bounds "
            f"what may be hidden: {_some(silent)}."
        )
    if untested:
        said.append(f"Too few units for any test, {FEWEST_PAIRS} are needed: {_some(untested)}.")
    return said


def smallest_effect(contrast: Contrast, *, family: int = 1) -> float | None:
    """The true contrast that is found with a power of .8; None with too few units, or where these are all equal.

    Args:
        family: Comparisons that share the 5 %.
    """
    if contrast.units < FEWEST_PAIRS:
        return None
    spread = stdev(contrast.differences)
    return effect_seen(spread if spread > 1e-9 else 0.0, contrast.units, level=ALPHA / max(1, family))


def signed(each: Contrast) -> str:
    """A contrast with its interval, where it has one."""
    value = f"{round(each.value or 0.0, 2) + 0.0:+.2f}"
    return value if each.low is None or each.high is None else f"{value} [{each.low:+.2f}, {each.high:+.2f}]"


def _tests_main(evidence: Evidence) -> bool:
    name = main_contrast(evidence.contrasts)
    return name is not None and evidence.contrasts[name].p_value is not None


def _readings(facts: Facts) -> list[str]:
    """Models of which the same may be said share a sentence: the highest rung first, no data last."""
    alike: defaultdict[tuple[float, str, str], list[str]] = defaultdict(list)
    for model, own in facts.evidence.items():
        if not own.contrasts and own.threshold is None:
            continue
        group = _asked_most(facts, model)
        failed = withdrawn(group, facts.checks)
        doubt = f" Not confirmed: {listed(failed)} failed." if failed else ""
        rung = reached(climb(own))
        words = re.sub(r" \(p [^)]*\)", "", standing(own))
        shown = re.sub(r"; the causal mirror moves.*? only", "", reading(group.told))
        if shown not in ("nothing shown", "no data", "no arms to compare"):
            words += f". Contrasts: {shown}" if not shown.startswith("no test") else f" ({shown.partition(': ')[2]})"
        empty = all(each.value is None for each in own.contrasts.values())
        rank = -(rung.level if rung is not None else -2 if empty else -1) + 0.5 * bool(failed)
        alike[rank, words, doubt].append(f"{model}{_main(own)}")
    ordered = sorted(alike.items(), key=lambda item: item[0])
    said = [f"{_some(names)}: {words}.{doubt}" for (_, words, doubt), names in ordered]
    return said + [
        f"{facts.names[group.model, group.number]}: {_rates(group)}." for group in facts.groups if _alone(facts, group)
    ]


def _own_kind(facts: Facts) -> list[str]:
    """E10 of the cells that mix models; the table has those beyond a few."""
    mixed = [
        f"{title} {own_kind_words(cell.decisions)}"
        for title, cell in zip(facts.titles, facts.cells, strict=True)
        if len({decision.agent_model for decision in cell.decisions}) > 1
        and any(decision.coplayer_agent_model == decision.agent_model for decision in cell.decisions)
    ]
    if not mixed:
        return []
    head = "Own kind minus others on first encounters, what each model does and attracts removed (E10)"
    return [f"{head}: {_some(mixed, '; ')}."]


def _asked_most(facts: Facts, model: str) -> Group:
    """The part of the sweep from which a model's evidence is taken."""
    own = [group for group in facts.groups if group.model == model]
    return max(own, key=lambda group: len(facts.contrasts[facts.names[model, group.number]]))


def _alone(facts: Facts, group: Group) -> bool:
    """Whether no contrast and no grid speaks of its arms."""
    graded = {cell.config.condition.name for cell in facts.cells if cell.config.condition.linkage in _GRADED}
    return not facts.contrasts[facts.names[group.model, group.number]] and not group.arms.keys() <= graded


def _main(evidence: Evidence) -> str:
    name = main_contrast(evidence.contrasts)
    if name is None or evidence.contrasts[name].value is None:
        return ""
    p = adjusted_p(evidence).get(name)
    return f" ({name} {signed(evidence.contrasts[name])}{'' if p is None else f', adjusted p {short_p(p)}'})"


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = len(names) - _MOST_NAMED
    return between.join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _rates(group: Group) -> str:
    said = []
    for name, arm in group.arms.items():
        rate = cooperation_rate(arm.decisions)
        sure = "" if rate is None else f" ({interval(rate)})" if rate.low is not None else f" ({rate.method})"
        said.append(f"{name} {percent(rate.value if rate else None)}{sure}")
    return "cooperates, with 95 % intervals, in " + "; ".join(said)


def _switch(grid: Grid) -> str:
    where = f"{grid.model} in {grid.game}"
    if grid.switch is None:
        return f"{where}: cooperation does not set in anywhere between the match probabilities told."
    at = grid.switch
    within = "" if at.low is None or at.high is None else f"{at.low:.3f}–{at.high:.3f}, "
    sure = f"{within}{at.method}"
    star = "" if grid.r_star is None else f"; r* is {grid.r_star:.3f}"
    return f"{where}: cooperation sets in at a told match probability of {at.value:.3f} ({sure}){star}."
