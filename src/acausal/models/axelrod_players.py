"""Strategies of the Axelrod library [knight2016] as rules: the only place that imports it, and only when one is seated.

Its players know the match's own history, the payoffs, and the number of turns where agents are told of it. Those that
look into their opponent's program, or tamper with it, are refused: there is no program to look into.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from acausal.config import nearest
from acausal.errors import ConfigError
from acausal.game import Action, Payoffs
from acausal.models.classical import Player, Turns
from acausal.settings.game_schema import HorizonConfig

VERSION = "4.13.1"
"""The version that tables are made with; another may play some of its strategies differently."""


class AxelrodRule:
    """One strategy of the library.

    Args:
        slot: Key of `models`, for messages.
        name: As the library prints it, or its class: `Tit For Tat`, `TitForTat`.
        params: Arguments of its class, e.g. `{p: 0.3}` for Random.
        horizon: What it is told of the match's length.

    Raises:
        ConfigError: The library is missing or of another version, has no such strategy, or refuses the parameters.
    """

    def __init__(
        self, slot: str, name: str, params: Mapping[str, Any], payoffs: Payoffs, horizon: HorizonConfig
    ) -> None:
        library = _library(slot)
        self._kind = _strategy_class(slot, name)
        self._params = dict(params)
        points = payoffs.reward, payoffs.sucker, payoffs.temptation, payoffs.punishment
        self._attributes = {
            "length": horizon.turns if horizon.told and horizon.continuation is None else float("inf"),
            "game": library.Game(*points),
            "noise": 0,
        }
        try:
            self._begun()
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"models.{slot}.custom_params is {self._params}, which axelrod/{name} does not take: {error}; "
                f"it takes {', '.join(self._kind.init_params()) or 'none'}"
            ) from None

    def sit_down(self, seed: int) -> Player:
        """A player of one match, which draws from this seed alone."""
        return _Seat(self._begun(), seed)

    def _begun(self) -> Any:
        player = self._kind(**self._params)
        player.set_match_attributes(**self._attributes)
        return player


class _Seat:
    """A player of the library, opposite a stand-in that only remembers what the real co-player did."""

    def __init__(self, player: Any, seed: int) -> None:
        import axelrod

        self._actions = {Action.COOPERATE: axelrod.Action.C, Action.DEFECT: axelrod.Action.D}
        self._player = player
        self._player.set_seed(seed)
        self._other = axelrod.MockPlayer()
        self._known = 0

    def __call__(self, turns: Turns) -> Action:
        """The action of the next turn; `turns` grows by one from call to call."""
        for own, other in turns[self._known :]:
            mine, theirs = self._actions[own], self._actions[other]
            self._player.update_history(mine, theirs)
            self._other.update_history(theirs, mine)
        self._known = len(turns)
        chosen = self._player.strategy(self._other)
        return next(action for action, theirs in self._actions.items() if theirs == chosen)


def _library(slot: str) -> Any:
    try:
        import axelrod
    except ImportError:
        raise ConfigError(
            f"models.{slot} plays a strategy of the Axelrod library, which is not installed: "
            f"pip install 'acausal[axelrod]' (axelrod=={VERSION}), or take one of conf/model that needs no library, "
            f"e.g. model@models.{slot}=tit_for_tat"
        ) from None
    if axelrod.__version__ != VERSION:
        raise ConfigError(
            f"models.{slot} plays a strategy of the Axelrod library, of which {axelrod.__version__} is installed, "
            f"but {VERSION} is what tables are made with: pip install axelrod=={VERSION}"
        )
    return axelrod


def _strategy_class(slot: str, name: str) -> Any:
    named = _strategies()
    kind = named.get(_plain(name))
    if kind is None:
        known = sorted({known.name for known in named.values()} | {known.__name__ for known in named.values()})
        raise ConfigError(
            f"models.{slot}.model_type names no strategy of the Axelrod library: {name!r}{nearest(name, known)}; "
            "all are listed at https://axelrod.readthedocs.io under “Strategies index”"
        )
    if any(kind.classifier.get(trait) for trait in ("inspects_source", "manipulates_source", "manipulates_state")):
        raise ConfigError(
            f"models.{slot}: axelrod/{name} looks into its opponent's program or tampers with it, and a co-player here "
            "is no program: choose a strategy that plays from the history"
        )
    return kind


@cache
def _strategies() -> dict[str, Any]:
    """Plain name → class; classes are called by their own name and by the one that the library prints."""
    import axelrod

    named = {_plain(kind.name): kind for kind in reversed(axelrod.all_strategies)}
    return named | {_plain(kind.__name__): kind for kind in axelrod.all_strategies}


def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", name).casefold()
