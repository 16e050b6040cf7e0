"""A reply is read as an action only where it names one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acausal.design.parsing import read_decision, read_strategy
from acausal.game import Action
from acausal.records import Reply, Status

C, D = Action.COOPERATE, Action.DEFECT
LABELS = {C: "COOPERATE", D: "DEFECT"}


def reply(
    text: str | None, *, error: str | None = None, finish_reason: str | None = "stop", refusal: str | None = None
) -> Reply:
    return Reply(
        key="k",
        model="m",
        served_by="m",
        substituted=False,
        text=text,
        error=error,
        finish_reason=finish_reason,
        refusal=refusal,
    )


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("COOPERATE", C),
        ("defect", D),
        ("Defect.", D),
        ("**COOPERATE**", C),
        ('"DEFECT"', D),
        ("Answer: COOPERATE", C),
        ("My final decision is: **DEFECT**.", D),
        ("**Action:** defect", D),
        ("I choose COOPERATE.", C),
        ("I will cooperate because we both gain.", C),
        ("Cooperate or defect? They may defect.\n\nDEFECT", D),
        ("COOPERATE\n\nThe other may defect, but I take the risk.", C),
        ('{"action": "COOPERATE"}', C),
        ('```json\n{"action": "DEFECT"}\n```', D),
        ('{"reasoning": "COOPERATE looks naive", "action": "DEFECT"}', D),
    ],
)
def test_a_reply_that_names_one_action_is_read(text: str, action: Action) -> None:
    assert read_decision(reply(text), LABELS).action is action


@pytest.mark.parametrize(
    "text",
    [
        "I will not cooperate",
        "I won't defect",
        "Never DEFECT",
        "defective",
        "cooperation",
        "non-cooperate",
        "cooperate or defect?",
        "COOPERATE or DEFECT",
        "COOPERATE\nDEFECT",
        "COOPERATE if the other does",
        "I might cooperate",
        "Should I cooperate?",
        "rather than cooperate, I pass",
        "Answer: COOPERATE or DEFECT",
        '{"action": "MAYBE"}',
        '{"action": "COOPERATE", "decision": "DEFECT"}',
        '{"action": ["COOPERATE"]}',
        "42",
        "",
        "   \n",
    ],
)
def test_a_reply_in_doubt_is_illegible_never_guessed(text: str) -> None:
    reading = read_decision(reply(text), LABELS)
    assert (reading.action, reading.status) == (None, Status.ILLEGIBLE)
    assert reading.reason


@given(text=st.text())
def test_no_decision_is_ever_invented(text: str) -> None:
    reading = read_decision(reply(text), LABELS)
    if reading.action is not None:
        assert LABELS[reading.action].casefold() in text.casefold()
    assert (reading.action is None) == (reading.reason is not None)
    assert (reading.action is not None) == (reading.status is Status.LEGIBLE)


@given(
    action=st.sampled_from(Action),
    wrap=st.sampled_from(["{}", "**{}**", "Answer: {}", "My choice is {}.", "I think about it.\n{}"]),
    words=st.sampled_from([("COOPERATE", "DEFECT"), ("J", "F"), ("option 1", "option 2"), ("C++", "D--")]),
)
def test_a_rendered_answer_is_read_back(action: Action, wrap: str, words: tuple[str, str]) -> None:
    labels = dict(zip((C, D), words, strict=True))
    for text in (wrap.format(labels[action]), json.dumps({"action": labels[action]})):
        assert read_decision(reply(text), labels).action is action


def test_a_failed_call_is_failed_whatever_its_text() -> None:
    reading = read_decision(reply("COOPERATE", error="503 overloaded"), LABELS)
    assert (reading.action, reading.status, reading.reason) == (None, Status.FAILED, "503 overloaded")


@pytest.mark.parametrize("text", ["I'm sorry, but I can't help with that.", "I cannot participate in this game."])
def test_a_refusal_in_words_is_refused(text: str) -> None:
    assert read_decision(reply(text), LABELS).status is Status.REFUSED


def test_a_refusal_or_filter_of_the_provider_is_refused() -> None:
    assert read_decision(reply(None, refusal="no"), LABELS).status is Status.REFUSED
    assert read_decision(reply("COOPERATE", finish_reason="content_filter"), LABELS).status is Status.REFUSED


def test_a_reply_cut_off_is_missing_with_its_reason() -> None:
    reading = read_decision(reply("COOPERATE", finish_reason="length"), LABELS)
    assert (reading.action, reading.status, reading.reason) == (None, Status.ILLEGIBLE, "finish_reason length")


def test_a_strategy_is_kept_whole_or_not_at_all() -> None:
    assert read_strategy(reply(" Always cooperate. ")) == ("Always cooperate.", Status.LEGIBLE, None)
    assert read_strategy(reply("Always coop", finish_reason="length")) == (
        None,
        Status.ILLEGIBLE,
        "finish_reason length",
    )
    assert read_strategy(reply("")) == (None, Status.ILLEGIBLE, "empty")
    assert read_strategy(reply(None, error="gone"))[1] is Status.FAILED
    assert read_strategy(reply("I'm sorry, I can't take part."))[1] is Status.REFUSED
