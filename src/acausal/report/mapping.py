"""How a file of another system is to be read: which column is what, and which values are which action."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acausal.errors import ConfigError
from acausal.settings.spelling import nearest

COUNTS = ("replicate", "round", "matchday", "match", "agent", "coplayer", "turn", "paraphrase")
"""Whole numbers; where a column holds names in their place, they are numbered in the order in which they come."""
NUMBERS = ("payoff", "power", "p_cooperate", "match_probability")
TEXTS = (
    *("model", "coplayer_model", "condition", "scenario", "served_by", "label", "claim", "linkage"),
    *("agent_model", "coplayer_agent_model", "status"),
)
CHOICES = ("action", "coplayer_action", "first_option", "payoff_order")
FIELDS = (*CHOICES[:2], *COUNTS, *TEXTS[:4], *NUMBERS, "count", "cooperations", *TEXTS[4:], *CHOICES[2:], "substituted")
"""What a column can be."""
OF_A_PLAYER = {*CHOICES, *NUMBERS, "agent", "coplayer", "model", "coplayer_model", "agent_model", "served_by", "status"}
"""Fields that may name two columns where a row is a match of two."""
LISTS = ("cooperate", "defect", "missing", "where")
ORDERS = ("!=", "<=", ">=", "=", "<", ">")
"""Signs of a condition on a column, the longer ones first."""
NOT_GIVEN = frozenset({"", "na", "n/a", "<na>", "#n/a", "nan", "none", "null", "."})
"""Words of other programs for nothing, in small letters."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read."""

    columns: Mapping[str, tuple[str, ...]]
    """Field → its column, or several joined by `+`; two of them, one for each player, where a row is a match of two."""
    cooperate: frozenset[str] = frozenset({"cooperate", "c"})
    """Values that are cooperation, in small letters; `@column`: what that column holds in the same row."""
    defect: frozenset[str] = frozenset({"defect", "d"})
    missing: frozenset[str] = NOT_GIVEN
    """Values that are no action; an empty field never is one."""
    payoffs: tuple[str, str, str, str] | None = None
    """T, R, P, S, each a number or a column, where no column holds what a decision earned."""
    where: tuple[str, ...] = ()
    """`column=value`, `column=one,other`, `column>=3`: rows that are read; all must hold."""
    separator: str | None = None
    """Of fields; None: the one of comma, semicolon and tab that the head has."""
    decimal: str = "."
    encoding: str = "utf-8"
    letters: bool = False
    """Whether an action is a whole match, a letter a turn: `CCD`."""
    rest_missing: bool = False
    """Whether every value that is neither action is no action; counted, and listed."""
    drop_copies: bool = False
    """Whether a row that equals an earlier one in every column is left out."""
    paired: bool = False
    """Whether a replicate of one name is the same unit in every condition: arms are then compared within it."""
    baseline: str | None = None
    """The condition that the others are compared with; None: each with each."""

    def __post_init__(self) -> None:
        check_columns(self.columns)
        if both := sorted(self.cooperate & self.defect):
            raise ConfigError(f"{both[0]!r} is both --cooperate and --defect: it can be one of them")


def plain(value: Any) -> str:
    """A value as text: a column of whole numbers with a gap is one of floats, and `1.0` is still the number 1."""
    text = str(value).strip()
    whole, point, rest = text.partition(".")
    return whole if point and not rest.strip("0") and rest and whole.lstrip("-").isdecimal() else text


def check_columns(columns: Mapping[str, Sequence[str]]) -> None:
    """Whether every field is one, and has one column or two.

    Raises:
        ConfigError: It is not so.
    """
    for name, own in columns.items():
        if name not in FIELDS:
            known = list(FIELDS)
            raise ConfigError(f"--map has no field {name!r}: choose one of {', '.join(known)}{nearest(name, known)}")
        if len(own) > 2:
            words = f"{name}={','.join(own)}"
            raise ConfigError(f"--map {words!r} names {len(own)} columns: one, or two for two players; join with +")
        if len(own) == 2 and len(columns.get("action", ())) != 2:
            raise ConfigError(f"--map {name} names two columns but action does not: give action=COLUMN,COLUMN too")
        if len(own) == 2 and name not in OF_A_PLAYER:
            raise ConfigError(
                f"--map {name} names two columns, but both players of a match share it: one column, or several "
                f"joined by +, as in {name}={'+'.join(own)}"
            )


def assignments(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`FIELD=COLUMN` and `FIELD=COLUMN,COLUMN` as field → columns.

    Raises:
        ConfigError: A word is no assignment.
    """
    columns: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, assigns, column = word.partition("=")
        if not assigns or not column:
            raise ConfigError(f"--map {word!r} is no assignment: write FIELD=COLUMN, e.g. action=choice")
        columns[name] = tuple(column.split(","))
    return columns


@dataclass(frozen=True, slots=True)
class Kept:
    """What a mapping file says, under the names of the options."""

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Option → its value: a tuple of words for those that take several."""


_WORDS, _FLAGS = ("payoffs", "separator", "decimal", "encoding", "baseline"), ("letters", "rest_missing", "drop_copies")


def read_mapping(path: Path) -> Kept:
    """A mapping kept in TOML: `[map]` with field = column, and options by their names.

    Raises:
        ConfigError: It cannot be read, or says what is no option.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no TOML ({error}): write e.g. cooperate = ['1'] and a part [map]") from None
    known = [*LISTS, *_WORDS, *_FLAGS, "paired", "map"]
    options: dict[str, Any] = {}
    for raw, value in found.items():
        name = raw.replace("-", "_")
        if name not in known:
            raise ConfigError(f"{path} has no option {raw!r}: choose one of {', '.join(known)}{nearest(name, known)}")
        if name in (*_FLAGS, "paired") and not isinstance(value, bool):
            raise ConfigError(f"{raw} in {path} is {value!r}: write true or false")
        options[name] = value if isinstance(value, bool) else _listed(value) if name != "map" else value
        if name in _WORDS:
            options[name] = ",".join(options[name])
    columns = options.pop("map", {})
    if not isinstance(columns, dict):
        raise ConfigError(f"map in {path} is {columns!r}: write a part [map] with lines like action = 'choice'")
    return Kept({name: _listed(value) for name, value in columns.items()}, options)


def _listed(value: Any) -> tuple[str, ...]:
    return tuple(plain(each) for each in (value if isinstance(value, list) else [value]))
