"""`acausal contrasts`: what told identity and told linkage did in the cells of a sweep, model by model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from acausal.errors import ConfigError

ABOUT = "compare the arms of a sweep: rates, contrasts of told identity and linkage, tests, and what may be claimed"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="output directory of a sweep, or one above several")
    parser.add_argument("--model", metavar="TEXT", default="", help="only models whose id contains this")


def run(options: argparse.Namespace) -> int:
    """Print tables in Markdown: rates, contrasts, what is seen, tests, the claim ladder, and how alike models choose.

    Returns:
        0; 3 where no decision of any model counts.

    Raises:
        ConfigError: There is no finished cell, no such model, or two cells are the same arm.
    """
    from acausal.report.arms import arms_of, cells_below
    from acausal.report.claims import claims
    from acausal.report.contrasts import document
    from acausal.report.evidence import evidence_of
    from acausal.report.kinship import kinship
    from acausal.running.status import ExitCode

    cells = cells_below(options.directory)
    if not cells:
        raise ConfigError(
            f"{options.directory} holds no finished cell: name the directory of a sweep (hydra.sweep.dir)"
        )
    groups = arms_of(cells, model=options.model)
    if not groups:
        raise ConfigError(f"no model of {options.directory} is called {options.model!r}")
    parts = [document(groups), claims(evidence_of(cells, groups)), kinship(cells, groups)]
    sys.stdout.write("\n".join(part for part in parts if part))
    measured = any(decision.counts for group in groups for arm in group.arms.values() for decision in arm.decisions)
    return ExitCode.DONE if measured else ExitCode.NO_ESTIMATE
