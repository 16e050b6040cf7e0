"""Decisions that other systems recorded, as our own: columns named by the user, every value checked, none guessed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from acausal.analysis.contrasts import Arm
from acausal.errors import ConfigError
from acausal.game import Action, Payoffs
from acausal.records import Decision
from acausal.report.foreign_files import Table, among, check_column, columns_of, open_table
from acausal.report.foreign_layouts import spread
from acausal.report.foreign_rows import Rows
from acausal.report.mapping import FIELDS, OF_A_PLAYER, Reading

_OURS = {"replicate", "round", "matchday", "match", "agent", "coplayer", "status"}
"""Columns by which a table is one of ours, so that `round` has our meaning."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A decision, and what is known beside it."""

    decision: Decision
    met: Action | None = None
    """What the co-player did in the same turn; None where that is not known."""
    game: Payoffs | None = None
    told_r: float | None = None
    """The match probability that the agent was told."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Decisions of another system."""

    seen: list[Seen]
    told: Mapping[str, Arm | None] = field(default_factory=dict)
    """Condition → what it tells, where the file says so."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field → column, those taken by their name included."""
    said: Sequence[str] = ()
    """What was done with the file, and what in it is no action: sentences."""

    @property
    def decisions(self) -> list[Decision]:
        """In the order of the rows, the first player of a match first."""
        return [each.decision for each in self.seen]


def read_foreign(path: Path | Sequence[Path], reading: Reading) -> Foreign:
    """The decisions of a parquet or CSV file, or of several with the same columns.

    Raises:
        ConfigError: The file, a column or a value is not what it must be; rows are counted from 1, without the head.
    """
    table = open_table([path] if isinstance(path, Path) else path, reading)
    columns = _columns(table, reading)
    for name, own in columns.items():
        for column in own:
            if "*" not in column:
                for part in columns_of(column, table.names):
                    check_column(table, part, name)
    columns = spread(table, columns, reading)
    rows = Rows(table, columns, reading)
    decisions = _two_selves(rows.decisions(), named="coplayer" in columns and rows.seats == 1)
    _check_twins(table, rows, decisions)
    said: list[str] = []
    decisions = _in_pairs(decisions, columns, said)
    met = _met(table, rows, decisions)
    seen = []
    for (number, seat), decision, other in zip(rows.places, decisions, met, strict=True):
        game = rows.game(number)
        if decision.payoff is None and game is not None and decision.action is not None and other is not None:
            decision = replace(decision, payoff=game.payoff(decision.action, other))
        seen.append(Seen(decision, other, game, rows.number("match_probability", number, seat)))
    return Foreign(seen, rows.told(), columns, (*table.said, *rows.said, *said))


def _columns(table: Table, reading: Reading) -> dict[str, tuple[str, ...]]:
    """Field → column: those that the user names, then those of the same name.

    Raises:
        ConfigError: No column is the action, or a column of a name of ours may be one thing or another.
    """
    path, names, wanted = table.path, table.names, reading.columns
    own = set(FIELDS) - {"count", "cooperations"} - set(wanted)
    if len(wanted.get("action", ())) == 2:
        own -= OF_A_PLAYER
    found = {name: (name,) for name in FIELDS if name in own and name in names} | dict(wanted)
    if "cooperations" in wanted:
        if "count" not in wanted or "action" in wanted:
            raise ConfigError("--map cooperations needs count, of how many decisions, and stands in place of action")
        return {name: column for name, column in found.items() if name != "action"}
    if "action" not in found:
        raise ConfigError(
            f"{path} has no column 'action': name the one that holds it with --map action=COLUMN; it has {among(names)}"
        )
    if "round" in found and "round" not in wanted and not {*names} >= _OURS:
        if any("round" in columns_of(column, names) for each in wanted.values() for column in each):
            del found["round"]
        elif "turn" not in found:
            raise ConfigError(
                f"{path} has a column 'round', which may count the turns of a match or rounds in which everybody meets "
                "anew: say --map turn=round or --map round=round"
            )
    if "turn" in found and "match" not in found:
        raise ConfigError(
            "--map turn needs match: say which column tells matches apart, several joined by +, as in "
            "match=session+pair"
        )
    return found


_Place = tuple[str, int, int, int, int, int]
"""Condition, replicate, round, match, turn, agent."""


def _place(decision: Decision, agent: int | None = None) -> _Place:
    d = decision
    return d.condition, d.replicate, d.round, d.match, d.turn, d.agent if agent is None else agent


def _two_selves(decisions: list[Decision], *, named: bool) -> list[Decision]:
    """Where an agent is its own co-player there are two of it: the second row of a turn is the other one's."""
    if not named or not any(d.agent == d.coplayer for d in decisions):
        return decisions
    beyond = max(max(d.agent, d.coplayer or 0) for d in decisions) + 1
    seen: set[_Place] = set()
    found = []
    for decision in decisions:
        if decision.agent == decision.coplayer:
            own, other = decision.agent, decision.agent + beyond
            agents = (other, own) if _place(decision) in seen else (own, other)
            seen.add(_place(decision))
            decision = replace(decision, agent=agents[0], coplayer=agents[1])
        found.append(decision)
    return found


def _check_twins(table: Table, rows: Rows, decisions: Sequence[Decision]) -> None:
    seen: dict[_Place, int] = {}
    for index, d in enumerate(decisions):
        if (first := seen.setdefault(_place(d), index)) != index:
            one, other = (rows.places[each][0] for each in (first, index))
            equal = one != other and table.rows[one] == table.rows[other]
            cure = (
                "--drop-copies leaves the later one out, as they are equal in every column"
                if equal
                else "map the column in which they differ, e.g. replicate, round, match, turn or agent"
            )
            raise ConfigError(
                f"{table.origins[one].beside(table.origins[other])} are the same decision "
                f"(condition {d.condition!r}, replicate {d.replicate}, round {d.round}, match {d.match}, turn "
                f"{d.turn}, agent {d.agent}): {cure}"
            )


def _in_pairs(decisions: list[Decision], columns: Mapping[str, object], said: list[str]) -> list[Decision]:
    """Co-players and their models, where they follow from the rows: a match of two has one co-player for each."""
    if "coplayer" not in columns and "match" in columns and all(d.coplayer is None for d in decisions):
        met: defaultdict[_Place, list[int]] = defaultdict(list)
        for d in decisions:
            met[_place(d, 0)].append(d.agent)
        if max(map(len, met.values())) == 2:
            said.append("Co-players follow from match: none holds more than two agents in a turn.")
            others = [[agent for agent in met[_place(d, 0)] if agent != d.agent] for d in decisions]
            pairs = zip(decisions, others, strict=True)
            decisions = [replace(d, coplayer=other[0]) if other else d for d, other in pairs]
    if "model" not in columns or {"coplayer_model", "coplayer_agent_model"} & columns.keys():
        return decisions
    models = {_place(d): d for d in decisions}
    found = []
    for d in decisions:
        other = None if d.coplayer is None else models.get(_place(d, d.coplayer))
        if other is not None and d.coplayer_agent_model is None:
            d = replace(d, coplayer_model=other.model, coplayer_agent_model=other.agent_model)
        found.append(d)
    return found


def _met(table: Table, rows: Rows, decisions: Sequence[Decision]) -> list[Action | None]:
    """What each co-player did: by its own row, by the column of it, or both, which must agree."""
    own = {_place(d): index for index, d in enumerate(decisions)}
    found = []
    for index, d in enumerate(decisions):
        number, seat = rows.places[index]
        said = rows.action("coplayer_action", number, seat)
        other = None if d.coplayer is None else own.get(_place(d, d.coplayer))
        if other is not None:
            there = decisions[other]
            both = table.origins[number].beside(table.origins[rows.places[other][0]])
            if there.coplayer != d.agent:
                raise ConfigError(
                    f"{both} do not meet: the second is the first's co-player, but names another one as its own; map "
                    "what tells their matches apart"
                )
            if said is not None and there.action not in (None, said):
                raise ConfigError(
                    f"{both} disagree: by the first its co-player chose {said}, by the second {there.action}; is the "
                    "coding of coplayer_action another one, or coplayer wrong?"
                )
            said = there.action if said is None else said
        found.append(said)
    return found
