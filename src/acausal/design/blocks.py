"""The randomised blocks of a sweep: what changes with time must shift all of its arms alike."""

from __future__ import annotations

import random
from collections.abc import Mapping

from acausal.design.seeds import placed_seed


def blocks(replicates: Mapping[int, int], seed: int) -> list[list[int]]:
    """Block r is replicate r of every cell that has one, in an order drawn for this block alone.

    Args:
        replicates: Cell → its replicates.
        seed: Of the draw; more replicates add blocks and leave the earlier ones as they are.
    """
    drawn = []
    for block in range(1, max(replicates.values(), default=0) + 1):
        cells = sorted(cell for cell, count in replicates.items() if count >= block)
        random.Random(placed_seed(seed, "block", block)).shuffle(cells)
        drawn.append(cells)
    return drawn
