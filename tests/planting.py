"""Agents of known truth, asked over HTTP in one population: every arm to its decisions, without reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from small_cell import KEY, at, composed

from acausal.analysis.contrasts import Arm
from acausal.analysis.rates import grouped
from acausal.config import check, identity
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.ledger import Ledger
from acausal.models.simulator import Simulator, SimulatorSettings
from acausal.play.tournament import play_replicates
from acausal.records import Decision
from acausal.report.arms import Group
from acausal.running.process import Process
from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, Linkage

FACTORIAL: Mapping[str, Arm] = {
    "no_information": (Claim.none, Linkage.none),
    **{
        f"{claim.name}{'' if linkage is Linkage.none else f'_{linkage.name}'}": (claim, linkage)
        for claim in (Claim.identical_copy, Claim.different_model)
        for linkage in Linkage
        if linkage is not Linkage.match_probability
    },
}
"""Condition → what it tells."""


def population(names: Mapping[str, int], *overrides: str, prefix: str = "sim/") -> Config:
    """A one-shot cell of these agents, served by a simulated endpoint.

    Args:
        names: Persona → agents.
    """
    config = composed(
        *("protocol=direct", "num_rounds=1", "max_reasks=0", "matching=random_pairs", "matching.matches=1"), *overrides
    )
    models = {name: deepcopy(config.models["a"]) for name in names}
    for name, model in models.items():
        model.model_type = f"{prefix}{name}"
        model.max_retries = 0
    scenario = replace(config.scenario, name="planted", model_distribution=dict(names))
    whole = replace(
        config, models=models, scenario=scenario, num_agents=sum(names.values()), main_model=next(iter(names))
    )
    whole.fallback.model = whole.main_model
    check(whole)
    return whole


def decisions(config: Config, directory: Path, process: Process, simulator: Simulator) -> list[Decision]:
    """All decisions of a cell, asked over HTTP."""

    async def playing() -> list[Decision]:
        with Ledger(directory, identity(config), settled=False) as ledger:
            client = Client(config, ledger, connect(config, {"OPENROUTER_API_KEY": KEY}))
            try:
                records = await play_replicates(config, client)
            finally:
                await client.close()
        return [decision for record in records for decision in record.decisions]

    directory.mkdir(parents=True)
    config = at(config, simulator.base_url)
    return process.run(playing())


def groups(arms: Mapping[str, tuple[Arm | None, Sequence[Decision]]]) -> dict[str, Group]:
    """Persona → its decisions by arm.

    Args:
        arms: Condition → what it tells, and all decisions of its cell.
    """
    from acausal.report.arms import ArmOnRecord

    found: dict[str, Group] = {}
    for condition, (told, every) in arms.items():
        for model, own in grouped(every, lambda d: d.agent_model).items():
            name = model.rpartition("/")[2]
            found.setdefault(name, Group(model, 1)).arms[condition] = ArmOnRecord(condition, told, own)
    return found


SERVED = SimulatorSettings(api_key=KEY, keep_requests=True)
