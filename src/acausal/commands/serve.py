"""`acausal serve`: the simulated endpoint for a user's own tests."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

ABOUT = "serve personas over OpenRouter's protocol on this machine, with faults where you want them"
WIDTH = 80
_NAME_WIDTH = 17


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--port", type=int, default=8000, help="0: any free one (default: %(default)s)")
    parser.add_argument("--persona", help="who answers for any model id, e.g. coin; default: only sim/… ids exist")
    parser.add_argument(
        "--model", action="append", default=[], metavar="ID", help="serve and list only these ids beside sim/…"
    )
    parser.add_argument("--api-key", help="refuse requests without this key")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,…]",
        help="e.g. 429:rate=0.3,retry_after=2 or timeout:requests=1-5,model=gpt-4 or 503:from=10,until=20; "
        "keys of all: rate, requests, model, from, until (s since the start), delay (s); of errors: retry_after, "
        "message; the first that matches a request strikes",
    )
    parser.add_argument("--list-faults", action="store_true", help="show the faults by name, and end")
    parser.add_argument("--latency-s", type=float, default=0.0, help="median seconds before each reply (default: 0)")
    parser.add_argument(
        "--latency-spread", type=float, default=0.0, help="sigma of log-normal latencies (default: 0, constant)"
    )
    parser.add_argument("--requests-per-minute", type=float, help="of each model; more are refused with 429")
    parser.add_argument("--tokens-per-minute", type=float, help="of each model, in and out; more are refused with 429")
    parser.add_argument("--send-retry-after", action="store_true", help="those 429 name the seconds to wait, too")
    parser.add_argument("--credit-usd", type=float, help="refuse with 402 once the replies have cost this")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append a JSON line per chat request")
    parser.add_argument("--seed", type=int, default=0, help="seed of coin, fault rates and latencies (default: 0)")


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: The port is taken, or an option names what does not exist.
    """
    if options.list_faults:
        sys.stdout.write(fault_table())
        return 0
    from acausal.models.fault_syntax import parse_fault
    from acausal.models.simulator import SimulatorSettings, serve

    settings = SimulatorSettings(
        persona=options.persona,
        models=tuple(options.model),
        api_key=options.api_key,
        latency_s=options.latency_s,
        latency_spread=options.latency_spread,
        seed=options.seed,
        faults=tuple(parse_fault(text) for text in options.fault),
        requests_per_minute=options.requests_per_minute,
        tokens_per_minute=options.tokens_per_minute,
        send_retry_after=options.send_retry_after,
        credit_usd=options.credit_usd,
        log=options.log,
    )
    serve(settings, port=options.port)
    return 0


def fault_table() -> str:
    """A line or two per fault, none wider than a terminal of 80 columns."""
    from acausal.models.faults import FAULTS

    lines = []
    for name, fault in FAULTS.items():
        about = textwrap.wrap(fault.about, WIDTH - _NAME_WIDTH)
        lines += [
            f"{first:<{_NAME_WIDTH}}{line}" for first, line in zip([name, *[""] * len(about)], about, strict=False)
        ]
    return "\n".join(lines) + "\n"
