"""A tournament of the Axelrod library: its interactions as it writes them, and its own result set, kept for the tests.

`python tests/axelrod_results.py` writes data/axelrod_interactions.csv and data/axelrod_results.json again; it needs
axelrod==4.13.1. Classical strategies, two that draw, three repetitions of forty turns, each with a copy of itself too.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DATA = Path(__file__).parent / "data"
INTERACTIONS, RESULTS = DATA / "axelrod_interactions.csv", DATA / "axelrod_results.json"
TURNS, REPETITIONS, SEED = 40, 3, 1
STRATEGIES = ("Cooperator", "Defector", "TitForTat", "Grudger", "WinStayLoseShift", "Alternator", "GTFT", "Random")
KEPT = ("Interaction index", "Player index", "Opponent index", "Repetition", "Player name", "Opponent name", "Actions")
QUANTITIES = (
    *("normalised_cooperation", "vengeful_cooperation", "cooperating_rating", "payoff_matrix", "scores"),
    *("normalised_state_distribution", "normalised_state_to_action_distribution", "initial_cooperation_rate"),
    *("ranked_names", "good_partner_rating"),
)


def play() -> tuple[list[dict[str, str]], dict[str, Any]]:
    """The interactions, two rows each, and the result set."""
    import axelrod

    players = [getattr(axelrod, name)() for name in STRATEGIES]
    tournament = axelrod.Tournament(players, turns=TURNS, repetitions=REPETITIONS, seed=SEED)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "interactions.csv"
        results = tournament.play(filename=str(file), progress_bar=False)
        with file.open(newline="") as written:
            rows = [{name: row[name] for name in KEPT} for row in csv.DictReader(written)]
    found = {name: _plain(getattr(results, name)) for name in QUANTITIES}
    return rows, {"version": axelrod.__version__, "names": [str(player) for player in players], **found}


def _plain(value: Any) -> Any:
    """Counters of states become objects with keys such as CD, or CD>C for what followed."""
    if isinstance(value, dict):
        return {_state(key): each for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _state(key: Any) -> str:
    first, second = key
    return f"{first[0]}{first[1]}>{second}" if isinstance(first, tuple) else f"{first}{second}"


if __name__ == "__main__":
    interactions, results = play()
    with INTERACTIONS.open("w", newline="") as out:
        writer = csv.DictWriter(out, KEPT, lineterminator="\n")
        writer.writeheader()
        writer.writerows(interactions)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
