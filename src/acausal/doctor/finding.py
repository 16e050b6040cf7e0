"""What a check found, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from acausal.errors import AcausalError


class Verdict(Enum):
    """How bad a finding is; only problems change the exit code."""

    ok = "ok"
    warning = "warning"
    """The run starts, but something is worth knowing first."""
    problem = "problem"
    """The run will fail, or lose what it is for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table."""

    check: str
    verdict: Verdict
    found: str
    cure: str = ""
    """What to type or change; empty where the finding itself says it, or nothing needs it."""


def ok(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Verdict.ok, found)


def warning(check: str, found: str, cure: str) -> Finding:
    """Worth knowing before the run."""
    return Finding(check, Verdict.warning, found, cure)


def problem(check: str, found: str, cure: str = "") -> Finding:
    """To be mended before the run."""
    return Finding(check, Verdict.problem, found, cure)


def guarded(check: str, examine: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds; one that raises ends with a problem of its own, so that the others still run."""
    try:
        yield from examine()
    except Exception as error:  # whatever a broken machine, package or server brings: the table goes on
        yield failed(check, error)


def failed(check: str, error: Exception, cure: str = "") -> Finding:
    """An error as a finding: its message on one line, with its kind where it is not one of ours."""
    said = " ".join(str(error).split())
    return problem(check, said if isinstance(error, AcausalError) else f"{type(error).__name__}: {said}", cure)
