"""docs/experiments.md lists what conf/experiment holds, and shows what the program prints."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path

import pytest
from test_experiments import ARMS, EXPERIMENTS, cells

from acausal.commands import prompts

PAGE = (Path(__file__).parents[1] / "docs" / "experiments.md").read_text()
ROWS = {
    name: (int(arms), int(replicates), calls)
    for name, arms, replicates, calls in re.findall(
        r"^\| `(\w+)` \| .+ \| (\d+) × (\d+) \| ([\d,–]+) \|$", PAGE, re.MULTILINE
    )
}


def test_every_experiment_is_listed() -> None:
    assert sorted(ROWS) == EXPERIMENTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_row_says_how_many_arms_and_replicates(name: str) -> None:
    (replicates,) = {config.replicates for config in cells(name)}
    assert ROWS[name][:2] == (ARMS[name], replicates)


def test_the_shown_prompts_are_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ((command, shown),) = re.findall(r"^\$ acausal prompts (.+)\n((?:.*\n)*?)```", PAGE, re.MULTILINE)
    monkeypatch.setenv("COLUMNS", "80")
    prompts.arguments(parser := ArgumentParser())
    assert prompts.run(parser.parse_args(command.split())) == 0
    assert shown.strip() == capsys.readouterr().out.strip()
