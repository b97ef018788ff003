"""A trace of all files that a server touches while callers try to lead it to others: it touches its own alone."""

from __future__ import annotations

import http
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz.campaign import answer_to, fuzz
from tests.fuzz.opened_files import TraceLog, outside, tracing
from tests.fuzz.traversals import traversals
from tests.harness.bundled_server import BundledServer
from tests.harness.jobs_client import ROOT as JOBS
from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program
from tests.harness.wire.raw_http import answers_in

PROGRAM: Final = [
    *(ROOT / name for name in ("service", "pipelines", "client", "darkroom_server.egg-info")),
    *map(Path, (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"))),
    *map(Path, ("/lib", "/lib64", "/usr/lib", "/usr/local/lib")),
]
"""The program's own files, with the bundled model, and the libraries of the system."""
SYSTEM: Final = [Path(path) for path in ("/dev/null", "/etc/ld.so.cache", "/proc", "/sys/devices/system/cpu")]
"""The files that Python and the C library look at when a process starts, as the decoders of uploads do."""
SECRET: Final = b"the content of a file outside"
FUZZED: Final = 300


@pytest.fixture
def tracer(tmp_path: Path) -> tuple[Sequence[str], Path]:
    """A command that traces another one, and its log."""
    log = tmp_path / "trace"
    tracer = tracing(find_program("strace"), log)
    tried = subprocess.run([*tracer, sys.executable, "-c", ""], capture_output=True, text=True, check=False)
    if tried.returncode or not log.exists():
        pytest.skip(f"this user may not trace processes: {tried.stderr}")
    return tracer, log


def test_a_file_outside_is_noticed_also_behind_a_link(tracer: tuple[Sequence[str], Path], tmp_path: Path) -> None:
    command, log = tracer
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").write_bytes(SECRET)
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "outside")
    traced = TraceLog(log)
    for name in ("inside/link", "inside/../missing"):
        opening = f"open({str(tmp_path / name)!r})"
        subprocess.run([*command, sys.executable, "-c", opening], stderr=subprocess.DEVNULL, check=False)
    found = outside(traced.touched(), [tmp_path / "inside", *PROGRAM, *SYSTEM])
    assert {tmp_path / "outside", tmp_path / "missing"} <= set(found)


@pytest.mark.timeout(600)
def test_whatever_is_asked_for_a_server_touches_no_file_but_its_own(
    tracer: tuple[Sequence[str], Path], tmp_path: Path
) -> None:
    command, log = tracer
    data = tmp_path / "data"
    server = BundledServer(data, "--warm-up-s", "1", "--threads", "1", tracer=command)
    try:
        (tmp_path / "secret").write_bytes(SECRET)
        (data / "images").mkdir(exist_ok=True)
        (data / "images" / "stray").symlink_to(tmp_path / "secret")
        traced = TraceLog(log)
        made = server.client.post(JOBS, json={"prompt": "x", "num_inference_steps": 1}, headers={"Prefer": "wait=60"})
        asked = list(traversals(server.client.get("/openapi.json").json()))
        answers = [(case, answer_to(server.port, case)) for case in asked]
        findings = fuzz(server.port, range(FUZZED))
    finally:
        server.stop()
    assert len(answers) > 1000
    for case, raw in answers:
        assert all(answer.status < http.HTTPStatus.INTERNAL_SERVER_ERROR for answer in answers_in(raw, case.method))
        assert SECRET not in raw, case
    assert findings.failures == []
    touched = traced.touched()
    assert any(made.json()["id"] in path.parts for path in touched), "what it stored was seen"
    assert outside(touched, [data, *PROGRAM, *SYSTEM]) == []
