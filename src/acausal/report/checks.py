"""The questions beside the game for people: lines of a terminal, and the section of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acausal.analysis.checks import NOT_RECEIVED, PASSED
from acausal.report.rows import dollars, percent


def check_lines(checks: Mapping[str, Any]) -> list[str]:
    """For a terminal: what the questions took, and what they found, in a line each."""
    lines = [
        f"checks   {checks['calls']} of these calls, {checks['tokens_in']:,} tokens in, {checks['tokens_out']:,} out, "
        f"cost {dollars(checks['cost_usd'])}"
    ]
    found = [
        f"{name} {', '.join(f'{model} {percent(share)}' for model, share in checks[f'{name}_by_model'].items())}"
        for name in ("comprehension", "manipulation")
        if checks[f"{name}_by_model"]
    ]
    lines += [f"checks   {'; '.join(found)}"] if found else []
    if checks["comprehension"]:
        lines.append(f"checks   {both_rates(checks)}")
    return lines


def both_rates(checks: Mapping[str, Any]) -> str:
    """Cooperation of all units, and of those that passed the quiz, in a sentence."""
    units, failing = len(checks["comprehension"]), len(checks["failing_units"])
    kept = checks["per_protocol"]
    passed = "no data" if kept is None else f"{percent(kept['value'])} of {kept['n']}"
    return (
        f"cooperation of all units (intention to treat) {percent(checks['cooperation_rate_intention_to_treat'])}, of "
        f"those that passed the quiz (per protocol) {passed}; {failing} of {units} units, a model in a wording each, "
        f"did not show {percent(PASSED)} of right answers"
    )


def check_rows(checks: Mapping[str, Any]) -> list[dict[str, str]]:
    """A line per model and, of the quiz, wording: what was asked, how often it was right, and what that says."""
    failing = {(unit["model"], unit["paraphrase"]) for unit in checks["failing_units"]}
    rows = [
        _row(score, "comprehension", "failed" if (score["model"], score["paraphrase"]) in failing else "passed")
        for score in checks["comprehension"]
    ]
    rows += [_row(score, "manipulation", f"treatment {score['treatment']}") for score in checks["manipulation"]]
    return rows


def check_sentences(checks: Mapping[str, Any]) -> list[str]:
    """What else the questions show, and what they took."""
    said = [
        f"{checks['calls']} calls of their own, among those below: {checks['tokens_in']:,} tokens in, "
        f"{checks['tokens_out']:,} out, cost {dollars(checks['cost_usd'])}. {_fates(checks)}"
    ]
    if checks["comprehension"]:
        rates = both_rates(checks)
        said.append(f"{rates[0].upper()}{rates[1:]}.")
    not_received = [
        score["model"]
        for score in checks["manipulation"]
        if score["share"] is not None and score["share"] < NOT_RECEIVED
    ]
    if not_received:
        said.append(f"Treatment not received (recall below {percent(NOT_RECEIVED)}): {', '.join(not_received)}.")
    if checks["halves"] is not None and checks["halves"]["difference"] is not None:
        gap, half = checks["halves"]["difference"], checks["halves"]["half_width"]
        sure = "no interval" if half is None else f"± {half * 100:.1f}"
        said.append(
            "Cooperation in round 1 of agents asked before they decided, minus of those asked after: "
            f"{gap * 100:+.1f} points ({sure}). No game hears of the questions, so a difference is chance or a leak."
        )
    return said


def belief_rows(checks: Mapping[str, Any]) -> list[dict[str, str]]:
    """A line per model: what its agents believe, and what follows from it for one who takes its choice as evidence."""
    return [
        {
            "model": belief["model"],
            "P(other C given I C)": percent(belief["q1"]),
            "P(other C given I D)": percent(belief["q0"]),
            "EDT score": _points(belief["edt_score"], belief["edt_half_width"]),
            "n": f"{belief['n']:,}",
        }
        for belief in checks["beliefs"]
    ]


def canary_rows(checks: Mapping[str, Any]) -> list[dict[str, str]]:
    """A line per model and stage: how often its answer to the same prompt was another than at the start."""
    return [
        {
            "model": shift["model"],
            "start to": shift["stage"],
            "changed": f"{shift['changed']} of {shift['n']}",
            "sign test": "–" if shift["p_value"] is None else f"p = {shift['p_value']:.3f}",
        }
        for shift in checks["canary"]
    ]


def check_tables(checks: Mapping[str, Any]) -> list[list[dict[str, str]]]:
    """The tables of the section that have rows."""
    return [rows for rows in (check_rows(checks), belief_rows(checks), canary_rows(checks)) if rows]


def _row(score: Mapping[str, Any], check: str, verdict: str) -> dict[str, str]:
    return {
        "model": score["model"],
        "check": check,
        "wording": "all" if score["paraphrase"] is None else str(score["paraphrase"]),
        "right": percent(score["share"]),
        "n": f"{score['n']:,}",
        "legible": percent(score["legible"] / score["n"] if score["n"] else None),
        "says": verdict if score["n"] else "no data",
    }


def _fates(checks: Mapping[str, Any]) -> str:
    missing = {name: checks[name] for name in ("illegible", "refused", "failed", "substituted") if checks[name]}
    return f"Not read: {', '.join(f'{count} {name}' for name, count in missing.items())}." if missing else "All read."


def _points(value: float | None, half_width: float | None) -> str:
    if value is None:
        return "no data"
    return f"{value:+.2f} points" if half_width is None else f"{value:+.2f} ± {half_width:.2f} points"


def check_metrics(checks: Mapping[str, Any]) -> dict[str, Any]:
    """What MLflow shows under `checks/…`, where it is a number: totals, and `checks/q1/<model>` and so on."""
    found: dict[str, Any] = dict(checks)
    for name in ("comprehension", "manipulation"):
        found |= {f"{name}/{model}": share for model, share in checks[f"{name}_by_model"].items()}
    for belief in checks["beliefs"]:
        found |= {f"{name}/{belief['model']}": belief[name] for name in ("q1", "q0", "edt_score")}
    for shift in checks["canary"]:
        found[f"canary_changed_{shift['stage']}/{shift['model']}"] = shift["changed"]
    return {f"checks/{name}": value for name, value in found.items()}


def section(summary: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[Sequence[Mapping[str, str]]]]:
    """Sentences and tables of a report's section; empty where nothing was asked beside the game."""
    checks = summary.get("checks")
    return ([], []) if checks is None else (check_sentences(checks), check_tables(checks))
