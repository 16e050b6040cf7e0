"""`acausal ledger DIR`: what was asked and answered, for people and for pipes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from program import ACAUSAL, KEY, MODELS, OPENROUTER, SCRIPTED, endpoint, run

from acausal.cli import _main
from acausal.models.faults import Fault
from acausal.models.ledger import FILE, Ledger, call_key
from acausal.models.simulator import SimulatorSettings, running
from acausal.records import Place, Purpose, Reply
from acausal.report.calls import WIDTH

IDENTITY = {"seed": 0}
STRATEGY = Place(1, 1, 3, Purpose.STRATEGY)
DECISION = Place(1, 2, 3, Purpose.DECISION, match=4, coplayer=5)
BODY = {
    "model": "openai/gpt-4",
    "messages": [{"role": "system", "content": "You take part in a game."}, {"role": "user", "content": "Choose."}],
    "temperature": 0.7,
    "provider": {"allow_fallbacks": False},
}
PLAIN = Reply(
    key="",
    model="openai/gpt-4",
    served_by="openai/gpt-4",
    substituted=False,
    text="COOPERATE, since that is fair",
    tokens_in=152,
    tokens_out=3,
    cost_usd=0.0012,
    latency_s=0.523,
    attempts=2,
    finish_reason="stop",
)
FAILED = replace(PLAIN, text=None, served_by=None, error="503 overloaded", tokens_in=None, tokens_out=None)
SUBSTITUTED = replace(PLAIN, served_by="mistralai/large", substituted=True, reasoning="They will do as I do.")
Said = Callable[..., str]


def write(directory: Path, *calls: tuple[Place, Reply]) -> list[str]:
    """Append calls to a ledger; their keys."""
    keys = []
    with Ledger(directory, IDENTITY) as ledger:
        for place, reply in calls:
            key = call_key(place, BODY)
            ledger.append(place, BODY, replace(reply, key=key), {"provider": "OpenAI", "generation_id": "gen-1"})
            keys.append(key)
    return keys


@pytest.fixture
def said(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Said:
    """`said("--failed")`: what the command prints of the test's ledger."""

    def output(*words: str) -> str:
        assert _main(["ledger", str(tmp_path), *words]) == 0
        out, err = capfdbinary.readouterr()
        assert err == b""
        return out.decode()

    return output


def refused(capfdbinary: pytest.CaptureFixture[bytes], *words: str) -> str:
    assert _main(["ledger", *words]) == 1
    out, err = capfdbinary.readouterr()
    assert (out, err.count(b"\n")) == (b"", 1)
    return err.decode()


def test_a_call_is_two_lines_and_the_end_is_the_sum(tmp_path: Path, said: Said) -> None:
    first, second, third = write(tmp_path, (STRATEGY, PLAIN), (DECISION, FAILED), (DECISION, SUBSTITUTED))
    assert second == third
    assert said().splitlines() == [
        " call key      rep round agent purpose  match with try    time   tokens    cost",
        f"    1 {first[:8]}   1     1     3 strategy              2  0.52 s    152+3 $0.0012",
        "      openai/gpt-4 ok: COOPERATE, since that is fair",
        f"    2 {second[:8]}   1     2     3 decision     4    5   2  0.52 s",
        "      openai/gpt-4 failed: 503 overloaded",
        f"    3 {third[:8]}   1     2     3 decision     4    5   2  0.52 s    152+3 $0.0012",
        "      openai/gpt-4 substituted by mistralai/large: COOPERATE, since that is fair",
        "3 of 3 calls: 1 ok, 1 failed, 1 substituted",
        "304 tokens in, 6 out, cost $0.00",
    ]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ((), [1, 2, 3]),
        (("--model", "GPT"), [1, 2, 3]),
        (("--model", "mistral"), [3]),
        (("--purpose", "decision"), [2, 3]),
        (("--replicate", "2"), []),
        (("--round", "1"), [1]),
        (("--agent", "3"), [1, 2, 3]),
        (("--match", "4"), [2, 3]),
        (("--failed",), [2]),
        (("--substituted",), [3]),
        (("--contains", "OVERLOADED"), [2]),
        (("--contains", "do as i do"), [3]),
        (("--contains", "part in a game"), [1, 2, 3]),
        (("--purpose", "decision", "--failed"), [2]),
        (("--limit", "2"), [2, 3]),
        (("--limit", "0"), []),
    ],
)
def test_filters_choose_and_json_gives_the_same_lines_as_they_stand(
    tmp_path: Path, said: Said, words: tuple[str, ...], numbers: list[int]
) -> None:
    write(tmp_path, (STRATEGY, PLAIN), (DECISION, FAILED), (DECISION, SUBSTITUTED))
    listed = [line.split()[0] for line in said(*words).splitlines() if line[:6].strip().isdigit() and line[5] == " "]
    assert [int(number) for number in listed] == numbers
    lines = (tmp_path / FILE).read_text().splitlines(keepends=True)
    assert said(*words, "--json") == "".join(lines[number - 1] for number in numbers)


def test_the_newest_forty_are_listed_and_the_rest_is_counted(tmp_path: Path, said: Said) -> None:
    write(tmp_path, *((replace(DECISION, agent=agent), PLAIN) for agent in range(100)))
    lines = said().splitlines()
    assert [line.split()[0] for line in lines[1:81:2]] == [str(number) for number in range(61, 101)]
    assert lines[81:] == [
        "60 earlier calls are not listed: --limit 100 lists them",
        "100 of 100 calls: 100 ok, 0 failed, 0 substituted",
        "15,200 tokens in, 300 out, cost $0.12",
    ]
    assert len(said("--limit", "100").splitlines()) == 203


def test_a_call_is_shown_as_a_transcript(tmp_path: Path, said: Said) -> None:
    (key,) = write(tmp_path, (DECISION, SUBSTITUTED))
    rule = "─" * 80
    assert said("--show", key[:6]).splitlines() == [
        f"call 1, key {key}",
        "replicate 1, round 2, agent 3, decision, match 4 with agent 5",
        "model openai/gpt-4, substituted by mistralai/large",
        "parameters model=openai/gpt-4, temperature=0.7, provider.allow_fallbacks=False",
        f"── system {rule[10:]}",
        "You take part in a game.",
        f"── user {rule[8:]}",
        "Choose.",
        f"── reasoning {rule[13:]}",
        "They will do as I do.",
        f"── reply {rule[9:]}",
        "COOPERATE, since that is fair",
        rule,
        "2 attempts, 0.52 s, 152 tokens in, 3 out, cost $0.0012, finish_reason stop",
        "provider OpenAI",
        "generation_id gen-1",
    ]


def test_of_a_call_asked_twice_the_answer_is_shown(tmp_path: Path, said: Said) -> None:
    key, _, _ = write(tmp_path, (DECISION, FAILED), (DECISION, PLAIN), (DECISION, FAILED))
    assert said("--show", key).startswith("call 2, ")
    assert "── reply" in said("--show", key)
    (other,) = write(tmp_path, (STRATEGY, FAILED))
    assert "── error" in said("--show", other)


def test_letters_of_no_call_or_of_several_are_refused(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    keys = write(tmp_path, *((replace(DECISION, agent=agent), PLAIN) for agent in range(40)))
    wrong = keys[0][:7] + "x"
    why = refused(capfdbinary, str(tmp_path), "--show", wrong)
    assert f"no call has a key that begins with '{wrong}'; did you mean {keys[0][:8]}?" in why
    shared = next(letter for letter in "0123456789abcdef" if sum(key.startswith(letter) for key in keys) > 1)
    count = sum(key.startswith(shared) for key in keys)
    why = refused(capfdbinary, str(tmp_path), "--show", shared)
    assert f"{count} calls begin with '{shared}': give more letters, e.g. {shared}" in why


def test_nothing_is_wider_than_a_terminal_and_no_reply_commands_it(tmp_path: Path, said: Said) -> None:
    text = "\x1b[2J\x07 first line\n" + "a long line of words " * 20 + "x" * 100
    long = replace(PLAIN, model="some-provider/" + "m" * 70, text=text, reasoning=text, attempts=12, latency_s=1234.5)
    (key,) = write(tmp_path, (replace(DECISION, agent=100, match=4950, coplayer=99), long))
    for shown in (said(), said("--show", key)):
        assert "\x1b" not in shown
        assert max(map(len, shown.splitlines())) <= WIDTH
    assert "\\x1b[2J\\x07 first line" in said("--show", key)


def test_a_ledger_is_read_while_it_is_written(tmp_path: Path, said: Said) -> None:
    write(tmp_path, (STRATEGY, PLAIN))
    with Ledger(tmp_path, IDENTITY), (tmp_path / FILE).open("ab") as file:
        file.write(b'{"key": "torn')
        file.flush()
        before = (tmp_path / FILE).read_bytes()
        assert "1 of 1 calls" in said()
        assert (tmp_path / FILE).read_bytes() == before


def test_a_damaged_line_and_an_empty_place_are_named(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert "holds no calls.jsonl: name the output directory" in refused(capfdbinary, str(tmp_path))
    (tmp_path / FILE).write_text("rubbish\n")
    assert "calls.jsonl line 1 is damaged (" in refused(capfdbinary, str(tmp_path), "--json")
    assert "--limit must not be negative, but is -1" in refused(capfdbinary, str(tmp_path), "--limit", "-1")


def test_the_calls_of_a_sweep_stand_under_their_cells_in_order(tmp_path: Path, said: Said) -> None:
    for number in (10, 9):
        (tmp_path / f"{number}_pair").mkdir()
        write(tmp_path / f"{number}_pair", (STRATEGY, PLAIN))
    headings = [line for line in said().splitlines() if line.endswith(":")]
    assert headings == ["9_pair:", "10_pair:"]
    assert "2 of 2 calls" in said()


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    assert run([*SCRIPTED, "replicates=5", "progress=off", "hydra.run.dir=o"], tmp_path)[0] == 0
    command = f"'{ACAUSAL[0]}' ledger o --json | head -n 1"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["replicate"] == 1


def test_a_real_run_with_an_absent_model_is_told_apart(tmp_path: Path) -> None:
    faults = (Fault(model="claude", status=404),)
    with running(SimulatorSettings(persona="coin", api_key=KEY, models=MODELS, faults=faults)) as simulator:
        arguments = [*OPENROUTER, "fallback.policy=substitute", "hydra.run.dir=o"]
        assert run(arguments, tmp_path, **endpoint(simulator))[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "o" / FILE).read_text().splitlines()]
    failed = sum(line["error"] is not None for line in lines)
    code, out, err = run(["ledger", "o"], tmp_path, ACAUSAL)
    assert (code, err) == (0, "")
    assert f"{len(lines)} of {len(lines)} calls: 50 ok, {failed} failed, 50 substituted" in out
    assert "anthropic/claude-3-sonnet-20240229 substituted by openai/gpt-4: " in out
    assert "\x1b" not in out
