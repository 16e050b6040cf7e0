"""`acausal estimate`: what a run or a sweep will cost, before it starts."""

from __future__ import annotations

import argparse

ABOUT = "price a run or a sweep before it starts: python run.py dry_run=true under another name"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("-m", "--multirun", action="store_true", help="price a sweep")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="OVERRIDE",
        help="those of the run, e.g. roster=openrouter; probe=3 measures three calls of each kind first",
    )


def run(options: argparse.Namespace) -> int:
    """Hand over to the run with dry_run=true; its exit code."""
    from acausal.launch import run

    return run([*(["-m"] if options.multirun else []), *options.overrides, "dry_run=true"])
