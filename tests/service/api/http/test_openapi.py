"""The schema at /openapi.json against the server, by schemathesis: what it says is taken and answered, is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.harness.http_server import Harness
from tests.harness.jobs_client import JobsClient

CONFIG = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")


def test_the_server_keeps_to_its_schema_alone_and_from_one_call_to_the_next(
    server: Harness, jobs: JobsClient, tmp_path: Path
) -> None:
    command = [str(PROGRAM), "--config-file", str(CONFIG), "run", f"{server.url}/openapi.json", "--no-color"]
    run = subprocess.run([*command, "--seed", "1"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "16 selected / 16 total" in run.stdout
