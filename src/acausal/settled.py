"""What is left of a cell after the calls on record, and what those tell of the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acausal.design.matching import meetings_of
from acausal.design.parsing import read_strategy
from acausal.design.population import population, seat_seed
from acausal.models.recorded import RecordedCall
from acausal.play.agent import deciding_slot
from acausal.records import Place, Purpose, Reply, Status
from acausal.schema import Config
from acausal.workload import Kind, Load, text_bytes


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
    """Calls on record, and decisions that are never asked for because the strategy on record is none."""
    prompt_bytes: float = 0.0
    """Of all their prompts, without the strategies they quote."""
    replies: list[Reply] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    """Those of the model assigned."""


def settled_calls(config: Config, record: Sequence[RecordedCall], loads: Mapping[Kind, Load]) -> dict[Kind, Settled]:
    """The calls on record by kind; those of replicates that the configuration no longer plays are left out.

    As in the workload, an agent's calls are counted for the slot that it has from the start, also under evolution.
    """
    settled: defaultdict[Kind, Settled] = defaultdict(Settled)
    places = _Places(config)
    strategies = {_author(call.place): call for call in record if call.place.purpose is Purpose.STRATEGY}
    for call in record:
        place = call.place
        if place.replicate > config.replicates:
            continue
        slot = places.slots(place.replicate)[place.agent - 1]
        decision = (deciding_slot(config, slot), Purpose.DECISION)
        is_strategy = place.purpose is Purpose.STRATEGY
        kind = (slot, Purpose.STRATEGY) if is_strategy else decision
        quoted = 0.0
        if not is_strategy and (strategy := strategies.get(_author(place))) is not None:
            quoted = loads[kind].quotes / loads[kind].calls * len((strategy.reply.text or "").strip().encode())
        _settle(settled[kind], call, quoted, config.models[kind[0]].model_type)
        if is_strategy and decision in loads and read_strategy(call.reply)[1] is not Status.LEGIBLE:
            without = places.matches(place.replicate, place.round)[place.agent] * config.samples
            if without:
                load = loads[decision]
                settled[decision].calls += without
                settled[decision].prompt_bytes += without * load.least_bytes / load.calls
    return dict(settled)


def steps_left(config: Config, record: Sequence[RecordedCall]) -> int:
    """How many calls must still follow one another: the agent that has most of its chain before it decides.

    An agent writes a strategy, then decides, match after match where it is shown its earlier ones, else at once.
    """
    places = _Places(config)
    done: Counter[tuple[int, int, int, Purpose]] = Counter()

    def asked(replicate: int, round_: int, agent: int) -> int:
        return 0 if config.protocol.is_compiled else places.matches(replicate, round_)[agent]

    for call in record:
        place = call.place
        if place.sample > 1 or place.ask > 1:
            continue  # asked beside the first, or in place of it
        done[place.replicate, place.agent, place.round, place.purpose] += 1
        if place.purpose is Purpose.STRATEGY and read_strategy(call.reply)[1] is not Status.LEGIBLE:
            without = asked(place.replicate, place.round, place.agent)
            done[place.replicate, place.agent, place.round, Purpose.DECISION] += without

    def left(replicate: int, agent: int) -> int:
        steps = 0
        for round_ in range(1, config.num_rounds + 1):
            decisions = asked(replicate, round_, agent) - done[replicate, agent, round_, Purpose.DECISION]
            steps += decisions if config.condition.shows.own_matches else min(1, decisions)
            steps += config.protocol.strategy is not None and not done[replicate, agent, round_, Purpose.STRATEGY]
        return steps

    agents = range(1, config.num_agents + 1)
    return max(left(replicate, agent) for replicate in range(1, config.replicates + 1) for agent in agents)


class _Places:
    """Who sits where, and plays how many matches, each drawn once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._slots: dict[int, list[str]] = {}
        self._matches: dict[tuple[int, int], dict[int, int]] = {}

    def slots(self, replicate: int) -> list[str]:
        """Slot of each agent in the first round, by id."""
        if replicate not in self._slots:
            seated = population(self._config.seats, seed=seat_seed(self._config.seed, replicate))
            self._slots[replicate] = [agent.model for agent in seated]
        return self._slots[replicate]

    def matches(self, replicate: int, round_: int) -> dict[int, int]:
        """Agent → its number of matches in a round."""
        place = replicate, round_
        if place not in self._matches:
            self._matches[place] = meetings_of(self._config, self.slots(replicate), replicate, round_)
        return self._matches[place]


def _settle(settled: Settled, call: RecordedCall, quoted_bytes: float, assigned: str) -> None:
    reply = call.reply
    prompt_bytes = text_bytes(call.request["messages"]) - quoted_bytes
    settled.replies.append(reply)
    if call.place.ask > 1:
        return  # paid for, but none of the calls that the workload counts
    settled.calls += 1
    settled.prompt_bytes += prompt_bytes
    if reply.model != assigned or reply.substituted:  # another sits there under evolution
        return
    if reply.tokens_in is not None and reply.tokens_out is not None:
        size = len((reply.text or "").encode())
        settled.measured.append(Measured(prompt_bytes, size, reply.tokens_in, reply.tokens_out, reply.cost_usd))


def _author(place: Place) -> tuple[int, int, int]:
    return place.replicate, place.round, place.agent
