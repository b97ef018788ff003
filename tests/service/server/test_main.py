"""The server process starts, and ends after signals, or with a broken model, an address in use or newer data."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from pipelines.errors import ManifestError
from service.engine.interface import Phase
from service.jobs.store.database import Database, database_url
from service.jobs.store.migrations import migrate
from service.observability.metrics import Metrics
from service.server.main import engine_config, serve
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.wire.http_server import wait_until

EPHEMERAL = {"port": 0, "admin_port": None}
LONG = {"prompt": "x", "steps": 80, "guidance_scale": 1, "stream": True}
"""A request that still runs when the test has sent its signals."""


@contextlib.contextmanager
def process(*worker_options: str) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """Runs a server in a process of its own. Yields it, ready, with a client."""
    environment = {**os.environ, "DARKROOM_PORT": "0", "DARKROOM_ADMIN_PORT": "none", "DARKROOM_DRAIN_TIMEOUT_S": "600"}
    command = [sys.executable, "-m", "tests.service.api.serve_fake", *worker_options]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with httpx2.Client(base_url=url, timeout=120) as client:
            try:
                yield server, client
            finally:
                server.kill()


def is_ready(client: httpx2.Client) -> bool:
    return client.get("/readyz").status_code == 200


def test_sigterm_lets_accepted_work_finish_and_exits_0() -> None:
    with (
        process("--call-s", "0.05") as (server, client),
        client.stream("POST", "/v1/images/generations", json=LONG) as answer,
    ):
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_ready(client))
        refused = client.post("/v1/images/generations", json=LONG)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_unavailable")
        assert b"image_generation.completed" in answer.read()
        assert server.wait(timeout=60) == 0


def test_a_second_sigterm_ends_accepted_work_with_an_error_and_exits_0() -> None:
    with (
        process("--call-s", "0.3") as (server, client),
        client.stream("POST", "/v1/images/generations", json=LONG) as answer,
    ):
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_ready(client))
        server.send_signal(signal.SIGTERM)
        assert b"engine_unavailable" in answer.read()
        assert server.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("variables", "devices"),
    [
        ({}, ["auto"]),
        ({"DARKROOM_DEVICE": "cuda:1"}, ["cuda:1"]),
        ({"DARKROOM_DEVICES": "cuda:0,cuda:1"}, ["cuda:0", "cuda:1"]),
        ({"DARKROOM_DEVICE": "cuda:1", "DARKROOM_DEVICES": "cpu,cpu"}, ["cpu", "cpu"]),
    ],
)
def test_there_is_a_worker_for_each_device_that_the_settings_name(
    variables: dict[str, str], devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert [worker.device for worker in engine_config(Settings()).workers] == devices


def test_the_settings_give_models_further_names() -> None:
    worker = engine_config(Settings(model_aliases="dall-e-3=bundled, house style = bundled")).worker
    assert worker.model_aliases == (("dall-e-3", "bundled"), ("house style", "bundled"))


def test_the_settings_bound_the_memory_of_images_to_start_from() -> None:
    assert engine_config(Settings(max_input_bytes=1 << 20)).max_input_bytes == 1 << 20


def test_workers_on_one_cpu_share_its_cores_unless_the_settings_name_their_threads() -> None:
    shared, chosen = Settings(devices="cpu,cpu"), Settings(devices="cpu,cpu", threads=3)

    assert engine_config(shared).worker.threads == max(1, (os.cpu_count() or 1) // 2)
    assert engine_config(chosen).worker.threads == 3


async def test_a_model_that_cannot_be_loaded_ends_the_server_with_1() -> None:
    engine = FakeEngine()
    engine.phase_after_start = Phase.FAILED
    assert await serve(Settings.model_validate(EPHEMERAL), engine, Metrics(), on_ready=lambda model, url: None) == 1
    assert engine.phase is Phase.STOPPED


async def test_an_address_in_use_ends_the_server_with_1_before_the_engine_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = FakeEngine()
    engine.phase = Phase.LOADING
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
        settings = Settings(port=port, admin_port=None)
        assert await serve(settings, engine, Metrics(), on_ready=lambda model, url: None) == 1
    assert engine.phase is Phase.LOADING
    assert f"127.0.0.1:{port}: Address already in use" in caplog.text


async def make_newer(data_dir: Path) -> None:
    database = Database(database_url(None, data_dir))
    await migrate(database)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await database.write(lambda connection: connection.execute(newer))
    await database.close()


async def damage(data_dir: Path) -> None:
    (data_dir / "jobs.sqlite3").write_bytes(b"no database" * 1000)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(make_newer, "Upgrade this server"), (damage, "file is not a database")],
    ids=["newer", "damaged"],
)
async def test_data_that_cannot_be_used_ends_the_server_with_1_and_one_sentence(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], Awaitable[None]],
    said: str,
) -> None:
    await spoil(tmp_path)
    engine = FakeEngine()
    engine.phase = Phase.LOADING
    settings = Settings(port=0, admin_port=None, data_dir=tmp_path)

    assert await serve(settings, engine, Metrics(), on_ready=lambda model, url: None) == 1

    assert engine.phase is Phase.LOADING, "nothing was started"
    assert "cannot start" in caplog.text
    assert said in caplog.text
    assert "Traceback" not in caplog.text


def test_a_malformed_manifest_of_model_files_ends_the_start_with_its_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "m.sha256").write_text("# reviewed\nx\n")
    with pytest.raises(ManifestError, match=r"/m\.sha256, line 2: must be a SHA-256"):
        engine_config(Settings(model_manifest=tmp_path / "m.sha256"))
