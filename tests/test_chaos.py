"""An endpoint that misbehaves on purpose: every fault at every rate, and what holds of each run all the same.

Every cell is whole, over real HTTP, with half its agents under fallback.policy=substitute and half under missing.
Figures are left out of the matrix, being four fifths of the time of such a cell; one test has them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from invariants import (
    Where,
    a_substitute_counts_in_no_rate,
    books_of,
    every_decision_is_there,
    ledger_of,
    no_decision_is_invented,
    no_success_was_asked_twice,
    tables_of,
    the_key_is_nowhere,
    the_ledger_agrees_with_the_server,
    whoever_else_serves_is_marked,
)
from small_cell import KEY, Played, changed, composed, play

from acausal.models.faults import FAULTS, Fault
from acausal.running.status import ExitCode
from acausal.settings.schema import Config, FallbackPolicy, ReplayMode

LOGGERS = ("", "openai", "httpx2", "httpcore2", "aiohttp", "asyncio")
ENDED = (ExitCode.DONE, ExitCode.NO_ESTIMATE)
SEEDS = {0.1: 8, 0.3: 6, 0.6: 3}
"""Rate → a seed of the simulator under which the few requests of a small cell are struck at both models."""


@pytest.fixture(scope="module")
def small() -> Config:
    """Four agents of two models, sixteen calls; a third model stands in for the first, nobody for the second."""
    config = composed("num_agents=4", "num_rounds=1", "scenario.model_distribution={a: 2, b: 2}", "fallback.model=c")
    config.models["a"].fallback.policy = FallbackPolicy.substitute
    return changed(config, retry_delay=0.001, max_retries=2, patience_s=5, timeout_s=10)


@pytest.fixture(scope="module")
def truth(small: Config, tmp_path_factory: pytest.TempPathFactory) -> Mapping[Where, str]:
    """What every agent says when nothing goes wrong."""
    directory = tmp_path_factory.mktemp("undisturbed")
    assert play(small, directory).code is ExitCode.DONE
    return books_of(directory).actions


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Everything that any library of the call layer has to say."""
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def patient_with(fault: Fault, config: Config) -> Config:
    """Little patience where a fault is about time, so that it is met; plenty elsewhere, so that it is the only one."""
    return changed(config, timeout_s=0.15) if fault.hang or fault.delay_s or fault.drip_s else config


def brief(fault: Fault) -> Fault:
    """The same, without a whole second's pause."""
    return fault if fault.retry_after_s is None else replace(fault, retry_after_s=0.01)


def struck_by(name: str, rate: float) -> tuple[Fault, ...]:
    """A fault at a rate, at both assigned models; at the highest rate at their substitute too."""
    fault = replace(brief(FAULTS[name]), rate=rate)
    return (fault,) if rate > 0.5 else (replace(fault, model="gpt-4"), replace(fault, model="claude"))


def holds(config: Config, directory: Path, played: Played, truth: Mapping[Where, str]) -> None:
    """The invariants of one finished run into an empty directory."""
    assert played.code in ENDED, played.said
    books = books_of(directory)
    every_decision_is_there(books, config)
    no_decision_is_invented(books, truth)
    whoever_else_serves_is_marked(books)
    a_substitute_counts_in_no_rate(books)
    the_ledger_agrees_with_the_server(books.lines, played.requests, config)


def replays(config: Config, directory: Path) -> None:
    """From its ledger alone a cell comes out as it is on disk, to the byte."""
    before = tables_of(directory)
    strict = play(replace(config, replay=ReplayMode.strict), directory)
    assert (strict.code, len(strict.requests)) == (ExitCode.DONE, 0), strict.said
    assert tables_of(directory) == before


def heals(config: Config, directory: Path, truth: Mapping[Where, str]) -> Played:
    """The same command against a healthy server asks for what is missing, all of it and nothing else."""
    before = ledger_of(directory)
    had = {line["key"] for line in before if line["error"] is None}
    healed = play(replace(config, retry_failed=True), directory)
    assert healed.code in ENDED, healed.said
    books = books_of(directory)
    new = books.lines[len(before) :]
    assert books.lines[: len(before)] == before
    assert {line["key"] for line in new} == books.needed - had
    assert len(new) == len(healed.requests), "each was asked once"
    no_success_was_asked_twice(books.lines)
    every_decision_is_there(books, config)
    no_decision_is_invented(books, truth)
    whoever_else_serves_is_marked(books)
    a_substitute_counts_in_no_rate(books)
    refused = {key for key, line in books.successes.items() if line["reply"] is None}
    assert all(each.action is not None or each.call_key in refused for each in books.decisions)
    return healed


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("rate", SEEDS, ids="{:.0%}".format)
@pytest.mark.parametrize("name", FAULTS)
def test_whatever_an_endpoint_does_the_invariants_hold(
    name: str,
    rate: float,
    small: Config,
    truth: Mapping[Where, str],
    tmp_path: Path,
    logged: pytest.LogCaptureFixture,
) -> None:
    config = patient_with(FAULTS[name], small)
    faults = struck_by(name, rate)
    played = play(config, tmp_path, faults=faults, seed=SEEDS[rate])
    assert name in {request.fault for request in played.requests}, "the fault never struck: it tests nothing"
    holds(config, tmp_path, played, truth)
    replays(config, tmp_path)
    healed = heals(small, tmp_path, truth)
    replays(small, tmp_path)
    assert any(record.name.startswith("openai") and record.levelno == logging.DEBUG for record in logged.records)
    the_key_is_nowhere(KEY, tmp_path, logged.text, played.said, healed.said)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("rate", SEEDS, ids=lambda rate: f"{rate:.0%}")
@pytest.mark.parametrize("name", FAULTS)
def test_under_abort_the_first_failure_ends_the_run_and_the_same_command_goes_on(
    name: str, rate: float, small: Config, truth: Mapping[Where, str], tmp_path: Path
) -> None:
    config = changed(patient_with(FAULTS[name], small), max_retries=1)
    config.models["a"].fallback.policy = None
    config.fallback.policy = FallbackPolicy.abort
    played = play(config, tmp_path, faults=struck_by(name, rate), seed=SEEDS[rate])
    lines = ledger_of(tmp_path)
    the_ledger_agrees_with_the_server(lines, played.requests, config)
    failed = [line for line in lines if line["error"] is not None]
    if failed:
        assert played.code is ExitCode.REFUSED
        assert "fallback.policy=abort stops here" in played.said
        assert len(failed) == 1, "whoever was on the way is no failure of its own"
        assert not (tmp_path / "decisions.parquet").exists()
    else:
        holds(config, tmp_path, played, truth)
    heals(changed(config, timeout_s=10), tmp_path, truth)
    the_key_is_nowhere(KEY, tmp_path, played.said)


@pytest.mark.usefixtures("without_figures")
def test_what_other_models_served_throughout_is_no_estimate(small: Config, tmp_path: Path) -> None:
    played = play(small, tmp_path, faults=(FAULTS["wrong_model"],))
    assert played.code is ExitCode.NO_ESTIMATE
    assert "none of 12 decisions is legible and from the model assigned; other models served them all" in played.said


def test_all_faults_at_once_and_everything_written(
    small: Config, tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    """A population of ten over two rounds, a fiftieth of the requests for each fault, with figures and report."""
    scenario = replace(small.scenario, model_distribution={"a": 5, "b": 5})
    config = changed(replace(small, num_agents=10, num_rounds=2, scenario=scenario), timeout_s=0.4)
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    assert play(changed(config, timeout_s=10), undisturbed).code is ExitCode.DONE
    truth = books_of(undisturbed).actions
    lasting = ("401", "402", "403", "404")
    faults = [replace(brief(fault), rate=0.02) for name, fault in FAULTS.items() if name not in lasting]
    directory = tmp_path / "disturbed"
    directory.mkdir()
    played = play(config, directory, faults=(*faults, replace(FAULTS["404"], model="claude", requests=range(80, 1000))))
    assert len({request.fault for request in played.requests}) > len(FAULTS) / 2
    holds(config, directory, played, truth)
    replays(config, directory)
    healed = heals(changed(config, timeout_s=10), directory, truth)
    replays(config, directory)
    assert (directory / "report.html").exists()
    assert list((directory / "figures").iterdir())
    the_key_is_nowhere(KEY, directory, logged.text, played.said, healed.said)
