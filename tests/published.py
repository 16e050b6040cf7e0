"""One experiment in the layouts in which such data are published, each with the options that read it.

Two treatments of six sessions; four people a session meet in pairs, in three matches of up to four turns. All is drawn
from one seed, and `truth` is what every layout must come to. `python tests/published.py DIR` writes them all and prints
the command that reads each.
"""

from __future__ import annotations

import csv
import gzip
import random
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

POINTS = {"CC": 32, "CD": 12, "DC": 50, "DD": 25}
PAYOFFS = ("--payoffs", "50,32,25,12")


@dataclass(frozen=True, slots=True)
class Turn:
    """What two people chose in one turn: C, D, or an empty word where nothing was recorded."""

    treatment: str
    session: int
    match: int
    pair: int
    turn: int
    people: tuple[int, int]
    chosen: tuple[str, str]

    @property
    def points(self) -> tuple[str, str]:
        first, second = self.chosen
        if not (first and second):
            return "", ""
        return str(POINTS[first + second]), str(POINTS[second + first])


@cache
def truth() -> tuple[Turn, ...]:
    """The experiment: conditional cooperators that start more kindly under `long`; one answer in forty is lost."""
    chance = random.Random(20_251_124)
    turns = []
    for session in range(1, 13):
        treatment = "long" if session % 2 else "short"
        people = [10 * session + seat for seat in range(1, 5)]
        kindness = chance.uniform(0.3, 0.6) + (0.2 if treatment == "long" else 0.0)
        for match in range(1, 4):
            chance.shuffle(people)
            length = chance.randint(1, 4)
            for pair in (1, 2):
                own = people[2 * pair - 2], people[2 * pair - 1]
                last = ["", ""]
                for turn in range(1, length + 1):
                    odds = [{"C": 0.85, "D": 0.15, "": kindness}[last[1 - seat]] for seat in (0, 1)]
                    chosen = ["C" if chance.random() < odd else "D" for odd in odds]
                    chosen = [each if chance.random() < 39 / 40 else "" for each in chosen]
                    turns.append(Turn(treatment, session, match, pair, turn, own, (chosen[0], chosen[1])))
                    last = chosen
    return tuple(turns)


def decisions() -> list[dict[str, object]]:
    """The truth in rows of one decision, for whoever computes from it by other means."""
    return [
        {
            "condition": t.treatment,
            "session": t.session,
            "match": t.match,
            "turn": t.turn,
            "person": t.people[seat],
            "other": t.people[1 - seat],
            "own": t.chosen[seat] or None,
            "met": t.chosen[1 - seat] or None,
            "points": float(t.points[seat]) if t.points[seat] else None,
        }
        for t in truth()
        for seat in (0, 1)
    ]


Written = tuple[Path, list[str]]
"""A file, and the options that read it."""
LAYOUTS: dict[str, Callable[[Path], Written]] = {}


def _layout(write: Callable[[Path], Written]) -> Callable[[Path], Written]:
    LAYOUTS[write.__name__] = write
    return write


def _csv(path: Path, head: str, rows: Iterable[Sequence[object]], *, separator: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows([head.split(), *rows])
    return path


def _each(row: Callable[[Turn, int], Sequence[object]]) -> list[Sequence[object]]:
    return [row(t, seat) for t in truth() for seat in (0, 1)]


_BIT = {"C": "1", "D": "0", "": "NA"}


@_layout
def long_with_ids(directory: Path) -> Written:
    """As in Dal Bó and Fréchette's files: 1 is cooperation, the other's id and choice beside it."""
    head = "session treatment id oid match round coop ocoop"
    rows = _each(
        lambda t, s: (
            *(t.session, t.treatment, t.people[s], t.people[1 - s], t.match, t.turn),
            *(_BIT[t.chosen[s]], _BIT[t.chosen[1 - s]]),
        )
    )
    words = "--map action=coop coplayer_action=ocoop agent=id coplayer=oid turn=round replicate=session"
    options = [*words.split(), "condition=treatment", "--cooperate", "1", "--defect", "0", *PAYOFFS]
    return _csv(directory / "long.csv", head, rows), options


@_layout
def long_without_the_other(directory: Path) -> Written:
    """As in stratEst's DF2011: no id of the other, only what it chose; tabs."""
    head = "treatment session id supergame period choice other.choice"
    rows = _each(
        lambda t, s: (
            *(t.treatment, t.session, t.people[s], t.match, t.turn),
            *(t.chosen[s].lower() or "NA", t.chosen[1 - s].lower() or "NA"),
        )
    )
    words = "--map action=choice coplayer_action=other.choice agent=id match=supergame turn=period replicate=session"
    return _csv(directory / "stratest.tsv", head, rows, separator="\t"), [
        *words.split(),
        "condition=treatment",
        *PAYOFFS,
    ]


@_layout
def wide_by_letters_of_a_label(directory: Path) -> Written:
    """As in Akata et al.: a row a turn of a match, choices J and F, running totals that nobody asked for."""
    letter = {"C": "J", "D": "F", "": ""}
    head = "treatment session game pair round player1 player2 answer1 answer2 points1 points2 total1"
    rows = [
        (
            *(t.treatment, t.session, t.match, t.pair, t.turn, *t.people),
            *(letter[t.chosen[0]], letter[t.chosen[1]], *t.points, 7 * t.turn),
        )
        for t in truth()
    ]
    words = (
        "--map action=answer1,answer2 payoff=points1,points2 agent=player1,player2 match=game+pair turn=round "
        "replicate=session condition=treatment --cooperate J --defect F"
    )
    return _csv(directory / "wide.csv", head, rows), words.split()


@_layout
def wide_by_words_in_columns(directory: Path) -> Written:
    """The same where the word for cooperation is another one in every row."""
    pairs = (("N", "B"), ("B", "N"), ("U", "S"))
    head = "treatment session game pair round answer1 answer2 choice_option1 choice_option2"
    rows = []
    for number, t in enumerate(truth()):
        spoken = dict(zip("CD", pairs[number % 3], strict=True)) | {"": "none"}
        rows.append(
            (
                *(t.treatment, t.session, t.match, t.pair, t.turn, spoken[t.chosen[0]], spoken[t.chosen[1]]),
                *pairs[number % 3],
            )
        )
    words = (
        "--map action=answer1,answer2 match=game+pair turn=round replicate=session condition=treatment "
        "--cooperate @choice_option1 --defect @choice_option2"
    )
    return _csv(directory / "words.csv", head, rows), [*words.split(), *PAYOFFS]


@_layout
def otree(directory: Path) -> Written:
    """As oTree exports an app: codes, True and False, many columns."""
    head = (
        "participant.code participant._index_in_pages player.id_in_group player.decision player.payoff "
        "group.id_in_subsession subsession.round_number player.supergame session.code session.config.treatment"
    )
    spoken = {"C": "True", "D": "False", "": ""}
    rows = _each(
        lambda t, s: (
            *(f"p{t.people[s]}x", 12, s + 1, spoken[t.chosen[s]], t.points[s], t.pair, t.turn, t.match),
            *(f"s{t.session}", t.treatment),
        )
    )
    words = (
        "--map action=player.decision agent=participant.code match=player.supergame+group.id_in_subsession "
        "turn=subsession.round_number replicate=session.code condition=session.config.treatment "
        "payoff=player.payoff --cooperate true --defect false"
    )
    return _csv(directory / "otree.csv", head, rows), words.split()


@_layout
def turns_in_columns(directory: Path) -> Written:
    """As oTree exports all apps: a row a person and match, the turns side by side; gzipped, with a byte order mark."""
    head = ["code", "group", "session.code", "treatment", *(f"pd.{n}.player.coop" for n in range(1, 5))]
    found: dict[tuple[object, ...], dict[int, str]] = {}
    for t in truth():
        for seat in (0, 1):
            place = t.people[seat], f"{t.match}/{t.pair}", t.session, t.treatment
            found.setdefault(place, {})[t.turn] = {"C": "1.0", "D": "0.0", "": "lost"}[t.chosen[seat]]
    rows = [[*map(str, place), *(own.get(n, "") for n in range(1, 5))] for place, own in found.items()]
    text = "\ufeff" + "\r\n".join(";".join(row) for row in [head, *rows]) + "\r\n;;;;;;;\r\n"
    path = directory / "all_apps.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    words = (
        "--map action=pd.*.player.coop agent=code match=group replicate=session.code condition=treatment "
        "--cooperate 1 --defect 0 --missing lost"
    )
    return path, [*words.split(), *PAYOFFS]


@_layout
def turns_in_letters(directory: Path) -> Written:
    """As Axelrod's library writes interactions: two rows a match, each a word with a letter a turn."""
    found: dict[tuple[object, ...], str] = {}
    for t in truth():
        for seat in (0, 1):
            place = (t.treatment, t.session, f"{t.match}-{t.pair}", t.people[seat], t.people[1 - seat])
            found[place] = found.get(place, "") + (t.chosen[seat] or "?")
    head = "Treatment Repetition Interaction_index Player_index Opponent_index Actions"
    path = _csv(directory / "interactions.csv", head, [(*place, letters) for place, letters in found.items()])
    words = (
        "--letters --map action=Actions agent=Player_index coplayer=Opponent_index match=Interaction_index "
        "replicate=Repetition condition=Treatment --missing ?"
    )
    return path, [*words.split(), *PAYOFFS]


@_layout
def reversed_with_decimal_commas(directory: Path) -> Written:
    """A column that says who defected; semicolons, decimal commas, Latin letters, and rows of another experiment."""
    head = "Behandlung;Sitzung;Person;Gegenüber;Spiel;Zug;verraten;Punkte;Studie"
    lines = [head, "short;99;1;2;1;1;1;0,5;Probe"]
    for t in truth():
        for s in (0, 1):
            points = f"{t.points[s]},0" if t.points[s] else "."
            bit = {"C": "0", "D": "1", "": "."}[t.chosen[s]]
            lines.append(
                f"{t.treatment};{t.session};{t.people[s]};{t.people[1 - s]};{t.match};{t.turn};{bit};{points};Haupt"
            )
    path = directory / "latin.csv"
    path.write_bytes("\n".join(lines).encode("latin-1"))
    words = (
        "--map action=verraten agent=Person coplayer=Gegenüber match=Spiel turn=Zug replicate=Sitzung "
        "condition=Behandlung payoff=Punkte --cooperate 0 --defect 1 --decimal , "
        "--encoding latin-1 --where Studie=Haupt"
    )
    return path, words.split()


@_layout
def parquet_of_a_data_frame(directory: Path) -> Written:
    """As pandas writes a frame with gaps: truth values with nulls, categories, whole numbers that are floats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    bits = {"C": True, "D": False, "": None}
    rows = [(t, s) for t in truth() for s in (0, 1)]
    columns = {
        "coop": pa.array([bits[t.chosen[s]] for t, s in rows], pa.bool_()),
        "arm": pa.array([t.treatment for t, _ in rows]).dictionary_encode(),
        "points": pa.array([float(t.points[s]) if t.points[s] else None for t, s in rows]),
    }
    for name, field in {"session": "session", "game": "match", "stage": "turn"}.items():
        columns[name] = pa.array([float(getattr(t, field)) for t, _ in rows])
    for name, other in (("who", 0), ("whom", 1)):
        columns[name] = pa.array([float(t.people[abs(other - s)]) for t, s in rows])
    path = directory / "frame.parquet"
    pq.write_table(pa.table(columns), path)
    words = (
        "--map action=coop payoff=points agent=who coplayer=whom match=game turn=stage replicate=session condition=arm "
        "--cooperate true --defect false"
    )
    return path, words.split()


@_layout
def copies_and_a_mapping_file(directory: Path) -> Written:
    """Every tenth row twice, 1 and 2 for the choices; the options kept in a file."""
    code = {"C": "1", "D": "2", "": "-9"}
    head = "treatment session subject partner game stage choice"
    rows = _each(
        lambda t, s: (*(t.treatment, t.session, t.people[s], t.people[1 - s], t.match, t.turn, code[t.chosen[s]]),)
    )
    rows = [row for number, row in enumerate(rows) for _ in range(1 + (number % 10 == 0))]
    kept = directory / "mapping.toml"
    kept.write_text(
        "cooperate = 1\ndefect = 2\nmissing = -9\npayoffs = [50, 32, 25, 12]\ndrop-copies = true\n"
        '[map]\naction = "choice"\n'
        'agent = "subject"\ncoplayer = "partner"\nmatch = "game"\nturn = "stage"\nreplicate = "session"\n'
        'condition = "treatment"\n'
    )
    return _csv(directory / "copies.csv", head, rows), ["--mapping", str(kept)]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for write in LAYOUTS.values():
        file, options = write(folder)
        print("acausal analyse", file.name, shlex.join(options))  # noqa: T201
