"""`acausal power`: how many replicates an effect takes, and what they cost, before any is paid for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from acausal.errors import ConfigError

if TYPE_CHECKING:
    from acausal.settings.schema import Config

ABOUT = "how many replicates an effect takes and what they cost; what given replicates would find"
_OWN: dict[str, Callable[[str], float | int | str]] = {
    **dict.fromkeys(("rate", "effect", "correlation", "within", "shared", "alpha", "power"), float),
    **dict.fromkeys(("strategies", "per_strategy", "family", "n", "studies"), int),
    **dict.fromkeys(("paired", "contrast"), str),
}
"""Key → what its value must be; every other KEY=VALUE is an override of the run."""


@dataclass(slots=True)
class _Asked:
    """What stands on the command line."""

    stated: dict[str, float | int | str] = field(default_factory=dict)
    pilots: list[Path] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("-m", "--multirun", action="store_true", help="the overrides are those of a sweep")
    parser.add_argument("--model", metavar="TEXT", default="", help="of a pilot, only models whose id contains this")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="DIR|KEY=VALUE",
        help="a pilot's directory, whose rates and correlations are measured; what is assumed: rate, correlation, "
        "within, shared, alpha, power (fractions), effect (points), strategies, per_strategy, n, family, "
        "paired=true, contrast=difference|gap|interaction, studies; overrides of the run to plan, e.g. "
        "experiment=d1_identity_linkage",
    )


def run(options: argparse.Namespace) -> int:
    """Print needs, powers, smallest effects and the price.

    Raises:
        ConfigError: An assumption is impossible, a pilot measures nothing, or the overrides do not compose.
    """
    from acausal.report.terminal import table_console
    from acausal.studies.power_plan import show, studies_of

    asked = _asked(options.words)
    arms = _composed(asked.overrides, multirun=options.multirun) if asked.overrides else []
    for study in studies_of(asked.stated, asked.pilots, [config for _, config in arms], model=options.model):
        show(study, table_console())
    return 0


def _asked(words: Sequence[str]) -> _Asked:
    asked = _Asked()
    for word in words:
        key, assigns, value = word.partition("=")
        if not assigns:
            if not Path(word).is_dir():
                raise ConfigError(f"{word!r} is no directory: name one of a run or a sweep, or write KEY=VALUE")
            asked.pilots.append(Path(word))
        elif key in _OWN:
            asked.stated[key] = _value(key, value)
        else:
            asked.overrides.append(word)
    return asked


def _value(key: str, text: str) -> float | int | str:
    try:
        value: float | int | str = _OWN[key](text)
    except ValueError:
        kind = "a whole number" if _OWN[key] is int else "a number"
        raise ConfigError(f"{key} must be {kind}, but is {text!r}: e.g. {key}=10") from None
    if key == "effect" and isinstance(value, float):
        if 0 < abs(value) < 1:
            raise ConfigError(f"effect is in points, but is {text}: write effect={value * 100:g} for {value:g} of 1")
        return value / 100
    return value


def _composed(overrides: Sequence[str], *, multirun: bool) -> list[tuple[str, Config]]:
    from acausal.launch import compose_arms
    from acausal.settings.spelling import nearest

    try:
        return compose_arms(overrides, multirun=multirun)
    except ConfigError as error:
        for word in overrides:
            if meant := nearest(word.partition("=")[0], list(_OWN)):
                raise ConfigError(f"{word!r} is nothing that power assumes{meant}") from None
        raise error from None
