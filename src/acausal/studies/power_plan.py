"""A study as it is planned: what is assumed and why, what it would find, how large it must be, and its price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from acausal.analysis.pilot import Pilot, pilot
from acausal.analysis.power import STUDIES, Power, effect_detectable, power, units_needed
from acausal.analysis.studies import CONTRAST_ARMS, Assumptions
from acausal.analysis.units import REPLICATE, WORDING
from acausal.errors import ConfigError
from acausal.pricing.dry_run import listings_of
from acausal.pricing.estimate import Span, estimate, total_usd
from acausal.report.arms import arms_of, cells_below
from acausal.report.price_table import money
from acausal.report.rows import percent
from acausal.report.terminal import short
from acausal.settings.disclosure import paraphrase_count
from acausal.settings.encounters import matches_by_slot
from acausal.settings.schema import Config
from acausal.settings.spelling import nearest
from acausal.settings.treatment import Claim, Linkage

CORRELATIONS = (0.0, 0.02, 0.05, 0.1, 0.2)
"""What is tried where nobody has measured one: reciprocity inside a round alone gives 0.2."""
MOST_EACH = 64
"""Replicates of a wording, beyond which more of them help no more."""
Stated = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class _Price:
    """Of a study as it is planned; calls and cost grow with the replicates."""

    calls: int
    usd: Span | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """One study of one model."""

    title: str
    assumed: Assumptions
    known: tuple[str, ...]
    """Where the assumptions come from, in lines."""
    correlations: tuple[float, ...]
    """That are tried."""
    target: float
    """Power asked for."""
    studies: int
    """Simulated for each power."""
    units: int | None
    """Of each arm as it is planned; None where nothing is."""
    cells: tuple[Config, ...] = ()
    """Its arms, where they are known."""
    wordings: int | None = None
    """Where they are the units: how many are written."""
    unit: str = REPLICATE
    """What repeats."""

    @property
    def each(self) -> int:
        """Replicates of each unit that are planned."""
        return max(1, self.cells[0].replicates // self.wordings) if self.wordings and self.cells else 1


def studies_of(stated: Stated, pilots: Sequence[Path], cells: Sequence[Config], *, model: str = "") -> Iterator[Study]:
    """The study that is asked for; one for each model of a pilot.

    Args:
        stated: Fields of `Assumptions`, and `power`, `n`, `studies`.
        cells: The arms of the run to plan; their design wins over that of a pilot.
        model: Of a pilot, only models whose id contains this.

    Raises:
        ConfigError: An assumption is impossible, or a pilot measures nothing.
    """
    design, units, wordings, remarks = _planned(cells)
    found = [each for directory in pilots for each in _measured(directory, model)]
    make = partial(_study, stated, tuple(cells), wordings, units)
    if not found:
        yield make("Power, as assumed", Assumptions(**design), tuple(remarks), None)
    for title, own, lines in found:
        # Arms of a sweep are compared unit by unit, as `contrasts` does: replicates share their seeds and seats.
        unmeasured = Assumptions().shared if own.paired else 0.0
        measured = Assumptions(
            rate=own.rate,
            correlation=own.correlation,
            within=own.within,
            shared=unmeasured if own.shared is None else own.shared,
            paired=own.arms > 1 or own.paired,
            strategies=own.strategies,
            per_strategy=own.per_strategy,
        )
        yield make(title, replace(measured, **design), (*lines, *remarks), own)


def _study(
    given: Stated,
    cells: tuple[Config, ...],
    wordings: int | None,
    units: int | None,
    title: str,
    assumed: Assumptions,
    sources: tuple[str, ...],
    measured: Pilot | None,
) -> Study:
    stated = dict(given)
    target, studies = float(stated.pop("power", 0.8)), int(stated.pop("studies", STUDIES))
    planned = stated.pop("n", units or (measured.units if measured else None))
    if "paired" in stated:
        stated["paired"] = str(stated["paired"]).lower() == "true"
    contrast = str(stated.get("contrast", assumed.contrast))
    if contrast not in CONTRAST_ARMS:
        known = [*CONTRAST_ARMS]
        raise ConfigError(f"contrast must be one of {', '.join(known)}, but is {contrast!r}{nearest(contrast, known)}")
    assumed = replace(assumed, **cast(dict[str, Any], stated))
    if broken := assumed.broken():
        raise ConfigError(f"{broken}: state another, e.g. effect=-5 for five points less")
    if not 0 < target < 1 or studies < 100:
        raise ConfigError(
            f"power must lie between 0 and 1 and studies be at least 100, but are {target:g} and {studies}: "
            f"e.g. power=0.8 studies={STUDIES}"
        )
    tried: tuple[float, ...] = CORRELATIONS
    if "correlation" in stated:
        tried = (assumed.correlation,)
    elif measured is not None:
        tried = tuple(sorted({measured.correlation, measured.correlation_high or measured.correlation}))
    worded = wordings is not None or (not cells and measured is not None and measured.paired)
    planned = None if planned is None else int(planned)
    unit = WORDING if worded else REPLICATE
    return Study(title, assumed, sources, tried, target, studies, planned, cells, wordings, unit)


def _planned(cells: Sequence[Config]) -> tuple[dict[str, Any], int | None, int | None, list[str]]:
    """Design, units and written wordings of the arms of a run, and what to say of them."""
    if not cells:
        return {}, None, None, []
    agents, config = min(((_fewest(cell), cell) for cell in cells), key=lambda each: each[0])
    horizon = config.game.horizon
    turns = horizon.turns if horizon.continuation is None else round(1 / (1 - horizon.continuation))
    per_strategy = max(most for _, most in matches_by_slot(config).values()) * turns
    one_shot = config.num_rounds == 1 and config.protocol.strategy is None
    written = max(map(paraphrase_count, cells))
    design: dict[str, Any] = {"strategies": agents * config.num_rounds, "per_strategy": per_strategy}
    remarks = [f"design   {len(cells)} arms; decisions of {agents} agents of one model in {config.num_rounds} rounds"]
    if not one_shot or written == 1:
        if len(cells) == 1:
            return design | {"paired": False}, config.replicates, None, remarks
        remarks.append("units    replicates, compared one by one: arms of a sweep share their seeds and seats")
        return design | {"paired": True, "shared": 0.0}, config.replicates, None, remarks
    units = min(written, config.replicates)
    each = config.replicates // units
    remarks.append(
        f"units    {written} wordings are written, shared by the arms; {each} replicates of each are planned"
    )
    return design | {"paired": True, "strategies": design["strategies"] * each}, units, written, remarks


def _fewest(config: Config) -> int:
    """Agents of the model that has the fewest, of those that are asked."""
    return min((count for slot, count in config.seats.items() if count and not config.plays_by_rule(slot)), default=1)


def _measured(directory: Path, model: str) -> Iterator[tuple[str, Pilot, tuple[str, ...]]]:
    """Title, measurement and what to say of it, for each model of a pilot."""
    groups = arms_of(cells_below(directory), model=model)
    if not groups:
        raise ConfigError(f"{short(directory)} holds no finished cell of {model or 'any model'}: name a run or a sweep")
    seen = 0
    for group in groups:
        found = pilot([arm.decisions for arm in group.arms.values()])
        if found is None:
            continue
        seen += 1
        control = group.told.get((Claim.none, Linkage.none))
        alone = pilot([control]) if control is not None else None
        rate, whose = (alone.rate, "the arm told nothing") if alone else (found.rate, f"{found.arms} arms together")
        high = "" if found.correlation_high is None else f", hardly above {found.correlation_high:.3f}"
        shared = "" if found.shared is None else f", {found.shared:.2f} of it shared by arms"
        unit = "wordings" if found.paired else "replicates"
        lines = (
            f"pilot    {short(directory)}: rate {percent(rate)} ({whose}), correlation {found.correlation:.3f}{high}"
            f"{shared}; {found.within:.2f} within a strategy; {found.units} {unit}",
        )
        yield f"Power, after {group.model}", replace(found, rate=rate), lines
    if not seen:
        raise ConfigError(
            f"{short(directory)} measures no correlation: it takes two replicates, and an arm whose decisions are not "
            "all the same; state one instead, e.g. rate=0.5 correlation=0.05"
        )


def show(study: Study, console: Console) -> None:
    """Print what is assumed, a table with a row for each correlation, and what its numbers mean."""
    assumed = study.assumed

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, highlight=False, markup=False)

    say(f"{study.title}: {assumed.contrast} of {assumed.effect * 100:+g} points")
    for line in study.known:
        say(line)
    say(
        f"assumed  rate {percent(assumed.rate)}; {assumed.decisions} decisions in each {study.unit} and arm, "
        f"{assumed.strategies} strategies of {assumed.per_strategy}"
        + (f", within which {assumed.within:.3g}" if assumed.per_strategy > 1 else "")
        + (f"; arms share {assumed.shared:.3g} of what a {study.unit} adds" if assumed.paired else "")
        + f"; two-sided at {assumed.level:.4g}"
        + (f" (the first step of Holm over {assumed.family})" if assumed.family > 1 else "")
    )
    priced = _price(study.cells) if study.cells else None
    console.print(_table(study, priced))
    for line in priced.sources if priced else ():
        say(line)
    if study.units is not None:
        say(f"Test with {study.units}: {power(assumed, study.units, studies=100).test}.")
    say(
        f"Simulated: {study.studies} studies a power, whose Monte-Carlo error is at most "
        f"{50 / study.studies**0.5:.1f} points; numbers needed are given with two errors to either side."
    )
    if not assumed.paired:
        say("Arms share nothing; those of a sweep share seeds and are compared replicate by replicate: paired=true.")
    if len(study.correlations) == len(CORRELATIONS):
        say("Nobody has measured the correlation: state it (correlation=0.05), or name the directory of a pilot.")


def _table(study: Study, price: _Price | None) -> Table:
    table = Table()
    target = f"{study.target * 100:g} %"
    names = ["correlation", f"{study.unit}s an arm for {target}"]
    if study.wordings is not None:
        names.append(f"replicates of {study.wordings} wordings")
    if study.cells:
        names += ["calls", "USD", "at most"]
    if study.units is not None:
        names += [f"power with {study.units}", f"found with {study.units} at {target}"]
    for name in names:
        table.add_column(name, justify="right")
    for correlation in study.correlations:
        table.add_row(*_row(study, replace(study.assumed, correlation=correlation), price))
    return table


def _row(study: Study, assumed: Assumptions, price: _Price | None) -> list[str]:
    need = units_needed(assumed, study.target, studies=study.studies)
    words = "more than 2000"
    if need.units is not None:
        range_ = "" if need.low == need.high else f" ({need.low}–{need.high or 'more'})"
        words = f"{need.units}{range_}"
    row = [f"{assumed.correlation:.3g}", words]
    replicates = need.units
    if study.wordings is not None:
        replicates = _replicates(study, assumed)
        row.append("none: more wordings" if replicates is None else str(replicates))
    if price is not None:
        if replicates is None:
            row += ["–"] * 3
        else:
            times = replicates / study.cells[0].replicates
            usd = None if price.usd is None else price.usd * times
            row += [f"{round(price.calls * times):,}", *money(usd)]
    if study.units is not None:
        now = power(assumed, study.units, studies=study.studies)
        found = effect_detectable(assumed, study.units, study.target, studies=study.studies)
        row += [_in_words(now), "nothing" if found is None else f"{found * 100:+.3g} points"]
    return row


def _in_words(found: Power) -> str:
    return f"{found.value * 100:.0f} % ± {found.error * 100:.1f}" if found.error else f"{found.value * 100:.0f} %"


def _replicates(study: Study, assumed: Assumptions) -> int | None:
    """The fewest replicates that reach the power with the wordings that are written; None where none do."""
    written = study.wordings or 1
    agents = assumed.strategies // study.each

    def reaches(each: int) -> bool:
        more = replace(assumed, strategies=agents * each)
        return power(more, written, studies=study.studies).value >= study.target

    if not reaches(MOST_EACH):
        return None
    below, enough = 0, MOST_EACH
    while enough - below > 1:
        middle = (below + enough) // 2
        below, enough = (below, middle) if reaches(middle) else (middle, enough)
    return enough * written


def _price(cells: Sequence[Config]) -> _Price:
    """Of all arms as they are planned."""
    listed = [listings_of(config) for config in cells]
    priced = [estimate(config, listings) for config, (listings, _) in zip(cells, listed, strict=True)]
    sources = dict.fromkeys(line for _, lines in listed for line in lines)
    unknown = dict.fromkeys(model for each in priced for model in each.unpriced.values())
    remark = [f"unknown  the price of {', '.join(unknown)}: acausal estimate says how to state it"] if unknown else []
    return _Price(sum(each.calls for each in priced), total_usd([each.usd for each in priced]), (*sources, *remark))
