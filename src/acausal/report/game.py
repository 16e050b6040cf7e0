"""What a report says of the game in force, from the content of summary.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acausal.analysis.inference import Estimate
from acausal.game import GameKind, title
from acausal.report.rows import interval, percent


def game_sentences(summary: Mapping[str, Any]) -> list[str]:
    """The game in plain sentences; none where the summary does not know it."""
    facts = summary.get("game")
    if facts is None:
        return []
    listed = ", ".join(f"{point:g}" for point in facts["payoffs"].values())
    said = [f"{facts['name']}: a {title(GameKind(facts['kind']))} with T, R, P, S = {listed} points."]
    if (goods := facts["public_goods"]) is not None:
        said[0] = (
            f"{facts['name']}: {goods['players']} players, an endowment of {goods['endowment']:g} points, the pool "
            f"times {goods['multiplier']:g}: a contributed point gives its giver {goods['per_capita_return']:g} back. "
            f"Against others who all do the same: T, R, P, S = {listed}."
        )
    said += [*_horizon(summary), _r_star(facts["r_star"]), _solution(facts), *_power(facts)]
    payoff = summary["mean_payoff_estimate"]
    if payoff is not None:
        said.append(f"Mean payoff: {payoff['value']:.3g} points a decision (n {payoff['n']}){_spread(summary)}.")
    return said


def outcome_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the table of outcomes; none where no match has two actions that count."""
    estimates = {outcome: Estimate(**fields) for outcome, fields in (summary.get("outcomes") or {}).items() if fields}
    return [
        {"outcome": outcome, "share": percent(rate.value), "interval": interval(rate), "n": rate.n}
        for outcome, rate in estimates.items()
    ]


def _horizon(summary: Mapping[str, Any]) -> list[str]:
    rates = summary.get("cooperation_rate_by_turn")
    if not rates:
        return []
    horizon, said = summary["game"]["horizon"], []
    if horizon["continuation"] is None:
        said.append(f"A match has {horizon['turns']} turns")
    else:
        least = "" if horizon["turns"] == 1 else f" from turn {horizon['turns']} on"
        said.append(f"A match goes on after each turn{least} with a probability of {percent(horizon['continuation'])}")
    said.append(f", which agents were {'' if horizon['told'] else 'not '}told; what follows holds of one turn.")
    known = {turns: rate for turns, rate in rates.items() if rate is not None}
    shares = [f"{percent(rate['value'])} in {turns} turns (n {rate['n']})" for turns, rate in known.items()]
    return ["".join(said), *([f"Cooperation: {', '.join(shares)}."] if shares else [])]


def _r_star(r_star: float | None) -> str:
    formula = "r* = (T - S) / ((T - S) + (R - P))"
    if r_star is None:
        return f"{formula} is not defined here: cooperation and defection are worth the same at no match probability."
    return (
        f"{formula} = {r_star:.3f}: to one who takes the own choice as evidence of the other's, cooperation is worth "
        "more where the choices match with a higher probability."
    )


def _solution(facts: Mapping[str, Any]) -> str:
    dominant = facts["dominant_action"]
    dominance = "Neither action dominates" if dominant is None else f"{dominant} dominates"
    pairs = " and ".join(f"({', '.join(pair)})" for pair in facts["equilibria"])
    optimal = "is" if facts["mutual_cooperation_pareto_optimal"] else "is not"
    return f"{dominance}; Nash equilibria in pure strategies: {pairs}; mutual cooperation {optimal} Pareto-optimal."


def _power(facts: Mapping[str, Any]) -> list[str]:
    power = facts["power"]
    if power["mode"] == "off":
        return []
    told = "Agents were told their power." if power["told"] else "Agents were not told their power."
    if facts["warning"] is not None:
        return [f"Warning: {facts['warning']}. {told}"]
    return [
        f"Power is {power['mode']}; own points are multiplied by own power / 100, a positive constant, which leaves "
        f"the order of the payoffs and r* as they are. {told}"
    ]


def _spread(summary: Mapping[str, Any]) -> str:
    known = [("scores", summary["gini_scores"]), ("power", summary["gini_power"])]
    words = ", ".join(
        f"of {name} {value:.3f}{_within(summary.get(f'gini_{name}_estimate'))}"
        for name, value in known
        if value is not None
    )
    return f"; Gini coefficient {words}" if words else ""


def _within(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None or estimate["low"] is None:
        return ""
    return f" (95 % interval {estimate['low']:.3f} to {estimate['high']:.3f})"
