"""An illegible reply is asked for again with the same words, counted, and then missing; samples measure agreement."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from acausal.analysis.position import agreement_by_model
from acausal.config import identity, is_operational
from acausal.experiment import Cell, run_cell
from acausal.game import Action
from acausal.models.faults import Fault
from acausal.models.ledger import Ledger, call_key, lines_on_record
from acausal.models.recorded import recorded_calls
from acausal.models.simulator import SimulatorSettings, running
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.pricing.settled import settled_calls, steps_left
from acausal.pricing.workload import workload
from acausal.records import Outcome, Place, Purpose, Reply, Request, Status
from acausal.report.tables import read_decisions
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config

PAIR = ["num_agents=2", "scenario.model_distribution={a: 1, b: 1}", "num_rounds=1", "protocol=direct"]
REMINDER = "nothing else: no explanation, no other word."


@dataclass
class Said:
    """Answers agent 1 with the given replies in turn, the last one for ever, and all others with the first label."""

    replies: list[dict[str, str | None]]
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        plain = Reply(f"{request.place}", request.slot, request.slot, False, request.choices[0], finish_reason="stop")
        if request.place.agent != 1:
            return plain
        number = len(self.asked)
        self.asked.append(request)
        await asyncio.sleep(0)
        return replace(plain, **self.replies[min(number, len(self.replies) - 1)])  # type: ignore[arg-type]


def played(config: Config, *replies: dict[str, str | None]) -> tuple[TournamentRecord, list[Request]]:
    model = Said(list(replies))
    return asyncio.run(play_tournament(config, model, 1)), model.asked


MUMBLE: dict[str, str | None] = {"text": "Hmm."}


def test_the_same_full_prompt_is_asked_again_with_a_reminder(scripted: Callable[..., Config]) -> None:
    record, (first, second) = played(scripted(*PAIR), MUMBLE, {"text": "DEFECT"})
    assert first.messages[0] == second.messages[0]
    added = second.messages[1].content.removeprefix(first.messages[1].content)
    assert added.startswith("\nYour reply must consist of ")
    assert added.endswith(REMINDER)
    assert all(label in added for label in first.choices)
    assert (first.place.ask, second.place.ask, second.place) == (1, 2, replace(first.place, ask=2))
    assert first.seed != second.seed
    (decision,) = [d for d in record.decisions if d.agent == 1]
    assert (decision.action, decision.reasks, decision.call_key) == (Action.DEFECT, 1, f"{second.place}")
    assert decision.outcome is Outcome.LEGIBLE


def test_after_two_re_asks_the_decision_is_missing_and_the_match_void(scripted: Callable[..., Config]) -> None:
    record, asked = played(scripted(*PAIR), MUMBLE)
    assert [request.place.ask for request in asked] == [1, 2, 3]
    assert asked[1].messages == asked[2].messages, "reminders do not pile up"
    (match,) = record.matches
    assert match.is_void
    assert [d.payoff for d in match.decisions] == [None, None]
    (decision,) = [d for d in match.decisions if d.agent == 1]
    assert (decision.action, decision.status, decision.reasks) == (None, Status.ILLEGIBLE, 2)


def test_re_asks_can_be_switched_off(scripted: Callable[..., Config]) -> None:
    record, asked = played(scripted(*PAIR, "max_reasks=0"), MUMBLE, {"text": "DEFECT"})
    assert len(asked) == 1
    assert Counter(d.reasks for d in record.decisions) == {0: 2}


@pytest.mark.parametrize(
    ("reply", "status", "outcome"),
    [
        ({"finish_reason": "length"}, Status.ILLEGIBLE, Outcome.TRUNCATED),
        ({"finish_reason": "content_filter"}, Status.REFUSED, Outcome.FILTERED),
        ({"text": None, "refusal": "no"}, Status.REFUSED, Outcome.REFUSED),
        ({"text": "I'm sorry, I cannot choose."}, Status.REFUSED, Outcome.REFUSED),
        ({"text": None, "error": "503 overloaded"}, Status.FAILED, Outcome.FAILED),
    ],
)
def test_what_is_an_answer_or_needs_another_cure_is_not_asked_again(
    scripted: Callable[..., Config], reply: dict[str, str | None], status: Status, outcome: Outcome
) -> None:
    record, asked = played(scripted(*PAIR), reply, {"text": "DEFECT"})
    assert len(asked) == 1
    (decision,) = [d for d in record.decisions if d.agent == 1]
    assert (decision.action, decision.status, decision.outcome, decision.reasks) == (None, status, outcome, 0)


def test_a_failure_after_an_illegible_reply_is_a_failure(scripted: Callable[..., Config]) -> None:
    record, _ = played(scripted(*PAIR), MUMBLE, {"text": None, "error": "503"})
    (decision,) = [d for d in record.decisions if d.agent == 1]
    assert (decision.outcome, decision.reason, decision.reasks) == (Outcome.FAILED, "503", 1)


def test_the_first_sample_is_on_record_whatever_became_of_it(scripted: Callable[..., Config]) -> None:
    """To take the first legible one would select."""
    config = scripted(*PAIR, "samples=4", "max_reasks=0")
    record, asked = played(config, MUMBLE, {"text": "DEFECT"}, {"text": "DEFECT"}, {"text": "COOPERATE"})
    assert [request.place.sample for request in asked] == [1, 2, 3, 4]
    assert len({request.messages for request in asked}) == 1
    assert len({request.seed for request in asked}) == 4
    one, other = sorted(record.decisions, key=lambda d: d.agent)
    assert (one.action, one.status) == (None, Status.ILLEGIBLE)
    assert one.samples_agree == pytest.approx(1 / 3)
    assert other.samples_agree == 1.0
    assert agreement_by_model(record.decisions) == {one.model: pytest.approx(1 / 3), other.model: 1.0}


def test_one_sample_says_nothing_of_agreement(scripted: Callable[..., Config]) -> None:
    record, _ = played(scripted(*PAIR), {"text": "DEFECT"})
    assert [d.samples_agree for d in record.decisions] == [None, None]
    assert set(agreement_by_model(record.decisions).values()) == {None}


def test_the_key_of_a_first_ask_is_what_it_was_before_there_were_others() -> None:
    place = Place(1, 2, 3, Purpose.DECISION, 4, 5)
    body = {"b": 1, "a": [2]}
    fields = {"replicate": 1, "round": 2, "agent": 3, "purpose": "decision", "match": 4, "coplayer": 5}
    before = b"[" + orjson.dumps(fields) + b',{"a":[2],"b":1}]'
    assert call_key(place, body) == hashlib.blake2b(before, digest_size=16).hexdigest()
    bare = Place(1, 2, 3, Purpose.STRATEGY)
    before = orjson.dumps([fields | {"purpose": "strategy", "match": None, "coplayer": None}, {}])
    assert call_key(bare, {}) == hashlib.blake2b(before, digest_size=16).hexdigest()
    others = [replace(place, sample=2), replace(place, ask=2), replace(place, sample=2, ask=2)]
    assert len({call_key(each, body) for each in (place, *others)}) == 4


def test_a_place_says_in_words_which_sample_and_ask_it_is() -> None:
    place = Place(1, 2, 3, Purpose.DECISION, 4, 5)
    assert place.in_words.endswith("match 4 with agent 5")
    assert replace(place, sample=2, ask=3).in_words.endswith("match 4 with agent 5, sample 2, ask 3")


def test_re_asks_and_samples_are_part_of_what_a_cell_is(composed: Callable[..., Config]) -> None:
    for override in ("max_reasks=1", "samples=2"):
        assert identity(composed(override)) != identity(composed())
    assert not is_operational("max_reasks")


MUMBLING = Fault(text="Hmm.", rate=0.4)


@pytest.fixture
def mumbled(composed: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Config, Path]:
    """A cell over HTTP, two replies in five of which are illegible, played into a directory."""
    overrides = [f"model@models.{slot}=sim_coin" for slot in "ab"]
    with running(SimulatorSettings(faults=(MUMBLING,))) as simulator:
        monkeypatch.setenv("OPENAI_COMPATIBLE_BASE_URL", simulator.base_url)
        config = composed(
            *overrides, "num_rounds=1", "protocol=direct", "samples=2", "progress=off", "tracking.enabled=false"
        )
        cell = Cell(config, tmp_path, "go on", "run.py")
        with Process() as process:
            assert run_cell(cell, {}, Console(file=io.StringIO()), process)[0] is ExitCode.DONE
        asked = [request.body["messages"][-1]["content"] for request in simulator.requests]
    assert Counter(REMINDER in text for text in asked)[True] > 20
    return config, tmp_path


def test_over_http_every_re_ask_is_a_call_of_its_own(mumbled: tuple[Config, Path]) -> None:
    _, directory = mumbled
    lines = list(lines_on_record(directory / "calls.jsonl"))
    assert len({line.reply.key for line in lines}) == len(lines)
    asks = Counter(line.place.ask for line in lines)
    assert asks[1] == 180 > asks[2] > asks[3] > 0
    assert set(asks) == {1, 2, 3}
    decisions = read_decisions(directory / "decisions.parquet")
    of_record = Counter(line.place.ask for line in lines if line.place.sample == 1)
    assert sum(d.reasks for d in decisions) == of_record[2] + of_record[3]
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["reasks"] == of_record[2] + of_record[3]
    assert summary["calls"] == len(lines)
    assert sum(summary["decisions_by_outcome"].values()) == 90
    assert 0.3 < summary["agreement_by_model"]["sim/coin"] < 0.7
    missing = [d for d in decisions if d.action is None]
    assert all(d.reasks == 2 for d in missing)
    assert "Asked again because the reply was illegible: " in (directory / "report.md").read_text()
    assert "Pairs of samples of the same decision that agree: sim/coin " in (directory / "report.md").read_text()


def test_a_replay_asks_again_where_the_run_did(mumbled: tuple[Config, Path]) -> None:
    config, directory = mumbled
    before = (directory / "decisions.parquet").read_bytes()
    cell = Cell(replace(config, replay=type(config.replay).strict), directory, "go on", "run.py")
    with Process() as process:
        code, message = run_cell(cell, {}, Console(file=io.StringIO()), process)
    assert (code, message) == (ExitCode.DONE, "")
    assert (directory / "decisions.parquet").read_bytes() == before


def test_an_estimate_counts_samples_and_takes_no_re_ask_for_a_call_it_priced(mumbled: tuple[Config, Path]) -> None:
    config, directory = mumbled
    loads = workload(config)
    assert sum(load.calls for load in loads.values()) == 90 * 2
    assert {kind: load.calls for kind, load in workload(config, played_up_to=0).items()} == {
        kind: load.calls for kind, load in loads.items()
    }
    record = recorded_calls(directory, identity(config))
    settled = settled_calls(config, record, loads)
    assert {kind: done.calls for kind, done in settled.items()} == {kind: load.calls for kind, load in loads.items()}
    assert sum(len(done.replies) for done in settled.values()) == len(record) > 180
    assert steps_left(config, record) == 0


def test_a_line_of_an_old_ledger_is_a_first_ask(tmp_path: Path) -> None:
    place, body = Place(1, 1, 1, Purpose.DECISION, 1, 2), {"model": "m"}
    with Ledger(tmp_path, {}) as ledger:
        ledger.append(place, body, Reply(call_key(place, body), "m", "m", False, "A"), {})
    path = tmp_path / "calls.jsonl"
    fields = json.loads(path.read_text())
    assert (fields.pop("sample"), fields.pop("ask")) == (1, 1)
    path.write_text(json.dumps(fields) + "\n")
    (line,) = lines_on_record(path)
    assert line.place == place
