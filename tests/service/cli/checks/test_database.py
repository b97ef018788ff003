"""`darkroom check` reports on the database, and changes nothing in it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from service.auth.key_repository import row_values
from service.cli.checks.database import check_database
from service.cli.checks.findings import State
from service.jobs.store.tables import api_keys
from service.settings import Settings
from tests.harness.keys import api_key


def test_a_database_that_is_not_there_yet_will_be_made(tmp_path: Path) -> None:
    found = check_database(Settings(data_dir=tmp_path / "data"))

    assert (found.finding.state, found.keys) == (State.OK, 0)
    assert found.finding.detail == f"sqlite:///{tmp_path}/data/jobs.sqlite3, which the server will make"
    assert not (tmp_path / "data").exists()


def test_a_database_is_asked_for_its_keys(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/jobs.sqlite3")
    with engine.begin() as connection:
        api_keys.create(connection)
        connection.execute(insert(api_keys).values(**row_values(api_key("a"))))
    engine.dispose()

    assert check_database(Settings(data_dir=tmp_path)).keys == 1
    assert [path.name for path in tmp_path.iterdir()] == ["jobs.sqlite3"]


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        connection.commit()
    found = check_database(Settings(data_dir=tmp_path))

    assert (found.finding.state, found.keys) == (State.FAILED, None)
    assert "newer version of Darkroom" in found.finding.detail


@pytest.mark.parametrize(
    ("url", "said"),
    [("mysql://me:cAnArY7@db/x", "must be postgresql"), ("cAnArY7", "must be a URL")],
)
def test_a_url_of_another_kind_is_refused_without_its_password(url: str, said: str) -> None:
    finding = check_database(Settings(database_url=url)).finding
    assert finding.state is State.FAILED
    assert said in finding.detail
    assert "cAnArY7" not in finding.detail


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database" * 100)
    finding = check_database(Settings(data_dir=tmp_path)).finding
    assert (finding.state, finding.detail) == (State.FAILED, "file is not a database")
