"""A registration is frozen, and every way in which a sweep departs from it is named."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from acausal import experiment
from acausal.commands import preregister
from acausal.config import check
from acausal.errors import ConfigError
from acausal.report.arms import Cell, cells_below
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config
from acausal.settings.stored import REGISTRATION, keep, unresolved
from acausal.studies.deviations import Analysis, Deviation, deviations, registered
from acausal.studies.registration import Registration, read_registration, register

SMALL = [
    *("scenario=homogeneous", "scenario.model_distribution={a: 4}", "num_agents=4", "num_rounds=1", "replicates=2"),
    *("tracking.enabled=false", "progress=off", "protocol=direct"),
]
COPY, OTHER = "condition=identical_copy", "condition=different_model"
SCRIPTED = [*(f"model@models.{slot}=scripted" for slot in "abc"), "models.a.model_type=scripted/coin"]
Composed = Callable[..., Config]
pytestmark = pytest.mark.usefixtures("without_figures")


def frozen(*arms: tuple[str, Config], **given: object) -> Registration:
    return register(arms, frozen_at="2026-01-01T00:00:00+00:00", **given)  # type: ignore[arg-type]  # as register names


def arm(composed: Composed, *words: str) -> tuple[str, Config]:
    return " ".join(words), composed(*SCRIPTED, *SMALL, *words)


def played(config: Config, directory: Path) -> Cell:
    """A cell, played offline and read back."""
    check(config)
    directory.mkdir(parents=True)
    keep(directory, unresolved(OmegaConf.structured(config)), [])
    with Process() as process:
        cell = experiment.Cell(config, directory, "go on", "run.py")
        code, said = experiment.run_cell(cell, {}, Console(file=io.StringIO()), process)
    assert code is ExitCode.DONE, said
    [found] = cells_below(directory)
    return found


def kinds(found: list[Deviation]) -> list[str]:
    return [each.kind for each in found]


@pytest.mark.parametrize("more", [[], ["protocol=delegated", "num_rounds=2"], ["replicates=12"]])
def test_a_sweep_as_registered_departs_in_nothing(more: list[str], composed: Composed, tmp_path: Path) -> None:
    arms = [arm(composed, condition, *more) for condition in (COPY, OTHER)]
    cells = [played(config, tmp_path / str(number)) for number, (_, config) in enumerate(arms)]
    assert deviations(frozen(*arms), cells) == []
    assert deviations(frozen(*arms), cells[::-1]) == [], "whatever the order of the directories"


def test_a_report_finds_the_registration_and_counts_what_departs(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, other = (arm(composed, condition) for condition in (COPY, OTHER))
    sweep, elsewhere = tmp_path / "sweep", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    cells = [played(config, sweep / str(number)) for number, (_, config) in enumerate((copy, other))]
    assert registered(sweep, cells) == ["Not preregistered, as far as is known here: everything is exploratory."]
    frozen(copy, other).write(elsewhere / REGISTRATION)
    [followed] = registered(sweep, cells)
    assert followed.startswith("Preregistered and followed")
    assert registered(sweep, []) == registered(tmp_path, []), "of another study, where none of its arms was played"
    frozen(copy).write(sweep / REGISTRATION)
    said, deviation = registered(sweep, cells)
    assert "with 1 deviation from" in said
    assert deviation.endswith("played, but not registered")


def test_an_arm_too_few_and_one_too_many_are_named(composed: Composed, tmp_path: Path) -> None:
    copy, other = (arm(composed, condition) for condition in (COPY, OTHER))
    found = deviations(frozen(copy), [played(other[1], tmp_path / "other")])
    assert [str(each).partition(str(tmp_path))[0] for each in found] == [
        "arm: condition=identical_copy: registered, but it left no data",
        "arm: ",
    ]
    assert str(found[1]).endswith("played, but not registered")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("models.a.temperature=0.1", ["model"]),
        ("models.a.model_type=scripted/always_c", ["model"]),
        ("condition.shows.own_matches=true", ["prompt"]),
        ("seed=7", ["design"]),
        ("replicates=1", ["replicates"]),
        ("models.a.max_retries=9", []),
    ],
)
def test_what_was_changed_is_named_by_its_kind(
    word: str, expected: list[str], composed: Composed, tmp_path: Path
) -> None:
    registered = arm(composed, COPY)
    cell = played(arm(composed, COPY, word)[1], tmp_path / "cell")
    assert kinds(deviations(frozen(registered), [cell])) == expected


def test_a_changed_value_stands_beside_the_registered_one(composed: Composed, tmp_path: Path) -> None:
    cell = played(arm(composed, COPY, "models.a.temperature=0.1")[1], tmp_path / "cell")
    [found] = deviations(frozen(arm(composed, COPY)), [cell])
    assert str(found) == "model: condition=identical_copy: models.a.temperature is 0.1, registered 0.7"


@pytest.mark.parametrize(("protocol", "asked"), [("direct", "8 first questions"), ("delegated", "first questions")])
def test_other_words_are_another_prompt_in_configuration_and_in_the_data(
    protocol: str, asked: str, composed: Composed, tmp_path: Path
) -> None:
    registered = arm(composed, COPY, f"protocol={protocol}")
    config = registered[1]
    claim = {key: [f"{words} Really." for words in own] for key, own in config.wording.claim.items()}
    reworded = replace(config, wording=replace(config.wording, claim=claim))
    cell = played(reworded, tmp_path / "cell")
    found = deviations(frozen(registered), [cell])
    assert kinds(found) == ["prompt", "prompt"]
    assert "wording.claim.identical_copy is" in found[0].what
    assert f"{asked} were asked in messages that are not registered" in found[1].what


def test_words_that_changed_under_the_same_configuration_are_seen(composed: Composed, tmp_path: Path) -> None:
    registered = arm(composed, COPY)
    cell = played(registered[1], tmp_path / "cell")
    before = frozen(registered)
    [own] = before.arms
    other = replace(before, arms=[replace(own, prompts={title: ["0" * 16] for title in own.prompts})])
    found = deviations(other, [cell])
    assert kinds(found) == ["prompt", "prompt"]
    assert found[0].what.startswith("the same configuration now renders other messages: decision, round 1, match 1")


def test_rows_that_are_missing_are_an_exclusion(composed: Composed, tmp_path: Path) -> None:
    registered = arm(composed, COPY)
    cell = played(registered[1], tmp_path / "cell")
    fewer = replace(cell, decisions=cell.decisions[:-3])
    assert [str(each) for each in deviations(frozen(registered), [fewer])] == [
        "exclusion: condition=identical_copy: 3 decisions of the design are in no row of the table"
    ]


def test_an_analysis_is_held_against_family_level_and_exclusions(composed: Composed) -> None:
    arms = [arm(composed, condition) for condition in (COPY, OTHER)]
    registration = replace(frozen(*arms, exclusions=["Own rule."]), arms=[])
    assert deviations(registration, [], Analysis(confirmed=["told"], exclusions=["Own rule."])) == []
    found = deviations(registration, [], Analysis(confirmed=["B"], alpha=0.1, exclusions=["Outliers."]))
    assert [str(each) for each in found] == [
        "family: B is presented as confirmatory, and is not of the registered family",
        "family: told is registered as confirmatory, and is not reported",
        "family: level 0.1 with Holm, not 0.05 with Holm",
        "exclusion: data were left out by a rule that is not registered: Outliers.",
    ]


def test_the_family_is_what_the_arms_can_make(composed: Composed) -> None:
    names = ("identical_copy_linked", "identical_copy_u95", "different_model_linked", "different_model_u95")
    gap = frozen(*(arm(composed, f"condition={name}") for name in names))
    assert (gap.family.contrasts, gap.family.models) == (["Γ"], ["scripted/coin"])
    assert list(gap.estimands) == ["Γ_I", "Γ_D", "Γ"]
    assert gap.estimands["Γ"] == (
        "+0.5 π(identical_copy, linked) +0.5 π(different_model, linked) "
        "-0.5 π(identical_copy, u95) -0.5 π(different_model, u95)"
    )
    assert frozen(arm(composed, COPY)).family.contrasts == []
    with pytest.raises(
        ConfigError, match="the arms of this sweep make no contrast 'tolt': they make told; did you mean"
    ):
        frozen(arm(composed, COPY), arm(composed, OTHER), confirm=["tolt"])


def test_a_file_is_read_as_it_was_written_and_never_overwritten(composed: Composed, tmp_path: Path) -> None:
    registration = frozen(arm(composed, COPY), estimands=["Rate by round."])
    file = tmp_path / "new" / "frozen.json"
    registration.write(file)
    assert read_registration(file) == registration
    assert json.loads(file.read_text())["sha256"] == registration.hash
    with pytest.raises(ConfigError, match="is frozen already"):
        registration.write(file)


def test_a_file_that_was_changed_is_refused(composed: Composed, tmp_path: Path) -> None:
    file = tmp_path / "frozen.json"
    frozen(arm(composed, COPY)).write(file)
    file.write_text(file.read_text().replace('"replicates": 2', '"replicates": 3', 1))
    with pytest.raises(ConfigError, match="was changed after it was frozen: it says sha256"):
        read_registration(file)
    file.write_text("{}")
    with pytest.raises(ConfigError, match="is no registration"):
        read_registration(file)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    parser = argparse.ArgumentParser()
    preregister.arguments(parser)
    code = preregister.run(parser.parse_intermixed_args(words))
    return code, capsys.readouterr().out.splitlines()


def test_the_command_freezes_and_checks(composed: Composed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, sweep = tmp_path / "frozen.json", tmp_path / "sweep"
    both = "condition=identical_copy,different_model"
    code, lines = said(capsys, "-m", *SCRIPTED, *SMALL, both, "--output", str(file), "--alpha", "0.01")
    assert code == 0
    assert lines[1] == "confirms told in scripted/coin: 1 comparison at 0.01 with Holm"
    for condition in (COPY, OTHER):
        played(arm(composed, condition)[1], sweep / condition.partition("=")[2])
    code, lines = said(capsys, "--check", str(file), str(sweep))
    assert (code, lines[-1]) == (
        0,
        "followed 2 arms as registered: identities, prompts, models, replicates, and every decision",
    )
    played(arm(composed, "condition=human")[1], sweep / "human")
    code, lines = said(capsys, "--check", str(file), str(sweep))
    assert code == 1
    assert lines[-1].startswith("deviates arm: ")


def test_what_cannot_be_frozen_or_checked_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="--alpha must lie between 0 and 1, but is 5"):
        said(capsys, "--alpha", "5")
    with pytest.raises(ConfigError, match="compares with one directory, but 0 are named"):
        said(capsys, "--check", str(tmp_path))
    with pytest.raises(ConfigError, match="leaks"):
        said(capsys, *SCRIPTED, *SMALL, "condition.disclosure=You play against an identical copy.")
