"""The text analysis of a run or a sweep as tables: one document in Markdown, and every table as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acausal.analysis.clusters import APART, Sorted, sort_texts
from acausal.analysis.inference import Estimate
from acausal.analysis.lexicon import Mention, Stance, held, mentions
from acausal.analysis.phrases import ABOUT, Marker
from acausal.analysis.reasoning import Relation, relations
from acausal.analysis.similarity import SITUATIONS, Likeness, Profile, likenesses
from acausal.analysis.written import Source, Written
from acausal.report.claims import shown
from acausal.report.corpus import Corpus
from acausal.report.rows import percent
from acausal.report.table_files import Value, write_csv

Table = tuple[Sequence[str], Sequence[Sequence[Value]]]
"""Heads and rows; fractions in [0, 1], None over nothing."""
QUOTED = 160
"""Letters of a text that a table for people shows."""
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Texts:
    """What was found in the texts of one directory."""

    corpora: Sequence[Corpus]
    found: Sequence[tuple[Written, list[Mention]]]
    """Every text of every cell, and what it speaks of."""
    related: Sequence[Relation]
    alike: Sequence[tuple[str, Likeness]]
    """Value, and likeness of its strategies."""
    sorted: Sequence[Sorted | None]
    """Of each corpus."""


def examined(corpora: Sequence[Corpus]) -> Texts:
    """Everything that needs no judge."""
    found = [(written, mentions(written)) for corpus in corpora for written in corpus.texts]
    alike = [(c.cell, row) for c in corpora if c.strategies for row in likenesses(c.strategies, c.profiles)]
    related = relations((written, held(own)) for written, own in found)
    return Texts(corpora, found, related, alike, [sort_texts(c.strategies, c.profiles) for c in corpora])


def document(texts: Texts, *, title: str) -> str:
    """The analysis for people; ends with a line break."""
    told = counted(Counter(written.source for written, _ in texts.found))
    cells = "1 cell" if len(texts.corpora) == 1 else f"{len(texts.corpora)} cells"
    parts = [f"# Texts of {title}\n\n{cells}: {told or 'no texts'}.\n"]
    if not texts.found:
        return parts[0] + "\nAgents that choose without a strategy, in a word, leave nothing to read.\n"
    stances = stance_table(texts)
    parts.append(
        "## Ideas in the texts\n\nMentions by the lexicon, one a sentence. Held are asserted and hedged ones; an echo "
        f"repeats words of the prompt.\n\n{markdown(stances)}" + "".join(f"\n- {m}: {ABOUT[m]}" for m in Marker) + "\n"
    )
    table = markdown(shown_relations(texts.related)) if texts.related else "No text holds any of the ideas.\n"
    parts.append(
        "## Ideas and decisions\n\nCooperation of the decisions under texts that hold an idea, and under those that do "
        "not; the difference is the mean over replicates that have both, with a 95 % interval. It is an association: a "
        f"text comes after what was told, perhaps after the choice.\n\n{table}"
    )
    if texts.alike:
        parts.append(
            "## Likeness of strategies\n\nCosine of words (TF-IDF; blind to the decision) beside the mean difference "
            "of P(cooperate) in the situations that both strategies know (0: they do the same), and again over pairs "
            "that were asked in the same words and order. Pairs with the next replicate "
            "share no history: likeness within a model is worth what it has beyond them.\n\n"
            f"{markdown(shown_likeness(texts.alike))}"
        )
    for corpus, own in zip(texts.corpora, texts.sorted, strict=True):
        if own is not None:
            parts.append(_clusters(corpus.cell, own))
    return "\n".join(parts)


def counted(texts: Counter[Source]) -> str:
    """How many of each source there are, in words; empty without any."""
    return ", ".join(f"{texts[source]} {_PLURAL[source]}" for source in Source if texts[source])


def stance_table(texts: Texts) -> Table:
    """Per idea, how often each stance is taken."""
    counts = Counter((mention.marker, mention.stance) for _, own in texts.found for mention in own)
    return ["idea", *map(str, Stance)], [[str(m), *(counts[m, stance] for stance in Stance)] for m in Marker]


def csv_tables(texts: Texts) -> dict[str, Table]:
    """Name → table, everything with plain numbers."""
    place = place_heads()
    strategies = [
        [
            *numbers_of_place(written),
            number,
            *(xy or (None, None)),
            *(profile.get(s) for s in SITUATIONS),
            written.text,
        ]
        for corpus, own in zip(texts.corpora, texts.sorted, strict=True)
        for written, profile, number, xy in zip(
            corpus.strategies,
            corpus.profiles,
            own.cluster_of if own else [None] * len(corpus.profiles),
            own.places if own else [None] * len(corpus.profiles),
            strict=True,
        )
    ]
    clusters = [
        [c.cell, each.number, each.texts, " ".join(each.terms), *_numbers(each.cooperation), each.typical]
        for c, own in zip(texts.corpora, texts.sorted, strict=True)
        for each in (own.clusters if own else ())
    ]
    return {
        "mentions": (
            [*place, "idea", "stance", "sentence"],
            [[*numbers_of_place(w), str(m.marker), str(m.stance), m.quote] for w, own in texts.found for m in own],
        ),
        "relations": relation_table(texts.related),
        "likeness": likeness_table(texts.alike),
        "strategies": ([*place, "cluster", "x", "y", *(f"p_{s}" for s in SITUATIONS), "strategy"], strategies),
        "clusters": (["cell", "cluster", "texts", "terms", *_heads("cooperation"), "typical"], clusters),
    }


def likeness_table(alike: Sequence[tuple[str, Likeness]]) -> Table:
    """Likeness with plain numbers."""
    rows = [
        [c, a.kind, a.models, a.round, *_numbers(a.cosine), *_numbers(a.distance), *_numbers(a.same_order)]
        for c, a in alike
    ]
    return ["cell", "pairs", "models", "round", *_heads("cosine"), *_heads("distance"), *_heads("same_order")], rows


def relation_table(related: Sequence[Relation]) -> Table:
    """Relations with plain numbers."""
    head = ["condition", "model", "text", "idea", *_heads("share"), *_heads("with"), *_heads("without")]
    rows = [
        [
            r.condition,
            r.model,
            str(r.source),
            str(r.marker),
            *_numbers(r.texts),
            *_numbers(r.with_it),
            *_numbers(r.without_it),
            r.difference,
            r.low,
            r.high,
            r.replicates,
            r.method,
        ]
        for r in related
    ]
    return [*head, "difference", "difference_low", "difference_high", "replicates_with_both", "method"], rows


def write_tables(directory: Path, tables: Mapping[str, Table]) -> list[Path]:
    """Write `<name>.csv` for each table that has rows; what was written."""
    return [path for name, (head, rows) in tables.items() if write_csv(path := directory / f"{name}.csv", head, rows)]


_PLURAL = {Source.STRATEGY: "strategies", Source.REASONING: "reasonings", Source.REPLY: "replies"}


def shown_relations(related: Sequence[Relation]) -> Table:
    """Relations for people."""
    head = ["condition", "model", "text", "idea", "texts with it", "C with", "C without", "difference", "replicates"]
    rows: list[list[Value]] = [
        [
            r.condition,
            r.model,
            str(r.source),
            str(r.marker),
            _share(r.texts),
            _share(r.with_it),
            _share(r.without_it),
            _difference(r),
            r.replicates,
        ]
        for r in related
    ]
    return head, rows


def shown_likeness(alike: Sequence[tuple[str, Likeness]]) -> Table:
    """Likeness for people."""
    rows = [
        [
            cell or NOTHING,
            a.models,
            a.kind,
            a.round or "all",
            shown(a.cosine),
            shown(a.distance),
            shown(a.same_order),
            a.cosine.n if a.cosine else a.distance.n if a.distance else 0,
        ]
        for cell, a in alike
    ]
    return ["cell", "model", "pairs", "round", "cosine", "distance", "same order", "n"], rows


def _clusters(cell: str, own: Sorted) -> str:
    named = f" of {cell}" if cell else ""
    apart = "too few different texts for a silhouette"
    if own.silhouette is not None:
        apart = f"silhouette {own.silhouette:.2f}" + (" (hardly more than a cut)" if own.silhouette < APART else "")
    return (
        f"## Kinds of strategies{named}\n\nBy words, {apart}; the map in strategies.csv (x, y) shows "
        f"{own.spread:.0%} of their variance.\n\n{markdown(shown_kinds(own))}"
    )


def shown_kinds(own: Sorted) -> Table:
    """Kinds of strategies for people."""
    rows: list[list[Value]] = [
        [
            c.number,
            c.texts,
            ", ".join(c.terms),
            _share(c.cooperation),
            _profile(c.behaviour),
            clipped(c.typical),
            ", ".join(f"{model} {count}" for model, count in sorted(c.models.items())),
        ]
        for c in own.clusters
    ]
    return ["kind", "texts", "its words", "C after it", "what it does", "typical", "models"], rows


def _profile(profile: Profile) -> str:
    return ", ".join(f"{situation} {p:.2f}" for situation, p in profile.items()) or NOTHING


def place_heads() -> list[str]:
    """Heads of what `numbers_of_place` gives."""
    return ["cell", "condition", "model", "replicate", "round", "agent", "match", "turn", "source", "call_key"]


def numbers_of_place(written: Written) -> list[Value]:
    """Where a text stands."""
    return [
        *(written.cell, written.condition, written.model, written.replicate, written.round, written.agent),
        *(written.match, written.turn, str(written.source), written.call_key),
    ]


def _heads(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high", f"{name}_n"]


def _numbers(estimate: Estimate | None) -> list[Value]:
    return [None, None, None, 0] if estimate is None else [estimate.value, estimate.low, estimate.high, estimate.n]


def _share(estimate: Estimate | None) -> str:
    return NOTHING if estimate is None else f"{percent(estimate.value)} of {estimate.n}"


def _difference(relation: Relation) -> str:
    if relation.difference is None:
        return NOTHING
    if relation.low is None or relation.high is None:
        return f"{relation.difference:+.2f}"
    return f"{relation.difference:+.2f} [{relation.low:+.2f}, {relation.high:+.2f}]"


def clipped(text: str) -> str:
    """A text as a table for people shows it: one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTED else f"{line[: QUOTED - 1]}…"


def markdown(table: Table) -> str:
    """A table for people; ends with a line break."""
    head, rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)
