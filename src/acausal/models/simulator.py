"""A simulated OpenRouter on a loopback port: personas that answer, and faults on demand.

    async with Simulator(SimulatorSettings(persona="coin")) as simulator:   # in a running loop
        client = AsyncOpenAI(base_url=simulator.base_url, api_key="any")

    with running(SimulatorSettings()) as simulator:                         # in a thread, e.g. for subprocesses
        environment["OPENROUTER_BASE_URL"] = simulator.base_url

`sim/<persona>` is served by that persona, any other id by the default persona where one is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from acausal.config import nearest
from acausal.errors import ConfigError, ModelRejected
from acausal.models.faults import NO_FAULT, Fault, error_response, failure
from acausal.models.scripted import PERSONAS, ScriptedEndpoint, chat_completion

PREFIX = "sim/"
INPUT_USD_PER_TOKEN = 0.000001
OUTPUT_USD_PER_TOKEN = 0.000002
CONTEXT_LENGTH = 32768
LOOPBACK = ("127.0.0.1", "localhost")
LARGEST_BODY = 64 * 1024**2
"""Bytes."""
SUPPORTED = ("max_tokens", "response_format", "seed", "structured_outputs", "temperature", "top_p")


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """How the simulated endpoint behaves.

    Raises:
        ConfigError: There is no such persona.
    """

    persona: str | None = None
    """Serves the ids that are not `sim/…`; None: they are unknown models."""
    models: tuple[str, ...] = ()
    """Ids beside `sim/…` that exist; only these are listed and served. Empty: any is served, none listed."""
    api_key: str | None = None
    """The key that chat requests and GET /key must bring; None: none is needed."""
    latency_s: float = 0.0
    """Seconds before each reply."""
    seed: int = 0
    """Decides the calls that bring no seed of their own."""
    faults: tuple[Fault, ...] = ()
    """The first that matches a request strikes; each counts the requests that its `model` matches."""
    keep_requests: bool = True
    """Whether `Simulator.requests` grows; off for a server that runs for days."""

    def __post_init__(self) -> None:
        if self.persona is not None and self.persona not in PERSONAS:
            known = list(PERSONAS)
            raise ConfigError(
                f"the simulator has no persona {self.persona!r}: "
                f"choose one of {', '.join(known)}{nearest(self.persona, known)}"
            )


@dataclass(slots=True)
class SeenRequest:
    """A chat request as it arrived, and how it was answered."""

    at_s: float
    """Monotonic seconds of its arrival."""
    model: str
    body: dict[str, Any]
    brought_key: bool
    key_is_right: bool
    """True also where no key is needed. The key itself is never kept."""
    status: int | None = None
    """HTTP status answered; None before the answer, and where the connection was dropped."""


class Simulator:
    """The endpoint; an async context manager that serves in the running loop.

    Args:
        host: A loopback address: nothing but this machine can reach it.
        port: 0: a free one, known as `base_url` once the context is entered.
    """

    def __init__(self, settings: SimulatorSettings | None = None, *, host: str = LOOPBACK[0], port: int = 0) -> None:
        if host not in LOOPBACK:
            raise ConfigError(
                f"the simulator serves this machine only, but its host is {host!r}: use {' or '.join(LOOPBACK)}"
            )
        self.settings = settings or SimulatorSettings()
        self.requests: list[SeenRequest] = []
        """Chat requests in order of arrival."""
        self.usage_usd = 0.0
        """What all replies so far cost."""
        self._host, self._port = host, port
        self._scripted = ScriptedEndpoint(seed=self.settings.seed)
        self._matched: Counter[int] = Counter()
        self._replies = 0
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """Where it listens, in the form that clients take."""
        return f"http://{self._host}:{self._port}/api/v1"

    async def __aenter__(self) -> Simulator:
        app = web.Application(client_max_size=LARGEST_BODY)
        for root in ("/api/v1", "/v1"):
            app.router.add_post(f"{root}/chat/completions", self._chat)
            app.router.add_get(f"{root}/models", self._list_models)
            app.router.add_get(f"{root}/key", self._describe_key)
        # No grace for requests in flight: a test that leaves while a reply is delayed must not wait for it.
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"cannot listen on port {self._port} of {self._host}: {error}; take another, 0 for a free one"
            ) from error
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await _json_object(request)
        brought, right = self._check_key(request)
        seen = SeenRequest(time.monotonic(), str(body.get("model", "")), body, brought, right)
        if self.settings.keep_requests:
            self.requests.append(seen)
        refusal = _unauthorized(brought) if not right else _complaint(body)
        fault = self._fault_for(body) if refusal is None else NO_FAULT
        await asyncio.sleep(self.settings.latency_s + fault.delay_s)
        if fault.drop:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # goes nowhere
        response = refusal if refusal is not None else failure(fault)
        if response is None:
            response = self._reply(body, fault)
        seen.status = response.status
        return response

    def _fault_for(self, body: Mapping[str, Any]) -> Fault:
        struck = NO_FAULT
        for place, fault in enumerate(self.settings.faults):
            if fault.model in str(body["model"]):
                self._matched[place] += 1
                if struck is NO_FAULT and (not fault.requests or self._matched[place] in fault.requests):
                    struck = fault
        return struck

    def _reply(self, body: Mapping[str, Any], fault: Fault) -> web.Response:
        try:
            text = self._say(body) if fault.text is None else fault.text
        except ModelRejected as error:
            return error_response(404, str(error))
        completion = chat_completion(body, text)
        usage = completion["usage"]
        usage["cost"] = usage["prompt_tokens"] * INPUT_USD_PER_TOKEN + usage["completion_tokens"] * OUTPUT_USD_PER_TOKEN
        self.usage_usd += usage["cost"]
        self._replies += 1
        completion["choices"][0]["finish_reason"] = fault.finish_reason or "stop"
        completion |= {
            "id": f"gen-sim-{self._replies}",
            "model": fault.served_model or body["model"],
            "provider": "Simulator",
            "system_fingerprint": f"sim_{self.settings.seed}",
        }
        return web.json_response(completion)

    def _say(self, body: Mapping[str, Any]) -> str:
        model, persona = str(body["model"]), self.settings.persona
        if model.startswith(PREFIX):
            return self._scripted.reply(model.removeprefix(PREFIX), body)
        if persona is None or (self.settings.models and model not in self.settings.models):
            raise ModelRejected(f"No endpoints found for {model}.", model=model, endpoint=self.base_url, status=404)
        return self._scripted.reply(persona, body)

    async def _list_models(self, _: web.Request) -> web.Response:
        ids = (*(PREFIX + name for name in PERSONAS), *self.settings.models)
        return web.json_response({"data": [_catalogue_entry(model) for model in ids]})

    async def _describe_key(self, request: web.Request) -> web.Response:
        brought, right = self._check_key(request)
        if not right:
            return _unauthorized(brought)
        facts = {"label": "simulator", "limit": None, "limit_remaining": None, "is_free_tier": False}
        return web.json_response({"data": facts | {"usage": self.usage_usd}})

    def _check_key(self, request: web.Request) -> tuple[bool, bool]:
        """Whether the request brings a key, and whether it may pass."""
        header, wanted = request.headers.get("Authorization"), self.settings.api_key
        return header is not None, wanted is None or header == f"Bearer {wanted}"


@contextlib.contextmanager
def running(settings: SimulatorSettings | None = None, *, port: int = 0) -> Iterator[Simulator]:
    """A simulator in a thread with a loop of its own: for blocking code and for subprocesses."""
    started: Future[tuple[Simulator, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def live() -> None:
        stop = asyncio.Event()
        async with Simulator(settings, port=port) as simulator:
            started.set_result((simulator, asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)  # raised where the caller waits

    thread = threading.Thread(target=run, name="simulator", daemon=True)
    thread.start()
    simulator, loop, stop = started.result()
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def serve(settings: SimulatorSettings, *, host: str = LOOPBACK[0], port: int = 8000) -> None:
    """Serve until Ctrl-C or SIGTERM; writes one line that says where and how to use it.

    Raises:
        ConfigError: The port is taken, or the host is not this machine.
    """
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(Simulator(replace(settings, keep_requests=False), host=host, port=port)))


async def _serve(simulator: Simulator) -> None:
    stop = asyncio.Event()
    # Said explicitly: a shell starts background jobs with SIGINT ignored, and Python then leaves it so.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with simulator:
        url = simulator.base_url
        key = "any" if simulator.settings.api_key is None else "…"
        sys.stdout.write(
            f"simulated endpoint at {url}; to use it: "
            f"export OPENROUTER_BASE_URL={url} OPENAI_COMPATIBLE_BASE_URL={url} OPENROUTER_API_KEY={key}\n"
        )
        sys.stdout.flush()
        await stop.wait()


async def _json_object(request: web.Request) -> dict[str, Any]:
    """The body; empty where it is no JSON object."""
    with contextlib.suppress(ValueError):
        body = await request.json()
        if isinstance(body, dict):
            return body
    return {}


def _complaint(body: Mapping[str, Any]) -> web.Response | None:
    """The answer to a body that is no chat request; None where it is one."""
    messages = body.get("messages")
    if not isinstance(body.get("model"), str):
        return error_response(400, "model is required, as a string")
    if not isinstance(messages, list) or not all(isinstance(each, dict) and "role" in each for each in messages):
        return error_response(400, "messages is required, as a list of objects with role and content")
    return error_response(400, "streaming is not simulated") if body.get("stream") else None


def _unauthorized(brought: bool) -> web.Response:
    return error_response(401, "User not found." if brought else "No auth credentials found")


def _catalogue_entry(model: str) -> dict[str, Any]:
    price = {"prompt": f"{INPUT_USD_PER_TOKEN:f}", "completion": f"{OUTPUT_USD_PER_TOKEN:f}"}
    about = {"id": model, "name": f"Simulator: {model}", "context_length": CONTEXT_LENGTH}
    return about | {"pricing": price, "supported_parameters": list(SUPPORTED)}
