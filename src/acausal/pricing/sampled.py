"""The questions of a cell, rendered and measured without a model: all that a made-up one is asked, or some depths."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from acausal.design.horizon import MOST_TURNS
from acausal.design.population import Agent
from acausal.design.program import constant, written
from acausal.design.prompts import PastMatch, PastRound, Prompts, anonymous_id
from acausal.game import Action
from acausal.models.body import chat_body
from acausal.play.agent import Asker
from acausal.records import Place, Purpose, Reply, Request, StrategyRecord
from acausal.settings.elicitation import Elicit
from acausal.settings.encounters import decisions_per_round, matches_by_slot
from acausal.settings.game_schema import HorizonConfig
from acausal.settings.schema import Config

Kind = tuple[str, Purpose]
"""Slot that is asked, and what for."""
PLACEHOLDER = "I will choose what I would want every other participant to choose in my place."
"""A strategy that no model writes, so that it is found again in the prompts that quote it."""
DEPTHS = 48
"""Depths of history at which the decisions of a large cell are rendered; between them the text grows evenly."""


def text_bytes(messages: Sequence[Mapping[str, Any]]) -> int:
    """UTF-8 bytes of the messages of a request body."""
    return sum(len(str(message["content"]).encode()) for message in messages)


@dataclass(slots=True)
class Tally:
    """Calls and what they carry."""

    calls: int = 0
    bytes: int = 0
    quotes: int = 0
    max_tokens: int = 0

    def add(self, other: Tally, times: int = 1) -> None:
        """Count others too, so many times."""
        self.calls += times * other.calls
        self.bytes += times * other.bytes
        self.quotes += times * other.quotes
        self.max_tokens = max(self.max_tokens, other.max_tokens)


class Recorder:
    """A model that answers with placeholders and measures what it was asked."""

    def __init__(self, config: Config, longer: bool) -> None:
        self._models = config.models
        self._longer = longer
        self.tallies: defaultdict[Kind, Tally] = defaultdict(Tally)

    async def complete(self, request: Request) -> Reply:
        """A placeholder; the request is counted."""
        body = chat_body(self._models[request.slot], request)
        quotes = sum(str(message["content"]).count(PLACEHOLDER) for message in body["messages"])
        size = text_bytes(body["messages"]) - quotes * len(PLACEHOLDER)
        ceiling = int(body.get("max_completion_tokens") or body["max_tokens"])
        self.tallies[request.slot, request.place.purpose].add(Tally(1, size, quotes, ceiling))
        text = _answer(request, self._longer) if request.choices or request.program else PLACEHOLDER
        model = self._models[request.slot].model_type
        return Reply(key="", model=model, served_by=model, substituted=False, text=text, finish_reason="stop")


def _answer(request: Request, longer: bool) -> str:
    """A legible answer with which the histories come out as short, or as long, as they can."""
    wanted = sorted(request.choices or request.program, key=lambda label: len(label.encode()))[longer]
    if request.program:
        first, second = request.program
        return written(constant(float(wanted == first)), {Action.COOPERATE: first, Action.DEFECT: second})
    if request.elicit is Elicit.probability:
        return "100" if wanted == request.choices[0] else "0"
    return wanted


class Sampler:
    """Renders what one agent is asked in a round, at chosen depths."""

    def __init__(self, config: Config, agent: Agent, longer: bool, round_: int) -> None:
        self._agent = agent
        self._recorder = Recorder(config, longer)
        self._asker = Asker(config, Prompts(config), self._recorder, {})
        labels = self._asker.variant(1, agent.id).labels
        self._action = sorted(labels, key=lambda each: len(labels[each].encode()))[longer]
        self._lasts = _survival(config.game.horizon)
        self._turns = math.fsum(self._lasts)
        self._past = [_past_round(config, number, self._action, self._turns) for number in range(1, round_)]
        self._strategy: StrategyRecord | None = None
        self._growths: dict[int, float] = {}

    async def strategy(self) -> Tally:
        """The question for a strategy, which later questions quote."""
        self._strategy = await self._asker.strategy(self._agent, 1, 1, self._past)
        return self._taken()

    async def decisions(self, played: Mapping[int, int], turns: int) -> Tally:
        """So many times so many matches, which have so many turns together."""
        matches, total = sum(count * times for count, times in played.items()), Tally()
        meetings = sorted({depth for count in played for depth in _depths(count)})
        asked = {meeting: await self._match(meeting) for meeting in meetings}
        for count, times in played.items():
            total.add(_between({depth: asked[depth] for depth in asked if depth <= count}), times)
        if not matches:
            return total
        longer = turns / (matches * self._turns)  # than the mean, by as much as was drawn
        calls, quotes = total.calls // matches * turns, total.quotes // matches * turns
        return Tally(calls, round(total.bytes * longer), quotes, total.max_tokens)

    async def _match(self, meeting: int) -> Tally:
        """A decision of a match of mean length after matches of mean length, with the bytes of the whole match."""
        first = await self._asked(meeting, 1, past=meeting - 1)
        return replace(first, bytes=round(self._turns * first.bytes + await self._growth(meeting)))

    async def _growth(self, meeting: int) -> float:
        """What a match shows of itself, on top of what is shown of earlier ones; as long for names of one length."""
        length = len(anonymous_id(meeting))
        if length not in self._growths:
            alone = {turn: (await self._asked(meeting, turn, past=0)).bytes for turn in _depths(len(self._lasts))}
            shown = zip(self._lasts, _every(alone), strict=True)
            self._growths[length] = math.fsum(lasts * (size - alone[1]) for lasts, size in shown)
        return self._growths[length]

    async def _asked(self, meeting: int, turn: int, past: int) -> Tally:
        length = round(self._turns)
        history = [seen for number in range(1, past + 1) for seen in self._seen(number, length)]
        place = Place(1, 1, self._agent.id, Purpose.DECISION, meeting, 2, turn=turn)
        turns = self._seen(meeting, turn - 1)
        await self._asker.decision(self._agent, place, self._strategy, history, meeting, self._past, turns)
        return self._taken()

    def _seen(self, meeting: int, turns: int) -> list[PastMatch]:
        coplayer = anonymous_id(meeting)
        return [PastMatch(coplayer, self._action, self._action, turn) for turn in range(1, turns + 1)]

    def _taken(self) -> Tally:
        (tally,) = self._recorder.tallies.values()
        self._recorder.tallies.clear()
        return tally


def _past_round(config: Config, number: int, action: Action, turns: float) -> PastRound:
    """A round in which everybody did the same, in matches of so many turns."""
    decisions, most = round(decisions_per_round(config) * turns), matches_by_slot(config)
    payoff = config.payoffs.payoff(action, action)
    points = tuple(payoff * most[slot][1] * round(turns) for slot, seats in config.seats.items() for _ in range(seats))
    return PastRound(number, decisions * (action is Action.COOPERATE), decisions, points)


def _survival(horizon: HorizonConfig) -> list[float]:
    """Turn by turn, the probability that a match gets there, as long as it is not negligible."""
    lasts = [1.0] * horizon.turns
    while horizon.continuation is not None and lasts[-1] > 1e-6 and len(lasts) < MOST_TURNS:
        lasts.append(lasts[-1] * horizon.continuation)
    return lasts


def _depths(steps: int) -> list[int]:
    """Meetings or turns at which to look, from first to last, evenly spread, and where numbers gain a digit."""
    if steps <= DEPTHS:
        return list(range(1, steps + 1))
    spread = {1 + round(step * (steps - 1) / (DEPTHS - 1)) for step in range(DEPTHS)}
    return sorted(spread | {10**digits for digits in range(1, len(str(steps)))})


def _every(sizes: Mapping[int, int]) -> list[float]:
    """The sizes at every step, from those at some, of which the first is 1: linear between them."""
    every = [float(sizes[1])]
    for here, there in pairwise(sorted(sizes)):
        grows = (sizes[there] - sizes[here]) / (there - here)
        every += [sizes[here] + grows * step for step in range(1, there - here + 1)]
    return every


def _between(asked: Mapping[int, Tally]) -> Tally:
    """All steps, from those at some: linear between them, in all else alike."""
    sizes, last = _every({step: tally.bytes for step, tally in asked.items()}), asked[max(asked)]
    return Tally(len(sizes) * last.calls, round(math.fsum(sizes)), len(sizes) * last.quotes, last.max_tokens)
