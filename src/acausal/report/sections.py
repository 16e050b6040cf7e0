"""A part of a report: a heading, sentences, and one table of text, the same in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """What the templates print as it is."""

    title: str
    said: Sequence[str]
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    links: Sequence[tuple[str, str]] = ()
    """Words and address within the page."""
    folded: bool = False
    """Whether the page shows the table only when asked."""
