"""What the Axelrod library's own matches and tournament come to, kept so that tests need not have it.

`python tests/axelrod_tables.py` writes data/axelrod_4_13_1.json again; it needs axelrod==4.13.1.
"""

from __future__ import annotations

import json
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "axelrod_4_13_1.json"
TURNS = 24
DETERMINISTIC = {
    "cooperator": "Cooperator",
    "defector": "Defector",
    "tit_for_tat": "TitForTat",
    "suspicious_tit_for_tat": "SuspiciousTitForTat",
    "grim": "Grudger",
    "win_stay_lose_shift": "WinStayLoseShift",
    "alternator": "Alternator",
    "majority": "GoByMajority",
}
"""Name here → class there."""
HISTORIES = [
    "C" * 24,
    "D" * 24,
    "CCCDCCCCCCDDCCCCCCCCDCCC",
    "DCDCDCDCDCDCDCDCDCDCDCDC",
    "DDDCCCDDCCDCDDCDCCCDDDCC",
    "CDDCDCCDDDCCCCDCDDDDCCCC",
]
"""What a co-player did that takes no notice."""


def tables() -> dict[str, Any]:
    """The library's answers: letters turn by turn, points of its tournament, and the chances of its random players."""
    import axelrod

    players = {name: getattr(axelrod, kind) for name, kind in DETERMINISTIC.items()}
    matches = {}
    for first, second in combinations_with_replacement(players, 2):
        turns = axelrod.Match((players[first](), players[second]()), turns=TURNS).play()
        matches[f"{first} {second}"] = ["".join(str(turn[seat]) for turn in turns) for seat in (0, 1)]
    replies = {}
    for name, kind in players.items():
        for history in HISTORIES:
            other = axelrod.MockPlayer([axelrod.Action.from_char(letter) for letter in history])
            turns = axelrod.Match((kind(), other), turns=TURNS).play()
            replies[f"{name} {history}"] = "".join(str(turn[0]) for turn in turns)
    tournament = axelrod.Tournament([kind() for kind in players.values()], turns=TURNS, repetitions=1)
    played = tournament.play(progress_bar=False)
    return {
        "version": axelrod.__version__,
        "turns": TURNS,
        "matches": matches,
        "replies": replies,
        "scores": {name: scores[0] for name, scores in zip(players, played.scores, strict=True)},
        "generosity": axelrod.GTFT().p,  # set from the payoffs 5, 3, 1, 0, and kept under any other
        "random": axelrod.Random().init_kwargs["p"],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(tables(), indent=1) + "\n")
