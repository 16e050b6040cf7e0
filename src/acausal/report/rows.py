"""Cooperation per model and round, as every document and the terminal show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acausal.analysis.inference import Estimate
from acausal.analysis.rates import by_model, cooperation_rate, grouped
from acausal.records import Decision, Status

ALL_MODELS = "all models"


@dataclass(frozen=True, slots=True)
class RateRow:
    """One line of the table of rates."""

    model: str
    round: int | None
    """None: all rounds."""
    estimate: Estimate | None
    decisions: int
    legible: int


def rate_rows(decisions: Sequence[Decision]) -> list[RateRow]:
    """Per model each round and then all rounds; with several models the same for all of them together."""
    rows: list[RateRow] = []
    models = grouped(decisions, lambda d: d.agent_model)
    groups = [*models.items(), (ALL_MODELS, decisions)] if len(models) > 1 else list(models.items())
    for model, own in groups:
        rounds = grouped(own, lambda d: d.round)
        rows += [_row(model, round_, played) for round_, played in rounds.items() if len(rounds) > 1]
        rows.append(_row(model, None, own))
    return rows


def percent(value: float | None) -> str:
    """A fraction as it is printed: `61.1 %`, or `no data`."""
    return "no data" if value is None else f"{value * 100:.1f} %"


def interval(estimate: Estimate | None) -> str:
    """The interval of an estimate: `52.0–70.1 %`, or a dash where there is none."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return "–"
    return f"{estimate.low * 100:.1f}–{estimate.high * 100:.1f} %"


def certainty(rate: Estimate) -> str:
    """How sure a rate is: its interval and where that comes from, or why there is none."""
    if rate.low is None:
        return rate.method
    return f"95 % interval {interval(rate)} over {rate.clusters} replicates: {rate.method}"


def intention_to_treat(decisions: Sequence[Decision]) -> list[str]:
    """The rate by the model assigned, whoever answered, in a sentence; none where nobody stood in for anybody."""
    if not any(decision.substituted for decision in decisions):
        return []
    rate = cooperation_rate(decisions, intention_to_treat=True)
    if rate is None:
        return []
    models = {d.agent_model for d in decisions}
    replaced = sorted({d.agent_model for d in decisions if d.substituted}) if len(models) > 1 else []
    own = by_model((d for d in decisions if d.agent_model in replaced), intention_to_treat=True)
    of_models = "".join(f"; {model} {percent(one.value)} of {one.n}" for model, one in own.items() if one is not None)
    return [
        f"Counted for the model assigned whoever answered (intention to treat): {percent(rate.value)} of {rate.n} "
        f"decisions cooperate ({certainty(rate)}){of_models}."
    ]


def dollars(usd: float | None) -> str:
    """A cost as it is printed: `$0.00`, `$0.0146`, `unknown`."""
    if usd is None:
        return "unknown"
    return f"${usd:.2f}" if usd == 0 or usd >= 1 else f"${usd:.4f}"


def seconds(value_s: float | None) -> str:
    """A short time as it is printed: `0.84 s`, `120 s`, or a dash."""
    return "–" if value_s is None else f"{value_s:.2f} s" if value_s < 100 else f"{value_s:,.0f} s"


def _row(model: str, round_: int | None, decisions: Sequence[Decision]) -> RateRow:
    legible = sum(decision.status is Status.LEGIBLE for decision in decisions)
    return RateRow(model, round_, cooperation_rate(decisions), len(decisions), legible)
