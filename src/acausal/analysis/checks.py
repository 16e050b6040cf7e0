"""What the questions beside the game show: who understood the rules, recalls what it was told, believes what, drifts.

A question counts for a share when the model assigned replied to it: a reply that cannot be read shows no understanding,
so it stays in the denominator; one that never came is missing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from acausal.analysis.inference import Estimate, half_width
from acausal.analysis.rates import cooperation_rate
from acausal.game import Payoffs
from acausal.records import Check, CheckRecord, Decision, Status

PASSED = 0.95
"""Of the answers of a model in a wording of the condition must be right."""
RECEIVED, NOT_RECEIVED = 0.95, 0.80
"""From the first share of right recalls on a treatment was received, below the second it was not."""


@dataclass(frozen=True, slots=True)
class Score:
    """The answers of one model, in one wording of the condition or in all."""

    model: str
    paraphrase: int | None
    """None: all."""
    share: float | None
    """Right answers among replies, a fraction in [0, 1]; None without a reply."""
    n: int
    """Replies of the model assigned."""
    legible: int
    asked: int


def scores(records: Iterable[CheckRecord], check: Check, *, by_paraphrase: bool = False) -> list[Score]:
    """How many answers were right, model by model."""
    groups: dict[tuple[str, int | None], list[CheckRecord]] = {}
    for record in records:
        if record.check is check:
            groups.setdefault((record.model, record.paraphrase if by_paraphrase else None), []).append(record)
    return [_score(model, wording, own) for (model, wording), own in sorted(groups.items(), key=lambda item: item[0])]


def failing_units(records: Iterable[CheckRecord]) -> list[tuple[str, int]]:
    """(model, wording) whose comprehension was not shown: fewer than PASSED of the answers right, or no answer."""
    return [
        (score.model, score.paraphrase)
        for score in scores(records, Check.COMPREHENSION, by_paraphrase=True)
        if score.paraphrase is not None and (score.share is None or score.share < PASSED)
    ]


def per_protocol(decisions: Iterable[Decision], records: Sequence[CheckRecord]) -> Estimate | None:
    """The rate among decisions of the units that passed the quiz; None where none did."""
    failing = set(failing_units(records))
    return cooperation_rate(d for d in decisions if (d.model, d.paraphrase) not in failing)


def treatment(share: float | None) -> str:
    """What a share of right recalls says of a treatment."""
    if share is None:
        return "no data"
    return "received" if share >= RECEIVED else "not received" if share < NOT_RECEIVED else "received in part"


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What agents of one model believe of their co-player (E12), over agents that gave both numbers."""

    model: str
    n: int
    """Agents and replicates."""
    q1: float | None
    """Mean of P(the other cooperates | I cooperate)."""
    q0: float | None
    """Mean of P(the other cooperates | I defect)."""
    evidential: float | None
    """Mean of q1 − q0."""
    edt_score: float | None
    """Mean of q1 R + (1 − q1) S − q0 T − (1 − q0) P, in points: above 0, cooperation pays by their own beliefs."""
    edt_half_width: float | None
    """Half of its 95 % t interval over replicates; None with one of them, or where all are equal."""


@dataclass(frozen=True, slots=True)
class Elicited:
    """What one agent believes of its co-player."""

    model: str
    replicate: int
    agent: int | None
    paraphrase: int
    q1: float
    """P(the other cooperates | I cooperate)."""
    q0: float
    """P(the other cooperates | I defect)."""


def elicited(records: Iterable[CheckRecord]) -> list[Elicited]:
    """The beliefs of every agent that gave both numbers, in the order in which the agents come."""
    agents: dict[tuple[str, int, int | None, int], dict[str, float]] = {}
    for record in records:
        if record.check is Check.BELIEFS and record.p_cooperate is not None and not record.substituted:
            place = record.model, record.replicate, record.agent, record.paraphrase
            agents.setdefault(place, {})[record.question] = record.p_cooperate
    both = ((place, own) for place, own in agents.items() if len(own) == 2)
    return [Elicited(*place, own["belief_c"], own["belief_d"]) for place, own in both]


def beliefs(records: Sequence[CheckRecord], payoffs: Payoffs) -> list[Beliefs]:
    """Model by model; the payoffs are those in force."""
    asked: dict[str, list[Elicited]] = {
        record.model: [] for record in sorted(records, key=lambda r: r.model) if record.check is Check.BELIEFS
    }
    for each in elicited(records):
        asked[each.model].append(each)
    found = []
    for model, agents in asked.items():
        pairs = [(each.q1, each.q0) for each in agents]
        by_replicate: dict[int, list[float]] = {}
        for each in agents:
            by_replicate.setdefault(each.replicate, []).append(edt_score(each.q1, each.q0, payoffs))
        found.append(
            Beliefs(
                model=model,
                n=len(pairs),
                q1=_mean([q1 for q1, _ in pairs]),
                q0=_mean([q0 for _, q0 in pairs]),
                evidential=_mean([q1 - q0 for q1, q0 in pairs]),
                edt_score=_mean([edt_score(q1, q0, payoffs) for q1, q0 in pairs]),
                edt_half_width=_half_width([math.fsum(own) / len(own) for own in by_replicate.values()]),
            )
        )
    return found


def edt_score(q1: float, q0: float, payoffs: Payoffs) -> float:
    """What cooperation is expected to pay more than defection, if my choice is evidence of the other's; in points."""
    cooperating = q1 * payoffs.reward + (1 - q1) * payoffs.sucker
    return cooperating - q0 * payoffs.temptation - (1 - q0) * payoffs.punishment


@dataclass(frozen=True, slots=True)
class Shift:
    """How the answers of one model to its canary changed, in replicates that have both."""

    model: str
    stage: str
    """`middle` or `end`, each against the start."""
    n: int
    changed: int
    p_value: float | None
    """Exact two-sided sign test of the two directions of change; None where nothing changed."""


def canary_shifts(records: Iterable[CheckRecord]) -> list[Shift]:
    """Model by model, the middle and the end of each replicate against its start."""
    answers: dict[str, dict[int, dict[str, list[str]]]] = {}
    for record in records:
        if record.check is Check.CANARY:
            stages = answers.setdefault(record.model, {}).setdefault(record.replicate, {})
            if record.answer is not None and not record.substituted:
                stages.setdefault(record.question.partition("/")[0], []).append(record.answer)
    shifts = []
    for model, replicates in sorted(answers.items()):
        for stage in ("middle", "end"):
            pairs = [
                pair
                for stages in replicates.values()
                for pair in zip(stages.get("start", []), stages.get(stage, []), strict=False)
            ]
            to = Counter(after for before, after in pairs if before != after)
            shifts.append(Shift(model, stage, len(pairs), to.total(), _sign_test(to)))
    return shifts


@dataclass(frozen=True, slots=True)
class Halves:
    """Cooperation in the first round of agents asked before they decided, and of those asked after."""

    before: Estimate | None
    after: Estimate | None
    difference: float | None
    """Before minus after; questions that no game hears of should make none."""
    half_width: float | None
    """Half of its 95 % t interval over replicates that have both."""


def halves(decisions: Sequence[Decision], records: Iterable[CheckRecord]) -> Halves | None:
    """The two halves; None where not both were played."""
    first = {
        (record.replicate, record.agent): record.before_decision
        for record in records
        if record.check in (Check.COMPREHENSION, Check.BELIEFS)
    }
    if len(set(first.values())) < 2:
        return None
    played = [decision for decision in decisions if decision.round == 1]
    by_half = {half: [d for d in played if first.get((d.replicate, d.agent)) is half] for half in (True, False)}
    before, after = cooperation_rate(by_half[True]), cooperation_rate(by_half[False])
    gaps = []
    for replicate in sorted({decision.replicate for decision in played}):
        one, other = (cooperation_rate(d for d in by_half[half] if d.replicate == replicate) for half in (True, False))
        if one is not None and other is not None:
            gaps.append(one.value - other.value)
    known = before is not None and after is not None
    difference = before.value - after.value if known and before is not None and after is not None else None
    return Halves(before, after, difference, _half_width(gaps))


def checks_summary(decisions: Sequence[Decision], records: Sequence[CheckRecord], payoffs: Payoffs) -> dict[str, Any]:
    """What summary.json says of checks; rates as fractions in [0, 1], None over nothing."""
    statuses = Counter(record.status for record in records)
    costs = [record.cost_usd for record in records if record.status is not Status.FAILED]
    whole, kept = cooperation_rate(decisions), per_protocol(decisions, records)
    quizzed = any(record.check is Check.COMPREHENSION for record in records)
    parts = halves(decisions, records)
    recalls = scores(records, Check.MANIPULATION)
    return {
        "calls": len(records),
        "tokens_in": sum(record.tokens_in or 0 for record in records),
        "tokens_out": sum(record.tokens_out or 0 for record in records),
        "cost_usd": None if None in costs else math.fsum(cost for cost in costs if cost is not None),
        **{status.value: statuses[status] for status in Status},
        "substituted": sum(record.substituted for record in records),
        "comprehension_by_model": _shares(scores(records, Check.COMPREHENSION)),
        "manipulation_by_model": _shares(recalls),
        "comprehension": [asdict(score) for score in scores(records, Check.COMPREHENSION, by_paraphrase=True)],
        "manipulation": [asdict(score) | {"treatment": treatment(score.share)} for score in recalls],
        "failing_units": [{"model": model, "paraphrase": wording} for model, wording in failing_units(records)],
        "cooperation_rate_intention_to_treat": whole.value if quizzed and whole is not None else None,
        "cooperation_rate_per_protocol": kept.value if quizzed and kept is not None else None,
        "per_protocol": asdict(kept) if quizzed and kept is not None else None,
        "beliefs": [asdict(each) for each in beliefs(records, payoffs)],
        "canary": [asdict(shift) for shift in canary_shifts(records)],
        "halves": None if parts is None else asdict(parts),
    }


def _score(model: str, paraphrase: int | None, records: Sequence[CheckRecord]) -> Score:
    replied = [record for record in records if record.status is not Status.FAILED and not record.substituted]
    right = sum(record.correct is True for record in replied)
    return Score(
        model=model,
        paraphrase=paraphrase,
        share=right / len(replied) if replied else None,
        n=len(replied),
        legible=sum(record.status is Status.LEGIBLE for record in replied),
        asked=len(records),
    )


def _shares(found: Iterable[Score]) -> dict[str, float | None]:
    return {score.model: score.share for score in found}


def _sign_test(to: Counter[str]) -> float | None:
    """Two-sided, exact: as many changes as these to one of two answers, if either were as likely."""
    total = to.total()
    if not total:
        return None
    tail = sum(math.comb(total, count) for count in range(max(to.values()), total + 1))
    return min(1.0, 2 * tail / 2.0**total)


def _half_width(values: Sequence[float]) -> float | None:
    return half_width(values, 0.95) if len(set(values)) > 1 else None


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
