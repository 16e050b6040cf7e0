"""`acausal resume`: finish a cell or a sweep from its output directory alone, or check it against its ledger."""

from __future__ import annotations

import argparse
from pathlib import Path

from acausal.errors import ConfigError

ABOUT = "go on with a cell or a sweep in its output directory, or check it against its ledger"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="output directory of a cell, or of a sweep")
    parser.add_argument(
        "keys", nargs="*", metavar="KEY=VALUE", help="how to go on, e.g. budget.usd=5 retry_failed=true replicates=8"
    )
    parser.add_argument(
        "--replay",
        action="store_true",
        help="ask nobody: play again from the ledger alone, and compare the tables with those on disk",
    )


def run(options: argparse.Namespace) -> int:
    """Play what is missing.

    Returns:
        0 done; 1 a sweep with failed cells, or tables that differ; 2 stopped by the budget; 3 no estimate;
        130 interrupted.

    Raises:
        ConfigError: The directory is none of a cell or a sweep, or a key may not change.
    """
    from rich.console import Console

    from acausal.resume import resume
    from acausal.running.status import ExitCode, say

    try:
        return resume(options.directory, options.keys, strict=options.replay, console=Console())
    except OSError as error:
        if error.filename is None:
            raise
        raise ConfigError(f"cannot use {error.filename}: {error.strerror}; make it writable, or copy it") from error
    except KeyboardInterrupt:
        say("interrupted")
        return ExitCode.INTERRUPTED
