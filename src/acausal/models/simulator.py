"""A simulated OpenRouter on a loopback port: personas that answer, and faults on demand.

    async with Simulator(SimulatorSettings(persona="coin")) as simulator:   # in a running loop
        client = AsyncOpenAI(base_url=simulator.base_url, api_key="any")

    with running(SimulatorSettings()) as simulator:                         # in a thread, e.g. for subprocesses
        environment["OPENROUTER_BASE_URL"] = simulator.base_url

    SimulatorSettings(faults=(replace(FAULTS["429"], rate=0.3),), requests_per_minute=60, credit_usd=1)

`sim/<persona>` is served by that persona, any other id by the default persona where one is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from aiohttp import web

from acausal.errors import ConfigError
from acausal.models.answers import catalogue, key_facts, unauthorized
from acausal.models.delivery import deliver, plain
from acausal.models.gateway import Gateway, SimulatorSettings, listed_models
from acausal.models.seen import SeenLog, SeenRequest

__all__ = ["SeenRequest", "Simulator", "SimulatorSettings", "running", "serve"]

LOOPBACK = ("127.0.0.1", "localhost")
LARGEST_BODY = 64 * 1024**2
"""Bytes."""


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
        self.peak_in_flight = 0
        """The most chat requests that were there at one time."""
        self._host, self._port = host, port
        self._gateway = Gateway(self.settings, time.monotonic())
        self._in_flight = 0
        self._open = contextlib.AsyncExitStack()
        self._log: SeenLog | None = None

    @property
    def usage_usd(self) -> float:
        """What all replies so far cost; a reply is charged when its request arrives."""
        return self._gateway.usage_usd

    @property
    def base_url(self) -> str:
        """Where it listens, in the form that clients take."""
        return f"http://{self._host}:{self._port}/api/v1"

    async def __aenter__(self) -> Simulator:
        app = web.Application(client_max_size=LARGEST_BODY)
        for root in ("/api/v1", "/v1"):
            app.router.add_post(f"{root}/chat/completions", self._chat)
            if self.settings.serves_models:
                app.router.add_get(f"{root}/models", self._list_models)
            if self.settings.serves_key:
                app.router.add_get(f"{root}/key", self._describe_key)
        # No grace for requests in flight: a test that leaves while a reply is delayed must not wait for it.
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        async with contextlib.AsyncExitStack() as stack:
            if self.settings.log is not None:
                self._log = stack.enter_context(SeenLog(self.settings.log))
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            try:
                await web.TCPSite(runner, self._host, self._port).start()
            except (OSError, OverflowError) as problem:
                raise ConfigError(
                    f"cannot listen on port {self._port} of {self._host}: {problem}; take another, 0 for a free one"
                ) from problem
            self._open = stack.pop_all()
        self._port = runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await _json_object(request)
        seen = self._gateway.arrived(body, request.headers.get("Authorization"), time.monotonic())
        handled = [seen]
        self._keep(seen)
        try:
            answer, fault = self._gateway.answer(seen)
            if fault.duplicate:
                handled.append(self._gateway.again(seen, answer))
                self._keep(handled[-1])
            await asyncio.sleep(self._gateway.latency_s(seen) + fault.delay_s)
            return await deliver(request, answer, fault, seen)
        finally:
            self._done(handled)

    def _keep(self, seen: SeenRequest) -> None:
        self._in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self._in_flight)
        if self.settings.keep_requests:
            self.requests.append(seen)

    def _done(self, handled: list[SeenRequest]) -> None:
        """Note the end of a request, and of the copy that a duplicate left behind."""
        self._in_flight -= len(handled)
        for seen in handled:
            seen.answered_at_s = time.monotonic()
            if self._log is not None:
                self._log.write(seen)

    async def _list_models(self, _: web.Request) -> web.Response:
        return plain(catalogue(listed_models(self.settings), self.settings.price, self.settings.supported_parameters))

    async def _describe_key(self, request: web.Request) -> web.Response:
        authorization = request.headers.get("Authorization")
        if not self._gateway.may_pass(authorization):
            return plain(unauthorized(authorization is not None))
        return plain(key_facts(self.usage_usd, self.settings.credit_usd))


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
