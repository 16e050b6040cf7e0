"""E9: what one model's choice says of another's, and of its own on the same prompt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dsl import play, substituted

from acausal.analysis.prompts import answers, evidential_correlation
from acausal.records import Decision


def answered(**letters: str) -> list[Decision]:
    """Prompt → the answers to it."""
    return [
        replace(play(letter, "D", replicate=number)[0], messages_hash=prompt)
        for prompt, own in letters.items()
        for number, letter in enumerate(own, start=1)
    ]


def test_models_that_answer_alike_are_evidence_of_each_other() -> None:
    a, b = answered(x="C", y="D", z="C"), answered(x="C", y="D", z="C")
    found = evidential_correlation(("a", a), ("b", b))
    assert found.prompts == 3
    assert found.match is not None
    assert found.kappa is not None
    assert (found.match.value, found.kappa.value) == pytest.approx((1, 1))


def test_kappa_is_the_difference_of_the_conditional_rates() -> None:
    """Of four prompts a cooperates on two; b on one of those, and on none of the others."""
    a, b = answered(w="C", x="C", y="D", z="D"), answered(w="C", x="D", y="D", z="D")
    found = evidential_correlation(("a", a), ("b", b))
    assert found.match is not None
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(1 / 2)
    assert found.match.value == pytest.approx(3 / 4)
    assert found.match.low is not None
    assert 0 <= found.match.low < found.match.value < (found.match.high or 0) <= 1


def test_two_copies_that_toss_a_coin_agree_half_of_the_time() -> None:
    rng = np.random.default_rng(1)
    coin = answered(**{f"p{n}": "".join(rng.choice(["C", "D"], 20)) for n in range(200)})
    found = evidential_correlation(("a", coin), ("a", coin))
    assert found.match is not None
    assert found.kappa is not None
    assert found.match.value == pytest.approx(0.5, abs=0.02)
    assert found.kappa.value == pytest.approx(0, abs=0.04)
    assert found.kappa.low is not None
    assert found.kappa.low < 0 < (found.kappa.high or 0)


def test_no_answer_is_compared_with_itself() -> None:
    once = answered(x="C", y="D")
    assert evidential_correlation(("a", once), ("a", once)).prompts == 0
    split = evidential_correlation(("a", answered(x="CD")), ("a", answered(x="CD")))
    assert split.match is not None
    assert split.match.value == 0, "its two answers differ"
    assert split.match.low is None


def test_only_prompts_that_both_answered_count() -> None:
    a, b = answered(x="C", y="D"), answered(y="D", z="C")
    found = evidential_correlation(("a", a), ("b", b))
    assert (found.prompts, found.kappa) == (1, None)
    assert answers(substituted(a) + [replace(d, messages_hash=None) for d in a]) == {}
    assert evidential_correlation(("a", []), ("b", b)).match is None


def test_arms_that_share_a_seed_and_a_prompt_are_one_answer() -> None:
    one = answered(x="CD", y="CC")
    again = [replace(decision, condition="another arm") for decision in one]
    assert answers([*one, *again]) == {"x": (1, 2), "y": (2, 2)}
