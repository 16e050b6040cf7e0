"""Language models as judges of texts: asked through the same client as players, so that every call is on record.

A judge has a ledger of its own. Asked again, it answers from there; a changed text, question or dial asks anew exactly
what it touches.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from acausal.analysis.judging import answer_format, blinded, own_ideas, question, read_judgement
from acausal.analysis.phrases import Marker
from acausal.analysis.written import Written
from acausal.config import check_keys, fingerprint, identity
from acausal.design.seeds import placed_seed
from acausal.errors import Interrupted
from acausal.launch import compose_cell
from acausal.models.client import Client
from acausal.models.connect import connect
from acausal.models.ledger import Ledger
from acausal.models.preflight import inspect
from acausal.process import Signals
from acausal.progress import Tally
from acausal.records import Place, Purpose, Reply, Request
from acausal.report.judgements import Judgement
from acausal.schema import AnswerFormat, Config

SLOT = "a"


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
    read = [blinded(text.text, hide) for text in texts]
    requests = {text: _request(config, text) for text in dict.fromkeys(read)}
    tally = Tally()
    replies = dict(zip(requests, _asked(config, list(requests.values()), directory, environment, tally), strict=True))
    found: dict[int, Mapping[Marker, str]] = {}
    illegible: dict[int, str] = {}
    for number, text in enumerate(read):
        reply = replies[text]
        reading = read_judgement(reply.text, text) if reply.text is not None else reply.error or "no answer"
        if isinstance(reading, str):
            illegible[number] = reading
        else:
            found[number] = reading
    held = {number: own_ideas(ideas, texts[number].told) for number, ideas in found.items()}
    vendors = {name.partition("/")[0] for name in hide if "/" in name}
    return Judgement(model, found, held, illegible, tally, model.partition("/")[0] in vendors)


def _request(config: Config, text: str) -> Request:
    """What asks about a text, at a place of its words alone: in another sample it is the same call."""
    named = f"judge/{fingerprint({'text': text})}"
    place = Place(1, 1, 0, Purpose.CHECK, question=named)
    return Request(place, SLOT, question(text), (), placed_seed(config.seed, named))


def _asked(
    config: Config, requests: Sequence[Request], directory: Path, environment: Mapping[str, str], tally: Tally
) -> list[Reply]:
    check_keys(config, environment)
    endpoints = connect(config, environment)
    own = directory / re.sub(r"[^\w.-]+", "_", config.models[SLOT].model_type)
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
