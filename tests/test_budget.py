"""A cap is never passed, whatever is in flight and however calls end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acausal.errors import BudgetExceeded
from acausal.models.budget import Budget
from acausal.settings.schema import BudgetConfig

ENDINGS = st.sampled_from(["landed", "refused", "broke"])


@given(
    cap=st.floats(0, 2),
    calls=st.lists(st.tuples(st.floats(0.0001, 0.3), st.floats(0, 1), ENDINGS), max_size=60),
    width=st.integers(1, 16),
)
def test_what_was_spent_and_may_have_been_never_passes_the_cap(
    cap: float, calls: list[tuple[float, float, str]], width: int
) -> None:
    """Calls cost a share of their most; up to `width` of them are in flight; some break off, and are billed in full."""
    budget, spent = Budget(BudgetConfig(usd=cap)), 0.0
    in_flight: list[tuple[float, float, str]] = []

    def land() -> None:
        nonlocal spent
        reserved, cost, ending = in_flight.pop(0)
        if ending == "landed":
            budget.landed(reserved, cost)
            spent += cost
        elif ending == "broke":
            budget.broke(reserved)
            spent += reserved
        else:
            budget.refused(reserved)

    for most, share, ending in calls:
        while len(in_flight) >= width:
            land()
        try:
            while (reserved := budget.reserve(most)) is None:
                assert in_flight, "it waits only for something"
                land()
        except BudgetExceeded:
            assert not in_flight, "calls in flight may make room yet"
            assert spent >= cap or spent + most > cap
            break
        in_flight.append((reserved, most * share, ending))
    while in_flight:
        land()
    assert spent <= cap + 1e-9


def test_without_a_price_calls_go_one_by_one_until_one_has_told_it() -> None:
    budget = Budget(BudgetConfig(usd=1.0))
    assert budget.reserve(None) == 0.0
    assert budget.reserve(None) is None
    budget.landed(0.0, 0.3)
    assert budget.reserve(None) == 0.3
    assert budget.reserve(None) == 0.3
    assert budget.reserve(None) is None, "0.3 spent and 0.6 in flight leave no room for the dearest so far"


def test_the_message_says_what_was_spent_and_what_may_have_been() -> None:
    budget = Budget(BudgetConfig(usd=0.5))
    budget.broke(budget.reserve(0.2) or 0.0)
    budget.landed(budget.reserve(0.2) or 0.0, 0.05)
    with pytest.raises(BudgetExceeded) as caught:
        budget.reserve(0.4)
    assert str(caught.value) == (
        "budget of $0.5 reached ($0.2500 spent in 2 calls, of which $0.2000 for calls that broke off and may have been "
        "billed; the next call may cost $0.4000): raise budget.usd, then run the same command"
    )


def test_no_cap_reserves_nothing_and_counts_all_the_same() -> None:
    budget = Budget(BudgetConfig())
    for _ in range(100):
        assert budget.reserve(1e9) == 0.0
    assert budget.calls == 100
