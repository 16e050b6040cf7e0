"""A study frozen before its data: what is played, what is estimated, what is left out.

A registration is one JSON file that holds its own hash. It names every arm by its identity, the hash of every prompt
and its replicates, the confirmatory family with its level, and the rules of exclusion.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from acausal import provenance
from acausal.analysis.contrasts import CONTRASTS
from acausal.analysis.significance import FEWEST_PAIRS
from acausal.config import identity
from acausal.design.arms import questions, used_paraphrases
from acausal.design.checks import questions_to_read
from acausal.design.counterbalance import variants
from acausal.errors import ConfigError
from acausal.report.arms import told_by
from acausal.report.contrasts import MISSING, MISSING_DIFFERENCE, POSITIVE_CONTROL
from acausal.report.tables import write_json
from acausal.report.terminal import short
from acausal.settings.schema import Config
from acausal.settings.spelling import nearest

FORMAT = 1
EXCLUSIONS = (
    "A decision that is illegible, truncated, refused, filtered or failed is missing: counted, bounded, never imputed.",
    "A decision of a substitute leaves the estimate of the model assigned; intention to treat is reported beside it.",
    f"More than {MISSING:.0%} missing, or arms that differ by more than {MISSING_DIFFERENCE:.0%}, confirm nothing.",
    f"A causal mirror that moves fewer than {POSITIVE_CONTROL:.0%} of its arm leaves nothing to interpret.",
    f"Fewer than {FEWEST_PAIRS} units are a pilot: estimates without a test.",
)
"""The rules that the program keeps, whoever asks."""
_DEFAULT: tuple[str, ...] = ("Γ", "told")
"""What a study confirms if nobody says: the first of these that its arms make."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One registered cell."""

    name: str
    """Its overrides."""
    condition: str
    scenario: str
    replicates: int
    identity: dict[str, Any]
    prompts: dict[str, list[str]]
    """Question → hashes of its messages, in every wording and every order of the counterbalance."""


@dataclass(frozen=True, slots=True)
class Family:
    """The comparisons that are to confirm something."""

    contrasts: list[str]
    models: list[str]
    alpha: float = 0.05
    correction: str = "Holm"


@dataclass(frozen=True, slots=True)
class Registration:
    """What was frozen."""

    frozen_at: str
    """UTC, ISO 8601."""
    program: dict[str, str | None]
    arms: list[Arm]
    estimands: dict[str, str]
    """Name → formula, or a sentence."""
    family: Family
    exclusions: list[str]
    format: int = FORMAT

    @property
    def hash(self) -> str:
        """SHA-256 of the content, whatever its layout in the file."""
        return _hash(asdict(self))

    def write(self, path: Path) -> None:
        """Freeze it.

        Raises:
            ConfigError: There is such a file: what is frozen is not changed.
        """
        if path.exists():
            raise ConfigError(f"{short(path)} is frozen already: keep it, and write another with --output FILE")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**asdict(self), "sha256": self.hash})


def register(
    cells: Sequence[tuple[str, Config]],
    *,
    frozen_at: str,
    confirm: Sequence[str] = (),
    alpha: float = 0.05,
    estimands: Sequence[str] = (),
    exclusions: Sequence[str] = (),
) -> Registration:
    """What is to be frozen of a run or a sweep.

    Args:
        cells: The overrides of each arm, and its configuration.
        confirm: Contrasts of the confirmatory family; none: Γ where its arms are there, else `told`, else nothing.
        estimands: More, in words.
        exclusions: Rules beyond those of the program.

    Raises:
        ConfigError: A contrast is unknown, or one of its arms is not in the sweep.
    """
    told = {told_by(config) for _, config in cells}
    possible = [name for name, weights in CONTRASTS.items() if weights.keys() <= told]
    for name in confirm:
        if name not in possible:
            known = ", ".join(possible) or "none"
            raise ConfigError(
                f"the arms of this sweep make no contrast {name!r}: they make {known}{nearest(name, possible)}"
            )
    chosen: list[str] = list(confirm) or [name for name in _DEFAULT if name in possible][:1]
    models = dict.fromkeys(config.models[slot].model_type for _, config in cells for slot in config.asked_slots)
    return Registration(
        frozen_at=frozen_at,
        program={"version": provenance.program_version(), "commit": provenance.git_commit()},
        arms=[_arm(name, config) for name, config in cells],
        estimands={name: _formula(name) for name in possible} | {f"own {n}": s for n, s in enumerate(estimands, 1)},
        family=Family(chosen, list(models), alpha),
        exclusions=[*EXCLUSIONS, *exclusions],
    )


def read_registration(path: Path) -> Registration:
    """A registration as it was frozen.

    Raises:
        ConfigError: It is missing, no registration, or was changed since.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        claimed = content.pop("sha256")
        arms = [Arm(**arm) for arm in content.pop("arms")]
        found = Registration(arms=arms, family=Family(**content.pop("family")), **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{short(path)} is no registration ({error}): acausal preregister writes one") from None
    if found.hash != claimed:
        raise ConfigError(
            f"{short(path)} was changed after it was frozen: it says sha256 {claimed[:12]}…, its content makes "
            f"{found.hash[:12]}…; restore the file that was published"
        )
    return found


def _arm(name: str, config: Config) -> Arm:
    return Arm(
        name or config.condition.name,
        config.condition.name,
        config.scenario.name,
        config.replicates,
        json.loads(json.dumps(identity(config))),
        prompts(config),
    )


def prompts(config: Config) -> dict[str, list[str]]:
    """Question → hashes of its messages, in the wordings that the replicates use and every order."""
    hashes: dict[str, dict[str, None]] = {}
    for paraphrase in used_paraphrases(config):
        for variant in variants(config):
            for question in (*questions(config, paraphrase, variant), *questions_to_read(config, paraphrase, variant)):
                hashes.setdefault(question.title, {})[question.hash] = None
    return {title: sorted(own) for title, own in hashes.items()}


def _formula(name: str) -> str:
    terms = (
        f"{float(weight):+g} π({claim.name}, {linkage.name})" for (claim, linkage), weight in CONTRASTS[name].items()
    )
    return " ".join(terms)


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
