"""A program is read as it was written, or not at all, and plays by what it says and the seed of its place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acausal.design.program import (
    OUTCOMES,
    Outcome,
    Program,
    constant,
    described,
    move,
    outcome_keys,
    program_grammar,
    program_schema,
    read_program,
    written,
)
from acausal.game import Action

C, D = Action.COOPERATE, Action.DEFECT
LABELS = {C: "COOPERATE", D: "DEFECT"}
AFTER = {"CC": "COOPERATE", "CD": "DEFECT", "DC": 0.25, "DD": "DEFECT"}
GOOD = {"first": "COOPERATE", "after": AFTER}
READ = Program(1.0, {(C, C): 1.0, (C, D): 0.0, (D, C): 0.25, (D, D): 0.0})
words = st.text("abcxyzABCXYZ", min_size=1, max_size=9)
label_pairs = st.tuples(words, words).filter(lambda pair: pair[0].casefold() != pair[1].casefold())
chances = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
programs = st.builds(
    lambda first, after, reason: Program(first, dict(zip(OUTCOMES, after, strict=True)), reason),
    chances,
    st.tuples(*[chances] * 4),
    st.none() | st.text(),
)


def in_order(pair: tuple[str, str], first: Action) -> dict[Action, str]:
    """The words for cooperation and defection, in the order in which a prompt names them."""
    words = dict(zip(Action, pair, strict=True))
    return {action: words[action] for action in (first, first.other)}


def text(**changes: Any) -> str:
    """The good program with other values; None leaves a key out."""
    return json.dumps({key: value for key, value in (GOOD | changes).items() if value is not None})


@given(programs, label_pairs, st.sampled_from(Action))
def test_a_program_survives_being_written_and_read(program: Program, pair: tuple[str, str], first: Action) -> None:
    labels = in_order(pair, first)
    again = read_program(written(program, labels), labels)
    assert isinstance(again, Program)
    assert again.reason == program.reason
    assert [again.first, *again.after.values()] == pytest.approx([program.first, *map(program.after.get, again.after)])


def test_a_number_is_the_probability_of_the_label_named_first_whichever_action_that_is() -> None:
    read = {first: read_program(text(first=0.75), in_order(("COOPERATE", "DEFECT"), first)) for first in Action}
    assert read[C] == Program(0.75, READ.after)
    assert read[D] == Program(0.25, {**READ.after, (D, C): 0.75})


def test_keys_schema_and_grammar_follow_the_order_of_the_options() -> None:
    labels = in_order(("J", "F"), D)
    assert list(outcome_keys(labels).items()) == [((D, D), "FF"), ((D, C), "FJ"), ((C, D), "JF"), ((C, C), "JJ")]
    schema = program_schema(("F", "J"))
    assert list(schema["properties"]["after"]["properties"]) == ["FF", "FJ", "JF", "JJ"]
    assert schema["properties"]["first"]["anyOf"][0]["enum"] == ["F", "J"]
    assert program_grammar(("F", "J")).index("FF") < program_grammar(("F", "J")).index("JJ")


@given(programs, st.data())
def test_a_program_that_lost_a_character_is_the_same_or_none_or_says_so(program: Program, data: st.DataObject) -> None:
    """Nothing is completed: what is cut out of the structure makes it illegible, wherever the cut is."""
    whole = written(Program(program.first, program.after), LABELS)
    structure = [place for place, character in enumerate(whole) if character in '{}":,']
    cut = data.draw(st.sampled_from(structure))
    assert isinstance(read_program(whole[:cut] + whole[cut + 1 :], LABELS), str)


@given(st.text() | st.text('{}[]":,0.1CD ').map(lambda inner: f"{{{inner}}}"))
def test_no_text_is_read_as_a_program_by_chance(anything: str) -> None:
    assert isinstance(read_program(anything, LABELS), str)


@pytest.mark.parametrize(
    "accepted",
    [
        text(),
        json.dumps(GOOD, indent=2),
        f"```json\n{text()}\n```",
        f"I think it over: they may defect.\n\n{text()}\n",
        text(first="cooperate"),
        text(first=1),
        text(first=1.0),
        '{"after": ' + json.dumps(AFTER) + ', "first": "COOPERATE"}',
        '{"reason": null, ' + text()[1:],
    ],
)
def test_what_the_format_leaves_open_does_not_matter(accepted: str) -> None:
    assert read_program(accepted, LABELS) == READ


def test_a_reason_is_kept_and_changes_nothing() -> None:
    read = read_program(text(reason="{DEFECT} always?"), LABELS)
    assert read == Program(READ.first, READ.after, "{DEFECT} always?")


@pytest.mark.parametrize(
    ("malformed", "reason"),
    [
        ("", "no JSON object"),
        ("I choose COOPERATE.", "no JSON object"),
        ('["COOPERATE"]', "no JSON object"),
        (text()[:-1], "the JSON object is malformed"),
        (text().replace('"', "'"), "the JSON object is malformed"),
        (text()[:-1] + ",}", "the JSON object is malformed"),
        ('{"first": NaN}', "the JSON object is malformed"),
        ('{"first": -Infinity}', "the JSON object is malformed"),
        ('{"first": ' + "[" * 100_000, "the JSON object is malformed"),
        ('{"first": ' + "1" * 5_000 + "}", "the JSON object is malformed"),
        ("Between {C, D} I choose: " + text(), "the JSON object is malformed"),
        ('{"program": ' + text(), "the JSON object is malformed"),
        (f"{text()}\n{text()}", "more than one JSON object"),
        (f"{text()} But rather {text(first='DEFECT')}", "more than one JSON object"),
        (f"{text()} That is all.", "text after the JSON object"),
        (f"{text()}]", "text after the JSON object"),
        (text(second="DEFECT"), 'unknown key "second"'),
        ('{"program": ' + text() + "}", 'unknown key "program"'),
        (text(**{"k" * 40: 1}), f'unknown key "{"k" * 23}…"'),
        (text(first=None), 'no key "first"'),
        (text(after=None), 'no key "after"'),
        (text(after={}), 'no key after "CC"'),
        (text(after=AFTER | {"cc": 1}), 'unknown key after "cc"'),
        (text(after={key: AFTER[key] for key in ("CC", "CD", "DC")}), 'no key after "DD"'),
        (text(after=["COOPERATE"] * 4), "after is no object"),
        (text(after="COOPERATE"), "after is no object"),
        ('{"first": 1, ' + text()[1:], 'key "first" twice'),
        (text().replace('"CD"', '"CC"'), 'key "CC" twice'),
        (text(first="MAYBE"), 'first is no label: "MAYBE"'),
        (text(first=""), 'first is no label: ""'),
        (text(first="0.5"), 'first is no label: "0.5"'),
        (text(first="COOPERATE or DEFECT"), 'first is no label: "COOPERATE or DEFECT"'),
        (text(first=1.01), "first is no probability from 0 to 1"),
        (text(first=-0.01), "first is no probability from 0 to 1"),
        (text(first=50), "first is no probability from 0 to 1"),
        ('{"first": 1e999, ' + '"after": ' + json.dumps(AFTER) + "}", "first is no probability from 0 to 1"),
        (text(after=AFTER | {"DC": 2}), "after DC is no probability from 0 to 1"),
        (text(first=True), "first is neither a label nor a number"),
        (text(first=["COOPERATE"]), "first is neither a label nor a number"),
        (text(after=AFTER | {"DD": {"p": 1}}), "after DD is neither a label nor a number"),
        ('{"first": null, "after": ' + json.dumps(AFTER) + "}", "first is neither a label nor a number"),
        (text(reason=3), "reason is no text"),
    ],
)
def test_every_other_text_is_illegible_and_says_why(malformed: str, reason: str) -> None:
    assert read_program(malformed, LABELS) == reason


def test_a_program_in_the_words_of_another_game_is_none() -> None:
    assert read_program(text(), {C: "J", D: "F"}) == 'unknown key after "CC"'
    assert isinstance(read_program(written(READ, {C: "J", D: "F"}), LABELS), str)


def test_the_same_text_means_the_opposite_where_the_labels_are_swapped() -> None:
    swapped = read_program('{"first": "A", "after": {"AA": 0, "AB": 1, "BA": 0.2, "BB": "B"}}', {C: "B", D: "A"})
    assert swapped == Program(0.0, {(D, D): 0.0, (D, C): 1.0, (C, D): 0.2, (C, C): 1.0})


@pytest.mark.parametrize(
    ("pair", "keys"),
    [
        (("COOPERATE", "DEFECT"), ["CC", "CD", "DC", "DD"]),
        (("j", "F"), ["JJ", "JF", "FJ", "FF"]),
        (("share", "Steal"), ["share/share", "share/Steal", "Steal/share", "Steal/Steal"]),
        (("Option A", "Option B"), [f"Option {a}/Option {b}" for a in "AB" for b in "AB"]),
    ],
)
def test_outcomes_are_called_by_the_words_of_the_game(pair: tuple[str, str], keys: list[str]) -> None:
    assert list(outcome_keys(dict(zip(Action, pair, strict=True))).values()) == keys


@given(programs, st.lists(st.sampled_from(OUTCOMES)), st.floats(0, 1, exclude_max=True))
def test_a_move_follows_the_last_outcome_shown_and_the_draw(
    program: Program, past: list[Outcome], drawn: float
) -> None:
    chance = program.after[past[-1]] if past else program.first
    assert program.p_cooperate(past) == chance
    assert move(program, past, chance=drawn) is (C if drawn < chance else D)
    if chance in (0, 1):
        assert move(program, past, chance=drawn) is (C if chance else D)


def test_a_program_plays_the_turns_of_a_match_from_its_first_move_to_its_last_answer() -> None:
    """Win-stay, lose-shift against a fixed co-player: each turn answers the turn before and nothing else."""
    program = Program(1.0, {(C, C): 1.0, (C, D): 0.0, (D, C): 0.0, (D, D): 1.0})
    turns: list[Outcome] = []
    for other in (C, D, D, C, D):
        turns.append((move(program, turns, chance=0.5), other))
    assert [own for own, _ in turns] == [C, C, D, C, C]


def test_a_program_is_described_in_the_words_of_the_game() -> None:
    assert described(READ, LABELS) == (
        "first COOPERATE; after CC: COOPERATE, CD: DEFECT, DC: 25 % COOPERATE, DD: DEFECT"
    )
    assert described(constant(0.0), {C: "J", D: "F"}) == "always F"
    assert described(constant(0.125), LABELS) == "always 12.5 % COOPERATE"


def grammar_as_pattern(grammar: str) -> str:
    """A GBNF grammar without recursion as a regular expression."""
    rules = dict(line.split(" ::= ") for line in grammar.splitlines())

    def pattern(rule: str) -> str:
        parts = []
        for token in re.findall(r'"(?:[^"\\]|\\.)*"|\[[^]]*\]|\?|\||[a-z]+', rule):
            if token.startswith('"'):
                parts.append(re.escape(json.loads(token)))
            else:
                parts.append(f"(?:{pattern(rules[token])})" if token in rules else token)
        return "".join(parts)

    return pattern(rules["root"])


@given(st.data(), label_pairs | st.just(("Option A", "Option B")))
def test_whatever_the_grammar_lets_through_is_legible(data: st.DataObject, pair: tuple[str, str]) -> None:
    labels = dict(zip(Action, pair, strict=True))
    reply = data.draw(st.from_regex(grammar_as_pattern(program_grammar(pair)), fullmatch=True))
    assert isinstance(read_program(reply, labels), Program)


@given(st.tuples(*[st.sampled_from([0.0, 1.0, 0.5, 0.25, 0.07])] * 5))
def test_the_grammar_lets_every_program_through_to_two_decimals(chances: tuple[float, ...]) -> None:
    program = Program(chances[0], dict(zip(OUTCOMES, chances[1:], strict=True)))
    assert re.fullmatch(grammar_as_pattern(program_grammar(tuple(LABELS.values()))), written(program, LABELS))


def test_the_schema_is_strict_and_knows_the_keys_of_the_format() -> None:
    schema = program_schema(("COOPERATE", "DEFECT"))
    for each, keys in ((schema, {"first", "after", "reason"}), (schema["properties"]["after"], set(AFTER))):
        assert set(each["properties"]) == set(each["required"]) == keys
        assert each["additionalProperties"] is False
    label, number = schema["properties"]["first"]["anyOf"]
    assert label["enum"] == ["COOPERATE", "DEFECT"]
    assert (number["type"], number["minimum"], number["maximum"]) == ("number", 0, 1)
    assert schema["properties"]["after"]["properties"]["DC"] == schema["properties"]["first"]
    assert schema["properties"]["reason"]["type"] == ["string", "null"]
