"""What the methods page lists is what the program computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from factorial import everywhere

from acausal.analysis.contrasts import Contrast
from acausal.analysis.estimands import ESTIMANDS, Estimand

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "methods.md").read_text()


def test_all_thirteen_are_there_in_order_and_each_once() -> None:
    keys = [estimand.key for estimand in ESTIMANDS]
    assert len(keys) == len(set(keys))
    numbers = [int(re.sub(r"\D", "", key)) for key in keys]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 14))


@pytest.mark.parametrize("estimand", ESTIMANDS, ids=lambda estimand: estimand.key)
def test_each_stands_on_the_page_with_its_module(estimand: Estimand) -> None:
    assert re.search(rf"\b{estimand.key}\b", PAGE)
    assert estimand.function.__module__.rpartition(".")[2] in PAGE
    assert not estimand.source or f"[{estimand.source}]" in (DOCS / "bibliography.md").read_text()


@pytest.mark.parametrize("estimand", [e for e in ESTIMANDS if e.weights], ids=lambda estimand: estimand.key)
def test_contrasts_are_computed_from_their_weights(estimand: Estimand) -> None:
    found = estimand.function(estimand.name, estimand.weights, everywhere("CD"))
    assert isinstance(found, Contrast)
    assert found.value == 0


def test_every_citation_of_the_page_is_in_the_bibliography() -> None:
    known = (DOCS / "bibliography.md").read_text()
    cited = re.findall(r"\[([a-z]+\d{4})\](?!\()", PAGE)
    assert cited
    assert [key for key in cited if f"[{key}]" not in known] == []
