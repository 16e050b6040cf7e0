"""Rows of another system's table as decisions of ours, value by value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from enum import Enum
from shlex import quote
from typing import TypeVar

from acausal.analysis.contrasts import Arm
from acausal.errors import ConfigError
from acausal.game import Action, Payoffs
from acausal.records import Decision, Status
from acausal.report.foreign_files import FILE, ROW, Table, check_column, columns_of, listed
from acausal.report.foreign_layouts import CHOSEN
from acausal.report.mapping import COUNTS, NOT_GIVEN, Reading, plain
from acausal.settings.spelling import nearest
from acausal.settings.treatment import Claim, Linkage

_Member = TypeVar("_Member", bound=Enum)

_NEEDED = ("replicate", "round", "match", "agent", "turn", "model", "condition")
"""Fields that no row may lack where a column holds them."""
_YES, _NO = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
NAMELESS = "model"
"""Of who chose, where no column says it."""
_ALONE = "all"


class Rows:
    """One file's rows to decisions."""

    def __init__(self, table: Table, columns: Mapping[str, tuple[str, ...]], reading: Reading) -> None:
        self._table, self._rows, self._columns, self._reading = table, table.rows, columns, reading
        self._texts = {name: [self._text_of(name, column) for column in own] for name, own in columns.items()}
        self.seats = 2 if len(columns["action"]) == 2 else 1
        self._numbered = {name: self._numbering(name) for name in COUNTS if name in columns}
        self.places = [(number, seat) for number in range(len(table.rows)) for seat in range(self.seats)]
        """Row and player of each decision, in their order."""
        self.said: list[str] = []
        for word in reading.cooperate | reading.defect:
            if word.startswith("@"):
                check_column(table, word[1:], "an action")

    def decisions(self) -> list[Decision]:
        """A decision for each place, before it is known whom each met."""
        self._refuse_unknown()
        return [self._decision(number, seat) for number, seat in self.places]

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
        if self.seats == 2 and coplayer == agent and "agent" in self._columns:
            agent, coplayer = seat + 1, other + 1  # a player named as its own co-player sits in both seats
        model = self._text("model", number, seat) or NAMELESS
        coplayer_model = self._text("coplayer_model", number, seat)
        if coplayer_model is None and self.seats == 2:
            coplayer_model = self._text("model", number, other) or NAMELESS
        action = self.action("action", number, seat)
        match = self._count("match", number, seat, self._table.origins[number].id)
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
            p_cooperate=self.number("p_cooperate", number, seat),
            payoff=self.number("payoff", number, seat),
            power=self.number("power", number, seat) or 100.0,
            call_key=None,
            reason=None if action else "no action in the file",
            paraphrase=self._count("paraphrase", number, seat, None),
            label=self._text("label", number, seat),
            first_option=self.action("first_option", number, seat),
            payoff_order=self.action("payoff_order", number, seat),
            turn=self._count("turn", number, seat, 1) or 0,
        )

    def _raw(self, name: str, number: int, seat: int) -> str | None:
        """The field as text; None where there is no column, or nothing in it."""
        own = self._texts.get(name)
        return None if own is None else own[seat if len(own) == 2 else 0][number]

    def _text_of(self, name: str, column: str) -> list[str | None]:
        """A column, or several joined, as the text of a field in each row.

        Raises:
            ConfigError: A row lacks what it needs.
        """
        parts = columns_of(column, self._table.names)
        cells = [[self._value(part, number) for number in range(len(self._rows))] for part in parts]
        if len(parts) == 1:
            found = cells[0]
        else:
            heads = [f"{part}=" if name == "condition" else "" for part in parts]
            sign = ", " if name == "condition" else " + "
            found = [
                None if None in row else sign.join(f"{head}{each}" for head, each in zip(heads, row, strict=True))
                for row in zip(*cells, strict=True)
            ]
        if name in _NEEDED and None in found:
            cure = f"leave such rows out with --where '{parts[0]}!='"
            raise self._error(name, found.index(None), f"empty, but every row needs one: {cure}")
        return found

    def _value(self, column: str, number: int) -> str | None:
        if column == ROW:
            return str(self._table.origins[number].id)
        if column == FILE:
            path = self._table.origins[number].path
            return path.with_suffix("").stem if path.suffix == ".gz" else path.stem
        value = self._rows[number][column]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        return plain(value) or None

    def action(self, name: str, number: int, seat: int) -> Action | None:
        """What a field of this place says; None where it is nothing, or nothing that is known."""
        raw = self._raw(name, number, seat)
        if raw is not None and self._columns.get(name) == (CHOSEN,):
            return Action(raw)
        if raw is None or (word := raw.casefold()) in self._reading.missing | NOT_GIVEN:
            return None
        found = {
            action
            for action, words in (
                (Action.COOPERATE, self._reading.cooperate),
                (Action.DEFECT, self._reading.defect),
            )
            if word in words or any(self._held(each, number) == word for each in words if each.startswith("@"))
        }
        if len(found) == 2:
            raise self._error(name, number, f"{raw!r}, which is both --cooperate and --defect there")
        return found.pop() if found else None

    def _held(self, reference: str, number: int) -> str | None:
        value = self._value(reference[1:], number)
        return None if value is None else value.casefold()

    def _refuse_unknown(self) -> None:
        """Every value that is neither action nor declared missing is named before anything is computed."""
        for name in ("action", "coplayer_action", "first_option", "payoff_order"):
            if name not in self._columns:
                continue
            odd: Counter[str] = Counter()
            first = None
            for number, seat in self.places:
                raw = self._raw(name, number, seat)
                known = raw is None or raw.casefold() in self._reading.missing | NOT_GIVEN
                if not known and self.action(name, number, seat) is None:
                    odd[str(raw)] += 1
                    first = number if first is None else first
            if first is not None and not self._reading.rest_missing:
                word = next(iter(odd))
                also = f" (unknown are {listed(odd)})" if len(odd) > 1 else ""
                cure = f"say what it is with --cooperate, --defect or --missing {quote(word)}"
                rest = "; --rest-missing takes all such values for no action" if len(odd) > 2 else ""
                raise self._error(name, first, f"{word!r}{also}: {cure}{rest}")
            if odd:
                self.said.append(f"No action, but something else in {name}: {listed(odd)}.")

    def _status(self, action: Action | None, number: int, seat: int) -> Status:
        if action is not None:
            return Status.LEGIBLE
        raw = self._text("status", number, seat)
        return Status(raw) if raw in list(Status) and raw != Status.LEGIBLE else Status.ILLEGIBLE

    def _numbering(self, name: str) -> Mapping[str, int] | None:
        """Value → number; None where all are whole numbers as they stand. Agents and co-players are one people."""
        people = ("agent", "coplayer")
        fields = [each for each in (people if name in people else (name,)) if each in self._columns]
        found = dict.fromkeys(
            raw
            for each in fields
            for number in range(len(self._rows))
            for seat in range(len(self._columns[each]))
            if (raw := self._raw(each, number, seat)) is not None
        )
        if all(raw.lstrip("-").isdecimal() and str(int(raw)) == raw for raw in found):
            return None  # 7 and 007 are two names
        return {raw: n for n, raw in enumerate(found, start=1)}

    def _count(self, name: str, number: int, seat: int, absent: int | None) -> int | None:
        raw = self._raw(name, number, seat)
        if raw is None:
            return absent
        names = self._numbered[name]
        return int(raw) if names is None else names[raw]

    def number(self, name: str, number: int, seat: int) -> float | None:
        """A field of this place as a number; None where nothing is given."""
        raw = self._raw(name, number, seat)
        return None if raw is None or raw.casefold() in NOT_GIVEN else self._as_number(raw, name, number)

    def _as_number(self, raw: str, name: str, number: int) -> float:
        decimal = self._reading.decimal
        try:
            found = float(raw if decimal == "." else raw.replace(decimal, "."))
        except ValueError:
            cure = "; say --decimal , if that is its sign" if decimal == "." and raw.count(",") == 1 else ""
            raise self._error(name, number, f"{raw!r}, but it must be a number{cure}") from None
        if not math.isfinite(found):
            raise self._error(name, number, f"{raw!r}, but it must be a finite number")
        return found

    def game(self, number: int) -> Payoffs | None:
        """The payoffs in force in a row; None where they are not said."""
        if self._reading.payoffs is None:
            return None
        points = [self._points(name, word, number) for name, word in zip("TRPS", self._reading.payoffs, strict=True)]
        temptation, reward, punishment, sucker = points
        if temptation is None or reward is None or punishment is None or sucker is None:
            return None
        return Payoffs(temptation, reward, punishment, sucker)

    def _points(self, name: str, word: str, number: int) -> float | None:
        """A payoff as the number that is given, or that a column holds."""
        try:
            return float(word)
        except ValueError:
            check_column(self._table, word, f"--payoffs {name}")
        raw = self._value(word, number)
        return None if raw is None or raw.casefold() in NOT_GIVEN else self._as_number(raw, word, number)

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
        columns = "/".join(self._columns.get(name, (name,)))
        return ConfigError(f"{name} (column {columns}) in {self._table.origins[number]} is {what}")
