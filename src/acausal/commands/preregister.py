"""`acausal preregister`: freeze a study before its data, and say later whether a sweep followed it."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from acausal.errors import ConfigError

ABOUT = "freeze a study into a hashed file before its data; --check FILE DIR says whether a sweep followed it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("-m", "--multirun", action="store_true", help="the overrides are those of a sweep")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where it is frozen (preregistration.json)")
    parser.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="CONTRAST",
        help="of the confirmatory family, e.g. Γ or told; may be repeated (default: Γ if the arms make it, else told)",
    )
    parser.add_argument("--alpha", type=float, default=0.05, help="level of the family, which Holm divides (0.05)")
    parser.add_argument("--estimand", action="append", default=[], metavar="TEXT", help="one more, in words")
    parser.add_argument("--exclude", action="append", default=[], metavar="RULE", help="one more rule of exclusion")
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare the sweep in DIR with what was frozen")
    parser.add_argument("words", nargs="*", metavar="OVERRIDE|DIR", help="of the run; with --check: a directory")


def run(options: argparse.Namespace) -> int:
    """Freeze, or check.

    Returns:
        0; 1 where a sweep deviates from its registration.

    Raises:
        ConfigError: The run is impossible or leaks, the file is there or was changed, or the directory is empty.
    """
    return _check(options) if options.check is not None else _freeze(options)


def _freeze(options: argparse.Namespace) -> int:
    from acausal.design.lint import lint_arms
    from acausal.launch import compose_arms
    from acausal.report.terminal import short
    from acausal.settings.stored import REGISTRATION
    from acausal.studies.registration import register

    if not 0 < options.alpha < 1:
        raise ConfigError(f"--alpha must lie between 0 and 1, but is {options.alpha:g}: e.g. --alpha 0.05")
    arms = compose_arms(options.words, multirun=options.multirun)
    lint_arms(arms)
    frozen = register(
        arms,
        frozen_at=datetime.now(UTC).isoformat(timespec="seconds"),
        confirm=options.confirm,
        alpha=options.alpha,
        estimands=options.estimand,
        exclusions=options.exclude,
    )
    output = options.output or REGISTRATION
    frozen.write(output)
    family = frozen.family
    prompts = len({each for arm in frozen.arms for hashes in arm.prompts.values() for each in hashes})
    replicates = " or ".join(str(number) for number in sorted({arm.replicates for arm in frozen.arms}))
    count, each = _counted(len(frozen.arms), "arm"), f"{replicates} replicate{'' if replicates == '1' else 's'}"
    _say(f"frozen   {count}, {_counted(prompts, 'prompt')}, {each} an arm")
    comparisons = _counted(len(family.contrasts) * len(family.models), "comparison")
    if family.contrasts:
        named = f"{', '.join(family.contrasts)} in {', '.join(family.models)}"
        _say(f"confirms {named}: {comparisons} at {family.alpha:g} with Holm")
    else:
        _say("confirms nothing: the arms make no contrast of told identity or linkage")
    _say(f"file     {short(output)}, sha256 {frozen.hash}")
    _say("publish  the file or its hash before the first call: nothing else proves when it was written")
    return 0


def _check(options: argparse.Namespace) -> int:
    from acausal.report.arms import cells_below
    from acausal.report.terminal import short
    from acausal.studies.deviations import deviations
    from acausal.studies.registration import read_registration

    if len(options.words) != 1:
        raise ConfigError(f"--check compares with one directory, but {len(options.words)} are named: --check FILE DIR")
    directory = Path(options.words[0])
    frozen = read_registration(options.check)
    cells = cells_below(directory)
    if not cells:
        raise ConfigError(f"{directory} holds no finished cell: name the directory of a sweep (hydra.sweep.dir)")
    found = deviations(frozen, cells)
    _say(f"frozen   {short(options.check)} at {frozen.frozen_at}, sha256 {frozen.hash}")
    for deviation in found:
        _say(f"deviates {deviation}")
    if not found:
        arms = _counted(len(cells), "arm")
        _say(f"followed {arms} as registered: identities, prompts, models, replicates, and every decision")
    return 1 if found else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
