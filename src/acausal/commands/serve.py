"""`acausal serve`: the simulated endpoint for a user's own tests."""

from __future__ import annotations

import argparse

ABOUT = "serve personas over OpenRouter's protocol on this machine"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--port", type=int, default=8000, help="0: any free one (default: %(default)s)")
    parser.add_argument("--persona", help="who answers for any model id, e.g. coin; default: only sim/… ids exist")
    parser.add_argument("--api-key", help="refuse requests without this key")
    parser.add_argument("--latency-s", type=float, default=0.0, help="seconds before each reply (default: 0)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the coin (default: 0)")


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: The port is taken, or an option names what does not exist.
    """
    from acausal.models.simulator import SimulatorSettings, serve

    settings = SimulatorSettings(
        persona=options.persona, api_key=options.api_key, latency_s=options.latency_s, seed=options.seed
    )
    serve(settings, port=options.port)
    return 0
