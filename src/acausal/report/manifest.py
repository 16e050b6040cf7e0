"""Where a result comes from: programs, versions, and a digest of every file that holds it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from acausal.report.table_files import Value

HEAD = ("file", "bytes", "sha256")
_PACKAGES = ("hydra-core", "openai", "pyarrow", "scipy", "matplotlib", "mlflow")


def environment() -> str:
    """Python and the packages whose versions can change a number or a figure."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} absent")
    return f"Python {platform.python_version()}, {', '.join(found)}"


def digests(directory: Path, names: Iterable[str]) -> list[tuple[Value, ...]]:
    """Name, size and SHA-256 of those of the files that exist."""
    rows: list[tuple[Value, ...]] = []
    for name in names:
        path = directory / name
        if path.is_file():
            with path.open("rb") as file:
                rows.append((name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()))
    return rows
