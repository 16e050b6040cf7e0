"""What a protocol refuses: arithmetic over the configuration, before anybody is asked."""

from __future__ import annotations

from acausal.errors import ConfigError
from acausal.game import GameKind
from acausal.settings.elicitation import Elicit
from acausal.settings.schema import Config


def check_protocol(config: Config) -> None:
    """Whether somebody is asked, and programs can play what they are to play.

    Raises:
        ConfigError: One line that names rule, value and cure.
    """
    if not config.protocol.is_compiled:
        return
    if config.protocol.strategy is None:
        raise ConfigError(
            "protocol.strategy and protocol.decision are both null, so nobody is ever asked: give one of them, "
            "or choose protocol=delegated, direct or compiled"
        )
    if config.game.kind is GameKind.public_goods:
        raise ConfigError(
            f"protocol={config.protocol.name} plays programs that answer one co-player, but game.kind is public_goods, "
            "which all play at once: choose protocol=delegated or direct"
        )
    unasked = [
        ("elicit", config.elicit.value, config.elicit is Elicit.choice, "choice"),
        ("samples", config.samples, config.samples == 1, "1"),
        ("sub_model", config.sub_model, config.sub_model is None, "null"),
    ]
    for key, value, holds, cure in unasked:
        if not holds:
            raise ConfigError(
                f"{key} says how decisions are asked for, but protocol={config.protocol.name} asks for none, and "
                f"{key} is {value}: set {key}={cure}, or choose protocol=delegated"
            )
