"""A few calls of a cell, made before it is played: those that the run itself would make first, into its ledger."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from acausal.config import check_keys, identity
from acausal.design.matching import round_fixtures
from acausal.design.population import Agent, population, seat_seed
from acausal.design.power import empowered
from acausal.design.prompts import Prompts
from acausal.errors import Interrupted
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.ledger import Ledger
from acausal.models.preflight import inspect
from acausal.play.agent import Asker
from acausal.records import Place, Purpose, Reply, StrategyRecord
from acausal.running.process import Signals
from acausal.settings.schema import Config

_T = TypeVar("_T")


def probe(
    config: Config, directory: Path, environment: Mapping[str, str], on_reply: Callable[[Reply], None], *, settled: bool
) -> None:
    """Ask for `config.probe` strategies and decisions per slot, at most one of each an agent.

    They belong to the first agents of each slot that play in the first round of the first replicate, the decisions to
    their first matches, so that they depend on nothing that is not asked for here. What is on record is not asked
    again.

    Args:
        directory: Of the run that is to follow; made where it is missing.
        on_reply: Told of every reply, replayed ones included.
        settled: Whether failures on record are final.

    Raises:
        AcausalError: As in a run: a missing key, another cell's ledger, a reached budget, an interruption.
    """
    check_keys(config, environment)
    endpoints = connect(config, environment)
    directory.mkdir(parents=True, exist_ok=True)
    with Ledger(directory, identity(config), settled=settled) as ledger:

        async def ask() -> None:
            preflight = partial(inspect, config, environment)
            client = Client(config, ledger, endpoints, preflight=preflight, on_reply=on_reply)
            try:
                with Signals().halting(client):
                    await _ask(config, client)
            except asyncio.CancelledError:
                raise Interrupted("interrupted") from None
            finally:
                await client.close()

        asyncio.run(ask())


async def _ask(config: Config, client: Client) -> None:
    asker = Asker(config, Prompts(config), client)
    seated = {agent.id: agent for agent in population(config.seats, seed=seat_seed(config.seed, 1))}
    agents = tuple(empowered(config, 1, 1, seated, ()).values())
    places = _first_places(config, agents)
    # Some matchings let somebody rest, and a rule is never asked.
    asked = (agent for agent in agents if agent.id in places and not config.plays_by_rule(agent.model))
    first = _first(asked, config.probe, lambda agent: agent.model)
    strategies: dict[int, StrategyRecord] = {}
    if config.protocol.strategy is not None:
        written = await _all(asker.strategy(agent, 1, 1) for agent in first)
        strategies = {record.agent: record for record in written}
    if config.protocol.is_compiled:
        return
    await _all(
        asker.decision(agent, places[agent.id], strategies.get(agent.id), (), 1)
        for agent in _first(first, config.probe, asker.deciding_slot)
    )


def _first_places(config: Config, agents: Sequence[Agent]) -> dict[int, Place]:
    """Agent → place of its first decision; whoever rests in the first round is absent."""
    if config.public_goods is not None:
        return {agent.id: Place(1, 1, agent.id, Purpose.DECISION, match=1) for agent in agents}
    return {
        agent: Place(1, 1, agent, Purpose.DECISION, fixture.match, fixture.agents[1 - seat])
        for fixture in round_fixtures(config, [agent.model for agent in agents], 1, 1)
        for seat, agent in enumerate(fixture.agents)
        if fixture.meetings[seat] == 1
    }


def _first(agents: Iterable[Agent], count: int, slot: Callable[[Agent], str]) -> list[Agent]:
    """The first so many agents of each slot."""
    seen: Counter[str] = Counter()
    chosen = []
    for agent in agents:
        seen[slot(agent)] += 1
        if seen[slot(agent)] <= count:
            chosen.append(agent)
    return chosen


async def _all(questions: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Ask at the same time and wait for every answer: an error cancels no call that is paid for."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
