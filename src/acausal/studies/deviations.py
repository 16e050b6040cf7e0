"""Whether a sweep followed its registration: every departure, by arm and kind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acausal.analysis.contrasts import CONTRASTS
from acausal.config import fingerprint, identity
from acausal.records import Decision
from acausal.report.arms import Cell, told_by
from acausal.report.tables import first_strategy_hashes
from acausal.report.terminal import short
from acausal.settings.encounters import decisions_per_round
from acausal.settings.schema import Config
from acausal.settings.stored import REGISTRATION
from acausal.studies.registration import Arm, Registration, prompts, read_registration

_SHOWN = 3
"""Changed keys of an arm that are named one by one."""
_WORDS = ("condition.", "wording.", "protocol.", "cover", "game.labels", "game.wording", "labels")


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a report did, to be held against what was registered."""

    confirmed: Sequence[str] = ()
    """Contrasts that it presents as confirmatory."""
    alpha: float = 0.05
    correction: str = "Holm"
    exclusions: Sequence[str] = field(default_factory=list)
    """Rules by which it left data out, beyond those of the program."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way in which a sweep is not what was registered."""

    kind: str
    """`arm`, `replicates`, `prompt`, `model`, `design`, `data`, `family` or `exclusion`."""
    where: str
    """The arm; empty for the study as a whole."""
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {f'{self.where}: ' if self.where else ''}{self.what}"


def deviations(frozen: Registration, cells: Sequence[Cell], analysis: Analysis | None = None) -> list[Deviation]:
    """Every way in which a sweep, and what was made of it, departs from its registration; none: it was followed.

    Args:
        cells: Those that left data, as `cells_below` finds them.
        analysis: What a report did; None: only the data are compared.
    """
    pairs, missing, extra = _paired(frozen.arms, cells)
    found = [Deviation("arm", arm.name, "registered, but it left no data") for arm in missing]
    found += [Deviation("arm", short(cell.directory), "played, but not registered") for cell in extra]
    for arm, cell in pairs:
        found += _of_arm(arm, cell)
    return found + (_of_analysis(frozen, analysis) if analysis is not None else [])


def registered(directory: Path, cells: Sequence[Cell]) -> list[str]:
    """Whether a sweep followed its preregistration, in a sentence, then a line for each deviation.

    A `preregistration.json` in the sweep's directory is the sweep's; one in the working directory, where `acausal
    preregister` writes it, counts if one of its arms was played.

    Raises:
        ConfigError: The sweep's own registration is damaged.
    """
    for folder in (directory, Path.cwd()):
        path = folder / REGISTRATION
        if not path.is_file():
            continue
        frozen = read_registration(path)
        if folder != directory and not any(_differing(arm, cell.config) == {} for arm in frozen.arms for cell in cells):
            continue
        asked = {told_by(cell.config) for cell in cells}
        confirmed = [name for name in frozen.family.contrasts if CONTRASTS[name].keys() <= asked]
        found = deviations(frozen, cells, Analysis(confirmed))
        name = f"{path.name}, frozen at {frozen.frozen_at}, sha256 {frozen.hash[:12]}"
        if not found:
            return [f"Preregistered and followed: every arm, prompt, model and replicate is as in {name}."]
        count = f"{len(found)} deviation{'' if len(found) == 1 else 's'}"
        return [f"Preregistered, with {count} from {name}: see Registration.", *map(str, found)]
    return ["Not preregistered, as far as is known here: everything is exploratory."]


def _paired(arms: Sequence[Arm], cells: Sequence[Cell]) -> tuple[list[tuple[Arm, Cell]], list[Arm], list[Cell]]:
    """Which cell is which arm: the same identity, else the same names and the fewest keys that differ."""
    left, free = list(arms), list(cells)
    pairs: list[tuple[Arm, Cell]] = []
    near = [
        (len(_differing(arm, cell.config)), number, place)
        for number, arm in enumerate(arms)
        for place, cell in enumerate(cells)
        if (arm.condition, arm.scenario) == (cell.config.condition.name, cell.config.scenario.name)
    ]
    for _, number, place in sorted(near):
        arm, cell = arms[number], cells[place]
        if any(arm is each for each in left) and any(cell is each for each in free):
            pairs.append((arm, cell))
            left = [each for each in left if each is not arm]
            free = [each for each in free if each is not cell]
    return sorted(pairs, key=lambda pair: arms.index(pair[0])), left, free


def _differing(arm: Arm, config: Config) -> dict[str, tuple[Any, Any]]:
    """Key → registered and played, where these differ; None stands for a key that is not there."""
    played = json.loads(json.dumps(identity(config)))
    if fingerprint(played) == fingerprint(arm.identity):
        return {}
    keys = dict.fromkeys([*arm.identity, *played])
    both = {key: (arm.identity.get(key), played.get(key)) for key in keys}
    return {key: (old, new) for key, (old, new) in both.items() if old != new}


def _of_arm(arm: Arm, cell: Cell) -> Iterator[Deviation]:
    changed = _differing(arm, cell.config)
    for kind, keys in _by_kind(changed).items():
        yield Deviation(kind, arm.name, _in_words({key: changed[key] for key in keys}))
    replicates = len({decision.replicate for decision in cell.decisions})
    if replicates != arm.replicates:
        yield Deviation("replicates", arm.name, f"{arm.replicates} registered, {replicates} in the data")
    rendered = prompts(cell.config)
    if not changed and cell.config.replicates == arm.replicates and rendered != arm.prompts:
        titles = ", ".join(title for title in rendered if rendered[title] != arm.prompts.get(title))
        yield Deviation("prompt", arm.name, f"the same configuration now renders other messages: {titles}")
    if unknown := _unregistered(arm, cell):
        yield Deviation("prompt", arm.name, f"{unknown} first questions were asked in messages that are not registered")
    if lost := _lost(cell):
        yield Deviation("exclusion", arm.name, f"{lost} decisions of the design are in no row of the table")


def _by_kind(changed: Mapping[str, Any]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for key in changed:
        kind = "model" if key.startswith("models.") else "prompt" if key.startswith(_WORDS) else "design"
        kinds.setdefault(kind, []).append(key)
    return kinds


def _in_words(changed: Mapping[str, tuple[Any, Any]]) -> str:
    named = [f"{key} is {_brief(new)}, registered {_brief(old)}" for key, (old, new) in list(changed.items())[:_SHOWN]]
    more = [f"and {len(changed) - _SHOWN} more keys"] if len(changed) > _SHOWN else []
    return "; ".join([*named, *more])


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _unregistered(arm: Arm, cell: Cell) -> int:
    """Questions of the first round that every agent is asked before anything has happened, by other messages."""
    registered = {each for hashes in arm.prompts.values() for each in hashes}
    if cell.config.protocol.strategy is not None:
        return len(first_strategy_hashes(cell.directory / "strategies.parquet") - registered)
    first: dict[tuple[int, int], Decision] = {}
    for decision in cell.decisions:
        if decision.round == decision.turn == 1:
            place = decision.replicate, decision.agent
            if place not in first or decision.match < first[place].match:
                first[place] = decision
    asked = [each for each in first.values() if each.messages_hash is not None and not each.reasks]
    return sum(each.messages_hash not in registered for each in asked)


def _lost(cell: Cell) -> int:
    """Decisions that the replicates on record must have made and that the table lacks; 0 where matches vary."""
    config = cell.config
    if config.game.horizon.several:
        return 0
    replicates = len({decision.replicate for decision in cell.decisions})
    return max(0, replicates * config.num_rounds * decisions_per_round(config) - len(cell.decisions))


def _of_analysis(frozen: Registration, analysis: Analysis) -> list[Deviation]:
    family = frozen.family
    found = [
        Deviation("family", "", f"{name} is presented as confirmatory, and is not of the registered family")
        for name in analysis.confirmed
        if name not in family.contrasts
    ]
    found += [
        Deviation("family", "", f"{name} is registered as confirmatory, and is not reported")
        for name in family.contrasts
        if name not in analysis.confirmed
    ]
    if (analysis.alpha, analysis.correction) != (family.alpha, family.correction):
        registered = f"{family.alpha:g} with {family.correction}"
        found.append(Deviation("family", "", f"level {analysis.alpha:g} with {analysis.correction}, not {registered}"))
    extra = [rule for rule in analysis.exclusions if rule not in frozen.exclusions]
    return found + [
        Deviation("exclusion", "", f"data were left out by a rule that is not registered: {rule}") for rule in extra
    ]
