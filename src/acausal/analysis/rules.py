"""The game in force in numbers: what its payoffs ask for, and what power did to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from acausal.analysis.inference import Estimate
from acausal.analysis.outcomes import (
    both_sides,
    gini_of_power,
    gini_of_scores,
    mean_payoff,
    mean_payoff_by_model,
    outcome_shares,
)
from acausal.analysis.rates import cooperation_rate
from acausal.game import NAMES, GameKind, PowerRule, factor, title
from acausal.records import Decision
from acausal.settings.game_schema import HorizonConfig, PowerMode
from acausal.settings.schema import Config

_WHAT_A_RULE_DOES = {
    PowerRule.log: "points are multiplied by ln(power/100), which is 0 at 100 and turns their order round below",
    PowerRule.relative: "points are multiplied by the co-player's power over one's own, which favours the weaker",
}


def game_summary(config: Config, decisions: Sequence[Decision]) -> dict[str, Any]:
    """What summary.json says of the game and of what the choices came to."""
    payoff, scores, power = mean_payoff(decisions), gini_of_scores(decisions), gini_of_power(decisions)
    return {
        "mean_payoff": None if payoff is None else payoff.value,
        "mean_payoff_by_model": {
            model: None if estimate is None else estimate.value
            for model, estimate in mean_payoff_by_model(decisions).items()
        },
        "gini_scores": None if scores is None else scores.value,
        "gini_power": None if power is None else power.value,
        "gini_scores_estimate": _fields(scores),
        "gini_power_estimate": _fields(power),
        "outcomes": {outcome: _fields(estimate) for outcome, estimate in outcome_shares(decisions).items()},
        "mean_payoff_estimate": _fields(payoff),
        "cooperation_rate_by_turn": {
            turns: _fields(rate) for turns, rate in rates_by_turn(config.game.horizon, decisions).items()
        },
        "game": game_facts(config, decisions),
    }


def game_facts(config: Config, decisions: Sequence[Decision]) -> dict[str, Any]:
    """The game in force: payoffs after stakes, r* (E8), dominance, equilibria, and its power."""
    payoffs, goods = config.payoffs, config.public_goods
    facts: dict[str, Any] = {
        "name": config.game.name,
        "kind": payoffs.kind.value,
        "payoffs": dict(zip(NAMES.values(), payoffs.points, strict=True)),
        "stakes": config.game.stakes,
        "r_star": payoffs.r_star,
        "dominant_action": None if payoffs.dominant is None else payoffs.dominant.value,
        "equilibria": [[own.value, other.value] for own, other in payoffs.equilibria],
        "mutual_cooperation_pareto_optimal": payoffs.mutual_cooperation_is_pareto_optimal,
        "public_goods": None if goods is None else asdict(goods) | {"per_capita_return": goods.per_capita_return},
        "horizon": asdict(config.game.horizon),
    }
    power = config.game.power
    matches, turned = power_in_play(config, decisions)
    return facts | {
        "power": {
            "mode": power.mode.name,
            "rule": power.rule.value,
            "told": power.told,
            "matches": matches,
            "matches_of_another_game": turned,
        },
        "warning": _warning(power.rule, payoffs.kind, matches, turned) if power.mode is not PowerMode.off else None,
    }


def rates_by_turn(horizon: HorizonConfig, decisions: Sequence[Decision]) -> dict[str, Estimate | None]:
    """Cooperation in first turns, later ones and, where the end is known, last ones; nothing where a match has one."""
    if not horizon.several:
        return {}
    parts = {"first": [d for d in decisions if d.turn == 1], "later": [d for d in decisions if d.turn > 1]}
    if not horizon.varies:
        parts["last"] = [d for d in decisions if d.turn == horizon.turns]
    return {name: cooperation_rate(own) for name, own in parts.items()}


def power_in_play(config: Config, decisions: Iterable[Decision]) -> tuple[int, int]:
    """How many matches were played, void ones included, and in how many power undid the order of somebody's payoffs.

    Power multiplies all of an agent's payoffs by one factor, so their order holds exactly where it is above 0.
    """
    power = config.game.power
    if config.public_goods is not None:
        sides = ((decision, decision) for decision in decisions)
    else:
        sides = ((own, other) for own, other in both_sides(decisions))
    kept: dict[tuple[int, int, int], bool] = {}
    for own, other in sides:
        match = own.replicate, own.round, own.match
        holds = power.mode is PowerMode.off or factor(power.rule, own.power, other.power) > 0
        kept[match] = kept.get(match, True) and holds
    return len(kept), sum(not holds for holds in kept.values())


def _warning(rule: PowerRule, kind: GameKind, matches: int, turned: int) -> str | None:
    if rule not in _WHAT_A_RULE_DOES:
        return None
    return (
        f"game.power.rule={rule.value}: {_WHAT_A_RULE_DOES[rule]}; "
        f"under this rule {turned} of {matches} matches were no {title(kind)}"
    )


def _fields(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else asdict(estimate)
