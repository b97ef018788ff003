"""Backup, restore and upgrade, by the commands of docs/deploy.md."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from tests.e2e.page_commands import blocks, run
from tests.e2e.stack import Files, Server, darkroom, postgres, postgres_client
from tests.harness.programs.running import wait_until
from tests.service.jobs.store.released.released_databases import QUEUED, SCHEMAS, SUCCEEDED, load_release


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files.set_up(tmp_path / "deploy")


def ended(server: Server, job: str) -> dict[str, Any]:
    """The job, once it has ended."""
    found: dict[str, Any] = {}

    def look() -> bool:
        found.update(server.client.get(f"/api/v1/jobs/{job}").json())
        return found["status"] in {"succeeded", "failed", "canceled"}

    wait_until(look, f"the end of {job}")
    return found


def make_image(server: Server) -> tuple[str, bytes]:
    """A job's id, and its image."""
    job = server.client.post("/api/v1/jobs", json={"prompt": "a blue star", "seed": 3}).json()["id"]
    assert ended(server, job)["status"] == "succeeded"
    return job, image(server, job)


def image(server: Server, job: str) -> bytes:
    answer = server.client.get(f"/api/v1/jobs/{job}/images/0")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_a_backup_of_a_running_server_is_served_in_the_place_of_its_data(files: Files, tmp_path: Path) -> None:
    back_up, restore = blocks("SQLite")
    data = tmp_path / "data"
    with darkroom(files, data, tmp_path / "log") as server:
        job, made = make_image(server)
        run(back_up, data, tmp_path, server.environment)
        make_image(server)
    run(restore, data, tmp_path, server.environment)
    with darkroom(files, data, tmp_path / "log") as server:
        assert image(server, job) == made
        assert len(server.client.get("/api/v1/jobs").json()["data"]) == 1


@contextlib.contextmanager
def served_from(port: int, database: str, files: Files, data: Path, log: Path) -> Iterator[Server]:
    variables = {
        "DARKROOM_DATABASE_URL": f"postgresql://darkroom@127.0.0.1:{port}/{database}",
        "DARKROOM_DATABASE_PASSWORD_FILE": str(files.secret("database_password")),
    }
    with darkroom(files, data, log, **variables) as server:
        yield server


def test_a_dump_of_postgresql_and_a_copy_of_the_files_are_served_in_their_place(files: Files, tmp_path: Path) -> None:
    back_up, restore = blocks("PostgreSQL")
    data = tmp_path / "data"
    with postgres(files) as port:
        client = postgres_client(files, port)
        with served_from(port, "darkroom", files, data, tmp_path / "log") as server:
            job, made = make_image(server)
            run(back_up, data, tmp_path, client)
            make_image(server)
        shutil.rmtree(data)
        data.mkdir(mode=0o700)
        run(restore, data, tmp_path, client)
        with served_from(port, "darkroom", files, data, tmp_path / "log") as server:
            assert image(server, job) == made
            assert len(server.client.get("/api/v1/jobs").json()["data"]) == 1
            assert make_image(server)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_database_of_an_earlier_release_is_upgraded_and_the_job_that_waited_ends(
    files: Files, tmp_path: Path, schema: str
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    database = data / "jobs.sqlite3"
    load_release(schema, URL.create("sqlite", database=str(database)))
    # As if it had been written today, by callers without a key: what has expired is deleted at the start.
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        now = time.time()
        connection.execute("UPDATE jobs SET tenant = 'default', created_at = ?", (now,))
        connection.execute("UPDATE jobs SET expires_at = ? WHERE expires_at IS NOT NULL", (now + 86400,))
    with darkroom(files, data, tmp_path / "log") as server:
        assert server.client.get(f"/api/v1/jobs/{SUCCEEDED}").json()["status"] == "succeeded"
        assert ended(server, QUEUED)["status"] != "canceled"
        job, made = make_image(server)
        assert made.startswith(b"\x89PNG")
        assert server.client.get("/api/v1/jobs").json()["data"][0]["id"] == job
