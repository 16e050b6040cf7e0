"""Gates: what must hold before a rate is read as an effect, each passed, failed or not asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from acausal.analysis.checks import NOT_RECEIVED, PASSED
from acausal.analysis.contrasts import CONTRASTS, arm_rate, contrast, missing_share
from acausal.analysis.rates import grouped
from acausal.records import Decision
from acausal.report.arms import Group
from acausal.report.contrasts import MISSING, MISSING_DIFFERENCE, NO_ROOM, POSITIVE_CONTROL
from acausal.report.rows import percent
from acausal.settings.treatment import Claim, Linkage


class Verdict(StrEnum):
    """What became of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of belief, and whether it holds."""

    name: str
    verdict: Verdict
    says: str
    """A sentence with the numbers."""


_WITHDRAW = ("missing decisions", "differential missingness", "positive control", "comprehension", "manipulation")
"""Gates without which nothing is confirmed; the others qualify what is read."""


def cell_gates(decisions: Sequence[Decision], summary: Mapping[str, Any], *, is_control: bool) -> list[Gate]:
    """The gates of one cell.

    Args:
        summary: The content of summary.json.
        is_control: Whether nothing is told of the co-player.
    """
    shares = {model: missing_share(own) or 0.0 for model, own in grouped(decisions, lambda d: d.agent_model).items()}
    return [
        _missing(missing_share(decisions)),
        _differs(shares, "models"),
        *(_room({"the cell": arm_rate(decisions)}) if is_control else ()),
        *_asked(summary.get("checks")),
        _truth(sum(d.claim_is_true is False for d in decisions), len(decisions)),
        _copies(decisions),
    ]


def sweep_gates(
    groups: Sequence[Group], cells: Mapping[str, Sequence[Decision]], checks: Sequence[Mapping[str, Any]]
) -> list[Gate]:
    """The gates of a sweep, over its arms.

    Args:
        groups: Models under arms that differ in what is told alone.
        cells: Title → decisions.
        checks: `checks` of each cell's summary.json that has any.
    """
    every = [decision for own in cells.values() for decision in own]
    shares: dict[str, dict[str, float]] = {}
    for group in groups:
        own = {name: missing_share(arm.decisions) or 0.0 for name, arm in group.arms.items()}
        shares[f"{group.model} (part {group.number})"] = own
    spreads = {name: max(own.values()) - min(own.values()) for name, own in shares.items() if own}
    worst = max(spreads, key=lambda name: spreads[name], default=None)
    controls = {g.model: arm_rate(g.told[key]) for g in groups if (key := (Claim.none, Linkage.none)) in g.told}
    false = {title: n for title, own in cells.items() if (n := sum(d.claim_is_true is False for d in own))}
    return [
        _missing(missing_share(every)),
        _differs(shares[worst] if worst else {}, f"arms of {worst}" if worst else "arms"),
        *_room(controls),
        _mirror(groups),
        *_asked(_least_of(checks)),
        _truth(sum(false.values()), len(every), f" in {len(false)} of {len(cells)} cells"),
        _copies(every, by_cell=cells),
    ]


def first_line(gates: Iterable[Gate], *, marked: bool = False) -> str:
    """What a report says before anything else where a gate failed that claims rest on; empty where none did.

    Args:
        marked: Whether the claims that fail a gate are marked one by one, so that others may stand.
    """
    failed = [gate for gate in gates if gate.verdict is Verdict.FAILED and gate.name in _WITHDRAW]
    if not failed:
        return ""
    names = listed(dict.fromkeys(gate.name for gate in failed))
    scope = "Not confirmed where it is marked" if marked else "Not confirmed"
    return f"{scope}: {names} failed. {failed[0].says}"


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def withdrawn(group: Group, checks: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """The names of the gates that one model fails and that its claims rest on.

    Args:
        checks: As of `sweep_gates`.
    """
    shares = {name: missing_share(arm.decisions) or 0.0 for name, arm in group.arms.items()}
    every = [decision for arm in group.arms.values() for decision in arm.decisions]
    gates = [_missing(missing_share(every)), _differs(shares, "arms"), _mirror([group])]
    for own in checks:
        of_model = {
            key: {group.model: shares[group.model]}
            for key, shares in own.items()
            if key.endswith("_by_model") and group.model in shares
        }
        gates += _asked(of_model)
    return list(dict.fromkeys(gate.name for gate in gates if gate.verdict is Verdict.FAILED))


def _missing(share: float | None) -> Gate:
    verdict = Verdict.PASSED if share is not None and share <= MISSING else Verdict.FAILED
    return Gate("missing decisions", verdict, f"{percent(share)} of the decisions are missing; at most 5 % may be.")


def _differs(shares: Mapping[str, float], what: str) -> Gate:
    name = "differential missingness"
    if len(shares) < 2:
        return Gate(name, Verdict.NOT_ASKED, "There is nothing to compare.")
    low, high = min(shares, key=lambda key: shares[key]), max(shares, key=lambda key: shares[key])
    gap = shares[high] - shares[low]
    verdict = Verdict.FAILED if gap > MISSING_DIFFERENCE + 1e-9 else Verdict.PASSED
    most = f" ({percent(shares[low])} of {low}, {percent(shares[high])} of {high})" if gap else ""
    return Gate(
        name, verdict, f"The {what} differ by {gap * 100:.1f} points in what is missing{most}; at most 2 are allowed."
    )


def _room(rates: Mapping[str, float | None]) -> list[Gate]:
    name = "room for an effect"
    known = {model: rate for model, rate in rates.items() if rate is not None}
    if not known:
        return [Gate(name, Verdict.NOT_ASKED, "No arm in which nothing is told has data.")]
    ends = {model: rate for model, rate in known.items() if not NO_ROOM <= rate <= 1 - NO_ROOM}
    if not ends:
        return [Gate(name, Verdict.PASSED, "Where nothing is told, rates lie between 5 % and 95 %.")]
    return [Gate(name, Verdict.FAILED, f"No room where nothing is told: {_listed(ends)}.")]


def _mirror(groups: Sequence[Group]) -> Gate:
    name = "positive control"
    weights = CONTRASTS["mirror"]
    asked = [group for group in groups if weights.keys() <= group.told.keys()]
    rates = {group.model: contrast("mirror", weights, group.told).value for group in asked}
    if not rates:
        return Gate(name, Verdict.NOT_ASKED, "No arm has a co-player that sees the choice and copies it.")
    low = {model: rate for model, rate in rates.items() if rate is None or rate < POSITIVE_CONTROL}
    if not low:
        return Gate(name, Verdict.PASSED, f"The causal mirror moves {len(rates)} of {len(rates)} models to cooperate.")
    return Gate(name, Verdict.FAILED, f"The causal mirror must move to at least 95 %, but moves: {_listed(low)}.")


def _asked(checks: Mapping[str, Any] | None) -> list[Gate]:
    """Comprehension and manipulation, of one cell."""
    gates = []
    for name, needed in (("comprehension", PASSED), ("manipulation", NOT_RECEIVED)):
        shares = (checks or {}).get(f"{name}_by_model") or {}
        if not shares:
            gates.append(Gate(name, Verdict.NOT_ASKED, f"checks.{name} was off."))
            continue
        low = {model: share for model, share in shares.items() if share is None or share < needed}
        gates.append(
            Gate(
                name,
                Verdict.FAILED if low else Verdict.PASSED,
                f"At least {percent(needed)} of the answers must be right"
                + (f", but are: {_listed(low)}." if low else ", and are, of every model."),
            )
        )
    return gates


def _least_of(checks: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Check → model → its least share over the cells that asked; None where one of them has no data."""
    found: dict[str, dict[str, float | None]] = {}
    for name in ("comprehension_by_model", "manipulation_by_model"):
        least = found.setdefault(name, {})
        for own in checks:
            for model, share in (own.get(name) or {}).items():
                so_far = least.get(model, share)
                least[model] = None if share is None or so_far is None else min(share, so_far)
    return found


def _truth(false: int, total: int, where: str = "") -> Gate:
    verdict = Verdict.FAILED if false else Verdict.PASSED
    said = (
        f"Deceptive: in {false:,} of {total:,} decisions{where} the agent was told something false of its co-player."
        if false
        else "No agent was told anything false of its co-player, as far as the program can know."
    )
    return Gate("truthful arms", verdict, said)


def _copies(decisions: Sequence[Decision], by_cell: Mapping[str, Sequence[Decision]] | None = None) -> Gate:
    """Whether replicates repeat each other choice by choice, in cells where choices vary at all."""
    copied = total = 0
    for own in (by_cell or {"": decisions}).values():
        seen: defaultdict[tuple[object, ...], int] = defaultdict(int)
        for played in grouped(own, lambda d: d.replicate).values():
            ordered = sorted(played, key=lambda d: (d.round, d.match, d.turn, d.agent))
            seen[tuple((d.agent, d.agent_model, d.action, d.status, d.messages_hash) for d in ordered)] += 1
        total += sum(seen.values())
        copied += sum(number - 1 for number in seen.values())
    if total < 2:
        return Gate("distinct replicates", Verdict.NOT_ASKED, "There is one replicate.")
    verdict = Verdict.FAILED if copied else Verdict.PASSED
    return Gate(
        "distinct replicates",
        verdict,
        f"{copied} of {total} replicates repeat another of their cell, prompts and choices; copies add no information.",
    )


def _listed(rates: Mapping[str, float | None]) -> str:
    shown = [f"{model} {percent(rate)}" for model, rate in rates.items()]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
