"""What happens over rounds: a slope, whether rates settle, whether replicates go separate ways, and sudden changes.

The replicate is the unit: each has its own series of rates, and every interval and p value is over replicates, however
a replicate's rounds hang together. A change is looked for between all rounds at once: the step that explains most of
the mean series is compared with the largest one under flips of the signs of the replicates' steps, which leave the
correlation between rounds as it is [westfall1993]. A line that fits the mean series better than the best step is a
drift, not a change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from acausal.analysis.inference import half_width
from acausal.analysis.many_tests import Floats, flips
from acausal.analysis.rates import grouped
from acausal.analysis.significance import FEWEST_PAIRS
from acausal.game import Action
from acausal.records import Decision

SETTLED_WITHIN = 0.05
"""A rate that stays within so much of its later mean has settled."""
_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Slope:
    """Change of the rate from one round to the next, or of anything else that has a series."""

    value: float
    """Mean over replicates of each one's least-squares slope, per round."""
    low: float | None
    high: float | None
    """95 % t interval over replicates; None with fewer than two, or where all are equal."""
    replicates: int


@dataclass(frozen=True, slots=True)
class Change:
    """A sudden change of the mean rate."""

    round: int
    """The first of the new rounds."""
    before: float
    after: float
    p: float
    """Over all rounds between which a change was looked for."""
    replicates: int
    """In which the rate moved the same way."""
    of: int
    look_at: tuple[str, ...]
    """What else changed there, and where to read on."""

    @property
    def in_words(self) -> str:
        """One sentence, and what to look at."""
        moved = f"from {self.before:.2f} to {self.after:.2f} with round {self.round}"
        return (
            f"the rate changes {moved}, in {self.replicates} of {self.of} replicates (p = {self.p:.2g}): "
            f"look at {'; '.join(self.look_at)}"
        )


@dataclass(frozen=True, slots=True)
class Trend:
    """One model over the rounds of a cell."""

    slope: Slope
    settled: int | None
    """The first round from which the mean rate stays within 0.05 of its mean from there on; None if it never does
    for three rounds."""
    spread_first: float | None
    spread_last: float | None
    """Standard deviation of the replicates' rates in the first and in the last round; None with fewer than two."""
    changes: tuple[Change, ...]
    why_no_changes: str
    """Why none was looked for; empty where it was."""


def trend(decisions: Iterable[Decision]) -> Trend | None:
    """The trend of one model's decisions.

    Returns:
        None unless two rounds have decisions that count in some replicate: a round is no trend.
    """
    every = list(decisions)
    series = rates_by_round(every)
    slopes = [slope for own in series.values() if (slope := _slope(own)) is not None]
    if not slopes:
        return None
    rounds = sorted({round_ for own in series.values() for round_ in own})
    whole = {number: own for number, own in series.items() if len(own) == len(rounds)}
    means = {round_: _mean([own[round_] for own in series.values() if round_ in own]) for round_ in rounds}
    changes, why = _changes(whole, rounds, every)
    return Trend(
        slope=_over_replicates(slopes),
        settled=settled_from(means),
        spread_first=_spread([own[rounds[0]] for own in series.values() if rounds[0] in own]),
        spread_last=_spread([own[rounds[-1]] for own in series.values() if rounds[-1] in own]),
        changes=changes,
        why_no_changes=why,
    )


def trends_by_model(decisions: Iterable[Decision]) -> dict[str, Trend | None]:
    """Model in the agent's seat → its trend."""
    return {model: trend(own) for model, own in grouped(decisions, lambda d: d.agent_model).items()}


def rates_by_round(decisions: Iterable[Decision]) -> dict[int, dict[int, float]]:
    """Replicate → round → share of cooperating decisions among those that count; empty rounds are absent."""
    counted: defaultdict[int, defaultdict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for decision in decisions:
        if decision.counts:
            counted[decision.replicate][decision.round].append(decision.action is Action.COOPERATE)
    return {
        replicate: {round_: _mean(own) for round_, own in sorted(rounds.items())}
        for replicate, rounds in sorted(counted.items())
    }


def settled_from(means: Mapping[int, float], within: float = SETTLED_WITHIN, least: int = 3) -> int | None:
    """The first round from which all rates lie within a margin of their mean, for at least so many rounds."""
    rounds = sorted(means)
    for place in range(len(rounds) - least + 1):
        later = [means[round_] for round_ in rounds[place:]]
        if max(abs(rate - _mean(later)) for rate in later) <= within:
            return rounds[place]
    return None


def change_point(series: Floats, *, seed: int = 0) -> tuple[int, float]:
    """Where the means of later and earlier rounds differ most, and how surely.

    Args:
        series: Rates, shape (replicates, rounds), at least two rounds.
        seed: Of the flips that are drawn where not all can be tried.

    Returns:
        How many rounds come before, and the p value of so large a step over all places.
    """
    replicates, rounds = series.shape
    cuts = np.arange(1, rounds)
    apart = np.stack([series[:, cut:].mean(1) - series[:, :cut].mean(1) for cut in cuts], axis=1)
    apart *= np.sqrt(cuts * (rounds - cuts) / rounds)  # what the best step explains is then the largest
    sums = np.abs(flips(replicates, seed=seed) @ apart)
    largest = sums.max(1)
    return int(sums[0].argmax()) + 1, float((largest >= largest[0] - 1e-9).mean())


def _changes(
    series: Mapping[int, Mapping[int, float]], rounds: Sequence[int], decisions: Sequence[Decision]
) -> tuple[tuple[Change, ...], str]:
    if len(series) < FEWEST_PAIRS:
        return (), f"it takes {FEWEST_PAIRS} replicates with data in every round, and there are {len(series)}"
    if len(rounds) < 3:
        return (), f"it takes 3 rounds, and there are {len(rounds)}"
    rates = np.array([[own[round_] for round_ in rounds] for own in series.values()])
    cuts = sorted(_cuts(rates, 0))
    return tuple(_change(rates, rounds, cut, ends, p, decisions) for cut, ends, p in cuts), ""


def _cuts(rates: Floats, start: int) -> list[tuple[int, tuple[int, int], float]]:
    """(rounds before, the piece that it divides, p) of every change: the surest, then those inside its two sides."""
    length = rates.shape[1]
    if length < 3:
        return []
    cut, p = change_point(rates)
    if p > _ALPHA or _drifts(rates.mean(0), cut):
        return []
    found = (start + cut, (start, start + length), p)
    return [found, *_cuts(rates[:, :cut], start), *_cuts(rates[:, cut:], start + cut)]


def _drifts(means: Floats, cut: int) -> bool:
    """Whether a line fits a series of more than three rounds at least as well as a step at the cut."""
    if len(means) < 4:
        return False
    rounds = np.arange(len(means))
    line = means - np.polyval(np.polyfit(rounds, means, 1), rounds)
    step = means - np.where(rounds < cut, means[:cut].mean(), means[cut:].mean())
    return float((line**2).sum()) <= float((step**2).sum()) + 1e-12


def _change(
    rates: Floats,
    rounds: Sequence[int],
    cut: int,
    ends: tuple[int, int],
    p: float,
    decisions: Sequence[Decision],
) -> Change:
    before, after = rates[:, ends[0] : cut].mean(1), rates[:, cut : ends[1]].mean(1)
    up = after.mean() > before.mean()
    moved = int(((after > before) if up else (after < before)).sum())
    sides = [set(rounds[ends[0] : cut]), set(rounds[cut : ends[1]])]
    return Change(
        round=rounds[cut],
        before=float(before.mean()),
        after=float(after.mean()),
        p=p,
        replicates=moved,
        of=len(rates),
        look_at=_look_at(*([d for d in decisions if d.round in side] for side in sides), first=rounds[cut]),
    )


def _look_at(before: Sequence[Decision], after: Sequence[Decision], *, first: int) -> tuple[str, ...]:
    """What else differs between the two sides; then the transcripts, which say why."""
    found = []
    missing = [sum(not decision.counts for decision in side) / len(side) for side in (before, after)]
    if abs(missing[1] - missing[0]) > 0.02:
        found.append(f"what is missing: {missing[0]:.0%} before, {missing[1]:.0%} after")
    served = [{decision.served_by for decision in side if decision.counts} for side in (before, after)]
    if served[0] != served[1]:
        new = ", ".join(sorted(str(name) for name in served[1] - served[0])) or "fewer than before"
        found.append(f"who answered: {new}")
    met = [_shares_met(side) for side in (before, after)]
    if any(abs(met[1].get(model, 0) - met[0].get(model, 0)) > 0.02 for model in {*met[0], *met[1]}):
        found.append("who was met: co-players' models changed")
    return (*found, f"the strategies and prompts of rounds {first - 1} and {first}")


def _shares_met(decisions: Sequence[Decision]) -> dict[str, float]:
    models = [decision.coplayer_agent_model or "" for decision in decisions]
    return {model: models.count(model) / len(models) for model in set(models)}


def _slope(rates: Mapping[int, float]) -> float | None:
    """Least squares over one replicate's rounds; None with fewer than two."""
    if len(rates) < 2:
        return None
    centre, mean = _mean(list(rates)), _mean(list(rates.values()))
    across = sum((round_ - centre) ** 2 for round_ in rates)
    return sum((round_ - centre) * (rate - mean) for round_, rate in rates.items()) / across


def _over_replicates(slopes: Sequence[float]) -> Slope:
    value = _mean(slopes)
    if len(slopes) < 2 or max(slopes) - min(slopes) < 1e-12:
        return Slope(value, None, None, len(slopes))
    half = half_width(slopes, 0.95)
    return Slope(value, value - half, value + half, len(slopes))


def _spread(rates: Sequence[float]) -> float | None:
    if len(rates) < 2:
        return None
    mean = _mean(rates)
    return float((sum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1)) ** 0.5)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
