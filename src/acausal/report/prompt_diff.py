"""What two arms' prompts have in common and where they differ, sentence by sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from acausal.design.arms import Question

_SENTENCE_END = re.compile(r"\n|(?<=[.!?;]) ")


def sections(asked: Sequence[Question]) -> dict[str, list[str]]:
    """Title of each message → its sentences."""
    found: dict[str, list[str]] = {}
    for question in asked:
        wording = "".join(re.findall(r", paraphrase \d+", question.title))
        title = unworded(question.title) + wording
        for name, message in zip((f"system{wording}", title), question.messages, strict=True):
            found.setdefault(name, _SENTENCE_END.split(message.content))
    return found


def unworded(title: str) -> str:
    """The title of a question without the number of its wording."""
    return title.partition(", paraphrase")[0]


def changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Sentences that went, after a `-`, and that came, after a `+`."""
    for line in difflib.unified_diff(before, after, n=0, lineterm=""):
        if not line.startswith(("---", "+++", "@@")):
            yield line


def against(first: Sequence[Question], asked: Sequence[Question]) -> dict[str, list[str]]:
    """Title of each message of an arm that differs from the first arm's → its changes; each set of them once."""
    before, after = sections(first), sections(asked)
    found: dict[str, list[str]] = {}
    for title in [*after, *(title for title in before if title not in after)]:
        lines = list(changes(before.get(title, []), after.get(title, [])))
        if lines and lines not in found.values():
            found[title] = lines
    return found
