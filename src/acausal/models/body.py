"""From a request and a model's dials to the chat-completions body that is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from acausal.design.program import closed, program_grammar, program_schema
from acausal.records import Message, Place, Purpose, Request
from acausal.settings.elicitation import Elicit
from acausal.settings.schema import AnswerFormat, EndpointKind, ModelConfig

ONE_SENTENCE = r'root ::= [A-Z] [^\n.]{20,160} "."'
"""Free text of one sentence: keeps a small model from rambling into its token limit."""
QUOTATION = r"""root ::= sentence (" " sentence)?
sentence ::= [A-Z] [^\n.]+ ("." [0-9] [^\n.]*)* "."
"""
"""Free text of a question beside the game: room for the longest wording of a condition, which takes two sentences.

No number bounds them: llama.cpp spends minutes on a grammar that counts to 300. What rambles is cut off, and illegible.
"""
PERCENTAGE = 'root ::= "100" | [1-9] [0-9] | [0-9]'
TOP_LOGPROBS = 20
"""Alternatives asked for beside each token: the most that OpenAI gives."""
EMBEDDED_TOP_LOGPROBS = 200
"""The same of llama.cpp, which has no such limit: small models seldom have both labels among their first 20."""
PING = "Reply with the word OK."
_PING_TOKENS = 16
"""Some providers refuse to be asked for less."""


def ping_body(model: ModelConfig) -> dict[str, Any]:
    """The least that shows whether a model answers, with the dials of every other call."""
    place = Place(0, 0, 0, Purpose.STRATEGY)
    body = chat_body(model, Request(place, "", (Message("user", PING),), (), 0))
    return body | {"max_tokens": min(model.max_tokens, _PING_TOKENS)}


def chat_body(model: ModelConfig, request: Request) -> dict[str, Any]:
    """The full request: what the ledger keeps and the key is made of. Holds no secret."""
    body: dict[str, Any] = {
        "model": model.model_type,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": model.max_tokens,
    }
    if model.temperature is not None:
        body["temperature"] = model.temperature
    if model.send_seed:
        body["seed"] = request.seed
    body |= _answer_format(model.answer_format, request)
    if request.choices and request.elicit is Elicit.logprobs:
        is_embedded = model.endpoint.kind is EndpointKind.embedded
        body |= {"logprobs": True, "top_logprobs": EMBEDDED_TOP_LOGPROBS if is_embedded else TOP_LOGPROBS}
    return body | model.endpoint.params | model.custom_params


def _answer_format(answer_format: AnswerFormat, request: Request) -> dict[str, Any]:
    choices, is_number = request.choices, request.elicit is Elicit.probability
    if request.program:
        return _program_format(answer_format, request.program)
    if answer_format is AnswerFormat.grammar:
        if not choices:
            return {"grammar": QUOTATION if request.place.purpose is Purpose.CHECK else ONE_SENTENCE}
        words = " | ".join(json.dumps(choice) for choice in choices)  # GBNF quotes literals as JSON does
        return {"grammar": PERCENTAGE if is_number else f"root ::= {words}"}
    # Under logprobs the label must come first: a JSON frame would stand before the token that is to be read.
    if answer_format is AnswerFormat.json_schema and choices and request.elicit is not Elicit.logprobs:
        if is_number:
            return _json_schema("decision", closed({"percent": {"type": "integer", "minimum": 0, "maximum": 100}}))
        return _json_schema("decision", closed({"action": {"type": "string", "enum": list(choices)}}))
    return {}


def _program_format(answer_format: AnswerFormat, labels: Sequence[str]) -> dict[str, Any]:
    if answer_format is AnswerFormat.grammar:
        return {"grammar": program_grammar(labels)}
    if answer_format is AnswerFormat.json_schema:
        return _json_schema("program", program_schema(labels))
    return {}


def _json_schema(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}}
