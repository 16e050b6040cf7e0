"""Texts of a run, from its ledger to the printed document: what was written, what was told, what followed."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from program import RUN_PY, SCRIPTED, run
from small_cell import at, composed, once, served

from acausal.analysis.lexicon import Stance, mentions
from acausal.analysis.phrases import Marker
from acausal.analysis.similarity import FIRST, SITUATIONS
from acausal.analysis.written import Source, Written
from acausal.cli import _main
from acausal.errors import ConfigError
from acausal.models.faults import Fault
from acausal.models.ledger import FILE
from acausal.models.simulator import SimulatorSettings
from acausal.report.arms import Cell
from acausal.report.corpus import Corpus, corpus
from acausal.report.tables import read_decisions
from acausal.settings.schema import Config

KEY = "sk-or-v1-secret-of-this-test"
SMALL = ["num_agents=4", "scenario.model_distribution={a: 4, b: 0}", "num_rounds=2"]
THOUGHT = "The other is the same model. It will choose the same as I do."


def played(directory: Path, persona: str, *overrides: str, fault: Fault | None = None) -> Corpus:
    """The texts of a small cell, all of whose models are this persona behind HTTP."""
    config: Config = composed(*SMALL, *overrides)
    settings = SimulatorSettings(persona=persona, api_key=KEY, faults=() if fault is None else (fault,))
    directory.mkdir(parents=True, exist_ok=True)
    with served(settings) as (process, simulator):
        code, said = once(at(config, simulator.base_url), directory, process)
        assert code == 0, said
    return corpus(Cell(directory, config, read_decisions(directory / "decisions.parquet")), "")


@pytest.fixture(autouse=True)
def _quick(without_figures: None) -> None:
    """No figures: nothing here looks at them."""


def of(texts: Corpus, source: Source) -> list[Written]:
    return [written for written in texts.texts if written.source is source]


def test_strategies_come_with_what_was_told_and_the_decisions_that_followed(tmp_path: Path) -> None:
    found = played(tmp_path, "superrational", "condition=identity_only")
    assert len(found.strategies) == len(found.texts) == 4 * 2
    for written in found.strategies:
        assert len(written.decisions) == 3
        assert {(d.agent, d.round) for d in written.decisions} == {(written.agent, written.round)}
        assert "instances of the same AI model" in written.told
        stances = {mention.marker: mention.stance for mention in mentions(written)}
        assert stances == {Marker.IDENTITY: Stance.ECHO}


def test_what_the_endpoint_gives_as_reasoning_is_a_text_of_its_own(tmp_path: Path) -> None:
    thinking = Fault("thinking", message_fields={"reasoning": THOUGHT})
    found = played(tmp_path, "tit_for_tat", fault=thinking)
    assert {written.text for written in of(found, Source.REASONING)} == {THOUGHT}
    assert len(of(found, Source.REASONING)) == 4 * 2 + 4 * 3 * 2
    decided = [written for written in of(found, Source.REASONING) if written.match is not None]
    assert all(len(written.decisions) == 1 and written.decisions[0].match == written.match for written in decided)
    held = {mention.marker: mention.stance for mention in mentions(decided[0])}
    assert held == {Marker.IDENTITY: Stance.ASSERTED, Marker.CORRELATION: Stance.ASSERTED}


def test_a_strategy_in_a_decisions_prompt_is_its_authors_own(tmp_path: Path) -> None:
    thinking = Fault("thinking", message_fields={"reasoning": "I begin with COOPERATE and reciprocate."})
    found = played(tmp_path, "tit_for_tat", fault=thinking)
    decided = [written for written in of(found, Source.REASONING) if written.match is not None]
    assert not [written for written in decided if "I begin with" in written.told]


def test_a_bare_label_is_no_text_and_an_explained_one_is(tmp_path: Path) -> None:
    assert not of(played(tmp_path / "bare", "always_c", "protocol=direct"), Source.REPLY)
    wordy = Fault("wordy", text="I choose COOPERATE for all of us.")
    found = of(played(tmp_path / "wordy", "always_c", "protocol=direct", fault=wordy), Source.REPLY)
    assert len(found) == 4 * 3 * 2


def test_a_program_is_known_everywhere_and_a_strategy_in_words_where_it_was_played(tmp_path: Path) -> None:
    compiled = played(tmp_path / "compiled", "tit_for_tat", "protocol=compiled")
    assert [*compiled.profiles[0].items()] == [(s, float(s[-1] != "D")) for s in SITUATIONS]
    worded = played(tmp_path / "words", "tit_for_tat")
    assert all(set(profile) <= {FIRST, "CC"} for profile in worded.profiles)
    assert {p for profile in worded.profiles for p in profile.values()} == {1.0}


def test_without_the_ledger_nobody_knows_what_was_told(tmp_path: Path) -> None:
    played(tmp_path, "always_c")
    (tmp_path / FILE).unlink()
    cell = Cell(tmp_path, composed(*SMALL), read_decisions(tmp_path / "decisions.parquet"))
    with pytest.raises(ConfigError, match="does not exist: texts need the ledger, so copy it beside the tables"):
        corpus(cell, "")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms as a user plays them."""
    folder = tmp_path_factory.mktemp("sweep")
    words = [*SCRIPTED, "models.a.model_type=scripted/superrational", "condition=control,identity_only", "replicates=2"]
    code, _, errors = run(["-m", "hydra.sweep.dir=out", *words], folder, RUN_PY)
    assert code == 0, errors
    return folder / "out"


def rows(path: Path) -> list[Mapping[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_prints_and_saves_a_sweep(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(["texts", str(sweep)]) == 0
    shown = capsys.readouterr().out
    saved = (sweep / "texts" / "texts.md").read_text(encoding="utf-8")
    assert shown.startswith(saved)
    for head in ("Ideas in the texts", "Ideas and decisions", "Likeness of strategies", "Kinds of strategies of"):
        assert f"\n## {head}" in saved
    for path in (sweep / "texts").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            assert len({len(row) for row in csv.reader(file)}) == 1, path.name
    strategies = rows(sweep / "texts" / "strategies.csv")
    assert len(strategies) == 2 * 2 * 10
    assert {row["cluster"] for row in strategies} == {"1", "2"}
    assert len({(row["x"], row["y"]) for row in strategies if float(row["x"]) + float(row["y"])}) > 1
    assert {float(row["p_first"]) for row in strategies} == {0.0, 1.0}
    assert {row["condition"] for row in rows(sweep / "texts" / "mentions.csv")} == {"control", "identity_only"}
    echoes = {row["condition"] for row in rows(sweep / "texts" / "mentions.csv") if row["stance"] == "echo"}
    assert echoes == {"identity_only"}  # the control was told nothing, so there the same words are the author's


def test_it_is_the_same_again_and_does_not_read_its_own_files(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for _ in range(2):
        assert _main(["texts", str(sweep)]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_judges_join_the_document_and_rest_on_record(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["texts", str(sweep), "--output", str(tmp_path), "--judge", "scripted=scripted/judge"]
    assert _main([*words, "--second-judge", "scripted=scripted/hasty_judge", "--sample", "9"]) == 0
    assert "- scripted/judge: read 9 of 9 texts in" in capsys.readouterr().out
    assert _main(words) == 0
    assert (tmp_path / "judges" / "scripted_judge" / FILE).is_file()
    assert "(2 on record)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--second-judge", "gpt_4o"], "--second-judge gpt_4o has no first to be compared with"),
        (["budget.usd=5"], "'budget.usd=5' is a dial of a judge, but there is none"),
        (["--judge", "gpt_4o", "--sample", "0"], "--sample is 0: give a number from 1"),
        (["--judge", "gpt4o"], "gpt4o"),
        (["--judge", "scripted", "--second-judge", "scripted"], "the same model as --judge"),
    ],
)
def test_what_cannot_be_judged_is_one_line(
    sweep: Path, capsys: pytest.CaptureFixture[str], flags: list[str], line: str
) -> None:
    assert _main(["texts", str(sweep), *flags]) == 1
    assert line in capsys.readouterr().err


def test_the_report_of_a_sweep_takes_up_what_judges_said(sweep: Path) -> None:
    assert _main(["texts", str(sweep), "--judge", "scripted=scripted/judge"]) == 0
    assert _main(["report", str(sweep)]) == 0
    for ending in ("md", "html"):
        shown = (sweep / f"report.{ending}").read_text(encoding="utf-8")
        assert "What the agents wrote" in shown
        assert "judge: read 40 of 40 texts" in shown
    judges = json.loads((sweep / "texts" / "judges.json").read_text(encoding="utf-8"))
    assert judges["models"][0] == {
        "model": "scripted/judge",
        "served_by": ["scripted/judge"],
        "read": 40,
        "unread": 0,
        "calls": judges["models"][0]["calls"],
        "replayed": 0,
        "cost_usd": 0.0,
    }


def test_a_directory_without_a_cell_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(["texts", str(tmp_path)]) == 1
    assert "holds no finished cell: name the output directory of a run or a sweep" in capsys.readouterr().err
