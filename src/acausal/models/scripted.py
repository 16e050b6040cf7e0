"""Personas: rules of a few lines in place of a language model, for tests, baselines and dry runs.

A persona sees what a language model would see, the messages, a seed and the labels a schema holds it to, and answers
in text. Which label is cooperation, what happened before and who the others are it reads from the words of the
prompt, so that a persona run exercises prompts and parsing as a real one does. What it cannot read it does not guess.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from acausal.config import nearest
from acausal.design.program import OUTCOMES, Program, constant
from acausal.design.seeds import placed_seed
from acausal.errors import ModelRejected, ModelUnavailable
from acausal.game import Action
from acausal.models.judges import JUDGES
from acausal.models.planted import PLANTED, fault_of
from acausal.models.question import (
    NO_GAME,
    SENTENCE_END,
    Persona,
    Question,
    answer,
    best_together,
    labels_of,
    last_user_message,
    latest_action,
    payoff_table,
    told,
)
from acausal.models.quizzed import OTHERWISE_COOPERATIVE, answered_beside
from acausal.records import Message

__all__ = ["NO_GAME", "PERSONAS", "SERVED", "Persona", "Question", "ScriptedEndpoint", "chat_completion", "messages_of"]

_PERCENTAGE_REQUEST = re.compile(
    r"\bnumber from 0 to 100: .*\bthat you choose (.+?) rather than (.+?)\.", re.IGNORECASE
)
_SAMENESS = re.compile(
    r"\bsame (?:[\w.-]+ ){0,3}(?:models?|AI|weights|program)\b|\bcopies\b|\ba copy of\b|\bcopy of you|\bclones?\b"
    r"|\bidentical(?: (?:to|copies|instances|models?|AIs?|language)\b|\s*[.,;!]|\s*$)",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:not|no|none|never|neither|nor|nobody|different|unlike|some|most|many|few|several|half|"
    r"if|whether|may|might|could|perhaps|possibly)\b|n['’]t\b",
    re.IGNORECASE,
)
_IGNORANCE = re.compile(r"\bdoes not know\b|\bdo(?:es)?n['’]t know\b", re.IGNORECASE)
"""Of a copy that does not know what it is: it is one all the same."""


def always_c(question: Question) -> str:
    """Cooperates with everybody."""
    return answer(question, "I always choose {cooperate}.", Action.COOPERATE)


def always_d(question: Question) -> str:
    """Defects against everybody."""
    return answer(question, "I always choose {defect}.", Action.DEFECT)


def coin(question: Question) -> str:
    """Tosses a fair coin that the seed alone decides."""
    heads = placed_seed(question.seed, "coin") % 2 == 0
    rule = "I toss a fair coin in each match: heads is {cooperate}, tails is {defect}."
    return answer(question, rule, Action.COOPERATE if heads else Action.DEFECT, constant(0.5))


def tit_for_tat(question: Question) -> str:
    """Cooperates first, then repeats what its latest co-player did [axelrod1984].

    Where matches have one turn there is no earlier move of the present co-player to return: the last match that the
    prompt shows stands in for it, whoever it was with. Where a condition shows no matches, each is the first.
    """
    rule = "I begin with {cooperate} and then choose what the other chose in my latest match."
    returned = {(own, other): float(other is Action.COOPERATE) for own, other in OUTCOMES}
    return answer(question, rule, latest_action(question) or Action.COOPERATE, Program(1.0, returned))


def superrational(question: Question) -> str:
    """Told that everybody is the same model, chooses what is best for all if all do it; else defects [hofstadter1985].

    In a dilemma that is cooperation, where mutual defection pays more it is defection.
    """
    text = told(question)
    best = best_together(text)
    word = "{cooperate}" if best is Action.COOPERATE else "{defect}"
    rule = f"If all of us are instances of the same model I choose {word}, otherwise {{defect}}."
    return answer(question, rule, best if _are_all_alike(text) else Action.DEFECT)


PERSONAS: Mapping[str, Persona] = {
    persona.__name__: persona for persona in (always_c, always_d, coin, tit_for_tat, superrational)
} | dict.fromkeys(OTHERWISE_COOPERATIVE, always_c)
SERVED: Mapping[str, Persona] = {**PERSONAS, **PLANTED, **JUDGES}
"""Every persona by name: those that play, those whose truth is planted, and those that judge texts."""

FAIR = frozenset({"coin"})
"""Personas that choose either label with probability one half; all others are sure of theirs."""
_CERTAIN = 0.9999
"""Probability that a sure persona shows for its label: a log-probability of nothing does not exist."""


class ScriptedEndpoint:
    """Personas behind the shape of an OpenAI-compatible endpoint, in this process and without a network.

    Args:
        seed: Decides, with the text and how often it was asked before, a call that brings no seed of its own.
            Such calls agree between two runs only if equal texts come in the same order: send seeds.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()

    async def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The chat completion of a request body whose `model` is `scripted/<persona>`.

        Raises:
            ModelRejected: There is no such persona.
            ModelUnavailable: The persona is one that never answers.
        """
        name = str(body["model"]).rpartition("/")[2]
        fault = fault_of(name)
        if fault.status is not None:
            raise ModelUnavailable(fault.message, model=str(body["model"]), endpoint="scripted", status=fault.status)
        completion = chat_completion(body, self.reply(name, body), fair=name in FAIR)
        choice = completion["choices"][0]
        choice["message"] |= fault.message_fields
        choice["finish_reason"] = fault.finish_reason or choice["finish_reason"]
        return completion

    def reply(self, name: str, body: Mapping[str, Any]) -> str:
        """What the persona of that name says to a request body.

        Raises:
            ModelRejected: There is no such persona.
        """
        if name not in SERVED:
            known = list(SERVED)
            raise ModelRejected(
                f"no persona is called {name!r}, as model_type {body['model']!r} asks: "
                f"there are {', '.join(known)}{nearest(name, known)}",
                model=str(body["model"]),
                endpoint="scripted",
                status=404,
            )
        key, choices = _demanded(body)
        messages = messages_of(body)
        question = Question(messages, self._seed_of(body, messages), choices, self._answered[name])
        self._answered[name] += 1
        if (asked := _PERCENTAGE_REQUEST.search(last_user_message(question))) is not None:
            return _percentage(SERVED[name](question), asked[1], name in FAIR, as_json=key == "percent")
        text, last = told(question), last_user_message(question)
        if (beside := answered_beside(name, text, last, payoff_table(text), alike=_are_all_alike(text))) is not None:
            if key == "percent":
                return json.dumps({key: int(beside)})
            return json.dumps({key: beside}) if key is not None and beside in choices else beside
        said = SERVED[name](question)
        if said not in choices:
            return said
        return json.dumps(said if key is None else {key: said})

    def _seed_of(self, body: Mapping[str, Any], messages: Sequence[Message]) -> int:
        if body.get("seed") is not None:
            return int(body["seed"])
        text = repr([(message.role, message.content) for message in messages])
        asked = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        self._asked[asked] += 1
        return placed_seed(self._seed, asked, self._asked[asked])


def chat_completion(body: Mapping[str, Any], text: str, *, fair: bool = False) -> dict[str, Any]:
    """A free reply in the shape of OpenAI's chat completions; a token is a word.

    Args:
        fair: Whether the log-probabilities, where they are asked for, give each label one half.
    """
    tokens_in = sum(len(message.content.split()) for message in messages_of(body))
    tokens_out = len(text.split())
    return {
        "id": f"scripted-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
                "logprobs": {"content": _logprobs(messages_of(body), text, fair)} if body.get("logprobs") else None,
            }
        ],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
            "cost": 0.0,
        },
    }


def _percentage(said: str, asked: str, fair: bool, *, as_json: bool) -> str:
    """How likely a persona is to choose the label asked about, given what it would choose now."""
    if said == NO_GAME:
        return said
    percent = 50 if fair else 100 if said.casefold() == asked.casefold() else 0
    return json.dumps({"percent": percent}) if as_json else str(percent)


def _logprobs(messages: Sequence[Message], text: str, fair: bool) -> list[dict[str, Any]]:
    """Tokens in OpenAI's form; where a label parts from the other one, the rest of that stands beside its own."""
    labels = list((labels_of("\n".join(message.content for message in messages)) or {}).values())
    others = [label for label in labels if label != text] if text in labels else []
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(text, *others, strict=False))
    shared = "".join(letters[0] for letters in alike)
    listed = [[(shared, 1.0)]] if shared else []
    if others and text != shared:
        own = 0.5 if fair else _CERTAIN
        listed.append([(text[len(shared) :], own), (others[0][len(shared) :], 1 - own)])
    tops = [[{"token": token, "logprob": math.log(chance)} for token, chance in place] for place in listed]
    return [{**top[0], "top_logprobs": top} for top in tops]


def messages_of(body: Mapping[str, Any]) -> tuple[Message, ...]:
    """The messages of a request body; of a content in parts, its text."""
    return tuple(Message(str(message["role"]), _content(message.get("content"))) for message in body["messages"])


def _content(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    return "" if content is None else str(content)


def _demanded(body: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """The key and the labels that a JSON schema holds the answer to: `{"action": <label>}` or a bare string."""
    schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema") or {}
    if "enum" in schema:
        return None, tuple(schema["enum"])
    for key, rule in (schema.get("properties") or {}).items():
        if "enum" in rule:
            return key, tuple(rule["enum"])
    return None, ()


def _are_all_alike(text: str) -> bool:
    """Whether sentences call the players the same model, and none of them denies, hedges or limits it."""
    sentences = [sentence for sentence in SENTENCE_END.split(text) if _SAMENESS.search(sentence)]
    return bool(sentences) and not any(_DENIAL.search(_IGNORANCE.sub("", sentence)) for sentence in sentences)
