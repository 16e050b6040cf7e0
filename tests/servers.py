"""Real HTTP servers on loopback that answer as no simulated endpoint would."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextlib.contextmanager
def answering(routes: Mapping[str, tuple[int, Any]]) -> Iterator[str]:
    """Base URL of a server with these GET routes; a body of text is sent as it stands, any other as JSON.

    A body that is an Event is an answer that does not come before the event; a function makes it of the headers.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = routes.get(self.path.removeprefix("/v1"), (404, {"error": {"message": "no such route"}}))
            if callable(body):
                body = body(self.headers)
            if isinstance(body, threading.Event):
                body.wait(30)
            sent = (body if isinstance(body, str) else json.dumps(body, default=str)).encode()
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Nothing on the test's stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()
