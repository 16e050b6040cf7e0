"""What the simulated endpoint makes of a request: key, credit, faults, limits, personas, the bill. No network."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acausal.config import fingerprint, model_files, nearest
from acausal.errors import ConfigError, ModelRejected
from acausal.models.answers import (
    NOTHING,
    PRICE,
    SUPPORTED,
    Answer,
    complaint,
    error,
    failure,
    rate_limited,
    reply,
    unauthorized,
)
from acausal.models.catalog import Price
from acausal.models.chance import Strikes, latency_s
from acausal.models.faults import NO_FAULT, Fault
from acausal.models.planted import fault_of
from acausal.models.scripted import FAIR, SERVED, ScriptedEndpoint
from acausal.models.seen import SeenRequest
from acausal.models.throttle import MINUTE_S, Throttle

PREFIX = "sim/"


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How the simulated endpoint behaves.

    Raises:
        ConfigError: There is no such persona, or a number lies outside its range.
    """

    persona: str | None = None
    """Serves the ids that are not `sim/…`; None: they are unknown models."""
    models: tuple[str, ...] = ()
    """Ids beside `sim/…` that exist; only these are listed and served. Empty: under a persona any is served, and those
    of conf/model are listed."""
    api_key: str | None = None
    """The key that chat requests and GET /key must bring; None: none is needed."""
    latency_s: float = 0.0
    """Median seconds before each answer to a chat request."""
    latency_spread: float = 0.0
    """Standard deviation of the latency's logarithm; 0: each answer takes the median."""
    seed: int = 0
    """Decides the calls that bring no seed of their own, whom faults with a rate strike, and latencies."""
    faults: tuple[Fault, ...] = ()
    """The first that matches a request strikes; each counts the requests that its `model` matches."""
    requests_per_minute: float | None = None
    """Of each model; None: no limit."""
    tokens_per_minute: float | None = None
    """Of each model, in and out together; None: no limit."""
    window_s: float = MINUTE_S
    """Length of the sliding window; a shorter one allows its share of a minute's requests and tokens."""
    send_retry_after: bool = False
    """Whether the answer to a request over the limit carries Retry-After beside X-RateLimit-Reset."""
    credit_usd: float | None = None
    """Once the replies have cost this, requests are refused with 402; None: no limit."""
    price: Price = PRICE
    """Of every model."""
    supported_parameters: tuple[str, ...] = SUPPORTED
    """What GET /models says of every model; nothing is refused for it."""
    serves_models: bool = True
    """Whether GET /models exists."""
    serves_key: bool = True
    """Whether GET /key exists, as it does at OpenRouter only."""
    keep_requests: bool = True
    """Whether `Simulator.requests` grows; off for a server that runs for days."""
    log: Path | None = None
    """File that gets a JSON line per chat request."""

    def __post_init__(self) -> None:
        if self.persona is not None and self.persona not in SERVED:
            known = list(SERVED)
            raise ConfigError(
                f"the simulator has no persona {self.persona!r}: "
                f"choose one of {', '.join(known)}{nearest(self.persona, known)}"
            )
        for name in ("latency_s", "latency_spread", "credit_usd"):
            if getattr(self, name) is not None and not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} of the simulator is {getattr(self, name)!r}: give a number from 0")
        for name in ("requests_per_minute", "tokens_per_minute", "window_s"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise ConfigError(f"{name} of the simulator is {getattr(self, name)!r}: give a number above 0")


def listed_models(settings: SimulatorSettings) -> tuple[str, ...]:
    """The ids that GET /models names."""
    named = settings.models or (tuple(model_files("openrouter")) if settings.persona is not None else ())
    return (*(PREFIX + name for name in SERVED), *named)


class Gateway:
    """Decides on each request at once as it arrives, so that no two of them interfere.

    Args:
        started_s: Monotonic seconds from which the faults' windows of time count.
    """

    def __init__(self, settings: SimulatorSettings, started_s: float) -> None:
        self.usage_usd = 0.0
        """What all replies so far cost; a reply is charged when its request arrives."""
        self._settings = settings
        self._started_s = started_s
        self._scripted = ScriptedEndpoint(seed=settings.seed)
        self._strikes = Strikes(settings.faults, settings.seed)
        self._throttle = Throttle(settings.requests_per_minute, settings.tokens_per_minute, settings.window_s)
        self._passed: Counter[str] = Counter()
        self._replies = 0

    def may_pass(self, authorization: str | None) -> bool:
        """Whether a request with this Authorization header may be answered."""
        return self._settings.api_key is None or authorization == f"Bearer {self._settings.api_key}"

    def arrived(self, body: dict[str, Any], authorization: str | None, at_s: float) -> SeenRequest:
        """The record of a request that has just come, at monotonic seconds."""
        digest = fingerprint(body)
        model, brought_key = str(body.get("model", "")), authorization is not None
        return SeenRequest(at_s, model, body, brought_key, self.may_pass(authorization), digest, self._passed[digest])

    def answer(self, seen: SeenRequest) -> tuple[Answer, Fault]:
        """What a request gets, and the fault in it."""
        if not seen.key_is_right:
            return unauthorized(seen.brought_key), NO_FAULT
        if (refusal := complaint(seen.body)) is not None:
            return refusal, NO_FAULT
        credit_usd = self._settings.credit_usd
        if credit_usd is not None and self.usage_usd >= credit_usd:
            return error(402, f"Insufficient credits: {credit_usd:g} USD are used up"), NO_FAULT
        fault = self._strikes.on(seen, seen.at_s - self._started_s)
        fault = fault_of(self._persona(seen.body)) if fault is NO_FAULT else fault
        answer = self._outcome(seen.body, fault)
        over = self._throttle.admit(seen.model, answer.tokens_in + answer.tokens_out, seen.at_s)
        if over is not None:
            seen.limited = True
            return rate_limited(over, time.time(), retry_after=self._settings.send_retry_after), NO_FAULT
        seen.fault = fault.name
        self._passed[seen.digest] += 1
        self._bill(seen, answer)
        return answer, fault

    def again(self, first: SeenRequest, answer: Answer) -> SeenRequest:
        """The same request once more, as a proxy sends it whose first connection broke: its answer goes nowhere."""
        seen = replace(first, tokens_in=0, tokens_out=0, cost_usd=0.0)
        seen.limited = self._throttle.admit(seen.model, answer.tokens_in + answer.tokens_out, seen.at_s) is not None
        if not seen.limited:
            self._bill(seen, answer)
        return seen

    def latency_s(self, seen: SeenRequest) -> float:
        """Seconds that the answer to a request takes."""
        return latency_s(self._settings.latency_s, self._settings.latency_spread, self._settings.seed, seen)

    def _bill(self, seen: SeenRequest, answer: Answer) -> None:
        seen.tokens_in, seen.tokens_out, seen.cost_usd = answer.tokens_in, answer.tokens_out, answer.cost_usd
        self.usage_usd += answer.cost_usd

    def _outcome(self, body: Mapping[str, Any], fault: Fault) -> Answer:
        """The answer to a request that nothing refuses."""
        if fault.drop or fault.hang:
            return NOTHING
        if (broken := failure(fault)) is not None:
            return broken
        try:
            text = self._say(body) if fault.text is None else fault.text
        except ModelRejected as unknown:
            return error(404, str(unknown))
        self._replies += 1
        facts = {
            "id": f"gen-sim-{self._replies}",
            "provider": "Simulator",
            "system_fingerprint": f"sim_{self._settings.seed}",
        }
        return reply(body, text, fault, self._settings.price, facts, fair=self._persona(body) in FAIR)

    def _say(self, body: Mapping[str, Any]) -> str:
        model, persona = str(body["model"]), self._persona(body)
        served = model.startswith(PREFIX) or not self._settings.models or model in self._settings.models
        if persona is None or not served:
            raise ModelRejected(f"No endpoints found for {model}.", model=model, status=404)
        return self._scripted.reply(persona, body)

    def _persona(self, body: Mapping[str, Any]) -> str | None:
        """Who is asked; None: nobody that exists."""
        model = str(body["model"])
        return model.removeprefix(PREFIX) if model.startswith(PREFIX) else self._settings.persona
