"""Seeds that belong to a place in the design, never to a moment of execution."""

from __future__ import annotations

import hashlib


def placed_seed(seed: int, *place: int | str | None) -> int:
    """The seed of a place: a function of the run's seed and the place alone.

    Args:
        seed: The run's seed.
        place: What names the place, outermost first, e.g. `"call", replicate, round, agent`.

    Returns:
        An integer in [0, 2^31): what every API and every generator takes.
    """
    named = repr((seed, *place)).encode()
    return int.from_bytes(hashlib.blake2b(named, digest_size=8).digest()) >> 33
