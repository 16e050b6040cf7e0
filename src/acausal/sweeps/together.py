"""Cells of a sweep played at the same time, in randomised blocks."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

from acausal.design.blocks import blocks
from acausal.experiment import Cell, Stage, play_cell
from acausal.running.board import Board
from acausal.running.job_log import FILE, logging_to, only_cells_log
from acausal.running.process import Process
from acausal.running.queueing import Queue
from acausal.running.status import ExitCode, say
from acausal.settings.schema import Config, ReplayMode
from acausal.sweeps.books import ENDED, REPLAYED, note_end

log = logging.getLogger(__name__)

End = tuple[ExitCode, str]
"""Exit code of a cell, and the reason of every other than DONE."""


def drawn_blocks(configs: Mapping[int, Config]) -> list[list[int]]:
    """The blocks of a sweep, by the seed of its first cell.

    Args:
        configs: Number of each cell → its configuration.
    """
    replicates = {number: config.replicates for number, config in configs.items()}
    return blocks(replicates, configs[min(configs)].seed) if configs else []


def play_together(
    cells: Sequence[Cell],
    order: Sequence[Sequence[int]],
    at_once: int,
    console: Console,
    process: Process,
    ended: Callable[[Cell, End | Exception], None] = lambda *_: None,
) -> list[End | Exception]:
    """Play cells of a sweep in one loop; whatever ends one of them, the others go on.

    Args:
        order: Numbers of the cells in each block; those of cells that are not played are passed over.
        at_once: Replicates under way at a time.
        ended: Told of each cell as soon as it has ended and stands in the books.

    Returns:
        How each ended; an exception is a fault of this program.
    """
    queue = Queue(order, at_once)
    board = Board(console, len(cells))

    async def play() -> list[End | Exception]:
        stage = Stage(os.environ, console, process, queue=queue, board=board)
        played = {cell.number for cell in cells if cell.config.replay is not ReplayMode.strict}
        for number in {number for block in order for number in block} - played:
            queue.gone(number)
        with stage.signals:
            return await asyncio.gather(*(_played(cell, stage, queue, ended) for cell in cells))

    with only_cells_log(), board:
        try:
            return process.run(play())
        except asyncio.CancelledError:  # a second signal, with nothing left to halt
            raise KeyboardInterrupt from None


async def _played(
    cell: Cell, stage: Stage, queue: Queue, ended: Callable[[Cell, End | Exception], None]
) -> End | Exception:
    end: End | Exception
    with logging_to(cell.directory / FILE):
        try:
            end = await play_cell(cell, stage)
            note(cell, *end)
        except Exception as error:  # a fault of ours in one cell must not cost the others
            log.exception("the cell failed")
            end = error
        finally:
            queue.gone(cell.number or 0)
    ended(cell, end)
    return end


def were_interrupted(ends: Sequence[End | Exception]) -> bool:
    """Whether the user stopped a cell."""
    return any(not isinstance(end, Exception) and end[0] is ExitCode.INTERRUPTED for end in ends)


def note(cell: Cell, code: ExitCode, message: str) -> None:
    """Say how a cell ended, where that needs a line, and enter it into the books of its sweep."""
    if message:
        say(message)
    if cell.sweep_directory is not None and cell.number is not None:
        books = REPLAYED if cell.config.replay is ReplayMode.strict else ENDED
        note_end(cell.sweep_directory, cell.number, cell.title, cell.directory, code, message, books=books)
