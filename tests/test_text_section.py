"""The section on texts: made at a run's end without a call, for cells and sweeps, and taking up what judges said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_cell import at, composed, once, served
from writing import wrote

from acausal.judges import judge_config, judged
from acausal.models.faults import Fault
from acausal.models.simulator import SimulatorSettings
from acausal.report.arms import Cell
from acausal.report.corpus import Corpus, corpus
from acausal.report.figure_files import save
from acausal.report.figure_map import Map, Point, similarity_map
from acausal.report.judged import judged_in, keep_judged
from acausal.report.judgements import judges_kept
from acausal.report.strategy_levels import levels, levels_table, told_of_levels
from acausal.report.tables import read_decisions
from acausal.report.text_section import text_section

KEY = "sk-or-v1-secret-of-this-test"
POPULATION = ["num_agents=4", "scenario.model_distribution={a: 2, b: 2}", "num_rounds=2", "replicates=2"]
PLANS = {"gpt-4": "I always cooperate, since we are <b>twins</b>.", "claude": "I always defect: it is dominant."}


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models that say what they will do, and a third of whose strategies nothing is said; behind HTTP."""
    directory = tmp_path_factory.mktemp("cell")
    config = composed(*POPULATION)
    faults = tuple(
        Fault(name=f"{model} {number}", model=model, text=f"{plan} This is plan {number}.", requests=(number,))
        for model, plan in PLANS.items()
        for number in (1, 2)
    )
    with served(SimulatorSettings(persona="tit_for_tat", api_key=KEY, faults=faults)) as (process, simulator):
        code, said = once(at(config, simulator.base_url), directory, process)
        assert code == 0, said
    return directory


def test_every_report_of_a_cell_says_what_was_written(cell: Path) -> None:
    shown, page = ((cell / f"report.{ending}").read_text(encoding="utf-8") for ending in ("md", "html"))
    for text in (shown, page):
        assert "What the agents wrote" in text
        assert "The agents wrote 16 strategies." in text
        assert "How alike strategies are" in text
    assert "Strategies as points" in page
    assert "&lt;b&gt;twins" in page
    assert "<b>twins" not in page + shown
    assert {path.suffix for path in (cell / "figures").glob("similarity_map.*")} == {".png", ".svg", ".pdf"}
    assert {path.name for path in (cell / "tables").glob("text_*.csv")} == {"text_ideas.csv", "text_likeness.csv"}
    assert (cell / "tables" / "strategy_level.csv").is_file()
    assert "similarity_map" in (cell / "report.tex").read_text(encoding="utf-8")


def test_it_says_again_what_judges_said_of_these_texts_and_not_of_others(cell: Path, tmp_path: Path) -> None:
    own = Cell(cell, composed(*POPULATION), read_decisions(cell / "decisions.parquet"))
    texts = corpus(own, "").texts
    said = judged(judge_config("scripted=scripted/judge", []), texts, tmp_path, {}, hide=[])
    (tmp_path / "texts").mkdir()
    keep_judged(tmp_path / "texts", texts, judges_kept(texts, [said]))
    kept = json.loads((tmp_path / "texts" / "judges.json").read_text(encoding="utf-8"))
    assert [each["model"] for each in kept["models"]] == ["scripted/judge"]
    found = text_section([own], tmp_path)
    assert found is not None
    assert any(sentence.startswith("scripted/judge: read 16 of 16 texts") for sentence in found.sentences)
    assert found.shown[-1][0] == "Agreement of lexicon and judges"
    unasked = text_section([own], cell)
    assert unasked is not None
    assert not any("scripted/judge" in sentence for sentence in unasked.sentences)


def test_judgements_of_changed_texts_are_not_said_again(tmp_path: Path) -> None:
    texts = [wrote("We are identical.")]
    (tmp_path / "texts").mkdir()
    keep_judged(tmp_path / "texts", texts, {"judges": ["one"], "agreement": [[], []]})
    assert judged_in(tmp_path, texts) is not None
    assert judged_in(tmp_path, [wrote("We are identical!")]) is None
    assert judged_in(tmp_path / "elsewhere", texts) is None


def test_a_cell_that_wrote_nothing_has_no_section(tmp_path: Path) -> None:
    assert text_section([Cell(tmp_path, composed(), ())], tmp_path) is None


def test_uncoded_strategies_bound_the_level() -> None:
    said = ["I always cooperate.", "I always defect.", "Who knows."]
    texts = [wrote(text, "C", agent=agent) for agent, text in enumerate(said, start=1)]
    (own,) = levels([Corpus("", texts, [{}] * 3)])
    assert (own.written, own.coded) == (3, 2)
    assert own.bounds == pytest.approx((1 / 3, 2 / 3))
    (sentence,) = told_of_levels([own])
    assert "2 say what they do with an unknown co-player, as rules read them: 50.0 % cooperate" in sentence
    assert "with the 1 uncoded ones 33.3 % to 66.7 %" in sentence
    assert "in 50.0 % of 2" in sentence
    table = levels_table([own])
    assert all(len(row) == len(table.head) for row in table.rows)


def test_the_map_tells_who_wrote_and_what_followed(tmp_path: Path) -> None:
    points = [
        Point("a", 0.0, 0.0, 1.0),
        Point("a", 0.0, 0.0, 1.0),
        Point("b", 1.0, 1.0, 0.0),
        Point("b", 1.0, 0.0, None),
    ]
    figure = similarity_map(Map(points, 0.25))
    drawn = [each for each in figure.axes[0].collections if np.size(each.get_offsets())]
    assert [np.shape(each.get_offsets()) for each in drawn] == [(1, 2)] * 3
    filled = [np.size(each.get_facecolor()) > 0 for each in drawn]
    assert filled == [True, False, False]
    assert "25%" in figure.axes[0].get_title()
    assert save({"similarity_map": [figure]}, tmp_path) == [tmp_path / "figures" / "similarity_map.png"]
