"""What a cell asks beside its games: calls and text, counted without asking."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from acausal.design.population import population, seat_seed
from acausal.design.power import empowered
from acausal.design.prompts import Prompts
from acausal.models.body import chat_body
from acausal.play.agent import Asker
from acausal.play.checks import Aside, all_asides
from acausal.records import Reply, Request
from acausal.settings.disclosure import paraphrase_of
from acausal.settings.schema import Config


@dataclass(frozen=True, slots=True)
class CheckLoad:
    """The questions beside the games to one slot, over the whole cell."""

    calls: int
    bytes: int
    """UTF-8 bytes of all their prompts."""
    max_tokens: int


class _Nobody:
    """In place of a model: these questions are written and not sent."""

    async def complete(self, request: Request) -> Reply:
        """Never called.

        Raises:
            AssertionError: It was.
        """
        raise AssertionError(f"{request.place.in_words} was only to be counted")


def check_loads(config: Config) -> dict[str, CheckLoad]:
    """Slot → what it is asked beside the games; empty where nothing is."""
    calls, size, ceilings = Counter[str](), Counter[str](), Counter[str]()
    for replicate in range(1, config.replicates + 1) if config.checks.any else ():
        for aside in _asides(config, replicate):
            request = aside.request
            body = chat_body(config.models[request.slot], request)
            calls[request.slot] += 1
            size[request.slot] += sum(len(message.content.encode()) for message in request.messages)
            ceiling = int(body.get("max_completion_tokens") or body["max_tokens"])
            ceilings[request.slot] = max(ceilings[request.slot], ceiling)
    return {slot: CheckLoad(calls[slot], size[slot], ceilings[slot]) for slot in sorted(calls)}


def _asides(config: Config, replicate: int) -> list[Aside]:
    asker = Asker(config, Prompts(config, paraphrase_of(config, replicate)), _Nobody())
    seated = {agent.id: agent for agent in population(config.seats, seed=seat_seed(config.seed, replicate))}
    agents = empowered(config, replicate, 1, seated, ())
    return list(all_asides(config, asker, replicate, list(agents.values())))
