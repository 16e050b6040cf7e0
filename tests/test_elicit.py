"""Probabilities: as a percentage, or read from the tokens of an answer; what is not given is not guessed."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from acausal.config import identity
from acausal.design.counterbalance import Variant
from acausal.design.logprobs import MOST_TOKENS, deciding_tokens, p_cooperate
from acausal.design.parsing import read_probability
from acausal.design.prompts import Prompts, anonymous_id
from acausal.errors import ConfigError
from acausal.experiment import Cell, run_cell
from acausal.game import Action
from acausal.models.body import PERCENTAGE, chat_body
from acausal.models.completion import read_completion
from acausal.models.connect import connect
from acausal.models.faults import Fault
from acausal.models.ledger import lines_on_record
from acausal.models.simulator import SimulatorSettings, running
from acausal.records import Decision, Outcome, Place, Purpose, Reply, Request, Status, TokenChances
from acausal.report.tables import read_decisions
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import AnswerFormat, Config, ModelConfig

C, D = Action.COOPERATE, Action.DEFECT
WORDS = {C: "COOPERATE", D: "DEFECT"}
NUMBERED = {C: "Option 1", D: "Option 2"}


def token(said: str, **chances: float) -> TokenChances:
    """A token, and the chance of each alternative; underscores stand for spaces."""
    listed = tuple((word.replace("_", " "), math.log(chance)) for word, chance in chances.items())
    return TokenChances(said, listed)


def said(text: str, *, finish_reason: str = "stop") -> Reply:
    return Reply("k", "m", "m", False, text, finish_reason=finish_reason)


@pytest.mark.parametrize(
    ("tokens", "labels", "p"),
    [
        ([token("CO", CO=0.6, DE=0.2, The=0.2)], WORDS, 0.75),
        ([token(" Co", _Co=0.3, CO=0.3, de=0.2)], WORDS, 0.75),
        ([TokenChances("**", (("**", -0.1),)), token("D", D=0.9, C=0.1)], WORDS, 0.1),
        ([token("B", A=0.25, B=0.5, An=0.25)], {C: "B", D: "A"}, 2 / 3),
        ([TokenChances("Option", (("Option", 0.0),)), token(" ", _=1.0), TokenChances("2", (("1", -1), ("2", -1)))],
         NUMBERED, 0.5),
        ([token("COOPERATE", COOPERATE=0.9999, x=0.00005)], WORDS, 1.0),
    ],
)  # fmt: skip
def test_the_probability_is_that_of_the_labels_tokens(
    tokens: Sequence[TokenChances], labels: dict[Action, str], p: float
) -> None:
    found = p_cooperate(tokens, labels)
    assert found == pytest.approx(p)
    assert p_cooperate(tokens, {C: labels[D], D: labels[C]}) == pytest.approx(1 - p)


@pytest.mark.parametrize(
    "tokens",
    [
        None,
        [],
        [token("The", The=0.9, I=0.1)],
        [token("CO", CO=0.6, x=0.2)],
        [TokenChances("CO", ())],
        [token("Option", Option=0.9, other=0.1)],
    ],
)
def test_a_probability_that_is_not_given_is_not_guessed(tokens: Sequence[TokenChances] | None) -> None:
    assert p_cooperate(tokens, WORDS) is None
    assert p_cooperate(tokens, NUMBERED) is None


@given(p=st.floats(0.001, 0.999), mass=st.floats(0.05, 1.0))
def test_what_else_might_have_been_said_cancels(p: float, mass: float) -> None:
    listed = token("CO", CO=p * mass, DE=(1 - p) * mass, Well=1.0001 - mass)
    assert p_cooperate([listed], WORDS) == pytest.approx(p)


def test_the_ledger_keeps_the_tokens_up_to_the_one_that_decides() -> None:
    tokens = [token(text, a=0.5) for text in ("Option", " ", "1", " is", " mine")]
    assert [each.token for each in deciding_tokens(tokens, ["Option 1", "Option 2"])] == ["Option", " ", "1"]
    assert len(deciding_tokens(tokens, ["A", "B"])) == 1
    assert len(deciding_tokens([token(" ")] * 99, ["A", "B"])) == MOST_TOKENS


tokens_listed = st.dictionaries(
    st.sampled_from(["CO", "De", "D", " C", "I", "The", "Option", "\n", ""]), st.floats(-9, -0.01), min_size=1
)


@given(places=st.lists(tokens_listed, min_size=1, max_size=3), data=st.data())
def test_what_the_ledger_keeps_gives_the_same_probability(places: list[dict[str, float]], data: st.DataObject) -> None:
    tokens = [
        TokenChances(
            data.draw(st.sampled_from(sorted(listed))), tuple(sorted(listed.items(), key=lambda each: -each[1]))
        )
        for listed in places
    ]
    whole, kept = p_cooperate(tokens, WORDS), p_cooperate(deciding_tokens(tokens, list(WORDS.values())), WORDS)
    assert (whole is None) == (kept is None)
    assert whole is None or whole == pytest.approx(kept, abs=0.001)


@pytest.mark.parametrize(
    ("text", "percent"), [("70", 70), ("70 %", 70), ("70%.", 70), ("**0**", 0), ("100", 100), ("12.5", 12.5),
                          ('{"percent": 30}', 30)],
)  # fmt: skip
def test_a_percentage_is_that_of_the_label_listed_first(text: str, percent: float) -> None:
    assert read_probability(said(text), WORDS, chance=0.5).p_cooperate == pytest.approx(percent / 100)
    mirrored = {D: "DEFECT", C: "COOPERATE"}
    assert read_probability(said(text), mirrored, chance=0.5).p_cooperate == pytest.approx(1 - percent / 100)


@pytest.mark.parametrize("text", ["101", "-5", "seventy", "70 or 80", "about 70", "7 0", "", "COOPERATE", "1e2", "٧٠",
                                  '{"percent": "much"}', '{"percent": 5, "or": 6}', "[70]", "true", "NaN"])  # fmt: skip
def test_what_is_not_a_percentage_is_illegible(text: str) -> None:
    reading = read_probability(said(text), WORDS, chance=0.0)
    assert (reading.action, reading.p_cooperate, reading.status) == (None, None, Status.ILLEGIBLE)
    assert reading.reason


def test_a_percentage_cut_off_is_truncated_not_read() -> None:
    assert read_probability(said("10", finish_reason="length"), WORDS, chance=0.0).outcome is Outcome.TRUNCATED
    assert read_probability(said("I'm sorry, I cannot answer."), WORDS, chance=0.0).status is Status.REFUSED


@given(percent=st.integers(0, 100), chance=st.floats(0, 1, exclude_max=True))
def test_the_action_is_drawn_from_the_percentage(percent: int, chance: float) -> None:
    action = read_probability(said(str(percent)), WORDS, chance=chance).action
    assert action is (C if chance < percent / 100 else D)


def test_a_percentage_is_asked_for_in_words_and_in_the_format(composed: Callable[..., Config]) -> None:
    config = composed("elicit=probability")
    prompts = Prompts(config).of(Variant("COOPERATE", "DEFECT", D, C))
    messages = prompts.decision(strategy="S.", history=(), coplayer=anonymous_id(1))
    assert messages[-1].content.endswith(
        "Reply with one whole number from 0 to 100: how likely, in percent, it is that you choose DEFECT "
        "rather than COOPERATE."
    )
    assert prompts.again(messages)[-1].content.endswith("one whole number from 0 to 100 and nothing else: "
                                                        "no explanation, no other word.")  # fmt: skip
    assert bodies(config)[AnswerFormat.grammar]["grammar"] == PERCENTAGE
    schema = bodies(config)[AnswerFormat.json_schema]["response_format"]["json_schema"]["schema"]
    assert schema["properties"] == {"percent": {"type": "integer", "minimum": 0, "maximum": 100}}


def test_logprobs_are_asked_for_where_the_label_comes_first(composed: Callable[..., Config]) -> None:
    asked = bodies(composed("elicit=logprobs"))
    assert all((body["logprobs"], body["top_logprobs"]) == (True, 200) for body in asked.values())
    remote = bodies(composed("elicit=logprobs", "roster=openrouter"))
    assert all((body["logprobs"], body["top_logprobs"]) == (True, 20) for body in remote.values())
    assert "response_format" not in asked[AnswerFormat.json_schema]
    assert "grammar" in asked[AnswerFormat.grammar]
    assert not any("logprobs" in body for body in bodies(composed()).values())
    assert not any("logprobs" in body for body in bodies(composed("elicit=logprobs"), choices=()).values())


def bodies(config: Config, choices: tuple[str, ...] = ("DEFECT", "COOPERATE")) -> dict[AnswerFormat, dict[str, Any]]:
    request = Request(Place(1, 1, 1, Purpose.DECISION), "a", (), choices, 0, config.elicit)
    model = config.models["a"]
    return {each: chat_body(replace(model, answer_format=each), request) for each in AnswerFormat}


def test_logprobs_in_another_form_are_none() -> None:
    for given_ in (None, {}, {"content": None}, {"content": [{"token": "A"}]}, {"tokens": ["A"]}, "A"):
        choice: dict[str, Any] = {"message": {"content": "A"}, "finish_reason": "stop", "logprobs": given_}
        assert read_completion({"choices": [choice]}, latency_s=0, model="m", endpoint="e").logprobs is None
    listed: dict[str, Any] = {"token": "A", "logprob": -0.5, "top_logprobs": [{"token": "B", "logprob": float("-inf")}]}
    choice = {"message": {"content": "A"}, "finish_reason": "stop", "logprobs": {"content": [listed]}}
    completion = read_completion({"choices": [choice]}, latency_s=0, model="m", endpoint="e")
    assert completion.logprobs == (TokenChances("A", ()),)


Play = Callable[..., list[Decision]]


@pytest.fixture
def play(composed: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """`play("elicit=probability", …)`: the decisions of a cell of coins and cooperators, played over HTTP."""

    def played(*overrides: str, **settings: Any) -> list[Decision]:
        with running(SimulatorSettings(**settings)) as simulator:
            monkeypatch.setenv("OPENAI_COMPATIBLE_BASE_URL", simulator.base_url)
            config = composed(
                *(f"model@models.{slot}=sim_coin" for slot in "ab"),
                *("models.b.model_type=sim/always_c", "num_rounds=1", "progress=off", "tracking.enabled=false"),
                *overrides,
            )
            with Process() as process:
                cell = Cell(config, tmp_path, "go on", "run.py")
                code, message = run_cell(cell, {}, Console(file=io.StringIO()), process)
        assert (code, message) == (ExitCode.DONE, "")
        return list(read_decisions(tmp_path / "decisions.parquet"))

    return played


@pytest.mark.parametrize("answer_format", ["text", "json_schema"])
@pytest.mark.parametrize("labels", ["words", "balanced"])
@pytest.mark.parametrize("elicit", ["probability", "logprobs"])
def test_a_coin_says_one_half_and_a_cooperator_one_whatever_the_words(
    play: Play, tmp_path: Path, elicit: str, labels: str, answer_format: str
) -> None:
    formats = [f"models.{slot}.answer_format={answer_format}" for slot in "ab"]
    decisions = play(f"elicit={elicit}", f"labels={labels}", *formats)
    assert len(decisions) == 90
    for decision in decisions:
        p = decision.p_cooperate
        assert p == pytest.approx(0.5 if decision.model == "sim/coin" else 1.0, abs=0.001)
    assert {d.action for d in decisions if d.model == "sim/always_c"} == {C}
    assert {d.action for d in decisions if d.model == "sim/coin"} == {C, D}
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["p_cooperate_by_model"]["sim/coin"] == pytest.approx(0.5)
    assert "P(COOPERATE) was read for 90 of 90 decisions" in (tmp_path / "report.md").read_text()


def test_where_the_endpoint_gives_no_logprobs_it_is_said_and_nothing_is_made_up(play: Play, tmp_path: Path) -> None:
    decisions = play("elicit=logprobs", "protocol=direct", faults=(Fault(choice_fields={"logprobs": None}),))
    assert {d.p_cooperate for d in decisions} == {None}
    assert {d.status for d in decisions} == {Status.LEGIBLE}
    report = (tmp_path / "report.md").read_text()
    assert "P(COOPERATE) was read for 0 of 90 decisions (mean: sim/always_c no data, sim/coin no data)" in report


def test_a_model_that_takes_no_logprobs_is_named_before_the_first_call(
    composed: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supported = ("max_tokens", "temperature", "seed")
    with running(SimulatorSettings(persona="coin", supported_parameters=supported)) as simulator:
        monkeypatch.setenv("OPENROUTER_BASE_URL", simulator.base_url)
        config = composed("roster=openrouter", "elicit=logprobs", "tracking.enabled=false", "progress=off")
        with Process() as process:
            cell = Cell(config, tmp_path, "go on", "run.py")
            key = {"OPENROUTER_API_KEY": "k"}
            code, message = run_cell(cell, key, Console(file=io.StringIO()), process)
    assert code is ExitCode.REFUSED
    assert "sends logprobs, which 'openai/gpt-4' does not take" in message
    assert "elicit=choice, or another model: without them no p_cooperate is read" in message
    assert not simulator.requests


def test_a_ledger_line_keeps_few_logprobs_and_gives_them_back(play: Play, tmp_path: Path) -> None:
    play("elicit=logprobs")
    lines = list(lines_on_record(tmp_path / "calls.jsonl"))
    kept = [line for line in lines if line.place.purpose is Purpose.DECISION]
    assert all(line.reply.logprobs and len(line.reply.logprobs) == 1 for line in kept)
    assert all(len(json.dumps(line.fields["logprobs"])) < 200 for line in kept)
    assert not any("logprobs" in line.fields for line in lines if line.place.purpose is Purpose.STRATEGY)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("samples=0", "^samples must be at least 1, but is 0"),
        ("max_reasks=-1", "^max_reasks must be at least 0, but is -1"),
    ],
)
def test_impossible_dials_are_refused(composed: Callable[..., Config], override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        composed(override)


def test_what_is_elicited_is_part_of_what_a_cell_is(composed: Callable[..., Config]) -> None:
    fingerprints = [identity(composed(f"elicit={each}")) for each in ("choice", "probability", "logprobs")]
    assert all(one != other for one, other in pairwise(fingerprints))


@pytest.mark.slow
@pytest.mark.parametrize("slot", ["a", "b"])
def test_the_embedded_models_give_the_probability_of_their_answer(composed: Callable[..., Config], slot: str) -> None:
    """Read from before the grammar's mask: the labels are looked up far down the list."""
    config = composed("elicit=logprobs", "protocol=direct")
    model: ModelConfig = config.models[slot]
    endpoint = connect(config, {})[slot]

    async def ask() -> list[float | None]:
        found = []
        for variant in (Variant("COOPERATE", "DEFECT"), Variant("COOPERATE", "DEFECT", D, D)):
            prompts = Prompts(config, variant=variant)
            choices = tuple(prompts.labels.values())
            messages = prompts.decision(strategy=None, history=(), coplayer=anonymous_id(1))
            request = Request(Place(1, 1, 1, Purpose.DECISION, 1, 2), slot, messages, choices, 7, config.elicit)
            completion = await endpoint.complete(chat_body(model, request))
            assert completion.text in choices
            assert completion.logprobs is not None
            assert len(completion.logprobs[0].alternatives) == 200
            kept = deciding_tokens(completion.logprobs, choices)
            assert sum(len(token.alternatives) for token in kept) < 60
            found.append(p_cooperate(kept, prompts.labels))
        await endpoint.close()
        return found

    found = asyncio.run(ask())
    assert all(p is not None and 0 < p < 1 for p in found), found
