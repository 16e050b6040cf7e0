"""`acausal doctor`: what it finds of the machine, the configuration and the models, and what it makes of it."""

from __future__ import annotations

import datetime
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from rich.console import Console
from servers import answering

from acausal.cli import _main
from acausal.commands.doctor import findings_table
from acausal.config import conf_dir
from acausal.doctor import machine
from acausal.doctor.examination import examine
from acausal.doctor.finding import Finding, Verdict, guarded, ok, problem
from acausal.errors import ConfigError
from acausal.launch import compose_cell
from acausal.models.simulator import SimulatorSettings, running

KEY = "sk-or-v1-secret"
OFFERED = ("openai/gpt-4", "anthropic/claude-3-sonnet-20240229")
ENTRY = {"supported_parameters": ["max_tokens", "temperature"]}


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "OPENAI_COMPATIBLE_BASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """What is found of the models of roster=openrouter at a server, with a key unless told otherwise."""

    def found(base_url: str, *overrides: str, key: str = KEY) -> list[Finding]:
        monkeypatch.setenv("OPENROUTER_BASE_URL", base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", key)
        return [
            finding
            for finding in examine(["roster=openrouter", *overrides])
            if finding.check.startswith(("openrouter", "models.", "endpoints"))
        ]

    return found


def the(findings: list[Finding] | Iterator[Finding], check: str) -> Finding:
    """The only finding of a check."""
    (only,) = [finding for finding in findings if finding.check == check]
    return only


def worst(findings: list[Finding]) -> set[str]:
    return {finding.check for finding in findings if finding.verdict is Verdict.problem}


def test_the_default_configuration_is_examined_without_any_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    findings = list(examine([]))
    assert worst(findings) == set()
    checks = [finding.check for finding in findings]
    assert checks[:4] == ["Python", "packages", ".env", "configuration"]
    assert {"llama.cpp", "models.a", "models.b", "memory", "disk", "directory", "file locks", "MLflow"} < set(checks)
    fetched = the(findings, "models.a")
    assert (fetched.verdict, fetched.found) == (
        Verdict.warning,
        "local/smollm2-135m-instruct: weights are fetched at first use",
    )
    assert list(Path.cwd().iterdir()) == [], "looking made something"


def test_the_command_says_what_it_found_and_ends_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    personas = [f"model@models.{slot}=scripted" for slot in "ab"]
    assert _main(["doctor", *personas]) == 0
    assert "no problems, no warnings" in capsys.readouterr().out
    assert _main(["doctor", "scenario=homogenous"]) == 1
    output = capsys.readouterr().out
    assert re.search(
        r"problem +configuration +conf/scenario has no file homogenous.yaml; did you mean homogeneous\?", output
    )
    assert "1 problem, no warnings" in output


def test_everything_that_openrouter_needs_is_found(remote: Callable[..., list[Finding]]) -> None:
    with running(SimulatorSettings(persona="coin", api_key=KEY, models=OFFERED)) as simulator:
        findings = remote(simulator.base_url)
    assert [(finding.check, finding.verdict.value) for finding in findings] == [
        ("openrouter: key", "ok"),
        ("openrouter", "ok"),
        ("models.a", "ok"),
        ("models.b", "ok"),
    ]
    assert findings[0].found == "OPENROUTER_API_KEY is valid; no limit of its own, $0.00 used so far"
    assert re.fullmatch(r"http://127.0.0.1:\d+/api/v1 answers in \d+ ms, (\d+) models", findings[1].found)
    assert KEY not in repr(findings)


def test_an_unset_key_is_a_problem_and_the_models_are_checked_all_the_same(
    remote: Callable[..., list[Finding]],
) -> None:
    with running(SimulatorSettings(api_key=KEY, models=OFFERED)) as simulator:
        findings = remote(simulator.base_url, key=" ")
    assert worst(findings) == {"openrouter: key"}
    assert the(findings, "openrouter: key").found == "OPENROUTER_API_KEY is not set"
    assert the(findings, "models.a").verdict is Verdict.ok


def test_a_wrong_key_is_a_problem_and_stays_hidden(remote: Callable[..., list[Finding]]) -> None:
    with running(SimulatorSettings(api_key=KEY, models=OFFERED)) as simulator:
        findings = remote(simulator.base_url, key="sk-wrong")
    finding = the(findings, "openrouter: key")
    assert finding.verdict is Verdict.problem
    assert "OPENROUTER_API_KEY is set, but not accepted: 401 User not found." in finding.found
    assert "sk-wrong" not in repr(findings)


def test_a_model_that_is_not_offered_is_answered_with_the_nearest(remote: Callable[..., list[Finding]]) -> None:
    with running(SimulatorSettings(models=("openai/gpt-4", "anthropic/claude-3-sonnet"))) as simulator:
        findings = remote(simulator.base_url)
    assert worst(findings) == {"models.b"}
    finding = the(findings, "models.b")
    assert finding.found.endswith("claude-3-sonnet-20240229 is not offered; did you mean anthropic/claude-3-sonnet?")
    assert "model@models.b=NAME" in finding.cure


@pytest.mark.parametrize(
    ("override", "said", "cure"),
    [
        ("models.a.send_seed=true", "does not take seed", "models.a.send_seed=false"),
        ("models.a.answer_format=json_schema", "does not take response_format", "models.a.answer_format=text"),
        ("models.a.custom_params.top_k=3", "does not take top_k", "remove models.a.custom_params.top_k"),
    ],
)
def test_a_parameter_that_would_be_refused_is_named_with_its_dial(
    remote: Callable[..., list[Finding]], override: str, said: str, cure: str
) -> None:
    with answering({"/models": (200, {"data": [{"id": each} | ENTRY for each in OFFERED]})}) as base_url:
        findings = remote(base_url, override)
        lenient = remote(base_url, override, "models.a.custom_params.provider={}")
    assert worst(findings) == {"models.a"}
    finding = the(findings, "models.a")
    assert said in finding.found
    assert finding.cure == cure
    assert the(lenient, "models.a").verdict is Verdict.warning


@pytest.mark.parametrize(
    ("days", "verdict"), [(-1, Verdict.problem), (0, Verdict.warning), (20, Verdict.warning), (90, Verdict.ok)]
)
def test_a_model_about_to_be_withdrawn_is_named(
    remote: Callable[..., list[Finding]], days: int, verdict: Verdict
) -> None:
    date = (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days)).isoformat()
    entries = [{"id": OFFERED[0], "expiration_date": date}, {"id": OFFERED[1], "expiration_date": "someday"}]
    with answering({"/models": (200, {"data": entries})}) as base_url:
        findings = remote(base_url)
    assert the(findings, "models.a").verdict is verdict
    assert (date in the(findings, "models.a").found) is (verdict is not Verdict.ok)
    assert the(findings, "models.b").verdict is Verdict.ok


@pytest.mark.parametrize(
    ("facts", "verdict", "said"),
    [
        ({"limit": 50, "limit_remaining": 12.5, "usage": 37.5}, Verdict.ok, "valid; $12.50 left, $37.50 used so far"),
        ({"limit": 50, "limit_remaining": 0}, Verdict.problem, "valid, but nothing is left of $50.00"),
        ({"limit": None, "is_free_tier": True}, Verdict.warning, "free tier"),
        ({}, Verdict.ok, "valid; no limit of its own"),
    ],
)
def test_what_is_left_to_spend_is_said(
    remote: Callable[..., list[Finding]], facts: dict[str, Any], verdict: Verdict, said: str
) -> None:
    with answering({"/models": (200, {"data": [{"id": each} for each in OFFERED]}), "/key": (200, facts)}) as base_url:
        finding = the(remote(base_url), "openrouter: key")
    assert finding.verdict is verdict
    assert said in finding.found


@pytest.mark.parametrize(
    ("routes", "verdict", "said"),
    [
        ({}, Verdict.warning, "answers, but has no list of models"),
        ({"/models": (200, {"data": []})}, Verdict.warning, "but lists no models"),
        ({"/models": (200, "<html>")}, Verdict.problem, "malformed reply to /models"),
        ({"/models": (503, {"error": {"message": "down"}})}, Verdict.problem, "503 down"),
    ],
)
def test_a_server_without_a_list_leaves_the_ids_to_the_user(
    remote: Callable[..., list[Finding]], routes: dict[str, Any], verdict: Verdict, said: str
) -> None:
    with answering(routes) as base_url:
        findings = remote(base_url)
    assert said in the(findings, "openrouter").found
    assert the(findings, "openrouter").verdict is verdict
    assert "tells nothing about keys" in the(findings, "openrouter: key").found
    assert not any(finding.check.startswith("models.") for finding in findings)


def test_a_server_that_is_not_there_is_a_problem(remote: Callable[..., list[Finding]]) -> None:
    findings = remote("http://127.0.0.1:9/v1")
    assert worst(findings) == {"openrouter", "openrouter: key"}
    assert "no connection to http://127.0.0.1:9/v1" in the(findings, "openrouter").found


def test_only_what_the_run_may_ask_is_examined(remote: Callable[..., list[Finding]]) -> None:
    with running(SimulatorSettings(models=OFFERED)) as simulator:
        findings = remote(simulator.base_url, "scenario=homogeneous")
    assert {finding.check for finding in findings} == {"openrouter", "openrouter: key", "models.a"}


def test_a_check_that_raises_is_a_problem_and_keeps_what_it_found_before() -> None:
    def breaks() -> Iterator[Finding]:
        yield ok("disk", "fine")
        raise RuntimeError("two\nlines")

    def refuses() -> Iterator[Finding]:
        raise ConfigError("the rule; the cure")
        yield

    assert list(guarded("disk", breaks)) == [ok("disk", "fine"), problem("disk", "RuntimeError: two lines")]
    assert list(guarded("x", refuses)) == [problem("x", "the rule; the cure")]


def test_weights_that_are_no_file_are_a_problem() -> None:
    overrides = ["scenario=homogeneous", "model@models.a=local_gguf", "models.a.embedded.gguf=/none.gguf"]
    finding = the(examine(overrides), "models.a")
    assert finding.verdict is Verdict.problem
    assert "embedded.gguf names '/none.gguf', which is no file" in finding.found


@pytest.mark.parametrize(("size", "verdict"), [(1000, Verdict.ok), (10**13, Verdict.warning)])
def test_memory_is_weighed_against_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, verdict: Verdict
) -> None:
    weights = tmp_path / "model.gguf"
    with weights.open("wb") as file:
        file.truncate(size)  # sparse: takes no space
    overrides = ["scenario=homogeneous", "model@models.a=local_gguf", f"models.a.embedded.gguf={weights}"]
    findings = list(examine(overrides))
    assert the(findings, "models.a").verdict is Verdict.ok
    assert the(findings, "memory").verdict is verdict


def test_packages_out_of_their_range_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        "rich>=999",
        "no-such-package>=1",
        "orjson>=3",
        "xllamacpp>=9999; extra == 'local'",
        "no-such-option>=1; extra == 'local'",
        "ruff>999; extra=='dev'",
    ]
    monkeypatch.setattr(machine, "requires", lambda _: wanted)
    (finding,) = machine.packages()
    assert finding.verdict is Verdict.problem
    assert re.fullmatch(
        r"rich is \S+, but >=999 is needed; no-such-package is missing; xllamacpp is \S+, but >=9999 is needed",
        finding.found,
    )


def test_a_checkout_that_is_not_installed_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "DISTRIBUTION", "no-such-distribution")
    assert [finding.verdict for finding in machine.packages()] == [Verdict.warning]
    assert [finding.verdict for finding in machine.python()] == [Verdict.ok]


def test_an_unsupported_python_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.10.4")
    (finding,) = machine.python()
    assert finding.verdict is Verdict.problem
    assert finding.found == "3.10.4, but >=3.11 is needed"


def test_a_dotenv_that_cannot_be_read_is_a_problem() -> None:
    Path(".env").write_bytes(b"KEY=\xff\n")
    finding = the(examine([]), ".env")
    assert finding.verdict is Verdict.problem
    assert ".env cannot be read: it is not UTF-8 text" in finding.found


def test_the_keys_of_dotenv_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(SimulatorSettings(api_key=KEY, models=OFFERED)) as simulator:
        Path(".env").write_text(f"OPENROUTER_API_KEY={KEY}\nOPENROUTER_BASE_URL={simulator.base_url}\n")
        findings = list(examine(["roster=openrouter"]))
    assert worst(findings) == set()
    assert the(findings, ".env").found == "read"


def test_a_directory_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    missing = tmp_path / "here" / "file"
    missing.write_text("")
    (finding,) = [each for each in machine.directory(missing) if each.check == "directory"]
    assert finding.verdict is Verdict.problem
    assert f"cannot write in {missing}: Not a directory" in finding.found


@pytest.mark.parametrize(
    ("free", "verdict"), [(10**6, Verdict.problem), (5 * 10**8, Verdict.warning), (10**10, Verdict.ok)]
)
def test_a_full_disk_is_seen_before_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, verdict: Verdict
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(free))
    assert the(list(machine.directory(tmp_path)), "disk").verdict is verdict


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


@pytest.mark.parametrize("raises", [True, False])
def test_locks_that_keep_nobody_out_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raises: bool) -> None:
    def flock(*_: object) -> None:
        if raises:
            raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    finding = the(list(machine.directory(tmp_path)), "file locks")
    assert finding.verdict is (Verdict.problem if raises else Verdict.warning)


def test_the_store_is_looked_at_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(uri: str) -> Finding:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        return the(machine.store(), "MLflow")

    assert "is made by the first run" in found(f"sqlite:///{tmp_path}/new.db").found
    assert not (tmp_path / "new.db").exists()
    assert found(f"sqlite:///{tmp_path}/none/new.db").verdict is Verdict.problem
    (tmp_path / "text.db").write_text("not a database, whatever its name says" * 100)
    assert "file is not a database" in found(f"sqlite:///{tmp_path}/text.db").found
    for name, table in (("other.db", "songs"), ("mlflow.db", "alembic_version")):
        with closing(sqlite3.connect(tmp_path / name)) as database:
            database.execute(f"CREATE TABLE {table} (x)")
    assert found(f"sqlite:///{tmp_path}/other.db").verdict is Verdict.problem
    assert found(f"sqlite:///{tmp_path}/mlflow.db").verdict is Verdict.ok
    assert "names a directory" in found(f"file://{tmp_path}").found
    assert found("postgresql://me:secret@db/x").verdict is Verdict.warning


def test_a_store_that_is_a_server_is_asked_and_its_password_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({}) as base_url:
        address = base_url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@{address}")
        (there,) = machine.store()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    (gone,) = machine.store()
    assert (there.verdict, gone.verdict) == (Verdict.ok, Verdict.problem)
    assert "no connection to 127.0.0.1:9" in gone.found
    assert "secret" not in f"{there}{gone}"


def test_a_run_without_tracking_needs_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert the(examine(["tracking.enabled=false"]), "MLflow") == ok("MLflow", "not used: tracking.enabled=false")


def test_a_composed_cell_is_that_of_the_command_line_and_leaves_hydra_as_it_was() -> None:
    GlobalHydra.instance().clear()
    config = compose_cell(["roster=openrouter", "models.a.custom_params.top_p=0.9"])
    assert config.models["a"].custom_params == {"top_p": 0.9}
    assert not GlobalHydra.instance().is_initialized()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        outer = GlobalHydra.instance().hydra
        compose_cell([])
        assert GlobalHydra.instance().hydra is outer
    with pytest.raises(ConfigError, match="num_agentz is not a key of the configuration; did you mean num_agents?"):
        compose_cell(["num_agentz=3"])
    with pytest.raises(ConfigError, match="seats 10 agents"):
        compose_cell(["num_agents=3"])


def test_the_table_fits_80_columns_and_puts_the_cure_below() -> None:
    findings = [ok("Python", "3.11.7"), problem("a: key", "word " * 40, "do this"), problem("x" * 60, "y" * 200)]
    with StringIO() as stream:
        Console(width=80, file=stream).print(findings_table(findings))
        lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.strip() == "→ do this" for line in lines)
    assert lines[0].split() == ["ok", "Python", "3.11.7"]
