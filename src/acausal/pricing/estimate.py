"""What a cell will cost and how long it will take at least: arithmetic over its workload, prices and calls on record.

What is assumed, and why:

- **Input**: a token per 3 to 6 UTF-8 bytes. Tokenizers in use spend 4 to 5 bytes of plain English on a token, no fewer
  than a token per word (5.6 bytes in these prompts), and about 3 on capitals, digits and lists such as a history;
  other scripts take 3 bytes a character. Chat templates add a few tokens to each call, a JSON schema its own length.
- **Output**: one sentence of strategy takes 10 to 200 tokens, a program up to 300, a decision what its answer format
  leaves room for. A model that reasons may think for nothing or for all of `max_tokens`.
- **At most**: every reply takes its whole `max_tokens`, and every strategy so long is quoted in its agent's prompts.
- **On record**: calls that a ledger holds, from a probe or an interrupted run, are measurements: the 95 % t interval of
  their mean replaces what is assumed, never narrower than a tenth of the mean or one token, since few calls look alike
  by chance. What prompts grow by, beyond those measured, is counted in bytes as before.
- Every call is taken to be answered, legible, at the first attempt, by the model assigned.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acausal.analysis.inference import half_width
from acausal.models.catalog import Listing, Price, price_of
from acausal.models.recorded import RecordedCall
from acausal.pricing.sampled import Kind
from acausal.pricing.settled import Settled, settled_calls, steps_left
from acausal.pricing.workload import Load, workload
from acausal.records import Purpose
from acausal.settings.schema import AnswerFormat, Config, EndpointKind, ModelConfig

LEAST_BYTES_PER_TOKEN, MOST_BYTES_PER_TOKEN = 3.0, 6.0
TEMPLATE_TOKENS = 12
"""At most, per call: the roles and markers that a chat template sets around two messages."""
SCHEMA_TOKENS = 100
"""At most, per call: a JSON schema as providers put it into the prompt."""
STRATEGY_TOKENS = (10, 200)
PROGRAM_TOKENS = (10, 300)
"""Five choices and their keys; long labels and a reason make it long."""
PROGRAM_SCHEMA_TOKENS = 400
"""At most, per call: the JSON schema of a program, where one is sent."""
DECISION_TOKENS = {AnswerFormat.text: (1, 30), AnswerFormat.json_schema: (2, 20), AnswerFormat.grammar: (1, 8)}
CHECK_TOKENS = 60
"""At most, on average, of a question beside the game."""
ASSUMPTIONS = (
    "Assumed: a token per 3 to 6 bytes of prompt; 10–200 tokens a strategy (10–300 as a program), 1–30 a decision "
    "(2–20 as JSON), 1–60 a check, up to max_tokens where a model reasons; calls on record are measured instead.",
    "At most: every reply takes its max_tokens. Retries and substitutes are not counted, nor re-asks, "
    "which depend on the replies: at most max_reasks for each that is illegible.",
)


@dataclass(frozen=True, slots=True)
class Span:
    """A quantity that is not known yet."""

    low: float
    high: float
    ceiling: float
    """What it cannot exceed; inf where nothing tells."""

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high, self.ceiling + other.ceiling)

    def __mul__(self, times: float) -> Span:
        return Span(self.low * times, self.high * times, self.ceiling * times)


NOTHING = Span(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RowEstimate:
    """The calls of one slot and purpose that are still to be made."""

    slot: str
    model: str
    purpose: Purpose
    calls: int
    tokens_in: Span
    tokens_out: Span
    usd: Span | None
    """None: nobody knows the price."""
    measured: int
    """Calls on record behind the tokens; 0: assumed."""
    reasons: bool | None
    """Whether the model reasons; None: not known."""


@dataclass(frozen=True, slots=True)
class RateBound:
    """The rate limit that holds a run up longest."""

    model: str
    rate_limit: float
    """Requests per minute."""
    seconds: float


@dataclass(frozen=True, slots=True)
class CellEstimate:
    """What a cell still takes."""

    rows: tuple[RowEstimate, ...]
    recorded: int
    """Calls of this cell on record, which are not made again."""
    paid_usd: float | None
    """What they cost; None when that is not known of all."""
    rate: RateBound | None
    steps: int
    """Calls that must follow one another, whatever runs beside them."""
    latency_s: float | None
    """Mean of the calls on record; None without one."""

    @property
    def calls(self) -> int:
        """Calls still to be made."""
        return sum(row.calls for row in self.rows)

    @property
    def tokens_in(self) -> Span:
        """Input tokens of all rows."""
        return sum((row.tokens_in for row in self.rows), NOTHING)

    @property
    def tokens_out(self) -> Span:
        """Output tokens of all rows, reasoning included."""
        return sum((row.tokens_out for row in self.rows), NOTHING)

    @property
    def usd(self) -> Span | None:
        """USD; None when the price of any row is unknown."""
        return total_usd([row.usd for row in self.rows])

    @property
    def unpriced(self) -> dict[str, str]:
        """Slot → model of which nobody knows the price."""
        return {row.slot: row.model for row in self.rows if row.usd is None}


def total_usd(parts: Sequence[Span | None]) -> Span | None:
    """A sum of costs: unknown as soon as one of them is."""
    total = NOTHING
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def estimate(
    config: Config, listings: Mapping[str, Listing | None], record: Sequence[RecordedCall] = ()
) -> CellEstimate:
    """What a cell still takes.

    Args:
        listings: Slot → what the endpoint's catalog says of its model; a price in the configuration wins over it.
        record: Calls that the cell's ledger holds.

    Raises:
        ConfigError: A prompt does not render.
    """
    loads = workload(config)
    settled = settled_calls(config, record, loads)
    quote = _quoted_strategy(loads, settled)
    rows = []
    for kind, load in loads.items():
        model, listing, done = config.models[kind[0]], listings.get(kind[0]), settled.get(kind, Settled())
        calls = max(0, load.calls - done.calls)
        usual_out, schema = _usual(kind[1], model.answer_format, config.protocol.is_compiled)
        tokens_in = _tokens_in(schema, load, done, calls, quote) if calls else NOTHING
        tokens_out = _tokens_out(usual_out, load, model, listing, done) * calls
        usd = _usd(calls, tokens_in, tokens_out, price_of(model, listing), done)
        reasons, measured = reasoning(model, listing), len(done.measured)
        rows.append(
            RowEstimate(kind[0], model.model_type, kind[1], calls, tokens_in, tokens_out, usd, measured, reasons)
        )
    replies = [reply for done in settled.values() for reply in done.replies]
    paid = [reply.cost_usd for reply in replies if reply.error is None]
    latencies = [reply.latency_s for reply in replies if reply.latency_s is not None]
    return CellEstimate(
        rows=tuple(rows),
        recorded=len(replies),
        paid_usd=None if None in paid else math.fsum(usd for usd in paid if usd is not None),
        rate=_rate_bound(config, rows),
        steps=steps_left(config, record) if any(row.calls for row in rows) else 0,
        latency_s=math.fsum(latencies) / len(latencies) if latencies else None,
    )


def reasoning(model: ModelConfig, listing: Listing | None) -> bool | None:
    """Whether a model will reason: as its parameters ask, else as the catalog says; None: not known."""
    if model.endpoint.kind is not EndpointKind.openai:
        return False
    params = model.endpoint.params | model.custom_params
    asked = params.get("reasoning")
    options: Mapping[str, object] = asked if isinstance(asked, Mapping) else {}
    effort = params.get("reasoning_effort", options.get("effort"))
    if options.get("enabled") is False or effort == "none":
        return False
    if options or effort is not None:
        return True
    return listing.reasons if listing is not None else None


def _usual(purpose: Purpose, answer_format: AnswerFormat, is_compiled: bool) -> tuple[tuple[int, int], int]:
    """Tokens of one reply, from and to, and at most those of the JSON schema that is sent with its request."""
    has_schema = answer_format is AnswerFormat.json_schema
    if purpose is Purpose.DECISION:
        return DECISION_TOKENS[answer_format], SCHEMA_TOKENS if has_schema else 0
    if purpose is Purpose.CHECK:  # most are a word or a number, a few a sentence
        low, high = DECISION_TOKENS[answer_format]
        return (low, max(high, CHECK_TOKENS)), SCHEMA_TOKENS if has_schema else 0
    if is_compiled:
        return PROGRAM_TOKENS, PROGRAM_SCHEMA_TOKENS if has_schema else 0
    return STRATEGY_TOKENS, 0


def _tokens_out(usual: tuple[int, int], load: Load, model: ModelConfig, listing: Listing | None, done: Settled) -> Span:
    """Of one call."""
    ceiling = float(load.max_tokens)
    if done.measured:
        low, high = _mean([call.tokens_out for call in done.measured])
        low = max(1.0, low)  # a reply without a token is none
    else:
        low, high = usual
        if reasoning(model, listing):
            high = ceiling
    return Span(min(low, ceiling), min(high, ceiling), ceiling)


def _quoted_strategy(loads: Mapping[Kind, Load], settled: Mapping[Kind, Settled]) -> Span:
    """Tokens of a strategy where prompts quote it: without reasoning; the longest of all slots is the ceiling."""
    asked = [load.max_tokens for (_, purpose), load in loads.items() if purpose is Purpose.STRATEGY]
    strategies = [done for (_, purpose), done in settled.items() if purpose is Purpose.STRATEGY]
    written = [call.reply_bytes for done in strategies for call in done.measured]
    ceiling = float(max(asked, default=0))
    least, most = _mean(written) if written else (0.0, 0.0)
    low, high = tokens_of(least)[0], tokens_of(most)[1]
    if not written:
        low, high = STRATEGY_TOKENS
    return Span(min(low, ceiling), min(high, ceiling), ceiling)


def _tokens_in(schema_tokens: int, load: Load, done: Settled, calls: int, quote: Span) -> Span:
    """Of the calls still to be made."""
    quotes = load.quotes * calls / load.calls
    least, most = (max(0.0, size - done.prompt_bytes) for size in (load.least_bytes, load.most_bytes))
    if done.measured:
        low, high = (calls * tokens for tokens in _mean([call.tokens_in for call in done.measured]))
        measured_bytes = calls * math.fsum(call.prompt_bytes for call in done.measured) / len(done.measured)
        low += tokens_of(least - measured_bytes)[0]
        high += tokens_of(most - measured_bytes)[1]
        return Span(max(0.0, low), high, high + quotes * quote.ceiling)
    frame = calls * (TEMPLATE_TOKENS + schema_tokens)
    words = Span(tokens_of(least)[0], tokens_of(most)[1] + frame, tokens_of(most)[1] + frame)
    return words + quote * quotes


def tokens_of(size: float) -> tuple[float, float]:
    """Fewest and most tokens of so many bytes, which are negative where prompts shrink."""
    fewest, most = sorted((size / MOST_BYTES_PER_TOKEN, size / LEAST_BYTES_PER_TOKEN))
    return fewest, most


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """A range for the mean of what a few values were drawn from; of a single one, half of it to either side."""
    centre = math.fsum(values) / len(values)
    half = half_width(values, 0.95) if len(values) > 1 else centre / 2
    half = max(half, centre / 10, 1.0)
    return max(0.0, centre - half), centre + half


def _usd(calls: int, tokens_in: Span, tokens_out: Span, price: Price | None, done: Settled) -> Span | None:
    """Of the calls still to be made, corrected by what endpoints reported so far."""
    if not calls:
        return NOTHING
    reported = [(call.tokens_in, call.tokens_out, call.usd) for call in done.measured if call.usd is not None]
    cost = math.fsum(usd for _, _, usd in reported)
    listed = math.fsum(price.of(into, out) for into, out, _ in reported) if price is not None else 0.0
    if price is not None and (listed or not cost):
        total = (
            tokens_in * price.input_usd + tokens_out * price.output_usd + Span(calls, calls, calls) * price.request_usd
        )
        factor = cost / listed if listed else 1.0
        return Span(total.low * factor, total.high * factor, total.ceiling * max(1.0, factor))
    if not reported:
        return None
    # Whatever the two prices are, a call's cost grows by no less and no more than its input and its output do.
    each = calls * cost / len(reported)
    usual_in, usual_out = (calls * math.fsum(call[i] for call in reported) / len(reported) for i in (0, 1))
    low = min(tokens_in.low / usual_in if usual_in else 1.0, tokens_out.low / usual_out if usual_out else 1.0)
    high = max(tokens_in.high / usual_in if usual_in else 1.0, tokens_out.high / usual_out if usual_out else 1.0)
    return Span(each * low, each * high, math.inf)


def _rate_bound(config: Config, rows: Sequence[RowEstimate]) -> RateBound | None:
    """The slowest rate limit; slots of the same model at the same endpoint share one, the lowest of theirs."""
    calls: Counter[tuple[str, str | None, str]] = Counter()
    rates: dict[tuple[str, str | None, str], float] = {}
    for slot in config.asked_slots:
        model = config.models[slot]
        served = (model.endpoint.name, model.endpoint.base_url, model.model_type)
        calls[served] += sum(row.calls for row in rows if row.slot == slot)
        if model.rate_limit is not None:
            rates[served] = min(model.rate_limit, rates.get(served, math.inf))
    bounds = [
        RateBound(served[2], rate, (calls[served] - 1) * 60 / rate) for served, rate in rates.items() if calls[served]
    ]
    return max(bounds, key=lambda bound: bound.seconds, default=None)
