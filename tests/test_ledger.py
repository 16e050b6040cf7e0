"""Every reply is on disk before it is used, and is never paid for twice."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from acausal.config import defines_the_cell
from acausal.errors import LedgerError
from acausal.models.ledger import FILE, MANIFEST, Ledger, call_key, lines_on_record, replies_on_record
from acausal.records import Place, Purpose, Reply

IDENTITY = {"seed": 0, "num_rounds": 3}
PLACE = Place(1, 2, 3, Purpose.DECISION, match=4, coplayer=5)
BODY = {"model": "m", "messages": [{"role": "user", "content": "choose"}], "temperature": 0.7}
REPLY = Reply(
    key=call_key(PLACE, BODY),
    model="m",
    served_by="m",
    substituted=False,
    text="DEFECT",
    reasoning="because",
    finish_reason="stop",
    tokens_in=10,
    tokens_out=1,
    cost_usd=0.001,
    latency_s=0.5,
    attempts=2,
)
FAILURE = replace(REPLY, text=None, served_by=None, error="503")


def write(directory: Path, *replies: Reply) -> None:
    with Ledger(directory, IDENTITY) as ledger:
        for reply in replies:
            ledger.append(PLACE, BODY, reply, {"provider": "p"})


def test_a_reply_comes_back_as_it_was_but_marked_replayed(tmp_path: Path) -> None:
    write(tmp_path, REPLY)
    with Ledger(tmp_path, IDENTITY) as ledger:
        assert ledger.get(REPLY.key) == replace(REPLY, replayed=True)
        assert ledger.get("unknown") is None


def test_a_line_is_on_disk_before_append_returns(tmp_path: Path) -> None:
    with Ledger(tmp_path, IDENTITY) as ledger:
        ledger.append(PLACE, BODY, REPLY, {})
        line = json.loads((tmp_path / FILE).read_text())
    assert line["request"] == BODY
    assert (line["replicate"], line["round"], line["agent"], line["purpose"]) == (1, 2, 3, "decision")
    assert (line["model"], line["served_by"], line["reply"], line["error"]) == ("m", "m", "DEFECT", None)


def test_the_key_covers_the_whole_request_and_its_place() -> None:
    assert call_key(PLACE, BODY) == call_key(PLACE, dict(reversed(BODY.items())))
    others = [
        call_key(replace(PLACE, replicate=2), BODY),
        call_key(replace(PLACE, round=1), BODY),
        call_key(replace(PLACE, agent=1), BODY),
        call_key(replace(PLACE, coplayer=1), BODY),
        call_key(replace(PLACE, purpose=Purpose.STRATEGY), BODY),
        call_key(PLACE, BODY | {"temperature": 0.8}),
        call_key(PLACE, BODY | {"model": "n"}),
        call_key(PLACE, BODY | {"messages": []}),
    ]
    assert len({call_key(PLACE, BODY), *others}) == len(others) + 1


def test_a_torn_last_line_is_cut_off_and_the_next_one_is_whole(tmp_path: Path) -> None:
    write(tmp_path, REPLY)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"key": "torn')
    write(tmp_path, replace(REPLY, key="next"))
    lines = (tmp_path / FILE).read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == [REPLY.key, "next"]


def test_a_damaged_line_elsewhere_is_named_not_swallowed(tmp_path: Path) -> None:
    write(tmp_path, REPLY)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole + b"rubbish\n" + whole)
    with pytest.raises(LedgerError, match=r"line 2 is damaged .*: restore the file, or remove that line"):
        Ledger(tmp_path, IDENTITY)


def test_a_failure_is_asked_again_unless_the_cell_is_settled(tmp_path: Path) -> None:
    write(tmp_path, FAILURE)
    with Ledger(tmp_path, IDENTITY) as ledger:
        assert ledger.get(REPLY.key) is None
    with Ledger(tmp_path, IDENTITY, settled=True) as ledger:
        assert ledger.get(REPLY.key) == replace(FAILURE, replayed=True)


def test_a_success_wins_over_failures_of_the_same_call(tmp_path: Path) -> None:
    write(tmp_path, FAILURE, REPLY, FAILURE)
    with Ledger(tmp_path, IDENTITY, settled=True) as ledger:
        assert ledger.get(REPLY.key) == replace(REPLY, replayed=True)
        assert len(ledger) == 1


def test_a_ledger_of_another_configuration_is_refused(tmp_path: Path) -> None:
    write(tmp_path, REPLY)
    with pytest.raises(LedgerError, match=r"another configuration: seed was 0, now 1; run with the old values"):
        Ledger(tmp_path, IDENTITY | {"seed": 1})


def test_a_changed_dial_leaves_the_ledger_usable_and_says_which_places_have_old_calls(tmp_path: Path) -> None:
    write(tmp_path, REPLY)
    changed = IDENTITY | {"num_rounds": 5, "models.b.model_type": "a substitute"}
    with Ledger(tmp_path, changed) as ledger:
        assert ledger.changed == ("models.b.model_type", "num_rounds")
        assert ledger.get(REPLY.key) == replace(REPLY, replayed=True)
        assert ledger.is_superseded(PLACE, ["of another prompt"])
        assert not ledger.is_superseded(PLACE, ["of another prompt", REPLY.key])
        assert not ledger.is_superseded(replace(PLACE, round=9), ["of another prompt"])
    with Ledger(tmp_path, changed) as ledger:
        assert ledger.changed == ()
        assert not ledger.is_superseded(PLACE, ["of another prompt"])


@pytest.mark.parametrize(
    ("key", "defines"),
    [
        ("seed", True),
        ("scenario.model_distribution.a", True),
        ("models.a.model_type", True),
        ("models.a.embedded.gguf", True),
        ("condition.name", True),
        ("condition.disclosure", False),
        ("protocol.decision", False),
        ("models.a.temperature", False),
        ("models.a.custom_params.top_p", False),
        ("fallback.policy", False),
        ("num_rounds", False),
    ],
)
def test_the_keys_that_make_a_cell_itself(key: str, defines: bool) -> None:
    assert defines_the_cell(key) is defines


def test_calls_without_their_manifest_are_refused(tmp_path: Path) -> None:
    write(tmp_path, REPLY)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(LedgerError, match="has no ledger.json beside it"):
        Ledger(tmp_path, IDENTITY)


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    with Ledger(tmp_path, IDENTITY), pytest.raises(LedgerError, match="is in use by another run"):
        Ledger(tmp_path, IDENTITY)
    Ledger(tmp_path, IDENTITY).close()


def test_a_full_disk_stops_the_run_with_its_cure(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Ledger(tmp_path, IDENTITY) as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises(LedgerError, match="could not be written .* make room, then run the same command"):
                ledger.append(PLACE, BODY, REPLY, {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    write(tmp_path, REPLY)
    assert [json.loads(line)["key"] for line in (tmp_path / FILE).read_text().splitlines()] == [REPLY.key]


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(LedgerError, match="cannot be written: .*; choose another hydra.run.dir"):
        Ledger(tmp_path, IDENTITY)


def test_reading_alone_gives_the_same_replies_and_changes_no_byte(tmp_path: Path) -> None:
    write(tmp_path, FAILURE, REPLY, replace(FAILURE, key="other"))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"key": "torn')
    before = (tmp_path / FILE).read_bytes()
    with Ledger(tmp_path, IDENTITY):
        pass  # the writer cuts the torn line
    assert (tmp_path / FILE).read_bytes() != before
    (tmp_path / FILE).write_bytes(before)
    replies = replies_on_record(tmp_path, IDENTITY)
    assert replies == {REPLY.key: replace(REPLY, replayed=True), "other": replace(FAILURE, key="other", replayed=True)}
    assert [line.number for line in lines_on_record(tmp_path / FILE)] == [1, 2, 3]
    assert b"".join(line.raw for line in lines_on_record(tmp_path / FILE)) + b'{"key": "torn' == before
    assert (tmp_path / FILE).read_bytes() == before


def test_reading_alone_makes_nothing_and_needs_the_right_configuration(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="does not exist: nothing was played into this directory"):
        replies_on_record(tmp_path, IDENTITY)
    assert not list(tmp_path.iterdir())
    write(tmp_path, REPLY)
    with pytest.raises(LedgerError, match="another configuration: seed was 0, now 1"):
        replies_on_record(tmp_path, IDENTITY | {"seed": 1})
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(LedgerError, match="has no ledger.json beside it"):
        replies_on_record(tmp_path, IDENTITY)
