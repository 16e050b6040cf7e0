"""What is left of a cell after the calls on record, and what those tell of the rest."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from acausal.design.checks import quizzed_before
from acausal.design.counterbalance import assigned_variants
from acausal.design.horizon import match_turns, turns_by_agent, turns_by_match
from acausal.design.parsing import read_strategy
from acausal.design.population import population, seat_seed
from acausal.design.schedule import Pair
from acausal.game import Action
from acausal.models.recorded import RecordedCall
from acausal.play.agent import deciding_slot, read_choice
from acausal.pricing.sampled import Kind, text_bytes
from acausal.pricing.workload import Load
from acausal.records import Outcome, Place, Purpose, Reply, Status
from acausal.settings.schema import Config

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
        slot = places.slots(place.replicate)[max(0, place.agent - 1)]
        decision = (deciding_slot(config, slot), Purpose.DECISION)
        is_strategy, is_check = place.purpose is Purpose.STRATEGY, place.purpose is Purpose.CHECK
        kind = (slot, Purpose.STRATEGY) if is_strategy else decision
        if is_check:
            # A canary is asked of a slot, for nobody; its place names agent 0.
            kind = (decision[0] if place.agent else place.question.rpartition("/")[2], Purpose.CHECK)
            if kind not in loads:
                continue
        quoted = 0.0
        if not is_strategy and not is_check and (strategy := strategies.get(_author(place))) is not None:
            quoted = loads[kind].quotes / loads[kind].calls * len((strategy.reply.text or "").strip().encode())
        _settle(settled[kind], call, quoted, config.models[kind[0]].model_type)
    for (replicate, _, agent), decisions in _never_asked(config, record, places).items():
        slot = deciding_slot(config, places.slots(replicate)[agent - 1])
        load, calls = loads[slot, Purpose.DECISION], decisions * config.samples
        settled[slot, Purpose.DECISION].calls += calls
        settled[slot, Purpose.DECISION].prompt_bytes += calls * load.least_bytes / load.calls
    return dict(settled)


def steps_left(config: Config, record: Sequence[RecordedCall]) -> int:
    """How many calls must still follow one another: the agent that has most of its chain before it decides.

    An agent writes a strategy, then decides, turn after turn, and match after match where it is shown its earlier
    ones, else in all of them at once: then no longer than its longest match.
    """
    places = _Places(config)
    done, written = _never_asked(config, record, places), set[_Author]()
    for call in record:
        place = call.place
        if place.purpose is Purpose.STRATEGY:
            written.add(_author(place))
        elif place.sample == place.ask == 1 and place.purpose is Purpose.DECISION:
            # Any other is asked beside it, or in place of it.
            done[_author(place)] += 1
    answered = {(call.place.replicate, call.place.agent) for call in record if call.place.purpose is Purpose.CHECK}
    left: Counter[tuple[int, int]] = Counter(places.quizzed - answered)  # one step: it is asked all at once
    for replicate in range(1, config.replicates + 1):
        for round_ in range(1, config.num_rounds + 1):
            longest = math.inf if config.condition.shows.own_matches else places.longest(replicate, round_)
            for agent, turns in places.turns(replicate, round_).items():
                if config.plays_by_rule(places.slots(replicate)[agent - 1]):
                    continue
                author = replicate, round_, agent
                if not config.protocol.is_compiled:
                    left[replicate, agent] += int(min(longest, turns - done[author]))
                left[replicate, agent] += config.protocol.strategy is not None and author not in written
    return max(left.values(), default=0)


def _never_asked(config: Config, record: Sequence[RecordedCall], places: _Places) -> Counter[_Author]:
    """Decisions of each author that are never asked for: a match ends with the turn in which an action is missing.

    An agent whose strategy on record is none has no action in the first turn of each of its matches.
    """
    if config.protocol.is_compiled:
        return Counter()  # no decision is asked for at all
    speechless = {
        _author(call.place)
        for call in record
        if call.place.purpose is Purpose.STRATEGY
        and call.place.replicate <= config.replicates
        and read_strategy(call.reply)[1] is not Status.LEGIBLE
    }
    if not config.game.horizon.several:
        return Counter({author: places.turns(*author[:2])[author[2]] for author in speechless})
    ends = _ends(config, record, places)
    for replicate, round_, agent in speechless:
        ends |= {(replicate, round_, pair): 1 for pair in places.pairs(replicate, round_) if agent in pair}
    unasked: Counter[_Author] = Counter()
    for (replicate, round_, pair), end in ends.items():
        after = match_turns(config, replicate, round_, pair) - end
        for agent in pair:
            if not config.plays_by_rule(places.slots(replicate)[agent - 1]):
                unasked[replicate, round_, agent] += after + ((replicate, round_, agent) in speechless)
    return unasked


def _ends(config: Config, record: Sequence[RecordedCall], places: _Places) -> dict[tuple[int, int, Pair], int]:
    """Replicate, round and pair of agents → the turn without an action that ended their match, of those that did so."""
    ends: dict[tuple[int, int, Pair], int] = {}
    for call in record:
        place = call.place
        is_decision = place.purpose is Purpose.DECISION and place.coplayer is not None and place.sample == 1
        if not is_decision or place.replicate > config.replicates:
            continue
        assert place.coplayer is not None  # else it is none
        reading = read_choice(config, places.labels(place.replicate, place.agent), call.reply, place)
        is_asked_again = reading.outcome is Outcome.ILLEGIBLE and place.ask <= config.max_reasks
        if reading.action is None and not is_asked_again:
            pair = min(place.agent, place.coplayer), max(place.agent, place.coplayer)
            match = place.replicate, place.round, pair
            ends[match] = min(place.turn, ends.get(match, place.turn))
    return ends


class _Places:
    """Who sits where, reads which words, and plays how many turns with whom, each drawn once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._slots: dict[int, list[str]] = {}
        self._labels: dict[int, dict[int, dict[Action, str]]] = {}
        self._turns: dict[tuple[int, int], Mapping[int, int]] = {}
        self._pairs: dict[tuple[int, int], list[Pair]] = {}

    @property
    def quizzed(self) -> set[tuple[int, int]]:
        """(replicate, agent) of those that are asked something before they decide."""
        if not (self._config.checks.comprehension or self._config.checks.beliefs):
            return set()
        return {
            (replicate, agent)
            for replicate in range(1, self._config.replicates + 1)
            for agent, is_first in quizzed_before(self._config, replicate).items()
            if is_first and not self._config.plays_by_rule(self.slots(replicate)[agent - 1])
        }

    def slots(self, replicate: int) -> list[str]:
        """Slot of each agent in the first round, by id."""
        if replicate not in self._slots:
            seated = population(self._config.seats, seed=seat_seed(self._config.seed, replicate))
            self._slots[replicate] = [agent.model for agent in seated]
        return self._slots[replicate]

    def labels(self, replicate: int, agent: int) -> Mapping[Action, str]:
        """Action → its word for an agent."""
        if replicate not in self._labels:
            dealt = assigned_variants(self._config, replicate)
            self._labels[replicate] = {each: variant.labels for each, variant in dealt.items()}
        return self._labels[replicate][agent]

    def turns(self, replicate: int, round_: int) -> Mapping[int, int]:
        """Agent → the turns of all its matches of a round."""
        place = replicate, round_
        if place not in self._turns:
            self._turns[place] = turns_by_agent(self._config, self.slots(replicate), replicate, round_)
        return self._turns[place]

    def pairs(self, replicate: int, round_: int) -> list[Pair]:
        """Who meets in a round, the lower id first."""
        place = replicate, round_
        if place not in self._pairs:
            drawn = turns_by_match(self._config, self.slots(replicate), replicate, round_)
            self._pairs[place] = [pair for pair, _ in drawn]
        return self._pairs[place]

    def longest(self, replicate: int, round_: int) -> int:
        """Turns of the longest match of a round."""
        if not self._config.game.horizon.varies:
            return self._config.game.horizon.turns
        return max(turns for _, turns in turns_by_match(self._config, self.slots(replicate), replicate, round_))


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


def _author(place: Place) -> _Author:
    return place.replicate, place.round, place.agent
