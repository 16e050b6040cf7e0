"""What a person sees while a cell is played: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from acausal.analysis.calls import CallTally
from acausal.design.checks import checks_per_replicate
from acausal.game import Action
from acausal.models.route import Route, Standing
from acausal.play.tournament import Event
from acausal.pricing.workload import calls_in_all
from acausal.records import MatchRecord, Reply
from acausal.report.rows import dollars, seconds
from acausal.running.board import Board
from acausal.settings.encounters import matches_per_round
from acausal.settings.schema import Config, ProgressMode

HEARTBEAT_S = 15.0
"""Seconds between plain lines while no round ends."""
_LONGEST_NAME = 36
"""Letters of a model's id beside its rates in 80 columns."""


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
        """A model's cooperation so far: `cooperates 61% of 58, legible 97%`."""
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
        board: Of the cells played at the same time; None: the cell has the terminal to itself.
        number: Of the cell among them, before each of its plain lines.

    Raises:
        ConfigError: A match is drawn with more turns than any may have.
    """

    def __init__(self, config: Config, console: Console, board: Board | None = None, number: int | None = None) -> None:
        self.tally = Tally()
        self.calls = CallTally()
        self._routes: Sequence[Route] = ()
        self._clock: Callable[[], float] = time.monotonic
        self._config = config
        self._console = console
        self._started = time.monotonic()
        self._told = self._started
        self._rounds = 0
        self._matches_of_round: Counter[tuple[int, int]] = Counter()
        rounds = config.num_rounds * config.replicates
        self._matches_per_round = matches_per_round(config)
        self._total_rounds = rounds
        self._total_matches = rounds * self._matches_per_round
        self._total_calls = calls_in_all(config) + config.replicates * checks_per_replicate(config)
        self._board = board
        self._label = f"{number}: " if board is not None and number is not None else ""
        self._live = config.progress is ProgressMode.auto and console.is_terminal
        self._off = config.progress is ProgressMode.off
        self._display: AbstractContextManager[object] = (
            Live(get_renderable=self._panel, console=console, refresh_per_second=4, transient=True)
            if self._live and board is None
            else nullcontext()
        )

    def __enter__(self) -> Progress:
        if not self._live and not self._off:
            self._say(
                f"{self._title()}: {self._total_rounds} rounds, {self._total_matches} matches, "
                f"{self._total_calls} calls"
            )
        self._display.__enter__()
        if self._board is not None:
            self._board.add(self, self._line)
        return self

    def __exit__(self, *error: object) -> None:
        self._display.__exit__(None, None, None)
        if self._board is not None:
            self._board.remove(self)

    def watch(self, routes: Iterable[Route]) -> None:
        """Show how the models stand, too; called in the loop that asks them."""
        self._routes = tuple(routes)
        self._clock = asyncio.get_running_loop().time

    def on_call(self, reply: Reply) -> None:
        """A call to a model was made and has ended."""
        self.calls.add(reply)

    def on_reply(self, reply: Reply) -> None:
        """A request was answered, or nobody answers it."""
        if reply.replayed:
            self.calls.add(reply)
        self.tally.count_reply(reply)
        if not self._live and not self._off and time.monotonic() - self._told > HEARTBEAT_S:
            absences = (f"{model} {why}" for model, why in self._absences().items())
            self._say("; ".join([self._done(), self._left(), *absences]))

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
                absences = self._absences()
                for model in self._models():
                    facts = [*self._rates(model), self._effort(model), absences.get(model, "")]
                    self._say(f"  {model} {'; '.join(fact for fact in facts if fact)}")

    def _say(self, line: str) -> None:
        self._told = time.monotonic()
        self._console.print(
            f"{datetime.now():%H:%M:%S} {self._label}{line}", soft_wrap=True, highlight=False, markup=False
        )

    def _title(self) -> str:
        config = self._config
        return f"{config.scenario.name}, {config.condition.name}, {config.protocol.name}"

    def _line(self) -> tuple[str, ...]:
        """On a board: name, rounds, calls, cooperation, cost."""
        tally = self.tally
        legible = tally.legible.total()
        rate = f"{tally.cooperations.total() / legible:.0%} of {legible}" if legible else ""
        rounds, calls = f"{self._rounds}/{self._total_rounds}", f"{tally.calls}/{self._total_calls}"
        return f"{self._label}{self._title()}", rounds, calls, rate, tally.cost

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
        return Group(
            head,
            bars,
            Text(used),
            *self._model_lines(),
            Text("Ctrl-C stops; the same command into the same directory goes on", "dim"),
        )

    def _models(self) -> list[str]:
        """Those that decide or are asked."""
        return sorted({*self.tally.decisions, *self.calls.models})

    def _model_lines(self) -> Iterator[Text]:
        """Two lines a model, and a third while it is not asked."""
        models, absences = self._models(), self._absences()
        width = min(max((len(model) for model in models), default=0), _LONGEST_NAME)
        for model in models:
            name = model if len(model) <= width else f"{model[: width - 1]}…"
            yield _line(f"{name.ljust(width)}  {''.join(self._rates(model))}")
            yield _line(f"  {self._effort(model)}", "dim")
            if model in absences:
                yield _line(f"  {absences[model]}", "yellow")

    def _rates(self, model: str) -> list[str]:
        """How a model that decides cooperates; nothing of one that stands in for others alone."""
        return [self.tally.model_line(model)] if model in self.tally.decisions else []

    def _effort(self, model: str) -> str:
        """What its calls took so far: `58 calls, 12 retries, 2 failed, median 0.84 s, cost $0.12`."""
        known = self.calls.summary(model)
        here = [route for route in self._routes if route.model.model_type == model]
        retries = sum(known.retries.values()) + sum(route.retries_under_way for route in here)
        words = ["1 call" if known.calls == 1 else f"{known.calls:,} calls"]
        words += ["1 retry" if retries == 1 else f"{retries:,} retries"] if retries else []
        words += [f"{known.failures:,} failed"] if known.failures else []
        words += [f"median {seconds(known.latency_p50_s)}"] if known.latency_p50_s is not None else []
        return ", ".join([*words, f"cost {dollars(known.cost_usd)}"])

    def _absences(self) -> dict[str, str]:
        """Model → why nobody is sent to it at this moment; models that are asked are left out."""
        now_s = self._clock()
        standings = [(route.model.model_type, route.standing(now_s)) for route in self._routes]
        found = ((model, absence(standing)) for model, standing in standings)
        return {model: why for model, why in found if why}


def absence(standing: Standing) -> str:
    """Why nobody is sent to a model: `out for 40 s, next probe in 3 s`; empty while it is asked."""
    if standing.gone:
        return "gone: not asked again in this run"
    if standing.out_s is not None:
        probe = f"next probe in {duration(standing.probe_in_s)}" if standing.probe_in_s else "probed now"
        return f"out for {duration(standing.out_s)}, {probe}"
    return f"paused {duration(standing.paused_s)}" if round(standing.paused_s) else ""


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def duration(seconds: float) -> str:
    """Seconds in words short enough for a line: `8 s`, `1 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
