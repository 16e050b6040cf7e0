"""Decisions of other systems give the numbers that ours would, or a line that says what is wrong with them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from dsl import play, substituted

from acausal.analysis.outcomes import mean_payoff, outcome_shares
from acausal.analysis.position import position_effects
from acausal.analysis.rates import cooperation_rate, matrix
from acausal.cli import _main
from acausal.errors import ConfigError
from acausal.game import Action
from acausal.records import Decision
from acausal.report.foreign import Foreign, read_foreign
from acausal.report.mapping import Reading
from acausal.report.tables import read_decisions, write_decisions


def table(path: Path, head: str, *rows: str) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What the command prints; it must succeed."""
    assert _main(["analyse", *map(str, words)]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line of a command that fails."""
    assert _main(["analyse", *map(str, words)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def ours() -> list[Decision]:
    return [
        *play("CCD?", "CDDC", models=("lab/a", "lab/b")),
        *play("CDDC", "DDCC", models=("lab/b", "lab/a"), replicate=2),
        *substituted(play("CC", "CC", models=("lab/a", "lab/b"), replicate=3)),
    ]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_our_own_table_needs_no_map_and_gives_our_own_numbers(tmp_path: Path, ending: str) -> None:
    decisions = ours()
    path = tmp_path / f"decisions.{ending}"
    if ending == "parquet":
        write_decisions(path, decisions)
    else:
        names = list(Decision.__dataclass_fields__)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([names, *([getattr(d, name) for name in names] for d in decisions)])
    found = read_foreign(path, Reading({})).decisions
    assert cooperation_rate(found) == cooperation_rate(decisions)
    assert cooperation_rate(found, intention_to_treat=True) == cooperation_rate(decisions, intention_to_treat=True)
    assert matrix(found) == matrix(decisions)
    assert outcome_shares(found) == outcome_shares(decisions)
    assert mean_payoff(found) == mean_payoff(decisions)
    assert position_effects(found) == position_effects(decisions)
    assert [d.status for d in found] == [
        d.status for d in sorted(decisions, key=lambda d: (d.replicate, d.round, d.agent))
    ]


def games(path: Path) -> Path:
    """A row a match, in words of another system: two games of two turns."""
    return table(
        path,
        "game,turn,bot_1,bot_2,move_1,move_2",
        "alpha,1,gpt,gpt,stay,stay",
        "alpha,2,gpt,gpt,stay,leave",
        "beta,1,gpt,claude,leave,stay",
        "beta,2,gpt,claude,leave,?",
    )


COLUMNS = {
    "action": ("move_1", "move_2"),
    "model": ("bot_1", "bot_2"),
    "replicate": ("game",),
    "match": ("game",),
    "turn": ("turn",),
}
STAY = frozenset({"stay"})


def match_rows(path: Path) -> Foreign:
    reading = Reading(COLUMNS, STAY, frozenset({"leave"}), frozenset({"?"}), ("5", "3", "1", "0"))
    return read_foreign(games(path), reading)


def test_a_row_can_be_a_match_of_two_players(tmp_path: Path) -> None:
    found = match_rows(tmp_path / "games.csv").decisions
    assert len(found) == 8
    assert [d.coplayer for d in found[:2]] == [2, 1]
    assert {(d.agent_model, d.coplayer_agent_model) for d in found} == {
        *(("gpt", "gpt"), ("gpt", "claude"), ("claude", "gpt"))
    }
    assert {d.replicate for d in found} == {1, 2}
    rates = {pair: rate.value for pair, rate in matrix(found).items() if rate}
    assert rates == {("gpt", "gpt"): 0.75, ("gpt", "claude"): 0.0, ("claude", "gpt"): 1.0}


def test_points_follow_from_the_payoffs_only_where_both_actions_are_there(tmp_path: Path) -> None:
    found = match_rows(tmp_path / "games.csv").decisions
    assert [d.payoff for d in found] == [3, 3, 0, 5, 5, 0, None, None]


def test_the_command_prints_rates_pairs_outcomes_payoffs_and_arms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = said(
        capsys,
        games(tmp_path / "games.csv"),
        *("--map", "action=move_1,move_2", "model=bot_1,bot_2", "replicate=game", "match=game"),
        *("--cooperate", "stay", "--defect", "leave", "--missing", "?", "--payoffs", "5,3,1,0"),
    )
    assert "8 decisions, 7 with an action; 2 replicates." in shown
    assert "| all | gpt | 6 | 6 | 50.0 % | 0.0–100.0 % | 6 | 2 |" in shown
    assert "| all | gpt | claude | 0.0 % |" in shown
    assert "| all | all models | CC | 33.3 % |" in shown
    assert "| all | claude | 0.000 | – | 1 |" in shown


def arms(path: Path) -> Path:
    rows = [
        f"{condition},{claim},{wording},{'C' if claim == 'identical_copy' else 'D'}"
        for condition, claim in (("same", "identical_copy"), ("other", "different_model"), ("plain", "none"))
        for wording in range(1, 9)
    ]
    return table(path, "condition,claim,replicate,action", *rows)


def test_arms_that_say_what_they_told_are_contrasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, arms(tmp_path / "arms.csv"))
    assert "| model | told | I - none | none - D |" in shown
    assert "| model | +1.00 [" in shown
    assert "told identity" in shown


def test_without_replicates_there_is_no_interval_and_the_reader_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = said(capsys, table(tmp_path / "x.csv", "action", *"CCD"))
    assert "| all | 66.7 % | – | 3 | 1 |" in shown
    assert "Map replicate to the column" in shown


def test_what_was_read_can_be_kept_as_our_own_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "ours.parquet"
    said(capsys, arms(tmp_path / "arms.csv"), "--save", saved)
    kept = read_decisions(saved)
    assert len(kept) == 24
    assert {d.condition for d in kept} == {"same", "other", "plain"}


def test_names_in_place_of_numbers_are_numbered_alike_for_agent_and_coplayer(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "agent,coplayer,match,action", "ann,bob,1,C", "bob,ann,1,D", "ann,eve,2,C")
    found = read_foreign(path, Reading({})).decisions
    assert [(d.agent, d.coplayer) for d in found] == [(1, 2), (2, 1), (1, 3)]
    assert [d.action for d in found] == [Action.COOPERATE, Action.DEFECT, Action.COOPERATE]


@pytest.mark.parametrize(
    ("head", "rows", "flags", "line"),
    [
        (
            "choice",
            ["C"],
            [],
            "no column 'action': name the one that holds it with --map action=COLUMN; it has choice",
        ),
        (
            "choice",
            ["C"],
            ["--map", "action=choise"],
            "no column 'choise' (for action): it has choice; did you mean choice?",
        ),
        ("choice", ["C"], ["--map", "actoin=choice"], "--map has no field 'actoin'"),
        ("choice", ["C"], ["--map", "choice"], "--map 'choice' is no assignment: write FIELD=COLUMN"),
        ("choice", ["C"], ["--map", "action=a,b,c"], "names 3 columns: one, or two for two players"),
        ("action,m", ["C,x"], ["--map", "model=m,m"], "model names two columns but action does not"),
        ("action", ["C", "maybe"], [], "action (column action) in row 2 of"),
        ("action", ["C", "maybe"], [], "'maybe': say what it is with --cooperate, --defect or --missing maybe"),
        ("action,payoff", ["C,lots"], [], "payoff (column payoff) in row 1 of"),
        ("action,substituted", ["C,perhaps"], [], "'perhaps', but it must be true or false"),
        ("action,claim", ["C,twin"], [], "is 'twin': choose one of none, another_ai"),
        ("action,condition,claim", ["C,x,none", "C,x,human"], [], "human under 'x', which told something else before"),
        ("action,match", ["C,1", "D,1"], [], "rows 1 and 2 of"),
        ("action", [], [], "has no row: nothing to analyse"),
        ("action,model", ["C"], [], "row 1 of"),
        ("action", ["C"], ["--cooperate", "x", "--defect", "X"], "'x' is both --cooperate and --defect"),
        (
            "action",
            ["C"],
            ["--payoffs", "5,3"],
            "--payoffs is '5,3': give four numbers or columns in the order T,R,P,S",
        ),
        ("action", ["C"], ["--payoffs", "1,2,3,4"], "needs temptation > reward > punishment > sucker"),
        ("action", ["C"], ["--save", "x.csv"], "--save is 'x.csv': give a file that ends in .parquet"),
    ],
)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    head: str,
    rows: Sequence[str],
    flags: Sequence[str],
    line: str,
) -> None:
    assert line in refused(capsys, table(tmp_path / "x.csv", head, *rows), *flags)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("x.xlsx", b"action", "ends in '.xlsx'"),
        ("x.parquet", b"nothing", "is no table"),
        ("gone.csv", None, "cannot read"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes | None, line: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=line):
        read_foreign(tmp_path / name, Reading({}))


def test_nothing_that_counts_is_no_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(["analyse", str(table(tmp_path / "x.csv", "action,model", ",a", ",a"))]) == 3
    assert "no data" in capsys.readouterr().out
