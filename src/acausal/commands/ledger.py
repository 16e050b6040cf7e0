"""`acausal ledger`: the calls of a cell or of a sweep, listed, filtered, or one of them as a transcript."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from acausal.errors import ConfigError

if TYPE_CHECKING:
    from acausal.report.calls import Wanted

ABOUT = "list, filter and show the calls on record of a cell or a sweep"
_LIMIT = 40
_PLACES = ("replicate", "round", "agent", "match")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="output directory of a cell, or of a sweep")
    parser.add_argument("--show", metavar="KEY", help="one call as a transcript, by the first letters of its key")
    parser.add_argument("--model", metavar="TEXT", help="part of the id of the model assigned, or that answered")
    parser.add_argument("--purpose", choices=["strategy", "decision"])
    for place in _PLACES:
        parser.add_argument(f"--{place}", type=int, metavar="N")
    parser.add_argument("--failed", action="store_true", help="those without a reply")
    parser.add_argument("--substituted", action="store_true", help="those that another model answered")
    parser.add_argument("--contains", metavar="TEXT", help="part of a message, a reply, a reasoning or an error")
    parser.add_argument("--limit", type=int, metavar="N", help=f"list the newest N (default: {_LIMIT}; --json: all)")
    parser.add_argument("--json", action="store_true", help="the lines as they stand in calls.jsonl")


def run(options: argparse.Namespace) -> int:
    """Print what is asked for; a run may be writing the ledger meanwhile.

    Raises:
        ConfigError: There is no ledger, or no such call.
        LedgerError: A line is damaged.
    """
    try:
        _print(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, e.g. head, has enough; Python must not flush into the closed pipe at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _print(options: argparse.Namespace) -> None:
    from collections import deque

    from acausal.models.ledger import lines_on_record
    from acausal.report.calls import call_list, the_call, transcript

    if options.limit is not None and options.limit < 0:
        raise ConfigError(f"--limit must not be negative, but is {options.limit}")
    paths = _ledgers(options.directory)
    wanted = _wanted(options)
    if options.show is not None:
        line = the_call((line for path in paths for line in lines_on_record(path)), options.show.rstrip("…"))
        sys.stdout.writelines(f"{row}\n" for row in transcript(line))
    elif options.json:
        lines = (line.raw for path in paths for line in lines_on_record(path) if wanted.admits(line))
        sys.stdout.buffer.writelines(lines if options.limit is None else deque(lines, maxlen=options.limit))
    else:
        limit = _LIMIT if options.limit is None else options.limit
        named = [(str(path.parent.relative_to(options.directory)) if len(paths) > 1 else "", path) for path in paths]
        rows = call_list(((name, lines_on_record(path)) for name, path in named), wanted, limit)
        sys.stdout.writelines(f"{row}\n" for row in rows)


def _wanted(options: argparse.Namespace) -> Wanted:
    from acausal.report.calls import Wanted

    names = (*_PLACES, "purpose")
    return Wanted(
        model=options.model,
        places={name: getattr(options, name) for name in names if getattr(options, name) is not None},
        failed=options.failed,
        substituted=options.substituted,
        contains=options.contains,
    )


def _ledgers(directory: Path) -> list[Path]:
    """The ledger of a cell, or those of a sweep's cells in their order.

    Raises:
        ConfigError: There is none.
    """
    from acausal.models.ledger import FILE

    if (directory / FILE).is_file():
        return [directory / FILE]
    found = sorted(directory.rglob(FILE), key=_natural)
    if not found:
        raise ConfigError(f"{directory} holds no {FILE}: name the output directory of a cell or a sweep")
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    """Order by the numbers in a name: 2_… before 10_…."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.as_posix())]
