"""What judges said, kept beside the texts so that a report can say it again without a call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acausal.analysis.written import Written
from acausal.config import fingerprint
from acausal.report.tables import write_json

FOLDER, FILE = "texts", "judges.json"


def fingerprint_of(texts: Sequence[Written]) -> str:
    """Changes where any text does, or what its author was told."""
    return fingerprint({"texts": [[own.call_key, str(own.source), own.text, own.told] for own in texts]})


def keep_judged(folder: Path, texts: Sequence[Written], content: dict[str, Any]) -> None:
    """Write judges.json.

    Args:
        texts: All of the directory, also those that no judge read.
        content: `judges` as a list of sentences and provenance, `agreement` as head and rows.
    """
    write_json(folder / FILE, content | {"texts": fingerprint_of(texts)})


def judged_in(directory: Path, texts: Sequence[Written]) -> dict[str, Any] | None:
    """What judges said of these very texts; None where none was asked, or of other texts."""
    try:
        content = json.loads((directory / FOLDER / FILE).read_text(encoding="utf-8"))
        return dict(content) if content["texts"] == fingerprint_of(texts) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
