"""Decisions that other systems recorded, as our own: columns named by the user, every value checked, none guessed."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from acausal.analysis.contrasts import Arm
from acausal.analysis.outcomes import both_sides
from acausal.errors import ConfigError
from acausal.game import Action, Payoffs
from acausal.records import Decision, Status
from acausal.report.tables import read_rows
from acausal.spelling import nearest
from acausal.treatment import Claim, Linkage

_Member = TypeVar("_Member", bound=Enum)

COUNTS = ("replicate", "round", "matchday", "match", "agent", "coplayer", "turn", "paraphrase")
"""Whole numbers; where a column holds names in their place, they are numbered in the order in which they come."""
NUMBERS = ("payoff", "power", "p_cooperate")
TEXTS = (
    *("model", "coplayer_model", "condition", "scenario", "served_by", "label", "claim", "linkage"),
    *("agent_model", "coplayer_agent_model", "status"),
)
CHOICES = ("action", "first_option", "payoff_order")
FLAGS = ("substituted",)
FIELDS = (*CHOICES[:1], *COUNTS, *TEXTS[:4], *NUMBERS, *TEXTS[4:], *CHOICES[1:], *FLAGS)
"""What a column can be."""
_YES, _NO = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
_ALONE = "all"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read."""

    columns: Mapping[str, tuple[str, ...]]
    """Field → its column; two, one for each player, where a row is a match of two."""
    cooperate: frozenset[str] = frozenset({"cooperate", "c"})
    """Values that are cooperation, in small letters."""
    defect: frozenset[str] = frozenset({"defect", "d"})
    missing: frozenset[str] = frozenset({"nan", "none", "null"})
    """Values that are no action; an empty field never is one."""
    payoffs: Payoffs | None = None
    """Of the game, where no column holds what a decision earned."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Decisions of another system."""

    decisions: list[Decision]
    told: Mapping[str, Arm | None] = field(default_factory=dict)
    """Condition → what it tells, where the file says so."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field → column, those taken by their name included."""


def read_foreign(path: Path, mapping: Reading) -> Foreign:
    """The decisions of a parquet or CSV file.

    Raises:
        ConfigError: The file, a column or a value is not what it must be; rows are counted from 1, without the head.
    """
    names, rows = _table(path)
    columns = _columns(path, names, mapping.columns)
    if not rows:
        raise ConfigError(f"{path} has no row: nothing to analyse")
    reader = _Reader(path, rows, columns, mapping)
    decisions = reader.decisions()
    _check_twins(path, decisions, seats=reader.seats)
    if mapping.payoffs is not None:
        decisions = _paid(decisions, mapping.payoffs)
    return Foreign(decisions, reader.told(), columns)


class _Reader:
    """One file's rows to decisions."""

    def __init__(
        self, path: Path, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, tuple[str, ...]], mapping: Reading
    ) -> None:
        self._path, self._rows, self._columns, self._mapping = path, rows, columns, mapping
        self.seats = 2 if len(columns["action"]) == 2 else 1
        self._numbered = {name: self._numbering(name) for name in COUNTS if name in columns}

    def decisions(self) -> list[Decision]:
        return [self._decision(number, seat) for number in range(len(self._rows)) for seat in range(self.seats)]

    def told(self) -> dict[str, Arm | None]:
        """Condition → claim and linkage, by columns of these names."""
        found: dict[str, Arm | None] = {}
        for number in range(len(self._rows)) if "claim" in self._columns else ():
            condition = self._text("condition", number, 0) or _ALONE
            arm = self._member("claim", Claim, number), self._member("linkage", Linkage, number)
            if found.setdefault(condition, arm) != arm:
                raise self._error(
                    "claim", number, f"{arm[0].name} under {condition!r}, which told something else before"
                )
        return found

    def _decision(self, number: int, seat: int) -> Decision:
        other = 1 - seat
        agent = self._count("agent", number, seat, seat + 1)
        coplayer = self._count("coplayer", number, seat, None)
        if coplayer is None and self.seats == 2:
            coplayer = self._count("agent", number, other, other + 1)
        model = self._text("model", number, seat) or "model"
        coplayer_model = self._text("coplayer_model", number, seat)
        if coplayer_model is None and self.seats == 2:
            coplayer_model = self._text("model", number, other) or "model"
        action = self._action("action", number, seat)
        match = self._count("match", number, seat, number + 1)
        return Decision(
            replicate=self._count("replicate", number, seat, 1) or 0,
            round=self._count("round", number, seat, 1) or 0,
            matchday=self._count("matchday", number, seat, match) or 0,
            match=match or 0,
            agent=agent or 0,
            coplayer=coplayer,
            model=model,
            coplayer_model=coplayer_model,
            agent_model=self._text("agent_model", number, seat) or model,
            coplayer_agent_model=self._text("coplayer_agent_model", number, seat) or coplayer_model,
            served_by=self._text("served_by", number, seat),
            substituted=self._flag("substituted", number, seat),
            condition=self._text("condition", number, seat) or _ALONE,
            scenario=self._text("scenario", number, seat) or _ALONE,
            action=action,
            status=self._status(action, number, seat),
            p_cooperate=self._number("p_cooperate", number, seat),
            payoff=self._number("payoff", number, seat),
            power=self._number("power", number, seat) or 100.0,
            call_key=None,
            reason=None if action else "no action in the file",
            paraphrase=self._count("paraphrase", number, seat, None),
            label=self._text("label", number, seat),
            first_option=self._action("first_option", number, seat),
            payoff_order=self._action("payoff_order", number, seat),
            turn=self._count("turn", number, seat, 1) or 0,
        )

    def _raw(self, name: str, number: int, seat: int) -> str | None:
        """The field as text; None where there is no column, or nothing in it."""
        if name not in self._columns:
            return None
        columns = self._columns[name]
        value = self._rows[number][columns[seat] if len(columns) == 2 else columns[0]]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a column of whole numbers with a gap is one of floats
        return str(value).strip() or None

    def _action(self, name: str, number: int, seat: int) -> Action | None:
        raw = self._raw(name, number, seat)
        if raw is None or (word := raw.casefold()) in self._mapping.missing:
            return None
        if word in self._mapping.cooperate:
            return Action.COOPERATE
        if word in self._mapping.defect:
            return Action.DEFECT
        raise self._error(name, number, f"{raw!r}: say what it is with --cooperate, --defect or --missing {raw}")

    def _status(self, action: Action | None, number: int, seat: int) -> Status:
        if action is not None:
            return Status.LEGIBLE
        raw = self._text("status", number, seat)
        return Status(raw) if raw in list(Status) and raw != Status.LEGIBLE else Status.ILLEGIBLE

    def _numbering(self, name: str) -> Mapping[str, int] | None:
        """Value → number; None where all values are whole numbers as they stand."""
        seats = range(len(self._columns[name]))
        found = dict.fromkeys(raw for n in range(len(self._rows)) for s in seats if (raw := self._raw(name, n, s)))
        agents = self._numbering("agent") if name == "coplayer" and "agent" in self._columns else None
        if agents is not None:  # agents and co-players are the same people
            others = [raw for raw in found if raw not in agents]
            return {**agents, **{raw: len(agents) + n for n, raw in enumerate(others, start=1)}}
        if all(raw.lstrip("-").isdecimal() for raw in found):
            return None
        return {raw: n for n, raw in enumerate(found, start=1)}

    def _count(self, name: str, number: int, seat: int, absent: int | None) -> int | None:
        raw = self._raw(name, number, seat)
        if raw is None:
            return absent
        names = self._numbered[name]
        return int(raw) if names is None else names[raw]

    def _number(self, name: str, number: int, seat: int) -> float | None:
        raw = self._raw(name, number, seat)
        try:
            return None if raw is None else float(raw)
        except ValueError:
            raise self._error(name, number, f"{raw!r}, but it must be a number") from None

    def _flag(self, name: str, number: int, seat: int) -> bool:
        raw = (self._raw(name, number, seat) or "false").casefold()
        if raw not in _YES | _NO:
            raise self._error(name, number, f"{raw!r}, but it must be true or false")
        return raw in _YES

    def _text(self, name: str, number: int, seat: int) -> str | None:
        return self._raw(name, number, seat)

    def _member(self, name: str, kind: type[_Member], number: int) -> _Member:
        raw = self._raw(name, number, 0) or "none"
        if raw not in kind.__members__:
            known = list(kind.__members__)
            raise self._error(name, number, f"{raw!r}: choose one of {', '.join(known)}{nearest(raw, known)}")
        return kind[raw]

    def _error(self, name: str, number: int, what: str) -> ConfigError:
        return ConfigError(
            f"{name} (column {'/'.join(self._columns[name])}) in row {number + 1} of {self._path} is {what}"
        )


def _table(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        if path.suffix == ".parquet":
            return read_rows(path)
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                rows = list(reader)
            ragged = next((n for n, row in enumerate(rows, 1) if None in row or None in row.values()), None)
            if ragged is not None:
                raise ConfigError(
                    f"row {ragged} of {path} has not as many fields as the head: quote fields with commas"
                )
            return list(reader.fieldnames or ()), rows
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, csv.Error) as error:
        raise ConfigError(
            f"{path} is no table ({' '.join(str(error).split())[:120]}): give a parquet or a CSV file"
        ) from None
    raise ConfigError(f"{path} ends in {path.suffix or 'nothing'!r}: give a file that ends in .parquet or .csv")


def _columns(path: Path, names: Sequence[str], wanted: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Field → column: those that the user names, then those of the same name."""
    known = list(names)
    for name, columns in wanted.items():
        for column in columns:
            if column not in known:
                raise ConfigError(
                    f"{path} has no column {column!r} (for {name}): it has {', '.join(known)}{nearest(column, known)}"
                )
    found = {name: (name,) for name in FIELDS if name in known and name not in wanted} | dict(wanted)
    if "action" not in found:
        raise ConfigError(f"{path} has no column 'action': name the one that holds it, e.g. --map action={known[0]}")
    return found


def _check_twins(path: Path, decisions: Sequence[Decision], *, seats: int) -> None:
    seen: dict[tuple[object, ...], int] = {}
    for number, d in enumerate(decisions):
        place = (d.condition, d.replicate, d.round, d.match, d.turn, d.agent)
        if (first := seen.setdefault(place, number)) != number:
            raise ConfigError(
                f"rows {first // seats + 1} and {number // seats + 1} of {path} are the same decision (condition "
                f"{d.condition!r}, replicate {d.replicate}, round {d.round}, match {d.match}, turn {d.turn}, agent "
                f"{d.agent}): map the column in which they differ, e.g. replicate, round, match, turn or agent"
            )


def _paid(decisions: Sequence[Decision], payoffs: Payoffs) -> list[Decision]:
    """The same decisions with what they earned, where both actions of a match are there and nothing else is said."""
    paid: dict[tuple[object, ...], float] = {}
    for condition in {d.condition for d in decisions}:
        for own, other in both_sides(d for d in decisions if d.condition == condition):
            if own.action is not None and other.action is not None:
                paid[_key(own)] = payoffs.payoff(own.action, other.action)
    return [d if d.payoff is not None else replace(d, payoff=paid.get(_key(d))) for d in decisions]


def _key(decision: Decision) -> tuple[object, ...]:
    d = decision
    return d.condition, d.replicate, d.round, d.match, d.turn, d.agent
