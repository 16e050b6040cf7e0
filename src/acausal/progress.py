"""What a person sees while a cell is played: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from acausal.design.horizon import decisions_by_slot
from acausal.game import Action
from acausal.play.tournament import Event
from acausal.records import MatchRecord, Reply
from acausal.schema import Config, ProgressMode

HEARTBEAT_S = 15.0
"""Seconds between plain lines while no round ends."""


@dataclass(slots=True)
class Tally:
    """What has happened so far in a cell."""

    matches: int = 0
    calls: int = 0
    replayed: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    """Calls whose price nobody knows."""
    decisions: Counter[str] = field(default_factory=Counter)
    """Model → decisions asked for."""
    legible: Counter[str] = field(default_factory=Counter)
    """Model → decisions that count: legible and made by the model assigned."""
    cooperations: Counter[str] = field(default_factory=Counter)

    def count_reply(self, reply: Reply) -> None:
        """Add one call."""
        self.calls += 1
        self.replayed += reply.replayed
        self.failed += reply.error is not None
        self.tokens_in += reply.tokens_in or 0
        self.tokens_out += reply.tokens_out or 0
        self.cost_usd += reply.cost_usd or 0.0
        self.unpriced += reply.error is None and reply.cost_usd is None

    def count_match(self, match: MatchRecord) -> None:
        """Add one match and its decisions."""
        self.matches += 1
        for decision in match.decisions:
            self.decisions[decision.agent_model] += 1
            self.legible[decision.agent_model] += decision.counts
            self.cooperations[decision.agent_model] += decision.counts and decision.action is Action.COOPERATE

    def model_line(self, model: str) -> str:
        """A model's cooperation so far: `cooperates 61 % of 58, legible 97 %`."""
        legible, asked = self.legible[model], self.decisions[model]
        if not legible:
            return "nothing legible yet"
        return f"cooperates {self.cooperations[model] / legible:.0%} of {legible}, legible {legible / asked:.0%}"

    @property
    def cost(self) -> str:
        """USD so far, never claiming that an unknown price is zero."""
        known = f"${self.cost_usd:.2f}" if self.cost_usd < 100 else f"${self.cost_usd:,.0f}"
        return known if not self.unpriced else f"{known} + {self.unpriced} calls of unknown price"


class Progress:
    """Counts a cell's events and shows them. Use as a context manager around the play.

    Args:
        config: The cell: what is to come is computed from it. A match that ends early, at a turn without both actions,
            leaves its later calls unmade.
        console: Where to show it.

    Raises:
        ConfigError: A match is drawn with more turns than any may have.
    """

    def __init__(self, config: Config, console: Console) -> None:
        self.tally = Tally()
        self._config = config
        self._console = console
        self._started = time.monotonic()
        self._told = self._started
        self._rounds = 0
        self._matches_of_round: Counter[tuple[int, int]] = Counter()
        agents = config.num_agents
        rounds = config.num_rounds * config.replicates
        self._matches_per_round = agents * (agents - 1) // 2
        self._total_rounds = rounds
        self._total_matches = rounds * self._matches_per_round
        by_slot = decisions_by_slot(config)
        asked = [slot for slot in by_slot if not config.plays_by_rule(slot)]
        strategies = sum(config.seats[slot] for slot in asked) if config.protocol.strategy is not None else 0
        self._total_calls = rounds * strategies + sum(by_slot[slot] for slot in asked)
        self._live = config.progress is ProgressMode.auto and console.is_terminal
        self._off = config.progress is ProgressMode.off
        self._display: AbstractContextManager[object] = (
            Live(get_renderable=self._panel, console=console, refresh_per_second=4, transient=True)
            if self._live
            else nullcontext()
        )

    def __enter__(self) -> Progress:
        if not self._live and not self._off:
            self._say(
                f"{self._title()}: {self._total_rounds} rounds, {self._total_matches} matches, "
                f"{self._total_calls} calls"
            )
        self._display.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._display.__exit__(None, None, None)

    def on_reply(self, reply: Reply) -> None:
        """A call ended."""
        self.tally.count_reply(reply)
        if not self._live and not self._off and time.monotonic() - self._told > HEARTBEAT_S:
            self._say(f"{self._done()}; {self._left()}")

    def on_remark(self, remark: str) -> None:
        """Something the user should know; said whatever the mode."""
        self._say(f"note: {remark}")

    def on_event(self, event: Event) -> None:
        """A strategy was written or a match was played."""
        if not isinstance(event, MatchRecord):
            return
        self.tally.count_match(event)
        place = event.replicate, event.round
        self._matches_of_round[place] += 1
        if self._matches_of_round[place] == self._matches_per_round:
            self._rounds += 1
            if not self._live and not self._off:
                which = f"round {event.round} of {self._config.num_rounds}"
                if self._config.replicates > 1:
                    which += f", replicate {event.replicate} of {self._config.replicates}"
                self._say(f"{which} played; {self._done()}; {self._left()}")
                for model in sorted(self.tally.decisions):
                    self._say(f"  {model} {self.tally.model_line(model)}")

    def _say(self, line: str) -> None:
        self._told = time.monotonic()
        self._console.print(f"{datetime.now():%H:%M:%S} {line}", soft_wrap=True, highlight=False, markup=False)

    def _title(self) -> str:
        config = self._config
        return f"{config.scenario.name}, {config.condition.name}, {config.protocol.name}"

    def _done(self) -> str:
        tally = self.tally
        replayed = f" ({tally.replayed} replayed)" if tally.replayed else ""
        failed = f", {tally.failed} failed" if tally.failed else ""
        return (
            f"{tally.matches}/{self._total_matches} matches, {tally.calls}/{self._total_calls} calls"
            f"{replayed}{failed}, {tally.tokens_in:,} tokens in, {tally.tokens_out:,} out, {tally.cost}"
        )

    def _left(self) -> str:
        """Time left at the pace of the calls made now; replayed ones take none."""
        made = self.tally.calls - self.tally.replayed
        if not made or self.tally.calls >= self._total_calls:
            return "time left unknown" if not made else "last calls done"
        seconds = (time.monotonic() - self._started) / made * (self._total_calls - self.tally.calls)
        return f"about {duration(seconds)} left"

    def _panel(self) -> RenderableType:
        elapsed = duration(time.monotonic() - self._started)
        head = Text.assemble((self._title(), "bold"), f"   {elapsed} elapsed, {self._left()}")
        bars = Table.grid(padding=(0, 2))
        for name, done, total in (
            ("rounds", self._rounds, self._total_rounds),
            ("matches", self.tally.matches, self._total_matches),
            ("calls", self.tally.calls, self._total_calls),
        ):
            bars.add_row(name, ProgressBar(total=total, completed=done, width=30), f"{done}/{total}")
        tally = self.tally
        extra = [f"{tally.replayed} replayed"] if tally.replayed else []
        extra += [f"{tally.failed} failed"] if tally.failed else []
        used = ", ".join([f"{tally.tokens_in:,} tokens in", f"{tally.tokens_out:,} out", tally.cost, *extra])
        models = Table.grid(padding=(0, 2))
        for model in sorted(tally.decisions):
            models.add_row(model, tally.model_line(model))
        return Group(
            head,
            bars,
            Text(used),
            models,
            Text("Ctrl-C stops; the same command into the same directory goes on", "dim"),
        )


def duration(seconds: float) -> str:
    """Seconds in words short enough for a line: `8 s`, `1 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
