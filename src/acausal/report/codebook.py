"""What each column of `acausal export` holds: type, unit, meaning."""

from __future__ import annotations

from collections.abc import Mapping

HEAD = ("file", "column", "type", "unit", "meaning")
_WORDS = "text"
Meaning = tuple[str, str, str]
"""Type, unit, meaning."""


def _text(meaning: str, unit: str = "") -> Meaning:
    return _WORDS, unit, meaning


def _whole(meaning: str, unit: str = "count") -> Meaning:
    return "integer", unit, meaning


def _number(meaning: str, unit: str) -> Meaning:
    return "number", unit, meaning


def _truth(meaning: str) -> Meaning:
    return "logical", "", meaning


_CELL = {"cell": _text("directory of the cell: joins the files")}
_PLACE = {
    "replicate": _whole("independent repetition, from 1: the unit of inference; see seed of cells"),
    "round": _whole("from 1; in a round every pair meets once", "ordinal"),
}
_SERVED = {
    "model": _text("provider's id of the model assigned to decide"),
    "served_by": _text("model that answered; missing where the endpoint does not say or nothing came"),
    "substituted": _truth("whether another model than the one assigned answered; then it enters no rate"),
}
_STATUS = {"status": _text("legible, illegible, refused, failed")}
_CALL = {
    "call_key": _text("key of the call in calls.csv; missing where a rule decided"),
    "reason": _text("why nothing was read; missing where something was"),
    "messages_hash": _text("of the exact messages: equal prompts have equal hashes"),
    "paraphrase": _whole("which wording of the condition, from 1", "ordinal"),
}
_ORDER = {
    "label": _text("words for the two actions, that for cooperation first"),
    "first_option": _text("COOPERATE or DEFECT: whose label the prompt named first"),
    "payoff_order": _text("COOPERATE or DEFECT: whose mutual outcome headed the payoff rows"),
}
_ARM = {"condition": _text("what agents were told, by name"), "scenario": _text("composition of the population")}

CODEBOOK: Mapping[str, Mapping[str, Meaning]] = {
    "cells": _CELL
    | _ARM
    | {
        "claim": _text("what was told of the co-player: none, identical_copy, different_model, …"),
        "linkage": _text("what was told of how the choices hang together: none, linked, u95, u50, known_c, …"),
        "match_probability": _number("as it was told", "fraction in [0, 1]"),
        "protocol": _text("how a decision comes about: delegated, direct, compiled"),
        "roster": _text("which models are in the slots"),
        "game": _text("name of the game"),
        "game_kind": _text("order of its payoffs: prisoners_dilemma, stag_hunt, …"),
        "temptation": _number("T: I defect, the other cooperates", "points"),
        "reward": _number("R: both cooperate", "points"),
        "punishment": _number("P: both defect", "points"),
        "sucker": _number("S: I cooperate, the other defects", "points"),
        "r_star": _number("(T - S) / ((T - S) + (R - P))", "fraction in (0, 1)"),
        "turns": _whole("turns of a match"),
        "continuation": _number("chance that a match goes on after a turn; missing: its length is fixed", "fraction"),
        "num_agents": _whole("agents in the population"),
        "num_rounds": _whole("rounds of a replicate"),
        "replicates": _whole("replicates asked for"),
        "seed": _whole("of the cell; replicates of one number share their draws in cells of one seed", "seed"),
    },
    "decisions": _CELL
    | _PLACE
    | {
        "matchday": _whole("within the round: matches that run at the same time", "ordinal"),
        "match": _whole("number of the match within the round", "ordinal"),
        "agent": _whole("who decides; numbers are of one replicate", "id"),
        "coplayer": _whole("whom it meets; missing where everybody plays with all others at once", "id"),
    }
    | _SERVED
    | _ARM
    | _STATUS
    | _CALL
    | _ORDER
    | {
        "coplayer_model": _text("model assigned to decide for the co-player"),
        "action": _text("COOPERATE or DEFECT; missing where none was read: never a defection"),
        "p_cooperate": _number("P(COOPERATE) as it was elicited; missing where it was not", "fraction in [0, 1]"),
        "payoff": _number("of the agent; missing where either action is", "points"),
        "power": _number("of the agent in this round; 100 is ordinary", "power"),
        "agent_model": _text("model in the agent's seat; differs from model only under a sub_model"),
        "coplayer_agent_model": _text("model in the co-player's seat"),
        "claim_is_true": _truth("whether what was claimed of the co-player holds; missing where nothing was"),
        "outcome": _text("status in more detail: legible, illegible, truncated, refused, filtered, failed"),
        "reasks": _whole("how often it was asked again because the reply was illegible"),
        "samples_agree": _number("share of the pairs of its legible samples that agree", "fraction in [0, 1]"),
        "turn": _whole("of the match, from 1", "ordinal"),
        "cooperates": _whole("1: COOPERATE, 0: DEFECT; missing where there is no action", "0/1"),
        "counts": _truth("whether it enters rates: there is an action, by the model assigned"),
    },
    "strategies": _CELL
    | _PLACE
    | {"agent": _whole("who writes", "id")}
    | _SERVED
    | _STATUS
    | _CALL
    | {
        "strategy": _text("as it was written"),
        "reasoning": _text("what the endpoint gave apart from it"),
        "reasks": _whole("how often it was asked again because the reply was no program"),
    },
    "rounds": _CELL
    | _PLACE
    | {
        "quantity": _text("decisions, legible, cooperation_rate (overall, within, cross, by model), scores, power, …"),
        "of": _text("model or agent that the quantity is of; missing: of the whole round"),
        "value": _number("the quantity", "count, fraction in [0, 1], points, or power"),
    },
    "checks": _CELL
    | _PLACE
    | {"agent": _whole("who is asked; missing of a canary", "id")}
    | _SERVED
    | _ARM
    | _STATUS
    | _CALL
    | _ORDER
    | {
        "check": _text("comprehension, manipulation, beliefs, canary"),
        "question": _text("which one: payoff_cd, belief_c, …"),
        "expected": _text("what the rules or the condition make of it; missing where every answer is as good"),
        "answer": _text("as it was read"),
        "correct": _truth("missing where nothing was read or nothing is expected"),
        "before_decision": _truth("whether it was asked before the first decision"),
        "p_cooperate": _number("of a belief: that the other cooperates", "fraction in [0, 1]"),
        "agent_model": _text("model in the agent's seat"),
        "tokens_in": _whole("of the question", "tokens"),
        "tokens_out": _whole("of the answer", "tokens"),
        "cost_usd": _number("of the question; missing where no price is known", "USD"),
    },
    "calls": _CELL
    | _PLACE
    | _SERVED
    | {
        "key": _text("of the call: call_key elsewhere"),
        "agent": _whole("for whom; 0 of a canary", "id"),
        "purpose": _text("strategy, decision, check"),
        "match": _whole("within the round; missing of a strategy", "ordinal"),
        "coplayer": _whole("whom it meets", "id"),
        "turn": _whole("of the match, from 1", "ordinal"),
        "sample": _whole("which of several times that the decision is asked, from 1", "ordinal"),
        "ask": _whole("1: the first time; from 2: again, because the reply before was illegible", "ordinal"),
        "asked": _text("model that was asked: the one assigned, or its substitute"),
        "finish_reason": _text("why the reply ended"),
        "tokens_in": _whole("of the prompt", "tokens"),
        "tokens_out": _whole("of the reply", "tokens"),
        "cost_usd": _number("missing where no price is known", "USD"),
        "latency_s": _number("from sending the last attempt to its last byte", "seconds"),
        "queued_s": _number("waited for the model's limits", "seconds"),
        "attempts": _whole("requests sent until the reply came"),
        "error": _text("why there is no reply"),
        "reply": _text("as it came"),
        "reasoning": _text("what the endpoint gave apart from it"),
    },
}
"""File → column → what it holds."""


def codebook_rows(files: Mapping[str, list[str]]) -> list[tuple[str, ...]]:
    """A row for each column of the files that were written, in their order."""
    return [(f"{file}.csv", column, *CODEBOOK[file][column]) for file, columns in files.items() for column in columns]
