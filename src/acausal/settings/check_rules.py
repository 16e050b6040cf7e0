"""Which cells can be asked questions beside their games."""

from __future__ import annotations

from acausal.errors import ConfigError
from acausal.game import GameKind
from acausal.settings.schema import Config
from acausal.settings.treatment import Claim, Linkage


def check_checks(config: Config) -> None:
    """Whether the questions that are asked can be asked of this game and condition.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    if not config.checks.any:
        return
    if config.game.kind is GameKind.public_goods:
        raise ConfigError(
            "the questions of checks speak of one co-player, but game.kind is public_goods, which all play at once: "
            "set checks.comprehension, .manipulation, .beliefs and .canary to false, or choose a game of pairs"
        )
    if config.game.horizon.several:
        raise ConfigError(
            "the questions of checks speak of matches of one choice, but game.horizon gives them several turns: set "
            "checks.comprehension, .manipulation, .beliefs and .canary to false, or play one turn"
        )
    condition = config.condition
    silent = condition.claim is Claim.none and condition.linkage is Linkage.none and not condition.discloses
    if config.checks.manipulation and condition.disclosure and silent:
        raise ConfigError(
            f"checks.manipulation compares what agents recall with what condition {condition.name!r} declares, but it "
            "tells them condition.disclosure and declares nothing: set condition.claim or condition.linkage to what "
            "that says, or checks.manipulation=false"
        )
