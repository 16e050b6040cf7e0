"""`acausal texts`: what agents wrote: how alike, in which kinds, with which ideas, and what followed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acausal.errors import ConfigError

if TYPE_CHECKING:
    from acausal.analysis.written import Written
    from acausal.report.text_tables import Table

ABOUT = "analyse what agents wrote: likeness and kinds of strategies, ideas of reasoning and the decisions after them"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="output directory of a cell or a sweep")
    parser.add_argument(
        "keys", nargs="*", metavar="KEY=VALUE", help="dials of the judges, e.g. budget.usd=5 models.a.rate_limit=20"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: DIR/texts)")
    parser.add_argument(
        "--judge", metavar="MODEL", help="a file of conf/model, or FILE=MODEL_TYPE, that judges texts too"
    )
    parser.add_argument("--second-judge", metavar="MODEL", help="another, to compare the first with")
    parser.add_argument("--sample", type=int, metavar="N", help="texts that judges read at most (default: all)")


def run(options: argparse.Namespace) -> int:
    """Print the document, and write it with its tables.

    Returns:
        0; 3 where no agent wrote anything.

    Raises:
        AcausalError: There is no finished cell, one without its ledger, or a judge cannot be asked.
    """
    from acausal.report.corpus import corpora_below
    from acausal.report.tables import write_text
    from acausal.report.terminal import short
    from acausal.report.text_tables import csv_tables, document, examined, write_tables
    from acausal.running.status import ExitCode

    _check(options)
    directory: Path = options.directory
    corpora = corpora_below(directory)
    if not corpora:
        raise ConfigError(f"{directory} holds no finished cell: name the output directory of a run or a sweep")
    output: Path = options.output or directory / "texts"
    output.mkdir(parents=True, exist_ok=True)
    texts = examined(corpora)
    shown, tables = document(texts, title=short(directory.resolve())), csv_tables(texts)
    write_text(output / "texts.md", shown)
    files = write_tables(output, tables)  # before any judge is asked: an interruption costs none of it
    if options.judge and texts.found:
        part, more = _judged([written for written, _ in texts.found], options, output)
        shown = f"{shown}\n{part}"
        write_text(output / "texts.md", shown)
        files += write_tables(output, more)
    sys.stdout.write(shown)
    sys.stdout.write(f"\nWritten to {short(output.resolve())}: texts.md, {', '.join(path.name for path in files)}\n")
    return ExitCode.DONE if texts.found else ExitCode.NO_ESTIMATE


def _check(options: argparse.Namespace) -> None:
    if options.second_judge and not options.judge:
        raise ConfigError(f"--second-judge {options.second_judge} has no first to be compared with: give --judge too")
    if options.keys and not options.judge:
        raise ConfigError(f"{options.keys[0]!r} is a dial of a judge, but there is none: give --judge MODEL")
    if options.sample is not None and options.sample < 1:
        raise ConfigError(f"--sample is {options.sample}: give a number from 1, or leave it out to judge every text")


def _judged(texts: Sequence[Written], options: argparse.Namespace, output: Path) -> tuple[str, dict[str, Table]]:
    """What the judges say, for people and as tables."""
    import os

    from acausal.analysis.judging import question_digest
    from acausal.analysis.written import evenly
    from acausal.judges import foretold, judge_config, judged
    from acausal.launch import read_dotenv
    from acausal.report.judged import keep_judged
    from acausal.report.judgements import judges_document, judges_kept, judges_tables

    read_dotenv()
    read = evenly(texts, options.sample)
    hide = sorted({written.model for written in texts})
    names = [name for name in (options.judge, options.second_judge) if name]
    configs = [judge_config(name, options.keys) for name in names]
    if len({config.models["a"].model_type for config in configs}) < len(configs):
        raise ConfigError(f"--second-judge is {names[1]}, the same model as --judge: name another, of another vendor")
    for config in configs:
        sys.stderr.write(f"{foretold(config, read, output / 'judges', hide=hide)}\n")
    found = [judged(config, read, output / "judges", os.environ, hide=hide) for config in configs]
    keep_judged(output, texts, {**judges_kept(read, found), "question": question_digest()})
    return judges_document(read, found), judges_tables(read, found)
