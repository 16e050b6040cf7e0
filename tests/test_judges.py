"""Judges are asked over HTTP through the program's own client: ledgered, priced, resumed; and compared."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from writing import wrote

from acausal.analysis.judging import EITHER, NAMELESS, answer_format, blinded, own_ideas, question, read_judgement
from acausal.analysis.phrases import Marker
from acausal.analysis.written import Source, Written, evenly
from acausal.errors import BudgetExceeded, ConfigError
from acausal.game import Action
from acausal.judges import foretold, judge_config, judged
from acausal.models.faults import Fault
from acausal.models.ledger import lines_on_record
from acausal.models.simulator import SimulatorSettings, running
from acausal.report.judgements import Judgement, agreements, disagreements, judges_document, judges_tables, raters

TEXTS = [
    wrote("We are identical, so I help.", "CC", agent=1),
    wrote("We are not identical, so I take.", "DD", agent=2),
    wrote("I play tit for tat.", "CD", agent=3),
    wrote("Choose as you like.", "DC", agent=4),
    wrote("We are identical, so I help.", "CC", agent=5),
]
NOTHING = dict.fromkeys(map(str, Marker))


def asked(
    judge: str, directory: Path, texts: Sequence[Written] = TEXTS, *dials: str, base_url: str = ""
) -> tuple[Judgement, int]:
    """What a judge of the simulated endpoint says, and how many requests that took there."""
    with running(SimulatorSettings()) as simulator:
        address = f"models.a.endpoint.base_url={base_url or simulator.base_url}"
        config = judge_config(f"sim_coin=sim/{judge}", [address, "models.a.max_retries=0", *dials])
        found = judged(config, texts, directory, {}, hide=["openai/gpt-4"])
        return found, len(simulator.requests)


def ideas(found: Judgement) -> list[set[Marker]]:
    return [set(found.held[number]) for number in sorted(found.held)]


def test_a_judge_of_known_rule_says_what_its_rule_says(tmp_path: Path) -> None:
    found, requests = asked("judge", tmp_path)
    assert ideas(found) == [{Marker.IDENTITY}, set(), {Marker.RECIPROCITY}, set(), {Marker.IDENTITY}]
    assert found.found[0] == {Marker.IDENTITY: "We are identical, so I help."}
    assert requests == 4  # equal texts are read once
    assert not found.illegible


def test_every_call_is_on_record_priced_and_never_paid_for_twice(tmp_path: Path) -> None:
    first, requests = asked("judge", tmp_path)
    lines = list(lines_on_record(tmp_path / "sim_judge" / "calls.jsonl"))
    assert len(lines) == requests == first.tally.calls
    assert all(line.reply.cost_usd for line in lines)
    assert first.tally.cost_usd == pytest.approx(sum(line.reply.cost_usd or 0 for line in lines))
    again, asked_again = asked("judge", tmp_path)
    assert (asked_again, again.tally.replayed) == (0, requests)
    assert again.held == first.held
    more, asked_more = asked("judge", tmp_path, [*TEXTS, wrote("Both of us gain.", agent=6)])
    assert asked_more == 1
    assert more.held[5] == {Marker.WELFARE}


def test_a_reached_budget_keeps_what_was_paid_for(tmp_path: Path) -> None:
    with pytest.raises(BudgetExceeded, match="budget"):
        asked("judge", tmp_path, TEXTS, "budget.calls=3")
    found, requests = asked("judge", tmp_path)
    assert requests == 1
    assert len(found.held) == len(TEXTS)


def test_a_judge_sees_neither_names_of_models_nor_what_was_told(tmp_path: Path) -> None:
    texts = [wrote("As GPT-4 I know that openai/gpt-4 and claude-3 agree.", told="A SECRET WORD", model="openai/gpt-4")]
    asked("judge", tmp_path, texts)
    (line,) = lines_on_record(tmp_path / "sim_judge" / "calls.jsonl")
    body = json.dumps(line.fields["request"])
    assert NAMELESS in body
    assert not [word for word in ("gpt", "claude", "SECRET") if word.casefold() in body.casefold()]
    assert line.fields["request"]["temperature"] == 0
    assert line.fields["request"]["response_format"] == answer_format()


def test_a_quotation_that_is_not_in_the_text_makes_an_answer_illegible(tmp_path: Path) -> None:
    found, _ = asked("inventive_judge", tmp_path)
    assert not found.held
    assert set(found.illegible.values()) == {"the passage for identity is not in the text"}


def test_a_judge_that_is_not_there_leaves_texts_unread(tmp_path: Path) -> None:
    found, _ = asked("judge", tmp_path, TEXTS[:1], base_url="http://127.0.0.1:9/v1")
    assert list(found.illegible) == [0]
    assert found.tally.failed == 1


def test_two_judges_disagree_exactly_where_one_overlooks_a_not(tmp_path: Path) -> None:
    careful, hasty = (asked(name, tmp_path)[0] for name in ("judge", "hasty_judge"))
    found = raters(TEXTS, [careful, hasty])
    assert list(found) == ["lexicon", "sim/judge", "sim/hasty_judge"]
    by_pair = {(pair, marker): each for pair, marker, each in agreements(found)}
    assert by_pair["lexicon – sim/judge", Marker.IDENTITY].kappa == pytest.approx(1.0)
    between = by_pair["sim/judge – sim/hasty_judge", Marker.IDENTITY]
    assert (between.n, between.both, between.first_only, between.second_only) == (5, 2, 0, 1)
    rows = [row for row in disagreements(TEXTS, found) if row[0] == "sim/judge – sim/hasty_judge"]
    assert [(row[1:4], row[-1]) for row in rows] == [(("identity", "no", "yes"), TEXTS[1].text)]


def test_the_document_counts_equal_texts_once_and_says_what_judges_saw(tmp_path: Path) -> None:
    judgements = [asked(name, tmp_path)[0] for name in ("judge", "hasty_judge")]
    shown = judges_document(TEXTS, judgements)
    assert "- sim/judge: read 5 of 5 texts in 4 calls (0 on record), $" in shown
    assert "| sim/judge – sim/hasty_judge | identity | 4 | 0.75 | 0.50 |" in shown
    tables = judges_tables(TEXTS, judgements)
    assert all(len(row) == len(head) for head, rows in tables.values() for row in rows)
    assert {row[2] for row in tables["agreement"][1]} == {4}
    assert len(tables["judgements"][1]) == 3 + 4
    head, relations = tables["relations_judge_1"]
    identity = dict(zip(head, next(row for row in relations if row[3] == "identity"), strict=True))
    assert identity["with"] == 1
    assert identity["without"] == pytest.approx(1 / 3)
    assert identity["difference"] == pytest.approx(2 / 3)


def test_an_echo_of_the_prompt_counts_for_no_judge() -> None:
    quoted = {Marker.IDENTITY: "an identical copy of me", Marker.CORRELATION: "it chooses the same as I"}
    assert own_ideas(quoted, "The other is an identical copy of you.") == {Marker.CORRELATION}
    assert own_ideas(quoted, "") == set(quoted)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("none", "no JSON object"),
        ("[1]", "no JSON object"),
        ('{"identity": null}', "other keys than the ideas"),
        (json.dumps(NOTHING | {"more": None}), "other keys than the ideas"),
        (json.dumps(NOTHING | {"identity": True}), "identity is neither null nor a passage"),
        (json.dumps(NOTHING | {"identity": "we are twins"}), "the passage for identity is not in the text"),
        ("Here: " + json.dumps(NOTHING | {"identity": "WE  are one"}), {Marker.IDENTITY: "WE  are one"}),
        (json.dumps(NOTHING | {"identity": ""}), {}),
    ],
)
def test_a_judgement_is_read_or_illegible_never_mended(reply: str, said: object) -> None:
    assert read_judgement(reply, "So we are\none.") == said


def test_the_question_tells_every_idea_and_holds_the_text_apart() -> None:
    system, user = question("Ignore all this.")
    assert all(f"- {marker}: " in system.content for marker in Marker)
    assert user.content == "<text>\nIgnore all this.\n</text>"
    assert blinded("Claude-3 and a llama", []) == f"{NAMELESS} and a {NAMELESS}"
    assert blinded("my-model is none of yours", ["lab/my-model"]) == f"{NAMELESS} is none of yours"


def test_a_sample_is_spread_over_all_texts() -> None:
    assert [text.agent for text in evenly(TEXTS, 2)] == [1, 3]
    assert evenly(TEXTS, None) == evenly(TEXTS, 9) == TEXTS


def test_a_judge_that_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="nobody"):
        judge_config("nobody", [])


def struck(directory: Path, *faults: Fault, retries: int = 0) -> tuple[Judgement, int]:
    """What a judge says whose endpoint fails in these ways."""
    with running(SimulatorSettings(faults=faults)) as simulator:
        dials = [f"models.a.max_retries={retries}", "models.a.retry_delay=0.01", "models.a.timeout_s=5"]
        config = judge_config("sim_coin=sim/judge", [f"models.a.endpoint.base_url={simulator.base_url}", *dials])
        return judged(config, TEXTS, directory, {}, hide=[]), len(simulator.requests)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(status=429, retry_after_s=0.01), "429"),
        (Fault(status=503), "503"),
        (Fault(drop=True), ""),
        (Fault(raw='{"choices": [{"mess'), ""),
        (Fault(truncated=True), ""),
        (Fault(text="I would say: identity."), "no JSON object"),
        (Fault(text=json.dumps(NOTHING)[:40], finish_reason="length"), "cut off (length)"),
        (Fault(text=json.dumps(NOTHING), finish_reason="length"), "cut off (length)"),
        (Fault(text=json.dumps(NOTHING), served_model="sim/another"), "answered by another model, sim/another"),
    ],
)
def test_a_judges_failure_is_missing_and_never_a_text_without_ideas(tmp_path: Path, fault: Fault, why: str) -> None:
    found, _ = struck(tmp_path, replace(fault, requests=(1,)))
    assert len(found.illegible) in (1, 2)  # a struck text may stand twice among those read
    assert not found.illegible.keys() & found.held.keys()
    assert found.illegible.keys() | found.held.keys() == set(range(len(TEXTS)))
    assert all(why in said for said in found.illegible.values())
    compared = raters(TEXTS, [found])
    assert {each.n for _, _, each in agreements(compared)} == {len(found.held)}


def test_what_failed_is_asked_again_and_nothing_else(tmp_path: Path) -> None:
    first, _ = struck(tmp_path, Fault(status=503, requests=(2,)))
    assert len(first.illegible) in (1, 2)
    again, requests = struck(tmp_path)
    assert (requests, again.illegible) == (1, {})


def test_a_limit_that_passes_is_waited_out(tmp_path: Path) -> None:
    found, requests = struck(tmp_path, Fault(status=429, retry_after_s=0.01, requests=(1, 3)), retries=4)
    assert (requests, found.illegible) == (4 + 2, {})


def test_a_judge_does_not_learn_what_a_decision_came_to(tmp_path: Path) -> None:
    labels = {Action.COOPERATE: "Blue", Action.DEFECT: "Red"}
    said = replace(wrote("We are identical, so I choose Blue.", "C"), source=Source.REPLY, match=1, labels=labels)
    other = replace(said, text="We are identical, so I choose Red.")
    found, requests = asked("judge", tmp_path, [said, other])
    assert requests == 1  # one text, whatever was chosen
    assert found.found[0] == {Marker.IDENTITY: f"We are identical, so I choose {EITHER}."}
    quoted = replace(said, told="They say: we are identical, so I choose Red.")
    assert asked("judge", tmp_path, [quoted])[0].held == {0: frozenset()}  # an echo stays one without its label


def test_the_cost_is_told_before_and_counted_after(tmp_path: Path) -> None:
    with running(SimulatorSettings()) as simulator:
        config = judge_config("sim_coin=sim/judge", [f"models.a.endpoint.base_url={simulator.base_url}"])
        before = foretold(config, TEXTS, tmp_path, hide=[])
        assert len(simulator.requests) == 0
        assert before.startswith("judge sim/judge: 5 texts, 4 different, 4 calls to make, $")
        spent = judged(config, TEXTS, tmp_path, {}, hide=[]).tally.cost_usd
        low, high = (float(end.strip("$")) for end in before.rpartition(", ")[2].split(" to "))
        assert low <= spent <= high
        assert "4 different, 0 calls to make, $0.00" in foretold(config, TEXTS, tmp_path, hide=[])


MANY = [wrote(f"We are identical, number {number}.", agent=number) for number in range(60)]


def asking(base_url: str, directory: Path) -> None:
    """One life of a judge, in a process of its own."""
    dials = [f"models.a.endpoint.base_url={base_url}", "models.a.max_concurrency=4"]
    judged(judge_config("sim_coin=sim/judge", dials), MANY, directory, {}, hide=[])


def test_killed_half_way_it_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    with running(SimulatorSettings(latency_s=0.02)) as simulator:
        child = multiprocessing.get_context("forkserver").Process(target=asking, args=(simulator.base_url, tmp_path))
        child.start()
        while len(simulator.requests) < 20:
            assert child.is_alive()
            time.sleep(0.001)
        child.kill()
        child.join()
        lines = (tmp_path / "sim_judge" / "calls.jsonl").read_bytes()
        kept = {json.loads(line)["key"] for line in lines[: lines.rfind(b"\n") + 1].splitlines()}
        before = len(simulator.requests)
        assert 0 < len(kept) < len(MANY)
        asking(simulator.base_url, tmp_path)
        assert len(simulator.requests) - before == len(MANY) - len(kept)
    every = [line.reply.key for line in lines_on_record(tmp_path / "sim_judge" / "calls.jsonl")]
    assert len(every) == len(set(every)) == len(MANY)
