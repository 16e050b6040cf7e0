"""`acausal prompts` shows each arm as its agents will read it."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable

import pytest
from program import ACAUSAL

from acausal.commands import prompts
from acausal.design.arms import questions
from acausal.errors import ConfigError
from acausal.settings.schema import Config

DIRECT = ["protocol=direct", "num_rounds=1"]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    prompts.arguments(parser)
    assert prompts.run(parser.parse_intermixed_args(words)) == 0
    return capsys.readouterr().out.splitlines()


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_cell_is_shown_whole_and_fits(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "condition=cooperation_rates_only")
    assert lines[1:3] == [
        "variant 1 of 4: 'COOPERATE' means cooperation, 'COOPERATE' is named first,",
        "  payoff rows begin with 'COOPERATE' by both",
    ]
    assert lines[3:5] == ["[system]", "You take part in a game with 10 participants. In each match you and one other"]
    titles = [line.partition(":")[0].strip("[") for line in lines if line.startswith(("[strategy,", "[decision,"))]
    assert titles == [
        f"{kind}, round {r}{m}"
        for r in (1, 2)
        for kind, m in (("strategy", ""), ("decision", ", match 1"), ("decision", ", match 3"))
    ]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)


def test_what_is_shown_is_what_is_hashed(composed: Callable[..., Config], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["condition=identical_copy_u95", *DIRECT]
    lines = said(capsys, *words, "--hashes", "--all")
    config = composed(*words)
    asked = [question for paraphrase in range(1, 21) for question in questions(config, paraphrase)]
    assert [line.split()[0] for line in lines[3:-1]] == [question.hash for question in asked]


def test_arms_of_a_sweep_are_shown_by_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    conditions = "condition=identical_copy_linked,identical_copy_u95"
    lines = said(capsys, "-m", conditions, *DIRECT, "--paraphrase", "2")
    second = lines.index("=== arm 1: condition=identical_copy_u95 protocol=direct num_rounds=1 ===")
    assert lines[second + 1 :] == [
        "[system, paraphrase 2]",
        "-The same computation made both, so they coincide.",
        "+The other choice was replaced by a random draw, COOPERATE with a probability of",
        "  95 %.",
        "",
    ]


def test_an_arm_of_one_wording_is_compared_with_each_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "-m", "condition=no_information,identical_copy", *DIRECT, "--all")
    second = lines[[line.startswith("=== arm 1") for line in lines].index(True) + 1 :]
    assert second[:2] == [
        "[system, paraphrase 1]",
        "+In each match, the other participant is an identical copy of you.",
    ]
    assert len([line for line in second if line.startswith("+")]) == 20
    assert not [line for line in second if line.startswith("-")]


def test_an_experiment_is_a_sweep_without_being_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "experiment=offline_pilot")
    assert sum(line.startswith("=== arm ") for line in lines) == 4
    assert "the same as arm 0, word for word" in lines


def test_a_wide_terminal_shows_two_arms_beside_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = ["-m", "condition=no_information,human", *DIRECT, "--side-by-side"]
    assert any(line.startswith("+In each match, the other participant is a human.") for line in said(capsys, *sweep))
    monkeypatch.setenv("COLUMNS", "150")
    lines = said(capsys, *sweep)
    assert f"{'':<73} | In each match, the other participant is a human." in lines
    assert not any(line.startswith("+") for line in lines)


def test_arms_that_read_the_same_and_leaks_are_shown_and_then_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="would read exactly the same"):
        said(capsys, "-m", "condition=control,local_only")
    assert "the same as arm 0, word for word" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="leaks"):
        said(capsys, "condition.disclosure='All are identical.'")
    assert "All are identical." in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--paraphrase", "--variant"])
def test_a_wording_or_variant_before_the_first_is_refused(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option} must be at least 1, but is 0"):
        said(capsys, option, "0")


def test_every_variant_of_the_counterbalance_can_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "labels=balanced", *DIRECT, "--variant", "2")
    assert " ".join(lines[1:3]).startswith("variant 2 of 32: 'B' means cooperation, 'A' is named first,")
    assert lines[7] == "- You A, the other A: 1 point", "A means defection"
    assert said(capsys, "labels=balanced", *DIRECT, "--variant", "34")[1:] == lines[1:], "they are counted round"


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    asked = subprocess.Popen([*ACAUSAL, "prompts", "--all"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert asked.stdout is not None
    assert asked.stderr is not None
    asked.stdout.close()
    assert (asked.stderr.read(), asked.wait()) == (b"", 0)
    asked.stderr.close()


def test_a_mistake_is_the_runs_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="conf/condition has no file contrl.yaml; did you mean control?"):
        said(capsys, "condition=contrl")
