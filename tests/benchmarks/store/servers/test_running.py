"""Servers in processes of their own, around simulated devices."""

from __future__ import annotations

import dataclasses
import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.store.servers.databases import SqliteFiles
from benchmarks.store.servers.running import Servers, StartFailed, Use, running_servers
from benchmarks.store.servers.versions import this_tree
from tests.chaos.servers.processes import wait_until


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers") / "one"
    with running_servers(this_tree(), SqliteFiles(), folder, count=1, settings={}) as running:
        yield running


def ask(servers: Servers, method: str, path: str, **body: Any) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", servers.ports[0], timeout=60)
    try:
        content = json.dumps(body) if body else None
        connection.request(method, path, content, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_job_is_made_and_what_it_took_is_counted(servers: Servers) -> None:
    before = servers.use()

    status, job = ask(servers, "POST", "/api/v1/jobs", prompt="a circle", num_inference_steps=3, guidance_scale=4)
    wait_until(lambda: ask(servers, "GET", f"/api/v1/jobs/{job['id']}")[1]["status"] == "succeeded", "the job's end")
    use = servers.use().since(before)

    assert status == 202
    assert (use.rows, use.images) == (6, 1)
    assert use.server_cpu_s > 0
    assert use.writes > 0
    assert (use.database_cpu_s, use.transactions) == (0, 0), "SQLite is a part of the server"
    assert servers.peak_bytes() > 1 << 20


def test_use_is_the_difference_of_two_looks() -> None:
    before, now = Use(1.0, 2.0, 3.0, 4.0, 5, 6, 7, 8), Use(2.0, 4.0, 6.0, 8.0, 10, 12, 14, 16)

    assert now.since(before) == before


def test_a_server_that_cannot_start_fails_with_its_log(tmp_path: Path) -> None:
    settings = {"DARKROOM_NO_SUCH_SETTING": "1"}
    start = running_servers(this_tree(), SqliteFiles(), tmp_path / "one", count=1, settings=settings)
    with pytest.raises(StartFailed, match="DARKROOM_NO_SUCH_SETTING"), start:
        pass


def test_a_server_runs_the_code_of_its_version(tmp_path: Path) -> None:
    package = tmp_path / "code" / "benchmarks" / "store" / "servers"
    package.mkdir(parents=True)
    for each in (package, *package.parents[:2]):
        (each / "__init__.py").touch()
    (package / "serve.py").write_text("raise SystemExit('this is the other code')")
    other = dataclasses.replace(this_tree(), name="other", root=tmp_path / "code", python=Path(sys.executable))

    start = running_servers(other, SqliteFiles(), tmp_path / "one", count=1, settings={})
    with pytest.raises(StartFailed, match="this is the other code"), start:
        pass
