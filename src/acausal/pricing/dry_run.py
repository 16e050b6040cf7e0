"""Cells priced instead of played: what is on record, a probe where one is asked for, and the table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.console import Console

from acausal.config import identity
from acausal.design.lint import lint
from acausal.errors import AcausalError, ModelError
from acausal.experiment import Cell
from acausal.models.catalog import Listing
from acausal.models.connect import servers
from acausal.models.offered import offered
from acausal.models.recorded import recorded_calls
from acausal.pricing.estimate import ASSUMPTIONS, CellEstimate, estimate
from acausal.pricing.probe import probe
from acausal.records import Reply
from acausal.report.price_table import calls_of, price_lines, remark_lines, sweep_table
from acausal.report.rows import dollars
from acausal.report.terminal import short
from acausal.running.progress import duration
from acausal.running.status import ExitCode, code_of, read_status
from acausal.settings.matching_schema import EvolutionRule
from acausal.settings.schema import Config


def dry_run(cells: Sequence[Cell], environment: Mapping[str, str], console: Console) -> tuple[ExitCode, str]:
    """Price a cell, or all cells of a sweep; nothing is written but what a probe pays for.

    Args:
        environment: Where keys are read; none is needed without a probe.

    Returns:
        The exit code, and the reason of every other than DONE.

    Raises:
        AcausalError: A directory holds the ledger of another cell, or a prompt does not render.
    """
    estimates = []
    for cell in cells:
        try:
            estimates.append(_priced(cell, environment, console))
        except AcausalError as error:
            if cell.config.probe == 0:
                raise
            return code_of(error), f"{error}; what the probe paid for is in {short(cell.directory)}"
    if len(cells) > 1 or cells[0].number is not None:
        console.print(sweep_table([cell.title for cell in cells], estimates))
    for line in ASSUMPTIONS:
        _say(console, line)
    return ExitCode.DONE, ""


def listings_of(config: Config) -> tuple[dict[str, Listing | None], list[str]]:
    """Slot → what the catalog of its endpoint says, None where nothing is known; and where that comes from."""
    listings: dict[str, Listing | None] = dict.fromkeys(config.asked_slots)
    sources = []
    for slots in servers(config):
        try:
            catalog, warning = offered(config.models[slots[0]].endpoint)
        except ModelError as error:
            sources.append(f"warning  {error}")
            continue
        for slot in slots:
            listings[slot] = catalog.listing(config.models[slot].model_type)
        age = duration(max(0.0, time.time() - catalog.fetched_at))
        sources.append(f"prices   of {age} ago, from {catalog.base_url}{f'; {warning}' if warning else ''}")
    return listings, sources


def _priced(cell: Cell, environment: Mapping[str, str], console: Console) -> CellEstimate:
    config = cell.config
    lint(config)
    before = read_status(cell.directory)
    settled = before is not None and before.state == "done" and not config.retry_failed
    replies: list[Reply] = []
    if config.probe:
        probe(config, cell.directory, environment, replies.append, settled=settled)
    record = recorded_calls(cell.directory, identity(config), settled=settled)
    listings, sources = listings_of(config)
    if config.evolution.rule is not EvolutionRule.none:
        sources.append(
            f"note     evolution.rule={config.evolution.rule.value} changes who sits where: priced as if nobody did"
        )
    priced = estimate(config, listings, record)
    _say(console, f"Estimate: {cell.title}")
    for line in [*price_lines(priced), *remark_lines(priced, config.budget), *sources, *_probed(cell, replies)]:
        _say(console, line)
    console.print()
    return priced


def _probed(cell: Cell, replies: Sequence[Reply]) -> list[str]:
    """What the probe came to."""
    if not cell.config.probe:
        return []
    asked = [reply for reply in replies if not reply.replayed]
    failed = [reply for reply in asked if reply.error is not None]
    costs = [reply.cost_usd for reply in asked if reply.error is None]
    spent = dollars(None if None in costs else sum(cost for cost in costs if cost is not None))
    line = f"probe    {calls_of(len(asked))} made now, {spent}; paid once, if the run goes on with: {cell.command}"
    return [line, *(f"warning  {len(failed)} of them failed: {reply.error}" for reply in failed[:1])]


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)
