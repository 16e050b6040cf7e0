"""`acausal analyse`: the same tables from decisions that another system recorded."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acausal.errors import ConfigError

if TYPE_CHECKING:
    from acausal.report.mapping import Reading

ABOUT = "analyse decisions that another system recorded: a CSV or parquet file and which column is what"
_EPILOG = """\
fields of --map:
  action             what was chosen, in words that --cooperate and --defect explain
  replicate          what was repeated independently (session, game, run): the unit of intervals and tests;
                     @row where every row stands alone, as one-shot answers do
  condition          the treatment; several columns joined: condition=delta+payoffs
  model              who chose: a model, a strategy, or leave it out for people; @file: the name of its file
  match, turn        which match of two, and which turn of it; what follows what needs both
  round              which of several rounds in which everybody meets anew, if any
  agent, coplayer    who chose, and whom it met; a match of two needs no coplayer
  coplayer_action    what the other did, where its own decisions are not in the file
  payoff             points of the decision; or --payoffs
  count              how many equal decisions a row stands for; or cooperations=COLUMN count=COLUMN, without action
  match_probability  as it was told, for theta; docs/analyse.md lists the rest

layouts:
  a row a decision   acausal analyse d.csv --map action=coop replicate=session match=session+supergame turn=round \\
                         agent=id coplayer=oid condition=delta --cooperate 1 --defect 0
  a row a match      acausal analyse d.csv --map action=answer1,answer2 model=player1,player2 \\
                         match=player1+player2 turn=round replicate=game --cooperate J --defect F
  turns in columns   --map 'action=prisoner.*.player.decision' agent=participant.code
  turns in letters   --map action=Actions --letters
  words in a column  --cooperate @choice_option1 --defect @choice_option2
"""
_MEANS = {"cooperate": "cooperation", "defect": "defection", "missing": "no action, beside empty ones"}
_SIGNS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, _EPILOG
    ending = "first; ends in .csv, .tsv (also .gz) or .parquet; a row is a decision, or a match"
    parser.add_argument("files", type=Path, metavar="FILE", nargs="*", help=ending)
    parser.add_argument(
        *("-m", "--map"),
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=COLUMN",
        help="e.g. action=choice replicate=game; FIELD=COLUMN,COLUMN for the two players where a row is a match; "
        "COLUMN+COLUMN joins; columns of our own names need none",
    )
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="these options kept in a TOML file")
    for name, meaning in _MEANS.items():
        words = f"values that are {meaning}" + ("" if name == "missing" else "; @COLUMN: what that column holds")
        parser.add_argument(f"--{name}", nargs="+", action="extend", metavar="VALUE", help=words)
    parser.add_argument(
        "--rest-missing", action="store_true", help="every other value is no action; counted and listed"
    )
    parser.add_argument(
        "--letters",
        action="store_true",
        help="an action is a whole match: CCD, or [C, C, D]",
    )
    parser.add_argument(
        "--payoffs", metavar="T,R,P,S", help="where no column holds points: each a number or a column, e.g. 50,r,25,12"
    )
    parser.add_argument(
        *("-w", "--where"),
        nargs="+",
        action="extend",
        metavar="COLUMN=VALUE",
        help="rows to read: also COLUMN=ONE,OTHER, !=, <, <=, >, >=; all must hold",
    )
    parser.add_argument("--drop-copies", action="store_true", help="leave out rows equal to an earlier one throughout")
    parser.add_argument("--separator", metavar="SIGN", help="between fields, where the head does not tell")
    parser.add_argument("--decimal", metavar="SIGN", help="of numbers, e.g. ','")
    parser.add_argument("--encoding", help="of the text; default: utf-8")
    parser.add_argument(
        "--paired", action="store_true", help="a replicate of one name is the same unit in every condition"
    )
    parser.add_argument("--baseline", metavar="CONDITION", help="compare the others with it; default: each with each")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="every table as CSV, every digit")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the decisions as our own table, .parquet")


def run(options: argparse.Namespace) -> int:
    """Print the tables in Markdown, and write them.

    Returns:
        0; 3 where no decision counts.

    Raises:
        ConfigError: The file, a column or a value is not what it must be.
    """
    from acausal.report.analysed import tables_of
    from acausal.report.analysed_text import analysis
    from acausal.report.foreign import read_foreign
    from acausal.report.table_files import write_csv_tables
    from acausal.report.tables import write_decisions
    from acausal.running.status import ExitCode

    if not options.files:
        raise ConfigError("no file: it stands before the options, as in acausal analyse FILE --map action=choice")
    if options.save is not None and options.save.suffix != ".parquet":
        raise ConfigError(f"--save is {str(options.save)!r}: give a file that ends in .parquet")
    reading = _reading(options)
    found = read_foreign(options.files, reading)
    tables = tables_of(found, paired=reading.paired, baseline=reading.baseline)
    if options.save is not None:
        write_decisions(options.save, found.decisions)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        write_csv_tables(options.output, tables)
    sys.stdout.write(analysis(found, tables, title=", ".join(path.name for path in options.files)))
    return ExitCode.DONE if any(decision.counts for decision in found.decisions) else ExitCode.NO_ESTIMATE


def _reading(options: argparse.Namespace) -> Reading:
    """The options, over those of a mapping file."""
    from acausal.report.mapping import NOT_GIVEN, Kept, Reading, assignments, read_mapping

    kept = Kept() if options.mapping is None else read_mapping(options.mapping)
    said: dict[str, Any] = dict(kept.options)
    for name in (*_MEANS, "where", "payoffs", "separator", "decimal", "encoding", "baseline"):
        if getattr(options, name) is not None:
            said[name] = getattr(options, name)
    for name in ("letters", "rest_missing", "drop_copies", "paired"):
        said[name] = said.get(name, False) or getattr(options, name)
    for name in _MEANS:
        if name in said:
            said[name] = frozenset(word if word.startswith("@") else _plain(word) for word in said[name])
    said["missing"] = said.get("missing", frozenset()) | NOT_GIVEN
    said["where"] = tuple(said.get("where", ()))
    if "payoffs" in said:
        said["payoffs"] = _payoffs(said["payoffs"])
    if "separator" in said:
        said["separator"] = _sign("--separator", _SIGNS.get(said["separator"], said["separator"]))
    if "decimal" in said:
        said["decimal"] = _sign("--decimal", said["decimal"])
    return Reading({**kept.columns, **assignments(options.map)}, **said)


def _plain(word: str) -> str:
    from acausal.report.mapping import plain

    return plain(word).casefold()


def _payoffs(words: str) -> tuple[str, str, str, str]:
    """Four numbers or columns; numbers alone must be the payoffs of a prisoner's dilemma."""
    from acausal.game import Payoffs

    points = tuple(word.strip() for word in words.split(","))
    if len(points) != 4 or not all(points):
        raise ConfigError(f"--payoffs is {words!r}: give four numbers or columns in the order T,R,P,S, e.g. 5,3,1,0")
    try:
        temptation, reward, punishment, sucker = map(float, points)
    except ValueError:
        pass  # a column is among them, which the file must have
    else:
        Payoffs(temptation, reward, punishment, sucker)
    return points[0], points[1], points[2], points[3]


def _sign(option: str, sign: str) -> str:
    if len(sign) != 1:
        raise ConfigError(f"{option} is {sign!r}: one sign, e.g. ',' or ';'")
    return sign
