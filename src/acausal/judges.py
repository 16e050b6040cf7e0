"""Language models as judges of texts: asked through the same client as players, so that every call is on record.

A judge has a ledger of its own. Asked again, it answers from there; a changed text, question or dial asks anew exactly
what it touches.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from acausal.analysis.judging import answer_format, blinded, own_ideas, question, read_judgement, without_labels
from acausal.analysis.phrases import Marker
from acausal.analysis.written import Source, Written
from acausal.config import check_keys, fingerprint, identity
from acausal.design.seeds import placed_seed
from acausal.errors import Interrupted
from acausal.launch import compose_cell
from acausal.models.calls import calls_for
from acausal.models.catalog import Price, price_of
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.ledger import FILE, Ledger, lines_on_record
from acausal.models.preflight import inspect
from acausal.pricing.dry_run import listings_of
from acausal.pricing.estimate import tokens_of
from acausal.records import Place, Purpose, Reply, Request
from acausal.report.judgements import Judgement
from acausal.report.rows import dollars
from acausal.running.process import Signals
from acausal.running.progress import Tally
from acausal.settings.schema import AnswerFormat, Config

SLOT = "a"
LEAST_ANSWER, MOST_ANSWER = 16, 400
"""Tokens of an answer: eight nulls at a token a word, and as many passages."""


def judge_config(name: str, overrides: Sequence[str]) -> Config:
    """The configuration of a judge: one model and its dials.

    Args:
        name: A file of conf/model, or FILE=MODEL_TYPE.
        overrides: KEY=VALUE as for a run, e.g. budget.usd=5 or models.a.rate_limit=20.

    Raises:
        ConfigError: There is no such model, or a rule is broken.
    """
    file, _, model_type = name.partition("=")
    words = [f"model@models.{SLOT}={file}", *([f"models.{SLOT}.model_type={model_type}"] if model_type else [])]
    config = compose_cell([*words, "scenario=homogeneous", "condition=control", *overrides])
    model = config.models[SLOT]
    model.answer_format = AnswerFormat.text  # the schema is that of a judgement, not of a decision
    model.custom_params = {"response_format": answer_format()} | model.custom_params
    if model.temperature is not None:
        model.temperature = 0.0
    return config


def judged(
    config: Config, texts: Sequence[Written], directory: Path, environment: Mapping[str, str], *, hide: Sequence[str]
) -> Judgement:
    """Ask a judge about every text; equal texts once.

    Args:
        directory: Gets a directory with the judge's ledger.
        environment: Where keys are read.
        hide: Ids of the models that wrote.

    Raises:
        AcausalError: As in a run: a missing key, another judge's ledger, a reached budget, an interruption.
    """
    model = config.models[SLOT].model_type
    read = [shown(text, hide) for text in texts]
    requests = {text: _request(config, text) for text in dict.fromkeys(read)}
    tally = Tally()
    replies = dict(zip(requests, _asked(config, list(requests.values()), directory, environment, tally), strict=True))
    found: dict[int, Mapping[Marker, str]] = {}
    illegible: dict[int, str] = {}
    for number, text in enumerate(read):
        reading = _reading(replies[text], text)
        if isinstance(reading, str):
            illegible[number] = reading
        else:
            found[number] = reading
    held = {number: own_ideas(ideas, _told(texts[number])) for number, ideas in found.items()}
    vendors = {name.partition("/")[0] for name in hide if "/" in name}
    served = sorted({reply.served_by for reply in replies.values() if reply.served_by})
    return Judgement(model, found, held, illegible, tally, model.partition("/")[0] in vendors, served)


def foretold(config: Config, texts: Sequence[Written], directory: Path, *, hide: Sequence[str]) -> str:
    """What asking a judge will take, in a line, from what is on record and its price; nothing is asked of the judge.

    Raises:
        LedgerError: Its ledger is damaged.
    """
    requests = [_request(config, text) for text in dict.fromkeys(shown(text, hide) for text in texts)]
    kept = _folder(config, directory) / FILE
    known = {line.reply.key for line in lines_on_record(kept) if line.reply.error is None} if kept.is_file() else set()
    open_ = [request for request in requests if not known & {call.key for call in calls_for(config, request)}]
    ends: list[float | None] = [0.0, 0.0]
    if open_:
        listings, _ = listings_of(config)
        price = price_of(config.models[SLOT], listings[SLOT])
        ends = [None, None] if price is None else _costs(price, open_)
    low, high = map(dollars, ends)
    return (
        f"judge {config.models[SLOT].model_type}: {len(texts):,} texts, {len(requests):,} different, "
        f"{len(open_):,} calls to make, {low if low == high else f'{low} to {high}'}"
    )


def shown(text: Written, hide: Iterable[str]) -> str:
    """A text as a judge reads it: without names of models, and, of a decision, without the words for the actions."""
    return blinded(_undecided(text, text.text), hide)


def _told(text: Written) -> str:
    return _undecided(text, text.told)


def _undecided(text: Written, words: str) -> str:
    return words if text.source is Source.STRATEGY or text.match is None else without_labels(words, text.labels)


def _reading(reply: Reply, text: str) -> Mapping[Marker, str] | str:
    """Ideas and passages; or why there is no judgement, which is never taken for a text without ideas."""
    if reply.text is None:
        return reply.error or "no answer"
    if reply.substituted:
        return f"answered by another model, {reply.served_by}"
    if reply.finish_reason not in (None, "stop"):
        return f"cut off ({reply.finish_reason})"
    return read_judgement(reply.text, text)


def _costs(price: Price, requests: Sequence[Request]) -> list[float | None]:
    """USD at the least and at the most."""
    schema = len(json.dumps(answer_format()))
    low = high = 0.0
    for request in requests:
        size = sum(len(message.content.encode()) for message in request.messages)
        least, most = tokens_of(size)[0], tokens_of(size + schema)[1]
        low += price.of(round(least), LEAST_ANSWER)
        high += price.of(round(most), MOST_ANSWER)
    return [low, high]


def _request(config: Config, text: str) -> Request:
    """What asks about a text, at a place of its words alone: in another sample it is the same call."""
    named = f"judge/{fingerprint({'text': text})}"
    place = Place(1, 1, 0, Purpose.CHECK, question=named)
    return Request(place, SLOT, question(text), (), placed_seed(config.seed, named))


def _folder(config: Config, directory: Path) -> Path:
    return directory / re.sub(r"[^\w.-]+", "_", config.models[SLOT].model_type)


def _asked(
    config: Config, requests: Sequence[Request], directory: Path, environment: Mapping[str, str], tally: Tally
) -> list[Reply]:
    check_keys(config, environment)
    endpoints = connect(config, environment)
    own = _folder(config, directory)
    own.mkdir(parents=True, exist_ok=True)
    with Ledger(own, identity(config)) as ledger:

        async def asking() -> list[Reply]:
            preflight = partial(inspect, config, environment)
            client = Client(config, ledger, endpoints, preflight=preflight, on_reply=tally.count_reply)
            try:
                with Signals().halting(client):
                    return await asyncio.gather(*map(client.complete, requests))
            except asyncio.CancelledError:
                raise Interrupted("interrupted: what was asked is kept, and the same command goes on") from None
            finally:
                await client.landed()
                await client.close()

        return asyncio.run(asking())
