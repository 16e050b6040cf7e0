"""Published layouts come to the same numbers, and those are the numbers of pandas and statsmodels."""

from __future__ import annotations

import shlex
from itertools import combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest
from published import LAYOUTS, decisions
from scipy import stats

from acausal.cli import _main

Rows: TypeAlias = pd.DataFrame


def analysed(path: Path, options: list[str], output: Path) -> dict[str, Rows]:
    """The tables that the command writes, by name."""
    assert _main(["analyse", str(path), *options, "-o", str(output)]) == 0
    return {file.stem: pd.read_csv(file) for file in (output / "tables").glob("*.csv")}


@pytest.fixture(scope="module")
def truth() -> Rows:
    table = pd.DataFrame(decisions())
    table["c"] = table.own.map({"C": 1.0, "D": 0.0})
    return table


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    """Of the layout with everything in it."""
    directory = tmp_path_factory.mktemp("published")
    return analysed(*LAYOUTS["long_with_ids"](directory), directory)


def ols(data: Rows, formula: str) -> Any:
    """Least squares with errors clustered by session, as published analyses have them."""
    import statsmodels.formula.api as smf

    kept = data.dropna(subset=[formula.split()[0]])
    return smf.ols(formula, kept).fit(cov_type="cluster", cov_kwds={"groups": kept.session}, use_t=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_to_the_same_numbers(layout: str, tables: dict[str, Rows], tmp_path: Path) -> None:
    found = analysed(*LAYOUTS[layout](tmp_path), tmp_path)
    for name in ("rates", "first", "rates_by_turn", "after", "outcomes", "payoffs", "contrasts"):
        pd.testing.assert_frame_equal(
            found[name].drop(columns="efficiency", errors="ignore"),
            tables[name].drop(columns="efficiency", errors="ignore"),
            check_exact=True,
        )


def test_rates_are_those_of_a_group_by(truth: Rows, tables: dict[str, Rows]) -> None:
    rates = tables["rates"].set_index("condition")
    by = truth.groupby("condition").c
    assert rates.rate.tolist() == pytest.approx(by.mean().tolist(), abs=0, rel=1e-15)
    assert rates.n.tolist() == by.count().tolist()
    assert rates.decisions.tolist() == by.size().tolist()
    assert rates.replicates.tolist() == truth.groupby("condition").session.nunique().tolist()
    lost = truth.assign(c=truth.c.fillna(1)).groupby("condition").c.mean()
    assert rates.all_missing_cooperate.tolist() == pytest.approx(lost.tolist())
    turns = tables["rates_by_turn"].set_index(["condition", "turn"]).rate
    pd.testing.assert_series_equal(turns, truth.groupby(["condition", "turn"]).c.mean(), check_names=False)
    first = tables["first"].query("of == 'first turn of each match'").rate.tolist()
    assert first == truth[truth.turn == 1].groupby("condition").c.mean().tolist()


def test_errors_are_those_of_statsmodels_clustered_by_session(truth: Rows, tables: dict[str, Rows]) -> None:
    for condition, row in tables["rates"].set_index("condition").iterrows():
        fitted = ols(truth[truth.condition == condition], "c ~ 1")
        assert row.se_clustered == pytest.approx(fitted.bse.iloc[0], rel=1e-10)
        assert [row.low_clustered, row.high_clustered] == pytest.approx(fitted.conf_int().iloc[0].tolist(), rel=1e-10)
    (row,) = tables["contrasts"].itertuples()
    assert (row.condition, row.minus) == ("short", "long")
    fitted = ols(truth.assign(short=(truth.condition == "short").astype(float)), "c ~ short")
    assert row.difference_of_decisions == pytest.approx(fitted.params.short, rel=1e-10)
    assert row.se_difference_clustered == pytest.approx(fitted.bse.short, rel=1e-10)
    assert row.p_clustered == pytest.approx(fitted.pvalues.short, rel=1e-8)
    assert [row.low_clustered, row.high_clustered] == pytest.approx(fitted.conf_int().loc["short"].tolist(), rel=1e-9)


def test_log_odds_are_those_of_a_logit_clustered_by_session(truth: Rows, tables: dict[str, Rows]) -> None:
    import statsmodels.formula.api as smf

    (row,) = tables["contrasts"].itertuples()
    kept = truth.dropna(subset=["c"]).assign(short=lambda t: (t.condition == "short").astype(float))
    fitted = smf.logit("c ~ short", kept).fit(disp=0, cov_type="cluster", cov_kwds={"groups": kept.session})
    assert row.log_odds_ratio == pytest.approx(fitted.params.short, rel=1e-8)
    assert row.se_log_odds_clustered == pytest.approx(fitted.bse.short, rel=1e-8)


def test_conditions_are_compared_over_sessions(truth: Rows, tables: dict[str, Rows]) -> None:
    (row,) = tables["contrasts"].itertuples()
    means = truth.groupby(["condition", "session"]).c.mean()
    welch = stats.ttest_ind(means["short"], means["long"], equal_var=False)
    interval = welch.confidence_interval()
    assert row.difference == pytest.approx(means["short"].mean() - means["long"].mean())
    assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
    whole = means.to_numpy()
    each = [
        stats.ttest_ind(whole[list(own)], np.delete(whole, list(own)), equal_var=False).statistic
        for own in combinations(range(12), 6)
    ]
    assert row.p_value == pytest.approx(np.mean(np.abs(each) >= abs(welch.statistic) - 1e-9))


def with_the_turn_before(truth: Rows) -> Rows:
    keys = ["session", "match", "person"]
    before = truth.assign(turn=truth.turn + 1)[[*keys, "turn", "own", "met"]]
    return truth.merge(before, on=[*keys, "turn"], suffixes=("", "_before"))


def test_what_follows_what_is_counted_by_a_merge_with_the_turn_before(truth: Rows, tables: dict[str, Rows]) -> None:
    followed = with_the_turn_before(truth).dropna(subset=["met_before"])
    found = tables["after"].set_index(["condition", "after"])
    for (condition, met), own in followed.groupby(["condition", "met_before"]):
        row = found.loc[condition, f"met {met}"]
        assert (row.rate, row.n) == (pytest.approx(own.c.mean()), own.c.count())
        assert row.se_clustered == pytest.approx(ols(own, "c ~ 1").bse.iloc[0], rel=1e-10)
    both = followed.dropna(subset=["own_before"])
    for (condition, own_before, met), own in both.groupby(["condition", "own_before", "met_before"]):
        row = found.loc[condition, own_before + met]
        assert (row.rate, row.n) == (pytest.approx(own.c.mean()), own.c.count())


def test_outcomes_and_points_are_those_of_both_players(truth: Rows, tables: dict[str, Rows]) -> None:
    played = truth.dropna(subset=["own", "met"])
    shares = (played.own + played.met).groupby(played.condition).value_counts(normalize=True)
    found = tables["outcomes"].set_index(["condition", "outcome"]).rate
    assert {place: found[place] for place in shares.index} == pytest.approx(shares.to_dict())
    points = tables["payoffs"].set_index("condition")
    assert points["mean"].tolist() == pytest.approx(played.groupby("condition").points.mean().tolist())
    efficiency = ((played.points - 25) / 7).groupby(played.condition).mean()
    assert points.efficiency.tolist() == pytest.approx(efficiency.tolist())
    for condition, row in points.iterrows():
        own = played[played.condition == condition]
        assert row.se_clustered == pytest.approx(ols(own, "points ~ 1").bse.iloc[0], rel=1e-10)


def test_the_page_shows_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command of the examples is run, and every line below it must be in what it prints, in that order."""
    LAYOUTS["long_with_ids"](tmp_path)
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[1] / "docs" / "analyse.md").read_text()
    examples = page[page.index("## A row a decision") : page.index("## In R")]
    checked, printed, kept = 0, "", tmp_path / "none"
    for line in examples.splitlines():
        if line.startswith("$ cat "):
            printed, kept = "", tmp_path / line.removeprefix("$ cat ")
        elif line.startswith("$ head -3 "):
            printed, kept = (tmp_path / line.split()[-1]).read_text(), tmp_path / "none"
        elif line.startswith("$ acausal "):
            _main(shlex.split(line)[2:])
            printed, kept = "".join(capsys.readouterr()), tmp_path / "none"
        elif line and line[0] not in "#`" and kept.name != "none":
            kept.write_text((kept.read_text() if kept.exists() else "") + line + "\n")
        elif printed and line and line[0] not in "#`":
            assert line in printed, line
            printed = printed[printed.index(line) :]
            checked += 1
    assert checked > 30
