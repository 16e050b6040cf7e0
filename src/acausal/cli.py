"""The console script `acausal`: each subcommand is a module of `commands/`; `run` is the Hydra application."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Protocol

from acausal.commands import (
    analyse,
    contrasts,
    doctor,
    estimate,
    export,
    ledger,
    migrate,
    models,
    power,
    preregister,
    prompts,
    report,
    resume,
    serve,
    texts,
)
from acausal.errors import AcausalError


class Command(Protocol):
    """What a module of `commands/` offers; what it needs beyond the standard library it imports when it runs."""

    ABOUT: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's options."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit code."""


COMMANDS: Mapping[str, Command] = {
    "prompts": prompts,
    "estimate": estimate,
    "resume": resume,
    "ledger": ledger,
    "contrasts": contrasts,
    "texts": texts,
    "analyse": analyse,
    "power": power,
    "preregister": preregister,
    "report": report,
    "export": export,
    "doctor": doctor,
    "models": models,
    "serve": serve,
    "migrate": migrate,
}
RUN = "run"


def main() -> None:
    """The console script `acausal`."""
    try:
        code = _main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _main(words: list[str]) -> int:
    if words[:1] == [RUN]:
        from acausal.launch import run

        return run(words[1:])
    parser = argparse.ArgumentParser(prog="acausal", description="Do language models cooperate acausally?")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    subparsers.add_parser(RUN, add_help=False, help="play a cell or a sweep: python run.py under another name")
    parsers = {}
    for name, command in COMMANDS.items():
        parsers[name] = subparsers.add_parser(name, help=command.ABOUT, description=command.ABOUT)
        command.arguments(parsers[name])
    name = words[0] if words and words[0] in parsers else parser.parse_args(words).command  # which says what is wrong
    options = parsers[name].parse_intermixed_args(words[1:])  # intermixed: KEY=VALUE may follow an option
    try:
        return COMMANDS[name].run(options)
    except AcausalError as error:
        sys.stderr.write(f"acausal: {error}\n")
        return 1
