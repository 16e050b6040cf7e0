"""What a person sees while a cell plays."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from dsl import play, substituted
from rich.console import Console

from acausal.play.tournament import play_tournament
from acausal.progress import Progress, duration
from acausal.records import Reply, Request
from acausal.schema import Config

REPLY = Reply("k", "m", "m", False, "COOPERATE", tokens_in=100, tokens_out=2, cost_usd=0.01)


class Cooperator:
    def __init__(self, progress: Progress, reply: Reply = REPLY) -> None:
        self._progress = progress
        self._reply = reply

    async def complete(self, request: Request) -> Reply:
        self._progress.on_reply(self._reply)
        return self._reply


def shown(config: Config, *, terminal: bool, reply: Reply = REPLY) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=80, color_system=None)
    with Progress(config, console) as progress:
        asyncio.run(play_tournament(config, Cooperator(progress, reply), 1, progress.on_event))
    return stream.getvalue()


def test_without_a_terminal_each_round_is_a_plain_line(scripted: Callable[..., Config]) -> None:
    text = shown(scripted("num_rounds=2"), terminal=False)
    assert "mixed_5_5, control, delegated: 2 rounds, 90 matches, 200 calls" in text
    assert "round 1 of 2 played; 45/90 matches, 100/200 calls, 10,000 tokens in, 200 out, $1.00;" in text
    assert "scripted/always_c cooperates 100% of 90, legible 100%" in text
    assert "\x1b" not in text


def test_a_terminal_shows_rounds_matches_calls_rates_tokens_cost_and_time(scripted: Callable[..., Config]) -> None:
    text = shown(scripted("num_rounds=1"), terminal=True)
    for word in (
        "rounds",
        "1/1",
        "matches",
        "45/45",
        "calls",
        "100/100",
        "elapsed",
        "tokens in",
        "$1.00",
        "legible 100%",
    ):
        assert word in text


def test_off_says_nothing(scripted: Callable[..., Config]) -> None:
    assert shown(scripted("num_rounds=1", "progress=off"), terminal=True) == ""


def test_an_unknown_price_is_said_and_never_counted_as_zero(scripted: Callable[..., Config]) -> None:
    text = shown(scripted("num_rounds=1"), terminal=False, reply=replace(REPLY, cost_usd=None))
    assert "$0.00 + 100 calls of unknown price" in text


def test_failures_and_replays_are_counted_apart(scripted: Callable[..., Config]) -> None:
    failed = replace(REPLY, text=None, error="503", cost_usd=None)
    assert "10/100 calls, 10 failed" in shown(scripted("num_rounds=1"), terminal=False, reply=failed)
    assert "(100 replayed)" in shown(scripted("num_rounds=1"), terminal=False, reply=replace(REPLY, replayed=True))


def test_only_what_counts_enters_the_live_rate(scripted: Callable[..., Config]) -> None:
    progress = Progress(scripted(), Console(file=io.StringIO()))
    from acausal.records import MatchRecord

    for decisions in (play("C", "?"), substituted(play("D", "D"))):
        progress.on_event(MatchRecord(1, 1, 1, 1, (decisions[0], decisions[1])))
    assert progress.tally.model_line("a") == "cooperates 100% of 1, legible 50%"
    assert progress.tally.model_line("b") == "nothing legible yet"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (80, "1 min 20 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
