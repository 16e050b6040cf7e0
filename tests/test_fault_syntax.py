"""Faults as words on a command line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acausal.commands.serve import fault_table
from acausal.errors import ConfigError
from acausal.models.fault_syntax import parse_fault
from acausal.models.faults import FAULTS, Fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("429", FAULTS["429"]),
        ("429:rate=0.3,retry_after=2", replace(FAULTS["429"], rate=0.3, retry_after_s=2)),
        ("timeout:requests=1-5,model=gpt-4:free", replace(FAULTS["timeout"], requests=range(1, 6), model="gpt-4:free")),
        ("503:from=10,until=20", replace(FAULTS["503"], from_s=10, until_s=20)),
        ("slow:requests=3,delay=0.5", replace(FAULTS["slow"], requests=range(3, 4), delay_s=0.5)),
        ("drip:total=30", replace(FAULTS["drip"], drip_s=30)),
        ("wrong_model:served=openai/gpt-4o", replace(FAULTS["wrong_model"], served_model="openai/gpt-4o")),
        ("error_body:message=out", replace(FAULTS["error_body"], message="out")),
    ],
)
def test_a_fault_is_read_from_words(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("timout", r"no fault 'timout'; did you mean timeout\?; acausal serve --list-faults"),
        ("", r"no fault ''"),
        ("429:rte=1", r"429 takes no 'rte'; did you mean rate\?; it takes rate, requests, .*retry_after"),
        ("timeout:retry_after=1", r"timeout takes no 'retry_after'; it takes rate"),
        ("429:rate", r"rate is not understood; write e.g. rate=0.3"),
        ("429:rate=lots", r"rate=lots is not understood"),
        ("429:rate=30", r"rate 30.0: a rate is a fraction in \[0, 1\]"),
        ("429:requests=0-3", r"requests=0-3 is not understood; write e.g. requests=1-5"),
        ("429:requests=5-3", r"requests=5-3 is not understood"),
        ("429:model=", r"model= is not understood"),
        ("503:from=20,until=10", r"from 20.0 s until 10.0 s, which is never"),
        ("slow:delay=-1", r"delay_s -1.0: give seconds from 0"),
    ],
)
def test_a_slip_in_those_words_is_one_line_with_a_cure(text: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule) as caught:
        parse_fault(text)
    assert "\n" not in str(caught.value)


def test_the_table_of_faults_fits_a_terminal_and_names_them_all() -> None:
    lines = fault_table().splitlines()
    assert max(map(len, lines)) <= 80
    first = [line.split(maxsplit=1) for line in lines if not line.startswith(" ")]
    assert [name for name, _ in first] == list(FAULTS)
    assert all(FAULTS[name].about.startswith(words) for name, words in first)
