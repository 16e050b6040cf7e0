"""Limits as the server sees them: used to the full, never passed, in real time and over real HTTP.

What is asserted are counts and ratios out of the server's own log. A loaded machine may deliver a request later than
it was permitted; how much later is measured, and windows are shortened by that much and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from invariants import ledger_of
from small_cell import KEY, at, changed, once, parallel, play, served

from acausal.models.faults import FAULTS
from acausal.models.pace import RequestPace, Spent, TokenPace
from acausal.models.simulator import SeenRequest, SimulatorSettings
from acausal.running.status import ExitCode

pytestmark = pytest.mark.usefixtures("without_figures")
PER_MINUTE = 1200
WINDOW_S = 5.0


@pytest.fixture
def permits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each permit was taken, on the server's clock."""
    taken, take, book = list[float](), RequestPace.take, TokenPace.take

    async def noted(pace: RequestPace) -> None:
        await take(pace)
        taken.append(asyncio.get_running_loop().time())

    def booked(pace: TokenPace, tokens: float) -> Spent:
        spent = book(pace, tokens)
        taken.append(spent.at_s)
        return spent

    monkeypatch.setattr(RequestPace, "take", noted)
    monkeypatch.setattr(TokenPace, "take", booked)
    return taken


def arrivals(requests: Sequence[SeenRequest]) -> list[float]:
    return [request.at_s for request in requests]


def tokens(requests: Sequence[SeenRequest]) -> list[int]:
    return [request.tokens_in + request.tokens_out for request in requests]


def latest_s(permits: Sequence[float], at_s: Sequence[float]) -> float:
    """The longest way from a permit to the server."""
    return max(came - left for left, came in zip(permits, at_s, strict=True))


def most_in_any(window_s: float, at_s: Sequence[float], amounts: Sequence[int] | None = None) -> int:
    """The largest sum of amounts, or number of requests, in any half-open window of time."""
    pairs = list(zip(at_s, amounts or [1] * len(at_s), strict=True))
    return max(sum(amount for other, amount in pairs if start <= other < start + window_s) for start in at_s)


def per_minute(at_s: Sequence[float], amounts: Sequence[int] | None = None) -> float:
    """What went per minute, from the first request to the last."""
    return sum((amounts or [1] * len(at_s))[:-1]) * 60 / (at_s[-1] - at_s[0])


def test_the_rate_limit_is_used_and_never_passed_over_replicates_and_cells(
    tmp_path: Path, permits: list[float]
) -> None:
    config = changed(parallel({"a": 8}, replicates=2), rate_limit=PER_MINUTE, max_concurrency=16)
    settings = SimulatorSettings("coin", api_key=KEY, latency_s=0.05, requests_per_minute=PER_MINUTE, window_s=WINDOW_S)
    shares, first = [], 0
    with served(settings) as (process, simulator):
        for seed in range(2):
            directory = tmp_path / str(seed)
            directory.mkdir()
            assert once(at(replace(config, seed=seed), simulator.base_url), directory, process)[0] is ExitCode.DONE
            shares.append(per_minute(arrivals(simulator.requests[first:])) / PER_MINUTE)
            first = len(simulator.requests)
    at_s = arrivals(simulator.requests)
    late_s = latest_s(permits, at_s)
    assert max(shares) >= 0.95, "the busiest machine has a quiet moment"
    assert most_in_any(WINDOW_S - late_s, at_s) <= PER_MINUTE * WINDOW_S / 60
    assert late_s > 0.03 or not any(request.limited for request in simulator.requests)
    assert late_s > 0.03 or len(at_s) == 2 * 2 * 8 * 7


def test_a_limit_is_not_forgotten_between_two_cells(tmp_path: Path) -> None:
    config = changed(parallel({"a": 2}), rate_limit=60)
    with served(SimulatorSettings("coin", api_key=KEY)) as (process, simulator):
        for seed in range(2):
            directory = tmp_path / str(seed)
            directory.mkdir()
            once(at(replace(config, seed=seed), simulator.base_url), directory, process)
    at_s = arrivals(simulator.requests)
    assert len(at_s) == 4
    assert most_in_any(0.8, at_s) == 1


def test_the_token_limit_is_used_and_never_passed_by_more_than_a_call(tmp_path: Path, permits: list[float]) -> None:
    """A minute holds no more; a shorter stretch may, by the call at its edge and a fifth of one for late wake-ups."""
    limit = 48_000  # ten calls a second: at more, a machine that is busy elsewhere is the bound
    config = changed(parallel({"a": 6}, replicates=2), token_limit=limit, max_concurrency=16, max_tokens=20)
    requests = play(config, tmp_path, latency_s=0.05).requests
    at_s, used = arrivals(requests), tokens(requests)
    assert per_minute(at_s, used) >= 0.95 * limit
    for window_s in (1.0, 2.0, 3.0):
        assert most_in_any(window_s - latest_s(permits, at_s), at_s, used) <= limit / 60 * window_s + 1.2 * max(used)


def test_an_endpoints_limit_is_shared_by_its_models(tmp_path: Path, permits: list[float]) -> None:
    config = changed(parallel({"a": 4, "b": 4}, replicates=2), max_concurrency=8)
    for model in config.models.values():
        model.endpoint.rate_limit = PER_MINUTE
    requests = play(config, tmp_path, latency_s=0.05).requests
    at_s = arrivals(requests)
    window_s = 3.0
    assert per_minute(at_s) >= 0.95 * PER_MINUTE
    assert most_in_any(window_s - latest_s(permits, at_s), at_s) <= PER_MINUTE * window_s / 60
    first_quarter = {request.model for request in requests[: len(requests) // 4]}
    assert len(first_quarter) == 2, "neither model waits for the other's end"


def test_retry_after_pauses_every_call_of_the_model_and_none_of_another(tmp_path: Path) -> None:
    pause_s = 0.7
    config = changed(parallel({"a": 4, "b": 4}, replicates=3), max_concurrency=2, retry_delay=0.001)
    fault = replace(FAULTS["429"], model="gpt-4", requests=[10], retry_after_s=pause_s)
    played = play(config, tmp_path, faults=(fault,), latency_s=0.05)
    assert played.code is ExitCode.DONE
    told = next(request for request in played.requests if request.fault)
    assert told.answered_at_s is not None
    paused = [
        request for request in played.requests if told.answered_at_s < request.at_s < told.answered_at_s + pause_s
    ]
    own = [request for request in paused if request.model == told.model]
    assert len(own) <= 1, "no more than was on its way"
    assert all(request.at_s < told.answered_at_s + pause_s / 4 for request in own)
    assert len(paused) - len(own) >= 8, "the other model goes on: 2 in flight at 50 ms each, half of them at least"
    assert sum(len(line["retries"]) for line in ledger_of(tmp_path)) == 1


def test_an_overload_narrows_the_way_and_success_widens_it_again(tmp_path: Path) -> None:
    config = changed(parallel({"a": 8}, replicates=5), max_concurrency=16, retry_delay=0.001)
    fault = replace(FAULTS["529"], requests=range(60, 64))
    requests = play(config, tmp_path, faults=(fault,), latency_s=0.15, latency_spread=0.3).requests
    # A wide way is full but for the moments between a reply and the next request.
    struck = [number for number, request in enumerate(requests) if request.fault]
    assert struck == [59, 60, 61, 62]
    heard_s = max(requests[number].answered_at_s or 0.0 for number in struck)

    def in_flight(at_s: float) -> int:
        return sum(other.at_s <= at_s < (other.answered_at_s or at_s) for other in requests)

    after = [request.at_s for request in requests if request.at_s > heard_s]
    assert max(in_flight(request.at_s) for request in requests[: struck[0]]) >= 14
    assert max(map(in_flight, after[12:24])) <= 10, "halved to 8, and 24 successes widen that by 2"
    assert max(map(in_flight, after[24:])) >= 14
