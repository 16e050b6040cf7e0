"""`acausal texts`: what agents wrote: how alike, in which kinds, with which ideas, and what followed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from acausal.errors import ConfigError

ABOUT = "analyse what agents wrote: likeness and kinds of strategies, ideas of reasoning and the decisions after them"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="output directory of a cell or a sweep")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: DIR/texts)")


def run(options: argparse.Namespace) -> int:
    """Print the document, and write it with its tables.

    Returns:
        0; 3 where no agent wrote anything.

    Raises:
        ConfigError: There is no finished cell, or one without its ledger.
    """
    from acausal.report.arms import cells_below
    from acausal.report.corpus import corpus
    from acausal.report.tables import write_text
    from acausal.report.terminal import short
    from acausal.report.text_tables import csv_tables, document, examined, write_tables
    from acausal.status import ExitCode

    directory: Path = options.directory
    cells = cells_below(directory)
    if not cells:
        raise ConfigError(f"{directory} holds no finished cell: name the output directory of a run or a sweep")
    names = [str(cell.directory.relative_to(directory)) for cell in cells]
    corpora = [corpus(cell, "" if name == "." else name) for cell, name in zip(cells, names, strict=True)]
    texts = examined(corpora)
    shown = document(texts, title=short(directory.resolve()))
    output: Path = options.output or directory / "texts"
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "texts.md", shown)
    files = write_tables(output, csv_tables(texts))
    sys.stdout.write(shown)
    sys.stdout.write(f"\nWritten to {short(output.resolve())}: texts.md, {', '.join(path.name for path in files)}\n")
    return ExitCode.DONE if texts.found else ExitCode.NO_ESTIMATE
