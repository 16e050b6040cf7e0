"""`acausal power` says what a study takes, from what is stated, from a pilot, and for a run that is planned."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from small_cell import composed
from test_pilot import drawn, one_wording

from acausal.commands import power
from acausal.errors import ConfigError
from acausal.report.tables import write_decisions
from acausal.settings.stored import keep, unresolved

FEW = "studies=400"


@pytest.fixture(autouse=True)
def _wide_and_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://127.0.0.1:9/api/v1")  # where nobody listens: no catalog


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    parser = argparse.ArgumentParser()
    power.arguments(parser)
    assert power.run(parser.parse_intermixed_args(words)) == 0
    return capsys.readouterr().out


def rows(output: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if line.startswith("│")
    ]


def test_stated_assumptions_give_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    output = said(capsys, "effect=20", "correlation=0.05", "n=5", FEW)
    assert output.startswith("Power, as assumed: difference of +20 points")
    [[correlation, needed, found, smallest]] = rows(output)
    assert correlation == "0.05"
    assert 6 <= int(needed.split()[0]) <= 8
    assert 58 <= int(found.split()[0]) <= 72
    assert 22 <= float(smallest.split()[0]) <= 26
    assert "exact studentised permutation of replicates" in output


def test_an_unknown_correlation_is_tried_out(capsys: pytest.CaptureFixture[str]) -> None:
    output = said(capsys, "effect=30", FEW)
    found = rows(output)
    assert [row[0] for row in found] == ["0", "0.02", "0.05", "0.1", "0.2"]
    needs = [int(row[1].split()[0]) for row in found]
    assert needs == sorted(needs)
    assert "Nobody has measured the correlation" in output


def test_a_planned_tournament_is_priced(capsys: pytest.CaptureFixture[str]) -> None:
    price = [f"models.a.price.{kind}_usd_per_mtok=1" for kind in ("input", "output")]
    plan = ["roster=openrouter", "scenario=homogeneous", "num_rounds=2", "replicates=8", *price]
    output = said(capsys, *plan, "effect=20", "correlation=0.1", FEW)
    assert "180 decisions in each replicate and arm, 20 strategies of 9" in output
    [[_, needed, calls, usd, most, now, _]] = rows(output)
    replicates = int(needed.split()[0])
    assert int(calls.replace(",", "")) == replicates * 2 * (10 + 90)
    assert re.fullmatch(r"\$[\d.]+–\$[\d.]+", usd)
    assert most.startswith("$")
    assert now.endswith(("%", "± 2.5", "± 2.4"))


def test_a_one_shot_sweep_is_compared_wording_by_wording(capsys: pytest.CaptureFixture[str]) -> None:
    plan = ["experiment=d1_identity_linkage", "condition=identical_copy_linked,identical_copy_u95", "preflight=off"]
    output = said(capsys, *plan, "effect=30", "correlation=0.05", FEW)
    assert "20 wordings are written, shared by the arms; 2 replicates of each are planned" in output
    [[_, wordings, replicates, calls, *_]] = rows(output)
    assert int(wordings.split()[0]) <= 10
    assert int(replicates) % 20 == 0
    assert int(calls.replace(",", "")) == 2 * 8 * int(replicates)
    hopeless = said(capsys, *plan, "effect=5", "correlation=0.3", FEW)
    assert rows(hopeless)[0][2] == "none: more wordings"


def pilot_on_disk(directory: Path, *, correlation: float) -> None:
    config = composed("scenario=homogeneous", "protocol=direct")
    keep(directory, unresolved(OmegaConf.structured(config)), [])
    arm = one_wording(drawn(1, rate=0.4, correlation=correlation, units=40, agents=10, each=3))
    write_decisions(directory / "decisions.parquet", [replace(each, agent_model="m/one") for each in arm])


def test_a_pilot_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pilot_on_disk(tmp_path / "cell", correlation=0.1)
    output = said(capsys, str(tmp_path), "effect=20", FEW)
    assert output.startswith("Power, after m/one")
    assert re.search(r"rate [34]\d\.\d % .*, correlation 0\.\d+, hardly above 0\.\d+", output)
    low, high = (float(row[0]) for row in rows(output))
    assert low < high < 0.4
    assert abs(low - 0.1) < 0.08
    assert "30 decisions in each replicate and arm, 10 strategies of 3" in output


def test_what_a_pilot_cannot_tell_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="holds no finished cell of any model"):
        said(capsys, str(tmp_path))
    pilot_on_disk(tmp_path / "cell", correlation=0.0)
    same = one_wording(drawn(1, rate=1.0, correlation=0.0))
    write_decisions(tmp_path / "cell" / "decisions.parquet", same)
    with pytest.raises(ConfigError, match="measures no correlation: it takes two replicates"):
        said(capsys, str(tmp_path))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("effect=0.1", "effect is in points, but is 0.1: write effect=10 for 0.1 of 1"),
        ("effect=ten", "effect must be a number, but is 'ten'"),
        ("family=1.5", "family must be a whole number, but is '1.5'"),
        ("rate=0.95", "rate plus effect must lie in .0, 1., but is 1.05"),
        ("power=80", "power must lie between 0 and 1"),
        ("contrast=gaps", "contrast must be one of difference, gap, interaction, but is 'gaps'; did you mean gap"),
        ("efect=10", "'efect=10' is nothing that power assumes; did you mean effect"),
        ("nowhere", "'nowhere' is no directory"),
    ],
)
def test_what_is_impossible_is_named(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=message):
        said(capsys, word, FEW)
