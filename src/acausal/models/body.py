"""From a request and a model's dials to the chat-completions body that is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from acausal.design.program import program_grammar, program_schema
from acausal.records import Message, Place, Purpose, Request
from acausal.schema import AnswerFormat, ModelConfig

ONE_SENTENCE = r'root ::= [A-Z] [^\n.]{20,160} "."'
"""Free text of one sentence: keeps a small model from rambling into its token limit."""


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
    return body | model.endpoint.params | model.custom_params


def _answer_format(answer_format: AnswerFormat, request: Request) -> dict[str, Any]:
    choices = request.choices
    if answer_format is AnswerFormat.grammar:
        if request.program:
            return {"grammar": program_grammar(request.program)}
        words = " | ".join(json.dumps(choice) for choice in choices)  # GBNF quotes literals as JSON does
        return {"grammar": f"root ::= {words}" if choices else ONE_SENTENCE}
    if answer_format is AnswerFormat.json_schema and request.program:
        return _json_schema("program", program_schema(request.program))
    if answer_format is AnswerFormat.json_schema and choices:
        schema = {
            "type": "object",
            "properties": {"action": {"type": "string", "enum": list(choices)}},
            "required": ["action"],
            "additionalProperties": False,
        }
        return _json_schema("decision", schema)
    return {}


def _json_schema(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}}
