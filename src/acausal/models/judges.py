"""Personas that judge texts by a rule that is known: what an analysis makes of judges can be told in advance.

Which ideas they look for they read from the question; of a question that names none they know nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from acausal.models.question import SENTENCE_END, Persona, Question, last_user_message

_TEXT = re.compile(r"<text>\n(.*)\n</text>", re.DOTALL)
_IDEA = re.compile(r"^- (\w+): ", re.MULTILINE)
_CUES: Mapping[str, str] = {
    "identity": "identical",
    "correlation": "the same as",
    "superrationality": "superrational",
    "decision_theory": "decision theory",
    "dominance": "dominant",
    "reciprocity": "tit for tat",
    "welfare": "both of us",
    "surprise": "surprised",
}
"""Idea → the words by which they know it."""
NO_TEXT = "I find no text to judge in this message."


def judge(question: Question) -> str:
    """Finds an idea in the first sentence that has its cue and no `not`."""
    return _judged(question, lambda sentence: " not " not in sentence.casefold())


def hasty_judge(question: Question) -> str:
    """Finds an idea in the first sentence that has its cue: it overlooks every `not`."""
    return _judged(question, lambda _: True)


def inventive_judge(question: Question) -> str:
    """Quotes a passage that no text holds."""
    return json.dumps(dict.fromkeys(_ideas(question), "what nobody ever wrote here"))


JUDGES: Mapping[str, Persona] = {rule.__name__: rule for rule in (judge, hasty_judge, inventive_judge)}


def _ideas(question: Question) -> list[str]:
    return _IDEA.findall("\n".join(message.content for message in question.messages if message.role == "system"))


def _judged(question: Question, admits: Callable[[str], bool]) -> str:
    asked = _TEXT.search(last_user_message(question))
    if asked is None:
        return NO_TEXT
    sentences = [sentence for sentence in SENTENCE_END.split(asked[1]) if admits(sentence)]
    return json.dumps(
        {
            idea: next((each for each in sentences if _CUES.get(idea, idea) in each.casefold()), None)
            for idea in _ideas(question)
        },
        ensure_ascii=False,
    )
