"""Strategies of the Axelrod library in seats: as the library plays them, and a plain line where it is missing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from axelrod_tables import FILE, tables
from dsl import letters, seated
from test_classical import Nobody

from acausal.design.seeds import placed_seed
from acausal.errors import ConfigError
from acausal.play.tournament import TournamentRecord, play_tournament
from acausal.settings.schema import Config

MODELS = ("a", "b")


def played(config: Config) -> TournamentRecord:
    return asyncio.run(play_tournament(config, Nobody(), 1))


def pair(composed: Callable[..., Config], *names: str, turns: int = 40, overrides: tuple[str, ...] = ()) -> Config:
    """Two seats, each with a strategy of the library."""
    models = [f"model@models.{slot}=axelrod" for slot in MODELS]
    kinds = [f"models.{slot}.model_type='axelrod/{name}'" for slot, name in zip(MODELS, names, strict=True)]
    seats = ["num_agents=2", "scenario.model_distribution={a: 1, b: 1}", "num_rounds=1"]
    return composed(*models, *kinds, *seats, f"game.horizon.turns={turns}", *overrides)


def test_the_missing_extra_is_one_line_with_its_cure(
    composed: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "axelrod", None)
    with pytest.raises(ConfigError, match=r"not installed: pip install 'acausal\[axelrod\]'.*=tit_for_tat") as caught:
        played(composed(*seated(axelrod=2), "num_rounds=1"))
    assert "\n" not in str(caught.value)


def test_another_version_is_refused(composed: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("axelrod")
    other.__dict__["__version__"] = "4.12.0"
    monkeypatch.setitem(sys.modules, "axelrod", other)
    with pytest.raises(ConfigError, match="4.12.0 is installed, but 4.13.1 is what tables are made with"):
        played(composed(*seated(axelrod=2), "num_rounds=1"))


def test_a_cell_without_the_library_does_not_import_it(composed: Callable[..., Config]) -> None:
    before = "axelrod" in sys.modules
    played(composed(*seated(tit_for_tat=2), "num_rounds=1"))
    assert ("axelrod" in sys.modules) == before


@pytest.mark.slow
class TestWithTheLibrary:
    """Runs where the extra is installed."""

    @pytest.fixture(autouse=True)
    def _library(self) -> None:
        pytest.importorskip("axelrod")

    def test_the_tables_in_this_repository_are_the_librarys(self) -> None:
        assert json.loads(FILE.read_text()) == json.loads(json.dumps(tables()))

    @pytest.mark.parametrize(
        "names",
        [
            ("Tit For Tat", "Alternator"),
            ("Adaptive Pavlov 2011", "Prober"),
            ("Evolved ANN", "Hard Prober"),
            ("Gradual", "Tricky Defector"),
            ("TF1", "Second by Appold"),
            ("BackStabber", "Fool Me Once"),
            ("Win-Stay Lose-Shift", "Random"),
        ],
    )
    def test_two_strategies_play_as_in_the_librarys_own_match(
        self, composed: Callable[..., Config], names: tuple[str, str]
    ) -> None:
        """Strategies that draw are seeded by their place, so they are held against the library with that seed."""
        import axelrod

        config = pair(composed, *names)
        (match,) = played(config).matches
        seats = {d.model.removeprefix("axelrod/"): d.agent for d in match.decisions}
        kinds = {kind.name: kind for kind in axelrod.all_strategies}
        players = [kinds[name]() for name in names]
        match_there = axelrod.Match(players, turns=40)
        for name, player in zip(names, match_there.players, strict=True):
            own, other = seats[name], 3 - seats[name]
            player.set_seed(placed_seed(config.seed, "rule", 1, 1, own, other))
        turns = [match_there.simultaneous_play(*match_there.players) for _ in range(40)]
        for seat, name in enumerate(names):
            assert letters(match, seats[name]) == "".join(str(turn[seat]) for turn in turns), name

    def test_a_match_replays_alike(self, composed: Callable[..., Config]) -> None:
        config = pair(composed, "Random", "GTFT")
        assert played(config) == played(config)
        assert played(config) != played(pair(composed, "Random", "GTFT", overrides=("seed=1",)))

    def test_parameters_go_to_the_strategys_class(self, composed: Callable[..., Config]) -> None:
        config = pair(composed, "Random", "Random", overrides=("++models.a.custom_params.p=1",))
        (match,) = played(config).matches
        (tossed,) = {letters(match, agent) for agent in (1, 2)} - {"C" * 40}
        assert 8 < tossed.count("C") < 32, "slot b keeps its own p"

    def test_the_length_is_known_only_where_agents_are_told(self, composed: Callable[..., Config]) -> None:
        """BackStabber defects in the last two turns of a match whose end it knows."""
        ends = {}
        for told in ("true", "false"):
            config = pair(composed, "BackStabber", "Cooperator", turns=10, overrides=(f"game.horizon.told={told}",))
            (match,) = played(config).matches
            backstabber = next(d.agent for d in match.decisions if d.model == "axelrod/BackStabber")
            ends[told] = letters(match, backstabber)[-2:]
        assert ends == {"true": "DD", "false": "CC"}

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("Tit For Tatt", "no strategy of the Axelrod library: 'Tit For Tatt'; did you mean Tit For Tat?"),
            ("Darwin", "looks into its opponent's program or tampers with it"),
        ],
    )
    def test_a_strategy_that_cannot_play_is_refused(
        self, composed: Callable[..., Config], name: str, said: str
    ) -> None:
        with pytest.raises(ConfigError, match=said.replace("?", r"\?")) as caught:
            played(pair(composed, name, "Random"))
        assert "\n" not in str(caught.value)

    def test_a_parameter_it_does_not_take_is_refused(self, composed: Callable[..., Config]) -> None:
        with pytest.raises(ConfigError, match="axelrod/Random does not take: .*; it takes p"):
            played(pair(composed, "Random", "GTFT", overrides=("++models.a.custom_params.q=1",)))
