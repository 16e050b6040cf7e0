"""The cells of a sweep as arms: what each was told, with its decisions, model by model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acausal.analysis.contrasts import Arm
from acausal.analysis.rates import grouped
from acausal.config import fingerprint, identity
from acausal.errors import ConfigError
from acausal.records import CheckRecord, Decision
from acausal.report.tables import read_checks, read_decisions
from acausal.settings.schema import Config
from acausal.settings.stored import CONFIG, config_of, read_config
from acausal.settings.treatment import Claim, Linkage

_TABLE, _CHECKS = "decisions.parquet", "checks.parquet"
_TOLD = re.compile(r"condition\.(?!shows\.)|wording\.")
"""Keys in which the arms of one group may differ."""
_GRADED = (Claim.similarity, Linkage.match_probability)
"""What is told in steps: no arm of a contrast."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A finished cell on disk."""

    directory: Path
    config: Config
    decisions: tuple[Decision, ...]
    checks: tuple[CheckRecord, ...] = ()
    """Questions beside the game; none where none were asked."""


@dataclass(frozen=True, slots=True)
class ArmOnRecord:
    """One model's decisions in one cell."""

    condition: str
    told: Arm | None
    """None where its words are more, or other, than a claim and a linkage."""
    decisions: Sequence[Decision]


@dataclass(frozen=True, slots=True)
class Group:
    """One model under arms that differ in what is told and in nothing else."""

    model: str
    number: int
    """From 1: groups of one sweep differ in more than what is told."""
    arms: dict[str, ArmOnRecord] = field(default_factory=dict)
    """Condition → arm."""

    @property
    def told(self) -> Mapping[Arm, Sequence[Decision]]:
        """What each arm was told → its decisions."""
        return {arm.told: arm.decisions for arm in self.arms.values() if arm.told is not None}


def cells_below(directory: Path) -> list[Cell]:
    """Every cell under a directory that left a table of decisions, in the order of their paths.

    Raises:
        ConfigError: A cell's configuration is damaged.
    """
    return cells_of(table.parent for table in sorted(directory.rglob(_TABLE), key=_natural))


def cells_of(directories: Iterable[Path]) -> list[Cell]:
    """Those of the directories that hold a cell with a table of decisions, in their order.

    Raises:
        ConfigError: A cell's configuration is damaged.
    """
    found = []
    for cell in directories:
        table, asked = cell / _TABLE, cell / _CHECKS
        if (cell / CONFIG).exists() and table.exists():
            checks = read_checks(asked) if asked.exists() else ()
            found.append(Cell(cell, config_of(read_config(cell), where=cell), read_decisions(table), checks))
    return found


def arms_of(cells: Iterable[Cell], *, model: str = "") -> list[Group]:
    """The cells' decisions by model, and by all that is not told.

    Args:
        cells: Of one sweep or of several.
        model: Only models whose id contains this.

    Raises:
        ConfigError: Two cells are the same arm: which of them is meant, or whether both, is not for us to say.
    """
    groups: dict[tuple[str, str], Group] = {}
    numbers: dict[str, int] = {}
    origin: dict[tuple[str, str, str], Path] = {}
    for cell in cells:
        common = _common(cell.config)
        number = numbers.setdefault(common, len(numbers) + 1)
        name = cell.config.condition.name
        for model_id, decisions in grouped(cell.decisions, lambda d: d.agent_model).items():
            if model not in model_id:
                continue
            if (first := origin.setdefault((common, model_id, name), cell.directory)) != cell.directory:
                raise ConfigError(
                    f"{first} and {cell.directory} are both the arm {name!r} of {model_id}: "
                    "name the directory of one sweep"
                )
            group = groups.setdefault((common, model_id), Group(model_id, number))
            group.arms[name] = ArmOnRecord(name, told_by(cell.config), decisions)
    return sorted(groups.values(), key=lambda group: group.number)


def _common(config: Config) -> str:
    """What a cell is apart from what is told, as a short hash."""
    facts = {key: value for key, value in identity(config).items() if not _TOLD.match(key)}
    return fingerprint(facts)


def told_by(config: Config) -> Arm | None:
    """What a cell tells; None where its words are more, or other, than a claim and a linkage."""
    condition = config.condition
    plain = condition.framing == "none" and not condition.disclosure
    graded = condition.claim in _GRADED or condition.linkage in _GRADED
    return (condition.claim, condition.linkage) if plain and not graded else None


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key by which `10_…` comes after `2_…`."""
    parts = []
    for part in path.parts:
        head = part.split("_", 1)[0]
        parts.append((int(head) if head.isdigit() else -1, part))
    return parts
