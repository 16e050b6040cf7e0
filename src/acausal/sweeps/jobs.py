"""Hydra's jobs, set up one after the other as its own launcher does and played together."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write
from rich.console import Console

from acausal.errors import ConfigError
from acausal.experiment import Cell
from acausal.running.process import shared_process
from acausal.running.status import ExitCode, refused
from acausal.sweeps.plan import SweepCallback, cell_of
from acausal.sweeps.together import End, drawn_blocks, play_together, were_interrupted


def launch(
    context: HydraContext,
    task: TaskFunction,
    config: DictConfig,
    overrides: Sequence[Sequence[str]],
    first: int,
    at_once: int,
) -> list[JobReturn]:
    """Play all cells of a sweep at the same time.

    Args:
        task: What Hydra would call for each; told to callbacks alone.
        overrides: Of each cell.
        first: Number of the first cell.
        at_once: Replicates under way at a time.

    Raises:
        ConfigError: The sweep asks for what one process cannot give each of its cells.
    """
    _check(config, at_once)
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    cells: list[Cell] = []
    jobs: dict[int, tuple[DictConfig, JobReturn]] = {}

    def collect(node: DictConfig) -> None:
        try:
            cells.append(cell_of(node))
        except ConfigError as error:
            sys.exit(refused(str(error)))  # raised further, Hydra would put a line of its own before it

    # Callbacks are told when a job begins and ends, which is not when it is set up.
    silent = HydraContext(config_loader=context.config_loader, callbacks=Callbacks())
    for number, words in enumerate(overrides, start=first):
        job = context.config_loader.load_sweep_config(config, list(words))
        with read_write(job), open_dict(job):
            job.hydra.job.id = job.hydra.job.num = number
        job_return = run_job(
            collect, job, "hydra.sweep.dir", "hydra.sweep.subdir", hydra_context=silent, configure_logging=False
        )
        _ = job_return.return_value  # raises what kept the cell from being set up
        jobs[number] = job, job_return
        context.callbacks.on_job_start(config=job, task_function=task)

    def ended(cell: Cell, end: End | Exception) -> None:
        job, job_return = jobs[cell.number or 0]
        job_return.status = JobStatus.FAILED if isinstance(end, Exception) else JobStatus.COMPLETED
        job_return.return_value = end if isinstance(end, Exception) else None
        HydraConfig.instance().set_config(job)
        context.callbacks.on_job_end(config=job, job_return=job_return)

    order = SweepCallback.blocks() or drawn_blocks({cell.number or 0: cell.config for cell in cells})
    ends = play_together(cells, order, at_once, Console(), shared_process(), ended)
    if were_interrupted(ends):
        sys.exit(ExitCode.INTERRUPTED)
    return [job_return for _, job_return in jobs.values()]


def _check(config: DictConfig, at_once: int) -> None:
    if at_once < 1:
        raise ConfigError(
            f"hydra.launcher.at_once is {at_once}: at least one replicate must be under way; set 1 or more"
        )
    for key, given in (("chdir", config.hydra.job.chdir), ("env_set", config.hydra.job.env_set)):
        if given:
            raise ConfigError(
                f"hydra.job.{key} is set, but hydra/launcher=async plays all cells in one process: "
                "drop it, or add hydra/launcher=basic"
            )
