"""An estimate: calls counted exactly, costs within their range, and a probe that is paid for once."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from acausal.config import identity
from acausal.errors import LedgerError
from acausal.experiment import Cell, run_cell
from acausal.models.catalog import Listing, Price, price_of
from acausal.models.faults import Fault
from acausal.models.recorded import recorded_calls
from acausal.models.simulator import Simulator, SimulatorSettings, running
from acausal.pricing.dry_run import dry_run
from acausal.pricing.estimate import CellEstimate, Span, estimate, reasoning, total_usd
from acausal.pricing.sampled import text_bytes
from acausal.pricing.workload import workload
from acausal.records import Purpose
from acausal.report.price_table import price_lines, remark_lines
from acausal.running.process import Process
from acausal.running.status import ExitCode
from acausal.settings.schema import Config

MODELS = ("openai/gpt-4", "anthropic/claude-3-sonnet-20240229", "google/gemini-pro")
QUIET = ["tracking.enabled=false", "progress=off"]
PRICED = [f"models.{slot}.price={{input_usd_per_mtok: 1, output_usd_per_mtok: 2}}" for slot in "abc"]
NINE = ["num_agents=9", "scenario.model_distribution={a: 4, b: 5}"]
"""An odd number: somebody rests, or plays a match less."""
CELLS = [
    ["scenario=mixed_5_5"],
    ["scenario=mixed_5_5", "protocol=direct"],
    ["scenario=mixed_5_5", "sub_model=c"],
    ["scenario=mixed_5_5", "protocol=compiled"],
    ["scenario=diverse_3_3_4", "replicates=2", "num_rounds=2"],
    ["scenario=homogeneous", "num_agents=5", "scenario.model_distribution.a=5", "condition.shows.own_matches=false"],
    ["condition=original_biased", "replicates=2"],
    ["condition=identical_copy_linked", "replicates=3", "num_rounds=1"],
    [*NINE, "matching=random_pairs", "replicates=2", "num_rounds=2"],
    [*NINE, "matching=random_pairs", "condition.shows.round_summaries=true", "num_rounds=2"],
    [*NINE, "matching=self_play"],
    [*NINE, "matching=strangers", "protocol=direct"],
]
pytestmark = pytest.mark.usefixtures("without_figures")
PLAYED_CELLS = pytest.mark.parametrize("overrides", CELLS, ids=" ".join)


@pytest.fixture(autouse=True)
def _no_catalog_from_before(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An OpenRouter where everybody tosses a coin, and the environment that leads to it."""
    with running(SimulatorSettings(persona="coin", models=MODELS)) as served:
        monkeypatch.setenv("OPENROUTER_BASE_URL", served.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", "k")
        yield served


@pytest.fixture
def paid(composed: Callable[..., Config], simulator: Simulator) -> Callable[..., Config]:
    """A configuration through the simulated OpenRouter, as fast as it goes."""
    unlimited = [f"models.{slot}.rate_limit=null" for slot in "abc"]
    return lambda *overrides: composed("roster=openrouter", *unlimited, *QUIET, *overrides)


def play(config: Config, directory: Path) -> tuple[ExitCode, str]:
    directory.mkdir(exist_ok=True)
    with Process() as process:
        return run_cell(Cell(config, directory, "again", "run.py"), os.environ, Console(file=io.StringIO()), process)


def ledger(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "calls.jsonl").read_text().splitlines()]


def calls_by_kind(priced: CellEstimate) -> Counter[tuple[str, str]]:
    calls: Counter[tuple[str, str]] = Counter()
    for row in priced.rows:
        calls[row.model, row.purpose] += row.calls
    return +calls


def left(config: Config, directory: Path, *, settled: bool = False) -> CellEstimate:
    return estimate(config, {}, recorded_calls(directory, identity(config), settled=settled))


def dollars_of(priced: CellEstimate) -> Span:
    assert priced.usd is not None
    return priced.usd


def probed(config: Config, directory: Path) -> tuple[ExitCode, str, str]:
    out = io.StringIO()
    cell = Cell(replace(config, dry_run=True), directory, "python run.py again", "run.py")
    code, message = dry_run([cell], os.environ, Console(file=out, width=80))
    return code, message, out.getvalue()


@PLAYED_CELLS
def test_calls_are_those_of_a_real_run(scripted: Callable[..., Config], overrides: list[str], tmp_path: Path) -> None:
    config = scripted(*QUIET, *overrides)
    assert play(config, tmp_path)[0] is ExitCode.DONE
    made = Counter((line["model"], line["purpose"]) for line in ledger(tmp_path))
    assert calls_by_kind(estimate(config, {})) == made
    assert left(config, tmp_path, settled=True).calls == 0


@PLAYED_CELLS
def test_the_cost_of_a_simulated_run_lies_within_its_range(
    paid: Callable[..., Config], overrides: list[str], tmp_path: Path
) -> None:
    config = paid(*PRICED, *overrides)
    priced = estimate(config, {})
    usd = dollars_of(priced)
    assert play(config, tmp_path)[0] is ExitCode.DONE
    lines = ledger(tmp_path)
    assert calls_by_kind(priced) == Counter((line["model"], line["purpose"]) for line in lines)
    assert usd.low <= sum(line["cost_usd"] for line in lines) <= usd.high < usd.ceiling
    for tokens, name in ((priced.tokens_in, "tokens_in"), (priced.tokens_out, "tokens_out")):
        assert tokens.low <= sum(line[name] for line in lines) <= tokens.high <= tokens.ceiling


@pytest.mark.parametrize("prices", [PRICED, []], ids=["priced", "unpriced"])
@PLAYED_CELLS
def test_a_probe_narrows_the_range_and_is_not_paid_twice(
    paid: Callable[..., Config], simulator: Simulator, overrides: list[str], prices: list[str], tmp_path: Path
) -> None:
    config = paid(*prices, *overrides, "probe=2")
    before = estimate(config, {})
    assert probed(config, tmp_path)[0] is ExitCode.DONE
    probe_calls = len(simulator.requests)
    kinds = Counter((line["model"], line["purpose"]) for line in ledger(tmp_path))
    assert set(kinds.values()) == {2}
    assert kinds.keys() == calls_by_kind(before).keys()
    after = left(config, tmp_path)
    assert after.calls == before.calls - probe_calls
    usd = dollars_of(after)
    if before.usd is not None:
        assert usd.high - usd.low < (before.usd.high - before.usd.low) / 2
    assert play(config, tmp_path)[0] is ExitCode.DONE
    assert len(simulator.requests) == before.calls
    spent = sum(line["cost_usd"] for line in ledger(tmp_path)[probe_calls:])
    assert usd.low <= spent <= usd.high <= usd.ceiling


def test_a_probe_says_what_it_cost_and_how_to_go_on(paid: Callable[..., Config], tmp_path: Path) -> None:
    code, _, out = probed(paid("scenario=homogeneous", "probe=1"), tmp_path)
    spent = sum(line["cost_usd"] for line in ledger(tmp_path))
    assert code is ExitCode.DONE
    assert f"probe    2 calls made now, ${spent:.4f}; paid once, if the run goes on with: python run.py again" in out
    assert "record   2 calls of this cell" in out
    _, _, again = probed(paid("scenario=homogeneous", "probe=1"), tmp_path)
    assert "probe    0 calls made now, $0.00" in again


def test_a_budget_holds_during_a_probe(paid: Callable[..., Config], simulator: Simulator, tmp_path: Path) -> None:
    code, message, _ = probed(paid("scenario=homogeneous", "probe=4", "budget.calls=3"), tmp_path)
    assert code is ExitCode.BUDGET
    assert "budget of 3 calls reached" in message
    assert len(simulator.requests) == len(ledger(tmp_path)) == 3


def test_a_probe_that_fails_says_why(composed: Callable[..., Config], tmp_path: Path) -> None:
    gone = Fault(status=404, message="no such model")
    with running(SimulatorSettings(persona="coin", faults=(gone,))) as served:
        endpoint = ["endpoint@models.a.endpoint=openai_compatible", f"models.a.endpoint.base_url={served.base_url}"]
        config = composed("roster=openrouter", "scenario=homogeneous", *endpoint, *QUIET, "probe=1")
        code, _, out = probed(config, tmp_path)
    assert code is ExitCode.DONE
    assert "warning  1 of them failed: no reply from 'openai/gpt-4'" in out
    assert left(config, tmp_path).calls == 300


@PLAYED_CELLS
def test_sampled_prompts_agree_with_played_ones(scripted: Callable[..., Config], overrides: list[str]) -> None:
    config = scripted(*overrides)
    assert workload(config, played_up_to=0) == workload(config)


def test_between_the_sampled_depths_text_grows_evenly(scripted: Callable[..., Config]) -> None:
    config = scripted("scenario=homogeneous", "num_agents=110", "scenario.model_distribution.a=110", "num_rounds=1")
    (sampled, played) = (workload(config, played_up_to=limit)["a", Purpose.DECISION] for limit in (0, 20_000))
    assert (sampled.calls, sampled.quotes) == (played.calls, played.quotes) == (110 * 109, 110 * 109)
    assert sampled.least_bytes == pytest.approx(played.least_bytes, rel=1e-4)
    assert sampled.most_bytes == pytest.approx(played.most_bytes, rel=1e-4)


def test_a_thousand_agents_are_counted_without_playing(scripted: Callable[..., Config]) -> None:
    config = scripted("scenario=mixed_5_5", "num_agents=1000", "scenario.model_distribution={a: 400, b: 600}")
    loads = workload(config)
    assert loads["a", Purpose.DECISION].calls == 400 * 999 * 3
    assert loads["b", Purpose.STRATEGY].calls == 600 * 3


def test_every_history_lies_between_the_shorter_and_the_longer_label(
    scripted: Callable[..., Config], tmp_path: Path
) -> None:
    config = scripted(*QUIET, "protocol=direct", "models.a.model_type=scripted/coin", "num_rounds=2")
    play(config, tmp_path)
    for slot, model in (("a", "scripted/coin"), ("b", "scripted/always_d")):
        load = workload(config)[slot, Purpose.DECISION]
        asked = [line["request"]["messages"] for line in ledger(tmp_path) if line["model"] == model]
        assert load.least_bytes < sum(map(text_bytes, asked)) < load.most_bytes


@pytest.mark.parametrize(
    "overrides",
    [["condition=identical_copy_u95", "replicates=12", "num_rounds=1"], ["condition=original_biased"]],
    ids=" ".join,
)
def test_wordings_and_shown_rates_are_counted_as_they_are_sent(
    scripted: Callable[..., Config], overrides: list[str], tmp_path: Path
) -> None:
    config = scripted(*QUIET, "protocol=direct", "scenario=homogeneous", *overrides)  # where everybody cooperates
    play(config, tmp_path)
    sent = sum(text_bytes(line["request"]["messages"]) for line in ledger(tmp_path))
    assert workload(config)["a", Purpose.DECISION].most_bytes == sent


def test_an_unknown_price_is_never_zero(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter", "scenario=mixed_5_5", *PRICED[:1])
    priced = estimate(config, {})
    assert priced.usd is None
    assert priced.unpriced == {"b": MODELS[1]}
    assert total_usd([Span(1, 1, 1), None]) is None
    assert price_lines(priced)[-1].split()[-2:] == ["unknown", "unknown"]
    assert any(
        f"the price of {MODELS[1]} (b): set models.b.price" in line for line in remark_lines(priced, config.budget)
    )


def test_what_runs_on_this_machine_costs_nothing(composed: Callable[..., Config]) -> None:
    assert estimate(composed("scenario=diverse_3_3_4"), {}).usd == Span(0, 0, 0)


def test_a_configured_price_wins_over_the_catalog(composed: Callable[..., Config]) -> None:
    listing = Listing("openai/gpt-4", price=Price(3e-5, 6e-5, 0.01))
    config = composed("roster=openrouter", "scenario=homogeneous", "num_rounds=1", *PRICED)
    assert price_of(config.models["a"], listing) == Price(1e-6, 2e-6)
    unpriced = composed("roster=openrouter", "scenario=homogeneous", "num_rounds=1")
    assert price_of(unpriced.models["a"], listing) == listing.price
    usd, tokens = (estimate(unpriced, {"a": listing}) for _ in range(2))
    assert dollars_of(usd).low == pytest.approx(100 * 0.01 + tokens.tokens_in.low * 3e-5 + tokens.tokens_out.low * 6e-5)


def test_a_reasoning_model_may_use_all_its_tokens(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter", "scenario=homogeneous", "models.a.max_tokens=777")
    listing = Listing("openai/gpt-4", reasons=True)
    assert estimate(config, {"a": listing}).tokens_out.high == 300 * 777
    assert estimate(config, {"a": replace(listing, reasons=False)}).tokens_out.high < 300 * 100
    assert estimate(config, {}).tokens_out.ceiling == 300 * 777
    off = composed("roster=openrouter", "++models.a.custom_params={reasoning: {enabled: false}}")
    assert reasoning(off.models["a"], listing) is False
    high = composed("roster=openrouter", "++models.a.custom_params={reasoning: {effort: high}}")
    assert reasoning(high.models["a"], None) is True
    assert reasoning(config.models["a"], None) is None


def test_a_ceiling_that_a_parameter_overrides_is_the_one_that_is_sent(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter", "scenario=homogeneous", "++models.a.custom_params={max_tokens: 50}")
    assert estimate(config, {}).tokens_out.ceiling == 300 * 50


def test_the_slowest_rate_limit_bounds_the_time(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter", "scenario=mixed_5_5", "models.b.rate_limit=10")
    rate = estimate(config, {}).rate
    assert rate is not None
    assert (rate.model, rate.rate_limit, rate.seconds) == (MODELS[1], 10, 149 * 6)
    same = composed("roster=openrouter", "scenario=mixed_5_5", f"models.b.model_type={MODELS[0]}")
    shared = estimate(same, {}).rate
    assert shared is not None
    assert shared.seconds == 299
    assert "time     at least 4 min 59 s at 60 requests/min (openai/gpt-4); 30 calls one after another" in remark_lines(
        estimate(same, {}), same.budget
    )


def test_only_what_waits_for_another_call_follows_it(scripted: Callable[..., Config]) -> None:
    assert estimate(scripted("num_rounds=2"), {}).steps == 2 * (1 + 9)
    assert estimate(scripted("num_rounds=2", "condition.shows.own_matches=false"), {}).steps == 2 * (1 + 1)
    assert estimate(scripted("num_rounds=2", "protocol=direct", "replicates=3"), {}).steps == 2 * 9


def test_steps_follow_the_agent_that_plays_most(scripted: Callable[..., Config]) -> None:
    assert estimate(scripted("matching=random_pairs"), {}).steps == 3 * (1 + 3)
    assert estimate(scripted("matching=self_play", "scenario=asymmetric_7_3"), {}).steps == 3 * (1 + 6)
    # Nine strangers: one rests each round, so that somebody plays every match there is.
    assert estimate(scripted(*NINE, "matching=strangers", "protocol=direct"), {}).steps == 3


def test_an_interrupted_run_of_odd_pairs_is_priced_to_its_end(paid: Callable[..., Config], tmp_path: Path) -> None:
    config = paid(*NINE, "matching=random_pairs", "num_rounds=2", *PRICED, "budget.calls=40")
    assert play(config, tmp_path)[0] is ExitCode.BUDGET
    rest = left(config, tmp_path)
    assert (rest.calls, rest.recorded) == (2 * (9 + 26) - 40, 40)


def test_whoever_rests_is_not_probed(paid: Callable[..., Config], tmp_path: Path) -> None:
    code, _, out = probed(paid(*NINE, "matching=strangers", "probe=9", "preflight=off"), tmp_path)
    assert code is ExitCode.DONE
    assert "16 calls made now" in out


def test_an_interrupted_run_is_priced_to_its_end(paid: Callable[..., Config], tmp_path: Path) -> None:
    config = paid("scenario=diverse_3_3_4", "num_rounds=2", *PRICED, "budget.calls=90")
    assert play(config, tmp_path)[0] is ExitCode.BUDGET
    rest = left(config, tmp_path)
    assert (rest.calls, rest.recorded) == (110, 90)
    assert rest.steps == 2 * 10 - min(Counter(line["agent"] for line in ledger(tmp_path)).values())
    finished = replace(config, budget=replace(config.budget, calls=None))
    assert play(finished, tmp_path)[0] is ExitCode.DONE
    spent = sum(line["cost_usd"] for line in ledger(tmp_path)[90:])
    assert dollars_of(rest).low <= spent <= dollars_of(rest).high


def test_decisions_without_a_strategy_are_not_priced(composed: Callable[..., Config], tmp_path: Path) -> None:
    cut_off = Fault(requests=(1,), finish_reason="length")
    with running(SimulatorSettings(persona="coin", faults=(cut_off,))) as served:
        endpoint = ["endpoint@models.a.endpoint=openai_compatible", f"models.a.endpoint.base_url={served.base_url}"]
        fast = [*endpoint, "models.a.rate_limit=null", "scenario=homogeneous", "num_rounds=1", *QUIET]
        config = composed("roster=openrouter", *fast, "budget.calls=10")
        assert play(config, tmp_path)[0] is ExitCode.BUDGET
        assert left(config, tmp_path).calls == 100 - 10 - 9
        play(replace(config, budget=replace(config.budget, calls=None)), tmp_path)
    assert len(ledger(tmp_path)) == 91
    assert left(config, tmp_path).calls == 0


def test_the_ledger_of_another_cell_is_refused(scripted: Callable[..., Config], tmp_path: Path) -> None:
    play(scripted(*QUIET, "num_rounds=1"), tmp_path)
    with pytest.raises(LedgerError, match="another configuration: seed was 0, now 1; .* choose another hydra.run.dir"):
        left(scripted("num_rounds=1", "seed=1"), tmp_path)
    assert left(scripted("num_rounds=1", "replicates=3"), tmp_path).calls == 200
    changed = left(scripted("num_rounds=1", "models.a.temperature=0"), tmp_path)
    assert (changed.calls, changed.recorded) == (100, 0), "which calls still hold shows only when they are made"


def test_a_budget_below_the_least_is_warned_of(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter", "scenario=homogeneous", *PRICED, "budget.usd=0.001", "budget.calls=7")
    remarks = remark_lines(estimate(config, {}), config.budget)
    assert [line.split(" is below")[0] for line in remarks if line.startswith("warning")] == [
        "warning  budget.usd=0.001",
        "warning  budget.calls=7",
    ]


def test_the_table_fits_eighty_columns(composed: Callable[..., Config]) -> None:
    config = composed("roster=openrouter", "scenario=diverse_3_3_4", *PRICED, "replicates=1000")
    lines = price_lines(estimate(config, {}))
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[:2] == ["strategy", "9,000"]
    assert lines[-1].split()[:2] == ["total", "300,000"]


def acausal(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OPENROUTER", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, "-c", "from acausal.cli import main; main()", *arguments],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_acausal_estimate_prints_a_price_and_leaves_nothing(tmp_path: Path) -> None:
    code, out, err = acausal(tmp_path, "estimate", "roster=openrouter", "scenario=mixed_5_5", *PRICED)
    assert (code, err) == (0, "")
    assert "Estimate: mixed_5_5, control: gpt-4 + claude-3-sonnet-20240229" in out
    assert "total            300" in out
    assert "at least 2 min 29 s at 60 requests/min" in out
    assert not list(tmp_path.iterdir())


def test_acausal_estimate_of_a_sweep_ends_with_its_total(tmp_path: Path) -> None:
    sweep = ["-m", "roster=openrouter", "scenario=homogeneous,mixed_5_5", "num_rounds=1,2"]
    code, out, err = acausal(tmp_path, "estimate", *sweep, *PRICED)
    assert (code, err) == (0, "")
    assert out.count("Estimate: ") == 4
    assert [line.split()[1:4:2] for line in out.splitlines() if line.startswith("│ total")] == [["total", "600"]]
    assert not list(tmp_path.iterdir())


def test_a_probe_goes_into_the_directories_of_the_sweep(tmp_path: Path, simulator: Simulator) -> None:
    keys = {"OPENROUTER_BASE_URL": simulator.base_url, "OPENROUTER_API_KEY": "k"}
    words = ["-m", "roster=openrouter", "scenario=homogeneous", "seed=1,2", "num_rounds=1", "hydra.sweep.dir=s"]
    fast = ["models.a.rate_limit=null", *QUIET]
    code, out, err = acausal(tmp_path, "estimate", *words, *fast, "probe=1", **keys)
    assert (code, err) == (0, "")
    go_on = next(line for line in out.splitlines() if line.startswith("probe")).partition("goes on with: ")[2]
    assert "dry_run" not in go_on
    assert "probe=" not in go_on
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    cells = ["s/0_homogeneous_control", "s/1_homogeneous_control"]
    assert files == [f"{cell}/{name}" for cell in cells for name in ("calls.jsonl", "ledger.json")]
    assert acausal(tmp_path, "run", *words, *fast, **keys)[0] == 0
    assert len(simulator.requests) == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["num_agents=12"], "num_agents"),
        (["models.a.price.input_usd_per_mtok=1"], "set both"),
        (["roster=openrouter", "probe=1"], "OPENROUTER_API_KEY is not set"),
        (["-m", "scenario=homogeneous,mixed_5_5", "num_agents=12"], "(cell scenario=homogeneous num_agents=12"),
        (["~hydra.callbacks.sweep"], "dry_run needs the callback"),
    ],
)
def test_what_cannot_be_priced_is_refused_in_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    code, out, err = acausal(tmp_path, "estimate", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err
    assert not list(tmp_path.rglob("calls.jsonl"))


def test_prices_come_from_the_endpoint_and_their_age_is_said(paid: Callable[..., Config], tmp_path: Path) -> None:
    code, _, out = probed(paid("scenario=mixed_5_5"), tmp_path)
    assert code is ExitCode.DONE
    assert re.search(r"prices   of \d+ s ago, from http://127\.0\.0\.1", out)
    assert "unknown" not in out.partition("prices")[0]


def test_without_an_endpoint_the_cost_is_unknown_and_said_so(
    composed: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://127.0.0.1:9/api/v1")
    code, _, out = probed(composed("roster=openrouter", "scenario=homogeneous"), tmp_path)
    assert code is ExitCode.DONE
    assert "warning  no list of models from http://127.0.0.1:9/api/v1" in out
    assert "unknown" in out
