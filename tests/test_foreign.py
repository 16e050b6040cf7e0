"""What could be read in two ways is asked, and what was left out is said."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from scipy import stats
from test_analyse import refused, said, table

from acausal.cli import _main
from acausal.report.foreign import read_foreign
from acausal.report.mapping import Reading


def test_a_match_in_letters_keeps_its_turns_together_without_a_column_for_it(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "a,b", "CCD,CDD", "DD,DD")
    found = read_foreign(path, Reading({"action": ("a", "b")}, letters=True)).decisions
    assert [(d.match, d.turn, d.agent) for d in found[:3]] == [(1, 1, 1), (1, 1, 2), (1, 2, 1)]
    assert {d.match for d in found} == {1, 2}
    assert len(found) == 10
    path = table(tmp_path / "x.csv", "a,b", """"['C', 'C', 'D']",cooperate;defect;D""", "D|D,d D")
    assert read_foreign(path, Reading({"action": ("a", "b")}, letters=True)).decisions == found


@pytest.mark.parametrize(
    ("head", "rows", "flags", "line"),
    [
        ("action,round", ["C,1"], [], "say --map turn=round or --map round=round"),
        ("action,stage", ["C,1"], ["--map", "turn=stage"], "--map turn needs match"),
        ("a,b,m", ["C,D,1"], ["--map", "action=a,b", "match=m,m"], "several joined by +, as in match=m+m"),
        ("action", ["C", "x", "y", "x", "z"], [], "(unknown are 'x' (2 rows), 'y' (1 row), 'z' (1 row))"),
        ("action", ["C", "x", "y", "z"], [], "--missing x; --rest-missing takes all such values for no action"),
        ("action,replicate", ["C,1", "D,"], [], "in row 2 of"),
        ("action,replicate", ["C,1", "D,"], [], "leave such rows out with --where 'replicate!='"),
        ("action,payoff", ['C,"3,5"'], [], "must be a number; say --decimal , if that is its sign"),
        ("action,payoff", ["C,inf"], [], "must be a finite number"),
        ("action", ["C"], ["--where", "action"], "is no condition: write COLUMN=VALUE"),
        ("action", ["C"], ["--where", "game=1"], "no column 'game' (for --where)"),
        ("action", ["C"], ["--where", "action>3"], "but < and > need numbers"),
        ("action", ["C"], ["--where", "action=D"], "has no row that --where keeps"),
        ("action", ["C"], ["--separator", "ab"], "--separator is 'ab': one sign"),
        ("action;b,c", ["C;D,1"], [], "holds comma and semicolon: say which is between fields"),
        ("action", ["C"], ["--encoding", "klingon"], "Python knows none of that name"),
        ("action,w", ["J,J"], ["--cooperate", "@w", "--defect", "j"], "which is both --cooperate and --defect there"),
        ("action,w", ["J,J"], ["--cooperate", "@v"], "no column 'v' (for an action)"),
        (
            "action,m",
            ["CD,1"],
            ["--letters", "--map", "turn=m", "match=m"],
            "beside turns that a row holds itself",
        ),
        ("a,b", ["CDC,CC"], ["--letters", "--map", "action=a,b"], "matches of different length: a 'CDC', b 'CC'"),
        ("a.1,a.2,n", ["C,D,1"], ["--map", "action=n", "model=a.*"], "a * in a column but not in that of action"),
        ("a.x", ["C"], ["--map", "action=a.*"], "no column 'a.*' with a number in place of the *"),
        ("action,n", ["C,some"], ["--map", "count=n"], "in row 1 of"),
        ("action,n,m", ["C,2,1"], ["--map", "count=n", "match=m"], "counted decisions are one-shot and have no match"),
        ("action,agent,coplayer,match", ["C,1,2,1", "D,2,3,1"], [], "do not meet: the second is the first's co-player"),
        (
            "action,o,agent,coplayer,match",
            ["C,D,1,2,1", "C,C,2,1,1"],
            ["--map", "coplayer_action=o"],
            "disagree: by the first its co-player chose DEFECT, by the second COOPERATE",
        ),
        ("k,n", ["3,2"], ["--map", "cooperations=k", "count=n"], "has 3 cooperations among 2 decisions"),
        ("k,n", ["1,2"], ["--map", "cooperations=k"], "--map cooperations needs count"),
        ("action,match,agent", ["C,1,1", "C,1,1"], [], "--drop-copies leaves the later one out"),
        ("action,action", ["C,D"], [], "has 2 columns 'action': rename all but one"),
        ("action", ["C"], ["--payoffs", "5,r,1,0"], "no column 'r' (for --payoffs R)"),
        ("action,condition", ["C,x", "D,y"], ["--baseline", "z"], "--baseline is 'z': conditions are 'x', 'y'"),
        ("action", ["C"], ["--mapping", "gone.toml"], "cannot read gone.toml"),
    ],
)
def test_what_could_be_read_in_two_ways_is_asked(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    head: str,
    rows: Sequence[str],
    flags: Sequence[str],
    line: str,
) -> None:
    assert line in refused(capsys, table(tmp_path / "x.csv", head, *rows), *flags)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("cooperate = [", "is no TOML"),
        ("coperate = 1", "has no option 'coperate': choose one of cooperate, "),
        ("letters = 1", "letters in "),
        ("map = 3", "write a part [map]"),
        ("[map]\nactoin = 'a'", "--map has no field 'actoin'"),
    ],
)
def test_a_mapping_file_is_checked_as_options_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, line: str
) -> None:
    (tmp_path / "m.toml").write_text(text)
    assert line in refused(capsys, table(tmp_path / "x.csv", "a", "C"), "--mapping", tmp_path / "m.toml")


def test_a_file_after_an_option_that_takes_several_words_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no file: it stands before the options" in refused(capsys, "--map", "action=a", "x.csv")


def test_files_with_the_same_columns_are_read_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = table(tmp_path / "gpt-4.1.csv", "run,action", "1,C", "2,C"), tmp_path / "llama.csv"
    table(other, "action,run", "D,3", "C,4")
    shown = said(capsys, one, other, "--map", "model=@file", "replicate=run")
    assert "| all | gpt-4.1 | 100.0 % |" in shown
    assert "| all | llama | 50.0 % |" in shown
    table(other, "action,run", "D,1", "oops,4")
    assert f"in row 2 of {other} is 'oops'" in refused(capsys, one, other)
    table(other, "action,run,match,agent", "D,1,1,1")
    assert f"{one} has no column 'agent', as others have" in refused(capsys, one, other)
    for path in (one, other):
        table(path, "action,match,agent", "D,1,1")
    assert f"row 1 of {one} and row 1 of {other} are the same decision" in refused(capsys, one, other)


def test_no_action_is_guessed_and_what_is_none_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "x.csv", "action", "C", "D", "maybe C", "NA", "cooperation", "maybe C")
    shown = said(capsys, path, "--rest-missing")
    assert "6 decisions, 2 with an action" in shown
    assert "No action, but something else in action: 'maybe C' (2 rows), 'cooperation' (1 row)." in shown
    assert "| 6 | 2 | 50.0 % |" in shown


def test_rows_left_out_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "x.csv", "action,game,wave", "C,pd,1", "D,pd,2", "D,hunt,1", ",,", "C,pd,3", "C,chicken,0")
    shown = said(capsys, path, "--where", "game=pd,chicken", "wave>=1", "wave!=3")
    for line in ("1 row left out: empty.", "1 row left out: not game=pd,chicken.", "1 row left out: not wave>=1."):
        assert line in shown
    assert "2 decisions, 2 with an action" in shown


def test_counted_answers_stand_alone_and_have_the_binomials_error(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "frame,choice,n", "biz,C,37", "biz,D,263", "team,C,120", "team,D,180")
    flags = ["--map", "action=choice", "condition=frame", "count=n", "replicate=@row", "-o", str(tmp_path)]
    assert _main(["analyse", str(path), *flags]) == 0
    rates = rows_of(tmp_path / "tables" / "rates.csv")
    assert [(row["cooperations"], row["n"]) for row in rates] == [("37", "300"), ("120", "300")]
    binomial = [math.sqrt(p * (1 - p) / 299) for p in (37 / 300, 0.4)]
    assert [float(row["se_clustered"]) for row in rates] == pytest.approx(binomial)
    (contrast,) = rows_of(tmp_path / "tables" / "contrasts.csv")
    assert float(contrast["difference"]) == pytest.approx(83 / 300)
    assert float(contrast["p_fisher"]) == pytest.approx(stats.fisher_exact([[120, 180], [37, 263]]).pvalue)
    shares = table(tmp_path / "y.csv", "frame,k,n", "biz,37,300", "team,120,300")
    fields = ["--map", "condition=frame", "cooperations=k", "count=n", "replicate=@row"]
    assert _main(["analyse", str(shares), *fields, "-o", str(tmp_path / "shares")]) == 0
    assert rows_of(tmp_path / "shares" / "tables" / "rates.csv") == rates
    flags[flags.index("replicate=@row")] = "replicate=frame"
    assert _main(["analyse", str(path), *flags]) == 0
    for name, column in (("contrasts", "p_fisher"), ("rates", "low_wilson"), ("rates", "low_exact")):
        assert rows_of(tmp_path / "tables" / f"{name}.csv")[0][column] == "", "decisions of one replicate hang together"


def test_conditions_with_replicates_of_one_name_are_compared_only_as_the_user_says(tmp_path: Path) -> None:
    """Wordings that both arms share: +1, 0, +1, … by wording; taken for others they would have to be renamed."""
    pairs = [("C", "D"), ("C", "C"), ("C", "D"), ("D", "D"), ("C", "D"), ("C", "D")]
    rows = [f"{arm},{n},{chosen[i]}" for n, chosen in enumerate(pairs) for i, arm in enumerate(("told", "bare"))]
    path = table(tmp_path / "x.csv", "condition,replicate,action", *rows)
    within = stats.ttest_1samp([1, 0, 1, 0, 1, 1], 0).confidence_interval()
    for flags, p_value in (((), ""), (("--paired",), 4 / 32)):
        assert _main(["analyse", str(path), *flags, "--baseline", "bare", "-o", str(tmp_path)]) == 0
        (found,) = rows_of(tmp_path / "tables" / "contrasts.csv")
        assert (found["condition"], found["minus"]) == ("told", "bare")
        assert float(found["difference"]) == pytest.approx(4 / 6)
        if p_value == "":
            assert (found["p_value"], found["low"], found["p_clustered"]) == ("", "", "")
            assert "6 replicates have the same name in both conditions" in found["test"]
        else:
            assert float(found["p_value"]) == pytest.approx(p_value)
            assert float(found["low"]) == pytest.approx(within.low)
            assert float(found["high"]) == 1


def test_of_many_conditions_one_must_be_named_to_compare_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "x.csv", "condition,action,replicate", *(f"{c},C,{n}" for n, c in enumerate("abcdefg")))
    assert "7 conditions: name one as --baseline" in said(capsys, path)
    assert said(capsys, path, "--baseline", "c").count("| c | +0.0 points |") == 6


def test_the_switch_point_of_one_who_computes_with_the_payoffs_moves_with_them(tmp_path: Path) -> None:
    """Cooperates where the told match probability is above r* of the payoffs in its row: Θ = 1."""
    rows = []
    for reward in (2, 3, 4):
        r_star = 5 / (5 + reward - 1)
        for tenth in range(40, 100, 5):
            rows += [f"{wording},{tenth / 100},{reward},{'C' if tenth / 100 > r_star else 'D'}" for wording in range(8)]
    path = table(tmp_path / "x.csv", "wording,r,R,choice", *rows)
    fields = ["action=choice", "match_probability=r", "replicate=wording", "condition=r+R", "match=@row"]
    assert _main(["analyse", str(path), "--map", *fields, "--payoffs", "5,R,1,0", "-o", str(tmp_path)]) == 0
    (found,) = rows_of(tmp_path / "tables" / "theta.csv")
    assert float(found["low"]) < 1 < float(found["high"])
    assert float(found["low"]) > 0


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
