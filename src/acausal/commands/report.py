"""`acausal report`: tables, figures and reports again from records, of cells, sweeps, or several sweeps together."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from acausal.errors import AcausalError, ConfigError

ABOUT = "make tables, figures and reports again from records, without a call; of several sweeps together too"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "directories", type=Path, nargs="+", metavar="DIR", help="output directory of a cell or a sweep"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="where the report on all of them goes, where several are named (default: report)",
    )


def run(options: argparse.Namespace) -> int:
    """Re-make each cell, then the report of each sweep, then that of all together.

    Returns:
        0; 1 where a cell could not be made again, which stands in no report; 3 where none has data.

    Raises:
        ConfigError: A directory is none of a cell or a sweep, or is damaged.
    """
    from acausal.remake import remake
    from acausal.report.arms import cells_of
    from acausal.report.sweep_report import write_sweep_report
    from acausal.report.terminal import short
    from acausal.resume import cells_in
    from acausal.running.status import ExitCode
    from acausal.studies.deviations import registered
    from acausal.sweeps.books import report_sweep

    if options.output is not None and len(options.directories) < 2:
        raise ConfigError("--output is for several directories together: one cell or sweep keeps its report with it")
    found = [(directory.absolute(), *cells_in(directory)) for directory in options.directories]
    failed, made = False, []
    for directory, cells, plan in found:
        for cell in cells:
            try:
                source = remake(cell)
            except AcausalError as error:
                failed = True
                sys.stderr.write(f"acausal: {short(cell.directory)} is left out: {error}\n")
                continue
            made.append(cell.directory)
            if plan is None:
                sys.stdout.write(f"{short(cell.directory / 'report.html')}, from {source}\n")
        if plan is not None and report_sweep(directory, plan):
            sys.stdout.write(f"{short(directory / 'report.html')}\n")
    if len(found) > 1 and (together := cells_of(made)):
        output = options.output or Path("report")
        output.mkdir(parents=True, exist_ok=True)
        title = " and ".join(directory.name for directory, _, _ in found)
        command = " ".join(["acausal report", *(short(directory) for directory, _, _ in found), "-o", short(output)])
        write_sweep_report(output, together, title=title, command=command, registered=registered(output, together))
        sys.stdout.write(f"{short(output / 'report.html')}\n")
    if not made:
        return ExitCode.NO_ESTIMATE if not failed else ExitCode.REFUSED
    return ExitCode.REFUSED if failed else ExitCode.DONE
