"""`acausal serve` as a user starts it."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import openai
import pytest
from asking import MESSAGES
from openai import OpenAI

from acausal.models.faults import FAULTS


@pytest.mark.slow
def test_the_command_serves_with_faults_limits_and_a_log(tmp_path: Path) -> None:
    log = tmp_path / "seen.jsonl"
    script = str(Path(sys.executable).with_name("acausal"))
    words = ["serve", "--port", "0", "--persona", "coin"]
    faults = ["--fault", "503:requests=1", "--fault", "empty_body:model=claude"]
    limits = ["--requests-per-minute", "2", "--send-retry-after", "--latency-s", "0.01", "--latency-spread", "0.5"]
    command = [script, *words, *faults, *limits, "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"export OPENROUTER_BASE_URL=(\S+)", server.stdout.readline())
        assert found
        with OpenAI(base_url=found[1], api_key="any", max_retries=0) as asked:
            for _ in range(3):
                with contextlib.suppress(openai.OpenAIError):
                    asked.chat.completions.create(model="openai/gpt-4", messages=cast(Any, MESSAGES))
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=20)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["status"], line["fault"], line["limited"]) for line in lines] == [
        (503, "503", False),
        (200, "", False),
        (429, "", True),
    ]


def test_a_slip_in_a_fault_is_one_line_and_the_table_needs_no_server() -> None:
    script = str(Path(sys.executable).with_name("acausal"))
    wrong = subprocess.run([script, "serve", "--fault", "timout"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("acausal: --fault 'timout': there is no fault 'timout'; did you mean timeout?")
    assert wrong.stderr.count("\n") == 1
    table = subprocess.run([script, "serve", "--list-faults"], capture_output=True, text=True, check=True).stdout
    assert all(f"\n{name} " in f"\n{table}" for name in FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_it_is_and_ends_quietly(ending: signal.Signals) -> None:
    program = (
        "from acausal.models.simulator import SimulatorSettings, serve; "
        "serve(SimulatorSettings(persona='always_c', api_key='sk-secret'), port=0)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"export OPENROUTER_BASE_URL=(http://127\.0\.0\.1:\d+/api/v1) .*OPENROUTER_API_KEY=", line)
        assert found, line
        with OpenAI(base_url=found[1], api_key="sk-secret", max_retries=0) as asked:
            answer = asked.chat.completions.create(model="openai/gpt-4", messages=cast(Any, MESSAGES))
        server.send_signal(ending)
        output, errors = server.communicate(timeout=20)
    assert answer.choices[0].message.content == "COOPERATE"
    assert "sk-secret" not in line
    assert (server.returncode, output, errors) == (0, "", "")
