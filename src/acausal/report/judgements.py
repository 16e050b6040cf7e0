"""What judges said of the texts, how far they and the lexicon agree, and where they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from acausal.analysis.agreement import Agreement
from acausal.analysis.lexicon import held, mentions
from acausal.analysis.phrases import Marker
from acausal.analysis.reasoning import judged_alike, relations
from acausal.analysis.written import Written
from acausal.report.rows import dollars
from acausal.report.table_files import Value
from acausal.report.text_tables import Table, clipped, markdown, numbers_of_place, place_heads, relation_table
from acausal.report.text_tables import shown_relations as shown
from acausal.running.progress import Tally

ENOUGH = 0.7
"""Kappa from which an idea may carry an argument; below, its counts describe and no more."""
SHOWN = 12
LEXICON = "lexicon"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge said of the texts."""

    model: str
    found: Mapping[int, Mapping[Marker, str]]
    """Number of a text → idea → the passage quoted; texts without a legible answer are absent."""
    held: Mapping[int, frozenset[Marker]]
    """Number of a text → the ideas found that are no echo of its prompt."""
    illegible: Mapping[int, str]
    """Number of a text → why its answer is illegible, or that none came."""
    tally: Tally
    same_family: bool
    """Whether it comes from a vendor whose models wrote the texts: judges favour their own."""
    served_by: Sequence[str] = ()
    """Ids of the models that answered, as their endpoint names them."""


def raters(texts: Sequence[Written], judgements: Sequence[Judgement]) -> dict[str, Mapping[str, Collection[Marker]]]:
    """Rater → number of a text, as text → the ideas it found there: the lexicon first, then the judges."""
    found: dict[str, Mapping[str, Collection[Marker]]] = {
        LEXICON: {str(number): held(mentions(written)) for number, written in enumerate(texts)}
    }
    for judgement in judgements:
        name = judgement.model if judgement.model not in found else f"{judgement.model} (again)"
        found[name] = {str(number): ideas for number, ideas in judgement.held.items()}
    return found


def of_different(
    texts: Sequence[Written], found: Mapping[str, Mapping[str, Collection[Marker]]]
) -> dict[str, Mapping[str, Collection[Marker]]]:
    """The same over the different texts of each condition: one text many times over is one item of an agreement."""
    first: dict[tuple[str, str], str] = {}
    for number, written in enumerate(texts):
        first.setdefault((written.condition, written.text), str(number))
    kept = set(first.values())
    return {rater: {number: said for number, said in own.items() if number in kept} for rater, own in found.items()}


def judges_document(texts: Sequence[Written], judgements: Sequence[Judgement]) -> str:
    """The part of the document that tells of judges; ends with a line break."""
    found = raters(texts, judgements)
    compared = of_different(texts, found)
    head, rows = shown_agreement(compared)
    parts = [
        "## Judges\n\n" + "".join(f"- {about(judgement, len(texts))}\n" for judgement in judgements),
        "Agreement by idea, over different texts that both read. An echo of the prompt counts for nobody; ideas that "
        f"nobody found are left out.\n\n{markdown((head, rows))}",
    ]
    differing = list(disagreements(texts, compared))
    if differing:
        listed = [[*row[:4], clipped(str(row[-1]))] for row in differing[:SHOWN]]
        more = f"The first {SHOWN} of " if len(differing) > SHOWN else ""
        parts.append(
            f"{more}{len(differing)} disagreements (disagreements.csv):\n\n"
            f"{markdown((['raters', 'idea', 'first', 'second', 'text'], listed))}"
        )
    for name, own in list(found.items())[1:]:
        related = relations((texts[int(number)], ideas) for number, ideas in own.items())
        told = f":\n\n{markdown(shown(related))}" if related else ": none of the ideas.\n"
        parts.append(f"Ideas and decisions, as {name} sees them{told}")
    return "\n".join(parts)


def shown_agreement(compared: Mapping[str, Mapping[str, Collection[Marker]]]) -> Table:
    """Agreement of every pair of raters for people, over ideas that one of the two found."""
    rows = [
        [
            *(pair, str(marker), each.n, f"{each.raw:.2f}", _kappa(each), f"{each.ac1:.2f}", f"{each.prevalence:.2f}"),
            "yes" if each.kappa is not None and each.kappa >= ENOUGH else "no: counts only",
        ]
        for pair, marker, each in agreements(compared)
        if each.both or each.first_only or each.second_only
    ]
    head = ["raters", "idea", "n", "alike", "κ", "AC1", "prevalence", f"κ ≥ {ENOUGH}"]
    return head, rows


def judges_kept(texts: Sequence[Written], judgements: Sequence[Judgement]) -> dict[str, Any]:
    """What a report says of judges later, and who they were."""
    return {
        "judges": [about(judgement, len(texts)) for judgement in judgements],
        "agreement": shown_agreement(of_different(texts, raters(texts, judgements))),
        "models": [
            {
                "model": each.model,
                "served_by": list(each.served_by),
                "read": len(each.found),
                "unread": len(each.illegible),
                "calls": each.tally.calls,
                "replayed": each.tally.replayed,
                "cost_usd": None if each.tally.unpriced else each.tally.cost_usd,
            }
            for each in judgements
        ],
    }


def judges_tables(texts: Sequence[Written], judgements: Sequence[Judgement]) -> dict[str, Table]:
    """Name → table: what each judge quoted, agreement, disagreements, and relations by each judge."""
    found = raters(texts, judgements)
    compared = of_different(texts, found)
    quoted = [
        [judgement.model, *numbers_of_place(texts[number]), str(marker), quote, int(marker in judgement.held[number])]
        for judgement in judgements
        for number, ideas in judgement.found.items()
        for marker, quote in ideas.items()
    ]
    unread = [
        [judgement.model, *numbers_of_place(texts[number]), why]
        for judgement in judgements
        for number, why in judgement.illegible.items()
    ]
    tables: dict[str, Table] = {
        "judgements": (["judge", *place_heads(), "idea", "passage", "own"], quoted),
        "unread": (["judge", *place_heads(), "why"], unread),
        "agreement": _agreement_table(compared),
        "disagreements": (
            ["raters", "idea", "first", "second", *place_heads(), "passage"],
            [list(row) for row in disagreements(texts, compared)],
        ),
    }
    for number, own in enumerate(list(found.values())[1:], start=1):
        related = relations((texts[int(text)], ideas) for text, ideas in own.items())
        tables[f"relations_judge_{number}"] = relation_table(related)
    return tables


def _agreement_table(compared: Mapping[str, Mapping[str, Collection[Marker]]]) -> Table:
    rows: list[list[Value]] = [
        [
            pair,
            str(marker),
            each.n,
            each.both,
            each.first_only,
            each.second_only,
            each.raw,
            each.kappa,
            each.kappa_low,
            each.kappa_high,
            each.ac1,
            each.prevalence,
        ]
        for pair, marker, each in agreements(compared)
    ]
    counts = ["n", "both", "first_only", "second_only", "alike", "kappa", "kappa_low", "kappa_high", "ac1"]
    return ["raters", "idea", *counts, "prevalence"], rows


def agreements(found: Mapping[str, Mapping[str, Collection[Marker]]]) -> Iterator[tuple[str, Marker, Agreement]]:
    """Every pair of raters, and each idea."""
    for (first, one), (second, two) in combinations(found.items(), 2):
        for marker, each in judged_alike(one, two).items():
            yield f"{first} – {second}", marker, each


def disagreements(
    texts: Sequence[Written], found: Mapping[str, Mapping[str, Collection[Marker]]]
) -> Iterator[tuple[Value, ...]]:
    """Raters, idea, what the first and what the second said, the text's place, and the text."""
    for (first, one), (second, two) in combinations(found.items(), 2):
        for number in sorted(one.keys() & two.keys(), key=int):
            for marker in Marker:
                said = [marker in rater[number] for rater in (one, two)]
                if said[0] != said[1]:
                    written = texts[int(number)]
                    answers = ["yes" if each else "no" for each in said]
                    yield f"{first} – {second}", str(marker), *answers, *numbers_of_place(written), written.text


def about(judgement: Judgement, texts: int) -> str:
    """What a judge read and what it took, in a line."""
    tally = judgement.tally
    why = Counter(judgement.illegible.values())
    unread = "".join(f"; {count} unread ({reason})" for reason, count in why.most_common(3))
    own = "; it is of a vendor whose models wrote the texts" if judgement.same_family else ""
    cost = "unknown" if tally.unpriced else dollars(tally.cost_usd)
    served = [name for name in judgement.served_by if name != judgement.model]
    by = f", served by {', '.join(served)}" if served else ""
    return (
        f"{judgement.model}{by}: read {len(judgement.found)} of {texts} texts in {tally.calls} calls "
        f"({tally.replayed} on record), {cost}{unread}{own}"
    )


def _kappa(each: Agreement) -> str:
    if each.kappa is None:
        return "–"
    if each.kappa_low is None or each.kappa_high is None:
        return f"{each.kappa:.2f}"
    return f"{each.kappa:.2f} [{each.kappa_low:.2f}, {each.kappa_high:.2f}]"
