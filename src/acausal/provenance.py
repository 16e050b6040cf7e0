"""Which program made a result."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from acausal.config import conf_dir


def program_version() -> str:
    """The version of this package."""
    return version("acausal")


def git_commit() -> str | None:
    """The commit of the checkout that runs; None for an installed package or without git."""
    root = conf_dir().parent
    if not (root / ".git").exists():
        return None
    return _git(root, "rev-parse", "HEAD")


def _git(root: Path, *words: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
