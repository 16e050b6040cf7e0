"""`acausal models` as a user types it, against the simulated endpoint."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from servers import answering

from acausal.cli import _main
from acausal.commands.models import model_table
from acausal.config import conf_dir, endpoint_config, model_files
from acausal.errors import ConfigError
from acausal.models.catalog import Listing, Price, cached, keep
from acausal.models.scripted import SERVED
from acausal.models.simulator import Simulator, SimulatorSettings, running
from acausal.settings.schema import EndpointKind

OFFERED = ("openai/gpt-4o", "openai/gpt-4", "mistralai/mistral-tiny")
COUNT = len(OFFERED) + len(SERVED)
NOWHERE = "http://127.0.0.1:9/v1"
Models = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "OPENAI_COMPATIBLE_BASE_URL", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An OpenRouter with the models of OFFERED."""
    with running(SimulatorSettings(persona="coin", models=OFFERED)) as simulator:
        monkeypatch.setenv("OPENROUTER_BASE_URL", simulator.base_url)
        yield simulator


@pytest.fixture
def models(capsys: pytest.CaptureFixture[str]) -> Models:
    """Exit code, standard output and standard error of `acausal models WORDS…`."""

    def typed(*words: str) -> tuple[int, str, str]:
        code = _main(["models", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


def listed(output: str) -> list[str]:
    """Ids of the rows."""
    return [words[0] for line in output.splitlines() if (words := line.split()) and "/" in words[0]]


def aged(base_url: str, seconds: float) -> None:
    """Make the cached catalog of a server this much older."""
    catalog = cached(base_url)
    assert catalog is not None
    keep(dataclasses.replace(catalog, fetched_at=catalog.fetched_at - seconds))


def test_models_with_a_file_are_listed_with_the_name_to_use(simulator: Simulator, models: Models) -> None:
    code, output, errors = models()
    assert (code, errors) == (0, "")
    assert listed(output) == ["openai/gpt-4", "openai/gpt-4o"]
    row = next(line for line in output.splitlines() if line.startswith("openai/gpt-4o"))
    assert row.split() == ["openai/gpt-4o", "gpt_4o", "33k", "1", "2", "-tsfl"]
    assert f"2 of {COUNT} models, those with a file in conf/model" in output
    assert re.search(rf"prices of \d+ s ago, from {re.escape(simulator.base_url)}; --refresh fetches them anew", output)
    missing = next(line for line in output.splitlines() if line.startswith("in conf/model but not offered: "))
    assert "claude_3_sonnet (anthropic/claude-3-sonnet-20240229)" in missing
    assert "gpt_4o" not in missing


def test_all_lists_every_model_in_order(simulator: Simulator, models: Models) -> None:
    found = listed(models("--all")[1])
    assert found == sorted(found)
    assert len(found) == COUNT


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["gpt"], ["openai/gpt-4", "openai/gpt-4o"]),
        (["OPENAI", "4o"], ["openai/gpt-4o"]),
        (["simulator:", "mistral"], ["mistralai/mistral-tiny"]),
        (["gpt_4o"], ["openai/gpt-4o"]),
    ],
    ids=["id", "every word, any case", "name", "file"],
)
def test_words_search_ids_names_and_files(
    simulator: Simulator, models: Models, words: list[str], ids: list[str]
) -> None:
    assert listed(models(*words)[1]) == ids


def test_words_that_nothing_has_are_answered_with_the_nearest(simulator: Simulator, models: Models) -> None:
    code, output, errors = models("gtp-4o")
    assert (code, output) == (1, "")
    assert errors.startswith(f"acausal: none of the {COUNT} models of http://127.0.0.1:")
    assert "matches 'gtp-4o'; did you mean gpt-4o?; `acausal models --all` lists every one" in errors
    assert errors.count("\n") == 1


def test_a_catalog_younger_than_a_day_is_not_fetched_again(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(SimulatorSettings(models=OFFERED)) as simulator:
        monkeypatch.setenv("OPENROUTER_BASE_URL", simulator.base_url)
        models()
    aged(simulator.base_url, 7500)
    code, output, errors = models("gpt-4o")
    assert (code, errors) == (0, "")
    assert "prices of 2 h 05 min ago" in output


def test_an_old_catalog_has_to_do_where_the_endpoint_is_gone(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(SimulatorSettings(models=OFFERED)) as simulator:
        monkeypatch.setenv("OPENROUTER_BASE_URL", simulator.base_url)
        models()
    aged(simulator.base_url, 90_000)
    code, output, errors = models("gpt-4o")
    assert code == 0
    assert "prices of 25 h 00 min ago" in output
    assert errors.startswith(f"acausal: warning: no connection to {simulator.base_url}")
    assert "the list is the one kept from before" in errors


@pytest.mark.parametrize(("age_s", "flags"), [(0, ["--refresh"]), (90_000, []), (-90_000, [])])
def test_an_old_catalog_is_fetched_anew(simulator: Simulator, models: Models, age_s: float, flags: list[str]) -> None:
    models()
    aged(simulator.base_url, age_s)
    before = time.time()
    models(*flags)
    catalog = cached(simulator.base_url)
    assert catalog is not None
    assert before <= catalog.fetched_at <= time.time()


def test_neither_server_nor_cache_is_one_line(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_BASE_URL", NOWHERE)
    code, output, errors = models()
    assert (code, output) == (1, "")
    assert errors.startswith(f"acausal: no list of models from {NOWHERE}: no connection")
    assert "set OPENROUTER_API_KEY if it wants a key" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "key", "sent"),
    [
        ([], "sk-secret", None),
        (["--endpoint", "openrouter"], "sk-secret", "Bearer sk-secret"),
        (["--endpoint", "openrouter"], " ", None),
    ],
    ids=["a server of no endpoint", "a server named as the endpoint", "no key"],
)
def test_a_key_goes_only_to_the_endpoint_that_it_is_for(
    models: Models, monkeypatch: pytest.MonkeyPatch, flags: list[str], key: str, sent: str | None
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", key)
    seen: list[str | None] = []

    def listing(headers: Mapping[str, str]) -> object:
        seen.append(headers.get("Authorization"))
        return {"data": [{"id": "vendor/model"}]}

    with answering({"/models": (200, listing)}) as base_url:
        code, output, _ = models("--base-url", base_url, *flags)
    assert (code, listed(output), seen) == (0, ["vendor/model"], [sent])


def test_the_personas_of_a_simulated_endpoint_are_listed(models: Models) -> None:
    with running(SimulatorSettings()) as simulator:
        _, output, _ = models("--base-url", simulator.base_url)
    assert listed(output) == ["sim/coin"]
    assert "sim_coin" in output


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--endpoint", "openruter"],
            "conf/endpoint has no file openruter.yaml: choose one of .*local, .*did you mean openrouter",
        ),
        (["--endpoint", "local"], "endpoint 'local' is embedded, no server with a list of models"),
        (["--base-url", "localhost"], "must be an address such as .*, but is 'localhost'"),
        (["--base-url", "http://[::1"], "must be an address"),
    ],
)
def test_what_is_no_server_is_refused(capsys: pytest.CaptureFixture[str], flags: list[str], said: str) -> None:
    assert _main(["models", *flags]) == 1
    errors = capsys.readouterr().err
    assert re.search(said, errors)
    assert errors.count("\n") == 1


def test_the_keys_of_dotenv_are_used(models: Models, tmp_path: Path) -> None:
    with running(SimulatorSettings(models=OFFERED)) as simulator:
        (tmp_path / ".env").write_text(f"OPENROUTER_BASE_URL={simulator.base_url}\n")
        assert listed(models("gpt-4o")[1]) == ["openai/gpt-4o"]


def test_a_table_fits_80_columns_with_its_ids_whole() -> None:
    files = model_files("openrouter")
    listings = [
        Listing(each, context_length=1_048_576, price=Price(0.0000375, 0.00015), supported_parameters=frozenset())
        for each in files
    ]
    with StringIO() as stream:
        Console(width=80, file=stream).print(model_table([*listings, Listing("nothing/known")], files))
        lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines[1:]} == {*files, "nothing/known"}
    assert lines[-1].split() == ["nothing/known", "?", "?", "?", "?????"]


def test_numbers_are_short_and_none_is_lost() -> None:
    rows = [
        Listing("a", price=Price(0.0000000375, 0.00015), context_length=1_048_576, reasons=True),
        Listing("b", price=Price(0.0, 0.0, 0.0), context_length=999, reasons=False),
        Listing("c", price=Price(0.01, 0.0000025), supported_parameters=frozenset({"seed", "logprobs"})),
    ]
    with StringIO() as stream:
        Console(width=80, file=stream).print(model_table(rows, {}))
        lines = [line.split() for line in stream.getvalue().splitlines()]
    assert lines == [
        ["model", "context", "in", "out", "takes"],
        ["a", "1.05M", "0.0375", "150", "r????"],
        ["b", "999", "0", "0", "-????"],
        ["c", "?", "10000", "2.5", "?-s-l"],
    ]


def test_every_server_of_conf_is_one_and_every_model_is_found_by_its_endpoint() -> None:
    names = [path.stem for path in (conf_dir() / "endpoint").glob("*.yaml")]
    assert {name for name in names if endpoint_config(name).kind is EndpointKind.openai} == {
        "openrouter",
        "openai_compatible",
    }
    assert model_files("openrouter")["openai/gpt-4o"] == "gpt_4o"
    named = {file for name in names for file in model_files(name).values()}
    assert named == {path.stem for path in (conf_dir() / "model").glob("*.yaml")}
    with pytest.raises(ConfigError, match="did you mean openrouter?"):
        endpoint_config("openrooter")
