"""What is left of a cell after the calls on record, and what those tell of the rest."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acausal.design.horizon import match_turns, turns_by_agent, turns_by_match
from acausal.design.parsing import read_decision, read_strategy
from acausal.design.population import population, seat_seed
from acausal.design.prompts import Prompts
from acausal.models.recorded import RecordedCall
from acausal.play.agent import deciding_slot
from acausal.records import Place, Purpose, Reply, Status
from acausal.schema import Config
from acausal.workload import Kind, Load, text_bytes

_Author = tuple[int, int, int]
"""Replicate, round, agent."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A call on record of which the endpoint told the tokens."""

    prompt_bytes: float
    """UTF-8 bytes of the prompt, without the strategy it quotes."""
    reply_bytes: int
    tokens_in: int
    tokens_out: int
    usd: float | None


@dataclass(slots=True)
class Settled:
    """The calls of one kind that a run will not make again."""

    calls: int = 0
    """Calls on record, and decisions that are never asked for: of matches that ended early, or without a strategy."""
    prompt_bytes: float = 0.0
    """Of all their prompts, without the strategies they quote."""
    replies: list[Reply] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    """Those of the model assigned."""


def settled_calls(config: Config, record: Sequence[RecordedCall], loads: Mapping[Kind, Load]) -> dict[Kind, Settled]:
    """The calls on record by kind; those of replicates that the configuration no longer plays are left out."""
    settled: defaultdict[Kind, Settled] = defaultdict(Settled)
    seats = _Seats(config)
    strategies = {_author(call.place): call for call in record if call.place.purpose is Purpose.STRATEGY}
    for call in record:
        place = call.place
        if place.replicate > config.replicates:
            continue
        slot = seats.slot(place.replicate, place.agent)
        is_strategy = place.purpose is Purpose.STRATEGY
        kind = (slot, Purpose.STRATEGY) if is_strategy else (deciding_slot(config, slot), Purpose.DECISION)
        quoted = 0.0
        if not is_strategy and (strategy := strategies.get(_author(place))) is not None:
            quoted = loads[kind].quotes / loads[kind].calls * len((strategy.reply.text or "").strip().encode())
        _settle(settled[kind], call, quoted)
    for (replicate, _, agent), calls in _never_asked(config, record).items():
        kind = (deciding_slot(config, seats.slot(replicate, agent)), Purpose.DECISION)
        settled[kind].calls += calls
        settled[kind].prompt_bytes += calls * loads[kind].least_bytes / loads[kind].calls
    return dict(settled)


def steps_left(config: Config, record: Sequence[RecordedCall]) -> int:
    """How many calls must still follow one another: the agent that has most of its chain before it decides.

    An agent writes a strategy, then decides, turn after turn, and match after match where it is shown its earlier
    ones, else in all of them at once: then no longer than its longest match.
    """
    done = _never_asked(config, record)
    written = set[_Author]()
    for call in record:
        if call.place.purpose is Purpose.STRATEGY:
            written.add(_author(call.place))
        else:
            done[_author(call.place)] += 1
    seats = _Seats(config)
    left: Counter[tuple[int, int]] = Counter()
    for replicate in range(1, config.replicates + 1):
        for round_ in range(1, config.num_rounds + 1):
            turns = turns_by_agent(config, replicate, round_)
            longest = math.inf if config.condition.shows.own_matches else _longest(config, replicate, round_)
            for agent in turns:
                if config.plays_by_rule(seats.slot(replicate, agent)):
                    continue
                author = replicate, round_, agent
                left[replicate, agent] += int(min(longest, turns[agent] - done[author]))
                left[replicate, agent] += config.protocol.strategy is not None and author not in written
    return max(left.values(), default=0)


class _Seats:
    """Who sits where, looked up once a replicate."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._slots: dict[int, list[str]] = {}

    def slot(self, replicate: int, agent: int) -> str:
        """The slot of an agent."""
        if replicate not in self._slots:
            seated = population(self._config.seats, seed=seat_seed(self._config.seed, replicate))
            self._slots[replicate] = [agent.model for agent in seated]
        return self._slots[replicate][agent - 1]


def _longest(config: Config, replicate: int, round_: int) -> int:
    """Turns of the longest match of a round."""
    if config.game.horizon.continuation is None:
        return config.game.horizon.turns
    return max(turns for _, turns in turns_by_match(config, replicate, round_))


def _never_asked(config: Config, record: Sequence[RecordedCall]) -> Counter[_Author]:
    """Decisions of each author that are never asked for: a match ends with the turn in which an action is missing.

    An agent whose strategy on record is none has no action in the first turn of each of its matches.
    """
    ends: dict[tuple[int, int, int, int], int] = {}
    speechless = set[_Author]()
    labels = Prompts(config).labels
    for call in record:
        place = call.place
        if place.replicate > config.replicates:
            continue
        if place.purpose is Purpose.STRATEGY:
            if read_strategy(call.reply)[1] is not Status.LEGIBLE:
                speechless.add(_author(place))
                others = (other for other in range(1, config.num_agents + 1) if other != place.agent)
                ends |= {(place.replicate, place.round, *_pair(place.agent, other)): 1 for other in others}
        elif config.game.horizon.several and read_decision(call.reply, labels).action is None:
            assert place.coplayer is not None  # every decision is about one
            match = (place.replicate, place.round, *_pair(place.agent, place.coplayer))
            ends[match] = min(place.turn, ends.get(match, place.turn))
    unasked: Counter[_Author] = Counter()
    seats = _Seats(config)
    for (replicate, round_, *pair), end in ends.items():
        after = match_turns(config, replicate, round_, (pair[0], pair[1])) - end
        for agent in pair:
            if not config.plays_by_rule(seats.slot(replicate, agent)):
                unasked[replicate, round_, agent] += after + ((replicate, round_, agent) in speechless)
    return unasked


def _pair(agent: int, coplayer: int) -> tuple[int, int]:
    return min(agent, coplayer), max(agent, coplayer)


def _settle(settled: Settled, call: RecordedCall, quoted_bytes: float) -> None:
    reply = call.reply
    prompt_bytes = text_bytes(call.request["messages"]) - quoted_bytes
    settled.calls += 1
    settled.prompt_bytes += prompt_bytes
    settled.replies.append(reply)
    if reply.tokens_in is not None and reply.tokens_out is not None and not reply.substituted:
        size = len((reply.text or "").encode())
        settled.measured.append(Measured(prompt_bytes, size, reply.tokens_in, reply.tokens_out, reply.cost_usd))


def _author(place: Place) -> _Author:
    return place.replicate, place.round, place.agent
