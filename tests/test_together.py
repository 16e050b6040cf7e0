"""Arms of one sweep are played at the same time, in randomised blocks, and come to what they come to alone."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from program import KEY, run
from rich.console import Console
from small_cell import changed, parallel, served

from acausal.design.blocks import blocks
from acausal.experiment import Cell
from acausal.models.connect import Pool, connect
from acausal.models.limits import Slots
from acausal.models.simulator import SeenRequest, Simulator, SimulatorSettings, running
from acausal.running.board import Board
from acausal.running.job_log import logging_to, only_cells_log
from acausal.running.process import Process
from acausal.running.queueing import Queue, Turns
from acausal.running.status import ExitCode
from acausal.settings.schema import Config
from acausal.sweeps.together import End, drawn_blocks, play_together

TEMPERATURES = (0.25, 0.75)
"""Tell the arms apart on the server's log."""
SLOTS = 4


def arms(simulator: Simulator, directory: Path, configs: Sequence[Config]) -> list[Cell]:
    """Cells that ask one and the same model with temperatures of their own."""
    cells = []
    for number, (config, temperature) in enumerate(zip(configs, TEMPERATURES, strict=False)):
        one = changed(config, temperature=temperature, max_concurrency=SLOTS)
        for model in one.models.values():
            model.endpoint.base_url = simulator.base_url
        (directory / str(number)).mkdir(parents=True)
        cells.append(Cell(one, directory / str(number), "go on", "run.py", number, directory))
    return cells


def play(
    cells: Sequence[Cell], process: Process, monkeypatch: pytest.MonkeyPatch, at_once: int = 64
) -> list[End | Exception]:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    order = drawn_blocks({cell.number or 0: cell.config for cell in cells})
    return play_together(cells, order, at_once, Console(file=io.StringIO()), process)


def arm_of(requests: Sequence[SeenRequest]) -> list[int]:
    return [TEMPERATURES.index(request.body["temperature"]) for request in requests]


def widest_lead(order: Sequence[int], calls: Mapping[int, int]) -> float:
    """By how much of its calls one arm is ahead of the other at most."""
    share, widest = {0: 0.0, 1: 0.0}, 0.0
    for arm in order:
        share[arm] += 1 / calls[arm]
        widest = max(widest, abs(share[0] - share[1]))
    return widest


@pytest.fixture
def coin(without_figures: None) -> SimulatorSettings:
    return SimulatorSettings(persona="coin", api_key=KEY, latency_s=0.002)


def test_arms_are_equally_far_at_any_moment(
    tmp_path: Path, coin: SimulatorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(coin) as (process, simulator):
        cells = arms(simulator, tmp_path, [parallel({"a": 10}, replicates=1)] * 2)
        assert play(cells, process, monkeypatch) == [(ExitCode.DONE, "")] * 2
        order = arm_of(simulator.requests)
    assert order.count(0) == order.count(1) == 90
    ranks = [[rank for rank, arm in enumerate(order) if arm == each] for each in (0, 1)]
    assert abs(mean(ranks[0]) - mean(ranks[1])) < SLOTS
    assert widest_lead(order, {0: 90, 1: 90}) <= 2 * SLOTS / 90


def test_an_arm_whose_matches_wait_for_each_other_is_not_left_behind(
    tmp_path: Path, coin: SimulatorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = parallel({"a": 10}, replicates=1)
    waits.condition.shows.own_matches = True
    with served(coin) as (process, simulator):
        play(arms(simulator, tmp_path, [parallel({"a": 10}, replicates=1), waits]), process, monkeypatch)
        order = arm_of(simulator.requests)
    assert widest_lead(order, {0: 90, 1: 90}) <= 4 * SLOTS / 90


def test_a_block_is_over_before_the_next_one_takes_its_place(
    tmp_path: Path, coin: SimulatorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(coin) as (process, simulator):
        cells = arms(simulator, tmp_path, [parallel({"a": 6}, replicates=3)] * 2)
        play(cells, process, monkeypatch)
    for cell in cells:
        lines = (cell.directory / "calls.jsonl").read_text().splitlines()
        replicates = [json.loads(line)["replicate"] for line in lines]
        assert len(replicates) == 90
        misplaced = sum(one != other for one, other in zip(replicates, sorted(replicates), strict=True))
        assert misplaced <= 4 * SLOTS


def test_a_cell_that_cannot_be_played_costs_the_others_nothing(
    tmp_path: Path, coin: SimulatorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(coin) as (process, simulator):
        cells = arms(simulator, tmp_path, [parallel({"a": 4}, replicates=1)] * 2)
        (cells[0].directory / "calls.jsonl").write_text("no ledger\n")
        (broken, whole) = play(cells, process, monkeypatch)
    assert isinstance(broken, tuple)
    assert broken[0] is ExitCode.REFUSED
    assert whole == (ExitCode.DONE, "")
    ends = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    assert {end["number"]: end["code"] for end in ends} == {0: 1, 1: 0}


def test_a_fault_of_the_program_in_one_cell_is_handed_over_when_the_others_are_done(
    tmp_path: Path, coin: SimulatorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(coin) as (process, simulator):
        cells = arms(simulator, tmp_path, [parallel({"a": 4}, replicates=1)] * 2)
        cells[0].config.protocol.decision = None  # which no configuration can be
        (fault, whole) = play(cells, process, monkeypatch)
    assert isinstance(fault, Exception)
    assert whole == (ExitCode.DONE, "")
    assert "Traceback" in (cells[0].directory / "run.log").read_text()
    assert not (cells[1].directory / "run.log").exists()


def test_the_launchers_differ_in_the_order_of_calls_alone(tmp_path: Path) -> None:
    words = ["-m", "roster=openrouter", "scenario=homogeneous", "num_rounds=1", "tracking.enabled=false"]
    words += [f"models.a.temperature={TEMPERATURES[0]},{TEMPERATURES[1]}", "hydra.sweep.subdir=${hydra.job.num}"]
    words += ["models.a.rate_limit=null", "models.a.max_concurrency=4", "models.a.send_seed=true", "progress=off"]
    orders = {}
    for name, launcher in (("together", []), ("one_by_one", ["hydra/launcher=basic"])):
        with running(SimulatorSettings(persona="coin", api_key=KEY, latency_s=0.005)) as simulator:
            address = {"OPENROUTER_BASE_URL": simulator.base_url, "OPENROUTER_API_KEY": KEY}
            code, out, err = run([*words, *launcher, f"hydra.sweep.dir={name}"], tmp_path, **address)
            assert (code, err) == (0, "")
            assert ("order    randomised blocks, one a replicate" in out) == (name == "together")
            orders[name] = arm_of(simulator.requests)
    assert orders["one_by_one"] == [0] * 100 + [1] * 100
    assert sorted(orders["together"]) == orders["one_by_one"]
    assert widest_lead(orders["together"], {0: 100, 1: 100}) <= 0.2
    for table in ("0/decisions.parquet", "1/decisions.parquet", "0/strategies.parquet"):
        assert (tmp_path / "together" / table).read_bytes() == (tmp_path / "one_by_one" / table).read_bytes()
    plans = {name: json.loads((tmp_path / name / "sweep.json").read_text()) for name in orders}
    assert sorted(plans["together"]["blocks"][0]) == [0, 1]
    assert plans["one_by_one"]["blocks"] == []


@pytest.mark.parametrize(
    ("word", "cure"), [("hydra.job.chdir=true", "hydra/launcher=basic"), ("hydra.launcher.at_once=0", "set 1 or more")]
)
def test_what_one_process_cannot_give_is_refused(tmp_path: Path, word: str, cure: str) -> None:
    code, _, err = run(["-m", "seed=1,2", "model@models.a=scripted", "model@models.b=scripted", word], tmp_path)
    assert code == 1
    assert err.startswith("acausal: hydra.")
    assert err.count("\n") == 1
    assert cure in err


def test_every_block_holds_every_cell_once_in_an_order_of_its_own() -> None:
    drawn = blocks(dict.fromkeys(range(6), 20), seed=0)
    assert all(sorted(block) == list(range(6)) for block in drawn)
    assert len({tuple(block) for block in drawn}) > 10
    assert drawn != blocks(dict.fromkeys(range(6), 20), seed=1)


def test_more_replicates_leave_the_blocks_before_as_they_are() -> None:
    drawn = blocks({0: 2, 1: 4}, seed=7)
    assert [sorted(block) for block in drawn] == [[0, 1], [0, 1], [1], [1]]
    assert blocks({0: 2, 1: 9}, seed=7)[:4] == drawn
    assert blocks({}, seed=7) == []


def begun(order: Sequence[Sequence[int]], at_once: int, cells: Sequence[int]) -> list[tuple[int, int]]:
    """Cell and replicate, as they begin when all cells come at once in the order given."""
    found = []

    async def replicate(queue: Queue, cell: int, number: int) -> None:
        async with queue.turn(cell, number):
            found.append((cell, number))
            await asyncio.sleep(0)

    async def play() -> None:
        queue = Queue(order, at_once)
        for cell in {cell for block in order for cell in block} - set(cells):
            queue.gone(cell)
        places = [(cell, number) for cell in cells for number, block in enumerate(order, 1) if cell in block]
        await asyncio.gather(*(replicate(queue, *place) for place in places))

    asyncio.run(play())
    return found


@pytest.mark.parametrize("at_once", [1, 2, 64])
def test_replicates_begin_in_the_order_of_the_blocks(at_once: int) -> None:
    order = [[2, 0, 1], [1, 2, 0]]
    expected = [(cell, number) for number, block in enumerate(order, 1) for cell in block]
    assert begun(order, at_once, [0, 1, 2]) == expected
    assert begun(order, at_once, [1, 2]) == [place for place in expected if place[0]]


def test_calls_rank_by_block_then_share_then_place(scripted: Callable[..., Config]) -> None:
    queue = Queue([[1, 0], [0, 1]])
    few, many = Turns(queue, 0, scripted("num_rounds=1")), Turns(queue, 1, scripted("num_rounds=2"))
    ranks = [("few", few.rank(1)) for _ in range(2)] + [("many", many.rank(1)) for _ in range(4)]
    ranks += [("later", few.rank(2))]
    assert [name for name, _ in sorted(ranks, key=lambda one: one[1])] == [
        *("many", "few", "many", "many", "few", "many", "later")
    ]
    assert Turns(None, 0, scripted()).rank(5) == ()


def test_a_slot_goes_to_the_lowest_rank_and_among_equals_to_the_first() -> None:
    given: list[str] = []

    async def wait(slots: Slots, name: str, rank: tuple[float, ...]) -> None:
        await slots.acquire(rank)
        given.append(name)
        slots.release()

    async def play() -> None:
        slots = Slots(1)
        await slots.acquire()
        waiting = [("last", (2.0, 0.0)), ("first", (1.0, 0.5)), ("second", (1.0, 0.5)), ("ping", ())]
        tasks = [asyncio.create_task(wait(slots, name, rank)) for name, rank in waiting]
        await asyncio.sleep(0)
        slots.release()
        await asyncio.gather(*tasks)

    asyncio.run(play())
    assert given == ["ping", "first", "second", "last"]


def test_cells_share_a_server_until_the_last_is_done_with_it() -> None:
    closed: list[str] = []

    class Server:
        async def complete(self, body: Mapping[str, Any]) -> Any:
            return body

        async def close(self) -> None:
            closed.append("closed")

    async def use() -> None:
        pool, question = Pool(), dict[str, Any]()
        first, second = (pool.lease("place", Server) for _ in range(2))
        await first.close()
        await first.close()
        assert closed == []
        reply: Any = await second.complete(question)
        assert reply is question
        await second.close()
        assert closed == ["closed"]

    asyncio.run(use())


def test_embedded_models_are_loaded_once_for_all_cells(composed: Callable[..., Config]) -> None:
    pytest.importorskip("xllamacpp")
    pool = Pool()
    alone = connect(composed("scenario=homogeneous"), {}, pool)
    both = connect(composed(), {}, pool)
    assert alone["a"]._counted is both["a"]._counted  # type: ignore[attr-defined]  # what a lease stands for
    assert both["a"]._counted is not both["b"]._counted  # type: ignore[attr-defined]


def test_each_cell_logs_what_it_does_and_no_more(tmp_path: Path) -> None:
    import logging

    async def cell(name: str) -> None:
        with logging_to(tmp_path / name):
            await asyncio.sleep(0)
            await asyncio.to_thread(logging.getLogger("acausal.test").info, "done by %s", name)

    async def all_cells() -> None:
        await asyncio.gather(cell("one"), cell("two"))
        logging.getLogger("acausal.test").info("by nobody")

    with only_cells_log():
        asyncio.run(all_cells())
    assert [(tmp_path / name).read_text().split("] ")[-1] for name in ("one", "two")] == [
        "done by one\n",
        "done by two\n",
    ]


def test_a_terminal_shows_a_line_for_each_cell_that_fits() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, height=8, color_system=None)
    with Board(console, 9) as board:
        for number in range(5):
            board.add(number, lambda number=number: (f"{number}: arm", "1/2", "7/90", "50% of 6", "$0.01"))  # type: ignore[misc]
        board.remove(0)
    shown = stream.getvalue()
    assert "1 of 9 cells ended, 4 in play, 1 of them not shown" in shown
    assert all(f"{number}: arm" in shown for number in (1, 2, 3))
    assert "4: arm" not in shown


def test_without_a_terminal_the_board_says_nothing() -> None:
    stream = io.StringIO()
    with Board(Console(file=stream), 1) as board:
        board.add(0, lambda: ("0: arm",))
        board.remove(0)
    assert stream.getvalue() == ""
