"""What the calls to each model came to, counted from the lines of a ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acausal.analysis.calls import CallTally, call_summaries, calls_by_model, nearest_rank
from acausal.models.meter import GateReport, WidthChange
from acausal.records import Reply

OK = Reply("k1", "a", "a", False, "COOPERATE", tokens_in=10, tokens_out=2, cost_usd=0.5, latency_s=1.0, asked="a")
FAILED = Reply("k2", "a", None, False, None, asked="a", error="503 overloaded", cause="503")
STOOD_IN = replace(OK, key="k3", served_by="b", substituted=True, asked="b")


def test_a_reply_counts_for_the_model_asked_and_a_substitution_for_the_one_assigned() -> None:
    found = call_summaries([OK, FAILED, STOOD_IN])
    assert list(found) == ["a", "b"]
    assert (found["a"].calls, found["a"].failures, found["a"].substitutions) == (2, 1, 1)
    assert (found["b"].calls, found["b"].failures, found["b"].substitutions) == (1, 0, 0)
    assert (found["b"].tokens_in, found["b"].tokens_out, found["b"].cost_usd) == (10, 2, 0.5)


def test_a_provider_that_serves_another_model_leaves_the_call_with_the_model_asked() -> None:
    found = call_summaries([replace(STOOD_IN, asked="a", served_by="z")])
    assert list(found) == ["a"]
    assert (found["a"].calls, found["a"].substitutions) == (1, 1)


def test_a_record_that_does_not_say_who_was_asked_counts_for_the_model_assigned() -> None:
    assert list(call_summaries([replace(OK, asked=None)])) == ["a"]


def test_retries_are_counted_by_cause_and_waits_added_up() -> None:
    first = replace(OK, attempts=3, retries=("429", "timeout"), queued_s=1.5)
    second = replace(OK, key="k4", attempts=2, retries=("429",), queued_s=0.25)
    found = call_summaries([first, second])["a"]
    assert (found.calls, found.attempts, found.retries, found.queued_s) == (2, 5, {"429": 2, "timeout": 1}, 1.75)


def test_a_failure_that_succeeds_after_an_interruption_was_a_retry() -> None:
    failed = replace(FAILED, attempts=2, retries=("429",))
    found = call_summaries([failed, failed, replace(OK, key="k2")])["a"]
    assert (found.calls, found.failures, found.attempts) == (1, 0, 5)
    assert found.retries == {"429": 2, "503": 2}
    again = call_summaries([failed, failed])["a"]
    assert (again.calls, again.failures, again.attempts) == (1, 1, 4)
    assert again.retries == {"429": 2, "503": 1}


def test_a_call_that_was_never_sent_is_no_attempt_and_asking_it_later_no_retry() -> None:
    unsent = replace(FAILED, attempts=0, cause="404")
    assert (call_summaries([unsent])["a"].calls, call_summaries([unsent])["a"].attempts) == (1, 0)
    found = call_summaries([unsent, replace(OK, key="k2")])["a"]
    assert (found.calls, found.failures, found.attempts, found.retries) == (1, 0, 1, {})


def test_a_failure_whose_cause_is_not_on_record_is_an_error() -> None:
    assert call_summaries([replace(FAILED, cause=None), replace(OK, key="k2")])["a"].retries == {"error": 1}


def test_one_unknown_price_leaves_the_cost_unknown_and_a_failure_has_none() -> None:
    assert call_summaries([OK, FAILED])["a"].cost_usd == 0.5
    assert call_summaries([OK, replace(OK, key="k4", cost_usd=None)])["a"].cost_usd is None


def test_latencies_are_those_of_replies_and_none_without_any() -> None:
    replies = [replace(OK, key=str(number), latency_s=float(number)) for number in range(200, 0, -1)]
    found = call_summaries([*replies, replace(FAILED, latency_s=None)])["a"]
    assert (found.latency_p50_s, found.latency_p95_s, found.latency_p99_s) == (100.0, 190.0, 198.0)
    nothing = call_summaries([FAILED])["a"]
    assert (nothing.latency_p50_s, nothing.latency_p95_s, nothing.latency_p99_s) == (None, None, None)


@given(values=st.lists(st.floats(0, 1e6), min_size=1), percent=st.integers(1, 100))
def test_a_nearest_rank_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], percent: int) -> None:
    ordered = sorted(values)
    found = nearest_rank(ordered, percent / 100)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= percent / 100 * len(ordered) - 1e-9
    assert sum(value < found for value in ordered) < percent / 100 * len(ordered)


@given(outcomes=st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 4))))
def test_attempts_are_calls_and_retries_whatever_happened(outcomes: list[tuple[int, bool, int]]) -> None:
    tally, settled = CallTally(), set[int]()
    for call, is_success, attempts in outcomes:
        if call in settled:
            continue  # a success is never asked again
        reply = replace(OK if is_success else FAILED, key=str(call), attempts=attempts)
        tally.add(replace(reply, retries=("429",) * (attempts - 1)))
        settled |= {call} if is_success else set()
    found = tally.summary("a")
    assert found.attempts == found.calls + sum(found.retries.values())
    assert found.calls == len({call for call, _, _ in outcomes})
    assert found.failures == found.calls - len(settled)


def gate(**facts: object) -> GateReport:
    given = {"model": "a", "endpoint": "e", "sent": 9, "queued_s": 0.0, "limit_share": None, "width": 16, "changes": ()}
    return GateReport(**(given | facts))  # type: ignore[arg-type]  # a test's own words


def test_limits_stand_beside_the_calls_and_one_that_nothing_passed_tells_nothing() -> None:
    met = gate(limit_share=0.9, changes=(WidthChange(3.1, 8, "429"),))
    found = calls_by_model(call_summaries([OK, STOOD_IN]), [met, gate(model="b", sent=0, limit_share=0.5)])
    assert found["a"]["limit_share"] == 0.9
    assert found["a"]["concurrency"] == [
        {"endpoint": "e", "width": 16, "changes": [{"at_s": 3.1, "width": 8, "cause": "429"}]}
    ]
    assert (found["b"]["limit_share"], found["b"]["concurrency"]) == (None, [])


@pytest.mark.parametrize(("shares", "expected"), [((0.2, 0.7), 0.7), ((None, 0.1), 0.1), ((None, None), None)])
def test_a_model_at_two_endpoints_keeps_both_histories_and_the_limit_that_is_nearest(
    shares: tuple[float | None, ...], expected: float | None
) -> None:
    gates = [gate(endpoint=name, limit_share=share) for name, share in zip("ef", shares, strict=True)]
    found = calls_by_model(call_summaries([OK]), gates)["a"]
    assert found["limit_share"] == expected
    assert [limit["endpoint"] for limit in found["concurrency"]] == ["e", "f"]
