"""`acausal prompts`: what agents will read, arm by arm, without a call."""

from __future__ import annotations

import argparse
import difflib
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from acausal.design.arms import Question
    from acausal.design.counterbalance import Variant
    from acausal.settings.schema import Config

ABOUT = "show what agents will read in each arm of a run or a sweep, without a call"
_WIDTH = 80
_WIDE = 140
"""Columns from which two arms fit side by side."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("-m", "--multirun", action="store_true", help="show the arms of a sweep: the first, then diffs")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--paraphrase", type=int, default=1, metavar="N", help="which wording, from 1 (default 1)")
    which.add_argument("--all", action="store_true", help="every wording that the replicates use")
    parser.add_argument(
        "--variant",
        type=int,
        default=1,
        metavar="N",
        help="which words and orders of the counterbalance, counted round from 1 (default 1)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--hashes", action="store_true", help="only the hash of each question, as in decisions.parquet")
    how.add_argument(
        "--side-by-side", action="store_true", help=f"two arms beside each other, on a terminal of {_WIDE} columns"
    )
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="those of the run, e.g. condition=a,b with -m")


def run(options: argparse.Namespace) -> int:
    """Print the prompts; then refuse what the run would refuse.

    Returns:
        0; 1 where a prompt leaks or two arms ask exactly the same.
    """
    from acausal.design.lint import lint_arms
    from acausal.launch import compose_arms

    arms = compose_arms(options.overrides, multirun=options.multirun)
    width = shutil.get_terminal_size((_WIDTH, 24)).columns
    for line in _lines(arms, options, width):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    lint_arms(arms)
    return 0


def _lines(arms: Sequence[tuple[str, Config]], options: argparse.Namespace, width: int) -> Iterator[str]:
    from acausal.design import counterbalance

    first: list[Question] = []
    for number, (title, config) in enumerate(arms):
        variants = counterbalance.variants(config)
        index = (options.variant - 1) % len(variants)
        yield f"=== arm {number}: {title or config.condition.name} ==="
        if len(variants) > 1 and not first:
            yield from _wrapped([f"variant {index + 1} of {len(variants)}: {_in_words(variants[index])}"], width)
        asked = [
            question
            for paraphrase in _paraphrases(config, options)
            for question in _asked(config, paraphrase, variants[index])
        ]
        if options.hashes:
            yield from (f"{question.hash}  {question.title}" for question in asked)
        elif not first:
            yield from _whole(asked, width)
        else:
            beside = options.side_by_side and width >= _WIDE
            yield from _against(first, asked, width, beside=beside)
        first = first or asked
        yield ""


def _in_words(variant: Variant) -> str:
    first, rows = next(iter(variant.labels.values())), variant.labels[variant.payoff_order]
    means = f"{variant.cooperate!r} means cooperation, "
    return f"{means}{first!r} is named first, payoff rows begin with {rows!r} by both"


def _paraphrases(config: Config, options: argparse.Namespace) -> Sequence[int]:
    """The wordings to show: an arm with fewer wordings shows the one that its replicate would use."""
    from acausal.errors import ConfigError
    from acausal.settings.disclosure import paraphrase_count, paraphrase_of

    for name in ("paraphrase", "variant"):
        if (number := getattr(options, name)) < 1:
            raise ConfigError(f"--{name} must be at least 1, but is {number}")
    return range(1, paraphrase_count(config) + 1) if options.all else [paraphrase_of(config, options.paraphrase)]


def _asked(config: Config, paraphrase: int, variant: Variant) -> list[Question]:
    """The questions of one wording; their titles name it where there are several."""
    from dataclasses import replace

    from acausal.design.arms import questions
    from acausal.design.checks import questions_to_read
    from acausal.settings.disclosure import paraphrase_count

    asked = [*questions(config, paraphrase, variant), *questions_to_read(config, paraphrase, variant)]
    count = paraphrase_count(config)
    if count == 1:
        return asked
    return [replace(question, title=f"{question.title}, paraphrase {paraphrase} of {count}") for question in asked]


def _whole(asked: Sequence[Question], width: int) -> Iterator[str]:
    """Every question once; the system message, which they share, once."""
    from acausal.design.arms import differing

    system = None
    for question in differing(asked):
        if question.messages[0].content != system:
            system = question.messages[0].content
            yield "[system]"
            yield from _wrapped(system.splitlines(), width)
        yield ""
        yield f"[{question.title}: {question.hash}]"
        for message in question.messages[1:]:
            yield from _wrapped(message.content.splitlines(), width)


def _against(first: Sequence[Question], asked: Sequence[Question], width: int, *, beside: bool) -> Iterator[str]:
    """What differs from the first arm, message by message."""
    from acausal.report.prompt_diff import sections, unworded

    before, after = sections(first), sections(asked)
    shown: set[str] = set()
    compared = {unworded(title) for title in after}
    for title in [*after, *(title for title in before if unworded(title) not in compared)]:
        # An arm that has one wording only is compared in each wording of the other.
        old = before.get(title, before.get(unworded(title), []))
        new = after.get(title, [])
        lines = list(_beside(old, new, width) if beside else _changes(old, new, width))
        if old != new and str(lines) not in shown:
            shown.add(str(lines))
            yield f"[{title}]"
            yield from lines
    if not shown:
        yield "the same as arm 0, word for word"


def _changes(before: Sequence[str], after: Sequence[str], width: int) -> Iterator[str]:
    from acausal.report.prompt_diff import changes

    yield from _wrapped(changes(before, after), width)


def _beside(before: Sequence[str], after: Sequence[str], width: int) -> Iterator[str]:
    half = (width - 3) // 2
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        left, right = list(_wrapped(before[a:b], half)), list(_wrapped(after[c:d], half))
        mark = " " if tag == "equal" else "|"
        for one, other in zip_longest(left, right, fillvalue=""):
            yield f"{one:<{half}} {mark} {other}".rstrip()


def _wrapped(lines: Iterable[str], width: int) -> Iterator[str]:
    """Lines that fit."""
    for line in lines:
        yield from textwrap.wrap(line, width, subsequent_indent="  ", break_long_words=False) or [""]
