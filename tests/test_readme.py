"""What the README tells a newcomer to type exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from acausal.config import conf_dir
from acausal.settings.schema import Config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    """Every `python run.py …` of the README's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ python run.py") for line in lines if line.startswith("$ python run.py")]


def cells(command: str) -> Iterator[list[str]]:
    """The override lists of a command, its sweeps multiplied out."""
    words = [word for word in shlex.split(command) if word != "-m" and not word.startswith("experiment=")]
    choices = [
        [f"{key}={value}" for value in values.split(",")] for key, _, values in (word.partition("=") for word in words)
    ]
    yield from (list(cell) for cell in product(*choices))


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_readme_composes(composed: Callable[..., Config], command: str) -> None:
    for cell in cells(command):
        assert composed(*cell).num_agents == 10


def test_the_readme_has_commands() -> None:
    assert len(commands()) >= 5


def test_the_first_two_shell_blocks_set_up_run_and_test() -> None:
    first, second = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert "pip install" in first
    assert first.rstrip().endswith("python run.py")
    assert "pip install" in second
    assert "pytest" in second


@pytest.mark.parametrize("option", ["scenario", "roster", "condition", "protocol"])
def test_the_options_it_lists_are_files(option: str) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{option}=`")]
    known = {path.stem for path in (conf_dir() / option).glob("*.yaml")}
    named = set(re.findall(r"`([a-z_]+(?:_\d+)*)`", row)) - {f"{option}="}
    assert named
    assert named <= known


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
