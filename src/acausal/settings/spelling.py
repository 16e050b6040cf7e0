"""What a mistyped word was meant to be."""

from __future__ import annotations

import difflib


def nearest(word: str, known: list[str]) -> str:
    """`; did you mean …?` with the most similar known word, or an empty string."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
