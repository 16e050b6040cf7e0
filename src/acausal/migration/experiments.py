"""A configuration file of the earlier system as experiments: files that compose, whatever the defaults of conf/ are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with omegaconf

from acausal.config import model_files
from acausal.errors import ConfigError
from acausal.migration.earlier import OldFile, OldScenario, checked, safe_name

OPENROUTER = "https://openrouter.ai/api/v1"
"""Left to conf/endpoint/openrouter.yaml where an old file names it, so that OPENROUTER_BASE_URL stays in force."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What an old file becomes."""

    cells: dict[str, str]
    """Name of an experiment → content of its file; one per scenario."""
    sweep: tuple[str, str] | None
    """Name and content of the experiment that plays all of them; None where there is but one."""
    unused: list[str]
    """A line for each key that has no counterpart: the key, and why."""

    @property
    def files(self) -> dict[str, str]:
        """Everything to write: name of an experiment → content of its file."""
        return self.cells | dict([self.sweep] if self.sweep else [])


def migrate(content: Any, *, stem: str, command: str) -> Migration:
    """An old file as experiments.

    Args:
        content: What the file holds, as `earlier.read_old` reads it.
        stem: Name of the file without suffix; names the sweep, and the experiment of a file without scenarios.
        command: What starts a run from where the experiments will lie, e.g. `python run.py`.

    Raises:
        ConfigError: It says something impossible, or nothing that could be played.
    """
    files = model_files("openrouter")
    old = checked(content, stem=stem, known=files)
    cells = {
        each.name: _head(command, each.name, _origin(each, stem)) + _cell(old, each, files) for each in old.scenarios
    }
    if len(cells) == 1:
        return Migration(cells, None, old.unused)
    name = f"{safe_name(stem)}_sweep"
    if name in cells:
        raise ConfigError(f"scenario {name!r} has the name of the sweep over all scenarios: rename the scenario")
    about = f"The {len(cells)} scenarios of {stem}, a cell each."
    return Migration(cells, (name, _head(command, name, about) + _sweep(list(cells))), old.unused)


def _head(command: str, name: str, about: str) -> str:
    return f"# @package _global_\n# {command} experiment={name}\n# {about}\n"


def _origin(scenario: OldScenario, stem: str) -> str:
    return f"Scenario {scenario.title!r} of {stem}." + (f" {scenario.about}" if scenario.about else "")


def _cell(old: OldFile, scenario: OldScenario, files: dict[str, str]) -> str:
    """One scenario with everything that it needs."""
    main = old.main or next(iter(scenario.seats))
    slots: dict[str, str] = {}
    for slug in dict.fromkeys([*scenario.seats, main, *([old.sub] if old.sub else [])]):
        slots[slug] = _free(files.get(old.ids[slug]) or safe_name(old.ids[slug]), slots.values())
    defaults: list[Any] = [_binding(old, slug, slot, files) for slug, slot in slots.items()]
    # Overrides stand last in a defaults list; the population is the file's own, so no roster and no other scenario.
    defaults += ["_self_", {"override /roster": None}, {"override /scenario": None}, {"override /condition": "control"}]
    defaults += [{"override /game": "prisoners_dilemma"}, {"override /protocol": "delegated"}]
    body: dict[str, Any] = {"defaults": defaults, "seed": 0, "num_agents": sum(scenario.seats.values())}
    if old.num_rounds is not None:
        body["num_rounds"] = old.num_rounds
    if old.turns > 1:
        body["game"] = {"horizon": {"turns": old.turns}}
    body |= {"enable_multi_model": old.is_multi_model, "roster": "migrated"}
    body |= {"main_model": slots[main], "sub_model": slots[old.sub] if old.sub else None}
    body["models"] = {slot: _model(old, slug) for slug, slot in slots.items()}
    seats = {slots[slug]: count for slug, count in scenario.seats.items()}
    body["scenario"] = {"name": scenario.name, "model_distribution": seats}
    return str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=110))


def _sweep(cells: list[str]) -> str:
    # The group is named with its package, since a sweep cannot replace the experiment that declares it.
    return f"hydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      +experiment@_global_: {','.join(cells)}\n"


def _binding(old: OldFile, slug: str, slot: str, files: dict[str, str]) -> dict[str, str]:
    """What a model is built on: its file in conf/model, else the bare endpoint."""
    if not _is_openrouter(old):
        return {f"/endpoint@models.{slot}.endpoint": "openai_compatible"}
    file = files.get(old.ids[slug])
    return {f"/model@models.{slot}": file} if file else {f"/endpoint@models.{slot}.endpoint": "openrouter"}


def _model(old: OldFile, slug: str) -> dict[str, Any]:
    server = {} if _is_openrouter(old) else {"endpoint": {"base_url": old.base_url}}
    return {"model_type": old.ids[slug], **server, **old.dials_of_run, **old.dials.get(slug, {})}


def _is_openrouter(old: OldFile) -> bool:
    return old.base_url in (None, OPENROUTER)


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, or the next that nobody has yet."""
    number, free = 1, name
    while free in set(taken):
        number, free = number + 1, f"{name}_{number + 1}"
    return free
