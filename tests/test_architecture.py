"""Imports point down, third-party packages stay behind their fences, pure parts stay pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import acausal

ROOT = Path(acausal.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
LAYERS = [
    ["errors", "game"],
    ["settings.elicitation"],
    ["settings.game_schema", "settings.matching_schema", "settings.checks_schema"],
    ["settings"],
    ["config"],
    ["settings.complaint", "settings.stored"],
    ["migration"],
    ["records", "provenance"],
    ["design"],
    ["models"],
    ["play"],
    ["pricing.sampled", "pricing.check_load"],
    ["pricing.workload"],
    ["analysis"],
    ["pricing.settled"],
    ["pricing.estimate"],
    ["report", "running"],
    ["studies.registration"],
    ["studies.deviations"],
    ["tracking"],
    ["outputs", "sweeps.books"],
    ["audit"],
    ["experiment"],
    ["pricing.probe"],
    ["pricing.dry_run"],
    ["studies.power_plan"],
    ["sweeps.together"],
    ["sweeps.plan"],
    ["sweeps.jobs"],
    ["launch"],
    ["doctor", "resume", "judges", "remake"],
    ["commands"],
    ["cli"],
]
"""From the ground up: packages, and modules of a package that stand higher or lower than the rest of it."""
FENCES = {
    "openai": ["models"],
    "httpx2": ["models"],
    "aiolimiter": ["models"],
    "tenacity": ["models"],
    "aiohttp": ["models"],
    "mlflow": ["tracking.py"],
    "hydra": ["config.py", "sweeps/plan.py", "sweeps/jobs.py", "launch.py"],
    "omegaconf": ["config.py", "settings/", "sweeps/", "launch.py"],
    "yaml": ["settings/stored.py", "migration/earlier.py", "migration/experiments.py"],
    "axelrod": ["models/axelrod_players.py"],
    "xllamacpp": ["models/local.py"],
    "matplotlib": ["report/figure"],
    "packaging": ["doctor/machine.py"],
    "pyarrow": ["report/tables.py"],
    "numpy": ["analysis/"],
    "scipy": ["analysis/"],
    "statsmodels": ["analysis/threshold.py"],
    "sklearn": ["analysis/similarity.py", "analysis/clusters.py"],
}
IMPURE = {"os", "time", "datetime", "pathlib", "subprocess", "socket", "secrets", "asyncio", "logging"}


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            names += [f"{module}.{alias.name}" for alias in node.names] if module == "acausal" else [module]
    return names


def layer(module: str) -> int:
    """The layer of a dotted name below `acausal`: of its package, or of its own where modules of a package differ."""
    package, _, inner = module.partition(".")
    for name in (f"{package}.{inner.partition('.')[0]}", package):
        for number, names in enumerate(LAYERS):
            if name in names:
                return number
    raise AssertionError(f"{module} has no layer")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down(path: Path) -> None:
    relative = path.relative_to(ROOT)
    if relative.name == "__init__.py":
        return
    own = layer(".".join(relative.with_suffix("").parts))
    for name in imported(path):
        if name.startswith("acausal."):
            assert layer(name.removeprefix("acausal.")) <= own, f"{relative} imports {name} from above"


@pytest.mark.parametrize("package", FENCES)
def test_third_party_packages_stay_behind_their_fence(package: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        for name in imported(path)
        if name.split(".")[0] == package
    }
    assert users, f"nothing imports {package}"
    assert all(any(user.startswith(fence) for fence in FENCES[package]) for user in users), users


@pytest.mark.parametrize("part", ["design", "analysis"])
def test_pure_parts_touch_nothing_outside(part: str) -> None:
    for path in (ROOT / part).rglob("*.py"):
        assert not IMPURE & {name.split(".")[0] for name in imported(path)}, path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_has_two_jobs(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


def test_every_citation_is_in_the_bibliography() -> None:
    import re

    known = (ROOT.parents[1] / "docs" / "bibliography.md").read_text()
    for path in MODULES:
        for key in re.findall(r"\[([a-z]+\d{4})\]", path.read_text()):
            assert f"[{key}]" in known, f"{path.name} cites {key}"
