"""Hydra's launcher `async`: the cells of a sweep in one event loop; the namespace is where Hydra looks for plugins."""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class AsyncLauncher(Launcher):
    """Plays all cells at the same time, in randomised blocks.

    Args:
        at_once: Replicates under way at a time, over all cells.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._setting: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives."""
        self._setting = (hydra_context, task_function, config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Play the cells."""
        from acausal.sweeps.jobs import launch  # Hydra imports every plugin at each start: nothing heavy above

        context, task, config = self._setting
        return launch(context, task, config, job_overrides, initial_job_idx, self._at_once)
