"""What a person sees while a cell plays."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from clock import run_fast
from dsl import play, substituted
from rich.console import Console

from acausal.errors import ModelUnavailable
from acausal.models.breaker import OPENS_AFTER, Breaker
from acausal.models.connect import connect
from acausal.models.limits import Dials, Gate
from acausal.models.retry import Effort
from acausal.models.route import Route, Standing
from acausal.play.tournament import play_tournament
from acausal.records import Reply, Request
from acausal.running.progress import Progress, absence, duration
from acausal.settings.schema import Config

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


def watched(
    config: Config, routes: Callable[[], list[Route]], *replies: Reply, mode: str = "live", width: int = 80
) -> list[str]:
    """The last panel, or the plain lines, once these calls have ended and one round has been played."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=mode == "live", width=width, color_system=None)

    async def act() -> None:
        with Progress(config, console) as progress:
            progress.watch(routes())
            for reply in replies:
                progress.on_call(reply)
            await play_tournament(config, Cooperator(progress), 1, progress.on_event)

    asyncio.run(act())
    lines = re.sub(r"\x1b\[[0-9?]*[a-zA-Z]", "", stream.getvalue()).replace("\r", "").splitlines()
    panels = [number for number, line in enumerate(lines) if "elapsed" in line]
    return lines[panels[-1] :] if mode == "live" else lines


def calls(model: str, count: int, **facts: Any) -> list[Reply]:
    reply = replace(REPLY, model=model, asked=model, **({"latency_s": 0.84} | facts))
    return [replace(reply, key=f"{model} {number} {facts}") for number in range(count)]


def route(config: Config, slot: str = "a") -> Route:
    return Route(config.models[slot], connect(config, {})[slot], Gate(Dials(None, None, 16)))


EFFORT = [
    *calls("scripted/always_c", 57, cost_usd=0.002),
    *calls("scripted/always_c", 1, attempts=4, retries=("429", "429", "timeout"), error="503", cause="503"),
]


def test_the_panel_and_the_plain_lines_say_what_a_models_calls_took(scripted: Callable[..., Config]) -> None:
    config = scripted("num_rounds=1")
    effort = "58 calls, 3 retries, 1 failed, median 0.84 s, cost $0.1140"
    panel = watched(config, list, *EFFORT)
    assert f"  {effort}" in [line.rstrip() for line in panel]
    (line,) = [line for line in watched(config, list, *EFFORT, mode="plain") if "  scripted/always_c" in line]
    assert line.endswith(f"cooperates 100% of 45, legible 100%; {effort}")


def test_a_substitute_that_decides_nothing_has_its_calls_shown(scripted: Callable[..., Config]) -> None:
    panel = watched(scripted("num_rounds=1"), list, *calls("x/substitute", 1))
    at = next(number for number, line in enumerate(panel) if line.startswith("x/substitute"))
    assert panel[at].split() == ["x/substitute"]
    assert panel[at + 1].strip() == "1 call, median 0.84 s, cost $0.0100"


def test_a_paused_model_is_said_to_be_paused_and_others_are_not(scripted: Callable[..., Config]) -> None:
    config = scripted("num_rounds=1")

    def paused() -> list[Route]:
        routes = [route(config, slot) for slot in "ab"]
        routes[0].gate.pause(12.4)
        return routes

    panel = [line.strip() for line in watched(config, paused, *EFFORT)]
    assert panel.count("paused 12 s") == 1
    plain = watched(config, paused, *EFFORT, mode="plain")
    assert [line.endswith("; paused 12 s") for line in plain if "cooperates" in line] == [True, False]


def test_the_panel_fits_80_columns_and_cuts_nothing_but_a_long_name(scripted: Callable[..., Config]) -> None:
    long = "scripted/always_c"
    name = "a-provider-with-a-name/and-a-model-with-a-longer-one-20240229"
    replies = [
        *calls(name, 1_234, attempts=3, retries=("429", "timeout"), latency_s=123.4),
        *calls(name, 1_001, error="503", cause="503"),
    ]
    panel = watched(scripted("num_rounds=1"), list, *replies)
    assert max(map(len, panel)) <= 80
    assert any("2,235 calls, 2,468 retries, 1,001 failed, median 123 s, cost $12.34" in line for line in panel)
    assert any(line.startswith("a-provider-with-a-name/and-a-model-…") for line in panel)
    assert any(line.startswith(long) and line.rstrip().endswith("legible 100%") for line in panel)


def test_retries_of_a_call_that_has_not_ended_are_shown_and_then_no_more(scripted: Callable[..., Config]) -> None:
    config, stream = scripted("num_rounds=1", "models.a.retry_delay=0.001"), io.StringIO()

    async def act() -> int:
        here, effort = route(config), Effort()
        progress = Progress(config, Console(file=stream, width=80))
        progress.watch([here])

        async def send(_: object) -> None:
            if effort.attempts < 3:
                raise ModelUnavailable("503", status=503)
            await play_tournament(config, Cooperator(progress), 1, progress.on_event)

        await here.travel(send, effort, kind="decision", characters=9, goes_on=lambda: True)
        return here.retries_under_way

    assert asyncio.run(act()) == 0
    lines = [line for line in stream.getvalue().splitlines() if "cooperates" in line]
    assert ["2 retries" in line for line in lines] == [True, False]


def test_replayed_calls_count_among_those_of_their_model(scripted: Callable[..., Config]) -> None:
    config = scripted("num_rounds=1")
    replayed = replace(calls("scripted/always_c", 1)[0], replayed=True)
    assert "100 calls, median 0.84 s" in shown(config, terminal=True, reply=replayed)
    assert "0 calls, cost" in shown(config, terminal=True, reply=replace(replayed, replayed=False))


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (Standing(0.0, None, 0.0, gone=False), ""),
        (Standing(0.2, None, 0.0, gone=False), ""),
        (Standing(12.2, None, 0.0, gone=False), "paused 12 s"),
        (Standing(0.0, 40.4, 3.1, gone=False), "out for 40 s, next probe in 3 s"),
        (Standing(5.0, 100.0, 0.0, gone=False), "out for 1 min 40 s, probed now"),
        (Standing(5.0, 40.0, 3.0, gone=True), "gone: not asked again in this run"),
    ],
)
def test_why_nobody_is_sent_to_a_model_is_said_in_words(standing: Standing, words: str) -> None:
    assert absence(standing) == words


def test_an_outage_and_its_next_probe_are_told_to_the_second() -> None:
    async def act() -> list[tuple[float | None, float]]:
        breaker, loop = Breaker(cooldown_s=4, patience_s=100), asyncio.get_running_loop()
        found = [breaker.outage(loop.time())]
        for _ in range(OPENS_AFTER):
            breaker.failed(ModelUnavailable("503", status=503), probe=False)
            await asyncio.sleep(1)
        found.append(breaker.outage(loop.time()))
        await asyncio.sleep(3)
        await breaker.admit()
        found.append(breaker.outage(loop.time()))
        return found

    assert run_fast(act()) == [(None, 0.0), (10.0, 3.0), (13.0, 0.0)]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (80, "1 min 20 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
