"""Known faults of earlier programs, brought back one at a time: planted agents see each of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planting import SERVED, decisions, population
from small_cell import served

from acausal.analysis.contrasts import arm_rate
from acausal.analysis.rates import grouped
from acausal.design import prompts
from acausal.design.counterbalance import variants
from acausal.design.parsing import Reading, read_decision
from acausal.design.population import population as seated
from acausal.game import Action
from acausal.models import calls
from acausal.models.body import chat_body
from acausal.models.ledger import call_key
from acausal.models.seen import SeenRequest
from acausal.models.simulator import Simulator
from acausal.play import agent, tournament
from acausal.records import Decision, Message, Place, Purpose, Reply, Request, Status
from acausal.running.process import Process
from acausal.settings.schema import Config, ModelConfig

SEATS = {"coin": 2, "first_option": 2, "mumbler": 2, "super": 2}
LEAK = "All of you are identical copies; each match is against an identical copy of you."
Checks = Mapping[str, Callable[[list[Decision], list[SeenRequest]], bool]]


def rate_of(every: list[Decision], name: str) -> float | None:
    return arm_rate(decision for decision in every if decision.agent_model == f"sim/{name}")


def text_of(request: SeenRequest) -> str:
    return "\n".join(message["content"] for message in request.body["messages"])


def told_rates_are_true(every: list[Decision], requests: list[SeenRequest]) -> bool:
    told = {float(rate) for request in requests for rate in re.findall(r"([\d.]+) % of all choices", text_of(request))}
    first = grouped((d for d in every if d.round == 1 and d.counts), lambda d: d.replicate).values()
    shares = [sum(d.action is Action.COOPERATE for d in own) / len(own) for own in first]
    return told == {round(100 * share, 1) for share in shares}


def every_request_is_whole(every: list[Decision], requests: list[SeenRequest]) -> bool:
    asked_again = sum(decision.reasks for decision in every)
    whole = all("Points for you" in text_of(request) and "Now you play" in text_of(request) for request in requests)
    return asked_again > 0 and whole


def each_model_answers_for_itself(every: list[Decision], requests: list[SeenRequest]) -> bool:
    expected: Counter[str] = Counter()
    for decision in every:
        expected[decision.agent_model] += 1 + decision.reasks
    return Counter(request.model for request in requests) == expected


def seats_change(every: list[Decision], _: list[SeenRequest]) -> bool:
    seats = grouped(every, lambda d: d.replicate).values()
    return len({frozenset((d.agent, d.agent_model) for d in own) for own in seats}) > 1


CHECKS: Checks = {
    "told rates are true": told_rates_are_true,
    "nothing is imputed": lambda every, _: rate_of(every, "mumbler") is None,
    "every request is whole": every_request_is_whole,
    "each model answers for itself": each_model_answers_for_itself,
    "each decision has its call": lambda every, _: len({decision.call_key for decision in every}) == len(every),
    "labels and orders are balanced": lambda every, _: rate_of(every, "first_option") == 0.5,
    "seats change": seats_change,
    "nothing of identity is told": lambda every, _: rate_of(every, "super") == 0,
}


def fabricated(patch: pytest.MonkeyPatch) -> None:
    true = prompts._in_numbers
    patch.setattr(prompts, "_in_numbers", lambda rounds: true(rounds) | {"rate": 0.85})


def misformatted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(prompts, "percent", lambda fraction: f"{fraction:.1f} %")


def imputed(patch: pytest.MonkeyPatch) -> None:
    def read(reply: Reply, labels: Mapping[Action, str]) -> Reading:
        found = read_decision(reply, labels)
        return found if found.action is not None else Reading(Action.COOPERATE, Status.LEGIBLE, None)

    patch.setattr(agent, "read_decision", read)


def first_word_found(patch: pytest.MonkeyPatch) -> None:
    def read(reply: Reply, labels: Mapping[Action, str]) -> Reading:
        named = [action for action, label in labels.items() if label in (reply.text or "")]
        return Reading(named[0], Status.LEGIBLE, None) if named else Reading(None, Status.ILLEGIBLE, "no label")

    patch.setattr(agent, "read_decision", read)


def bare_reask(patch: pytest.MonkeyPatch) -> None:
    again = (Message("user", "Reply with one word, COOPERATE or DEFECT."),)
    patch.setattr(prompts.Prompts, "again", lambda *_: again)


def wrong_model(patch: pytest.MonkeyPatch) -> None:
    def body(model: ModelConfig, request: Request) -> dict[str, Any]:
        return chat_body(replace(model, model_type="sim/coin"), request)

    patch.setattr(calls, "chat_body", body)


def cache_without_replicate(patch: pytest.MonkeyPatch) -> None:
    anywhere = Place(1, 1, 1, Purpose.DECISION)

    def key(_: Place, body: Mapping[str, Any]) -> str:
        return call_key(anywhere, {name: value for name, value in body.items() if name != "seed"})

    patch.setattr(calls, "call_key", key)


def fixed_labels(patch: pytest.MonkeyPatch) -> None:
    def dealt(config: Config, _: int) -> dict[int, Any]:
        return dict.fromkeys(range(1, config.num_agents + 1), variants(config)[0])

    patch.setattr(agent, "assigned_variants", dealt)


def fixed_seats(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tournament, "population", lambda seats, *, seed: seated(seats, seed=0 * seed))


def hidden_line(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(prompts, "disclosure", lambda *_: LEAK)


MUTANTS: Mapping[Callable[[pytest.MonkeyPatch], None], str] = {
    fabricated: "told rates are true",
    misformatted: "told rates are true",
    imputed: "nothing is imputed",
    first_word_found: "nothing is imputed",
    bare_reask: "every request is whole",
    wrong_model: "each model answers for itself",
    cache_without_replicate: "each decision has its call",
    fixed_labels: "labels and orders are balanced",
    fixed_seats: "seats change",
    hidden_line: "nothing of identity is told",
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[tuple[Process, Simulator]]:
    with served(SERVED) as running:
        yield running


def failing(endpoint: tuple[Process, Simulator], folder: Path) -> set[str]:
    """The checks that a small cell of planted agents fails: two rounds, two replicates, the past rate shown."""
    config = population(
        SEATS, "condition.shows.global_rate=true", "num_rounds=2", "replicates=2", "max_reasks=1", "labels=words"
    )
    before = len(endpoint[1].requests)
    every = decisions(config, folder, *endpoint)
    return {name for name, holds in CHECKS.items() if not holds(every, endpoint[1].requests[before:])}


def test_the_program_as_it_is_fails_no_check(endpoint: tuple[Process, Simulator], tmp_path: Path) -> None:
    assert failing(endpoint, tmp_path / "cell") == set()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_each_fault_is_seen(
    endpoint: tuple[Process, Simulator],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[pytest.MonkeyPatch], None],
) -> None:
    mutant(monkeypatch)
    assert MUTANTS[mutant] in failing(endpoint, tmp_path / "cell")


def test_every_check_sees_some_fault() -> None:
    assert set(MUTANTS.values()) == set(CHECKS)
