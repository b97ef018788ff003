"""The operator learns what is wrong with the database, in the driver's words, and never a password."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, exc, text

from service.jobs.store.access.faults import fault_message, fault_name, is_fault, lasting_fault


def error_of(file: Path, statement: str) -> Exception:
    engine = create_engine(f"sqlite:///{file}")
    with pytest.raises(exc.SQLAlchemyError) as raised, engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
    return raised.value


def test_sqlite_names_its_errors(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"no database" * 1000)

    error = error_of(tmp_path / "damaged", "SELECT 1 FROM jobs")

    assert is_fault(error)
    assert (fault_name(error), fault_message(error)) == ("SQLITE_NOTADB", "file is not a database")


def test_an_error_of_postgresql_is_named_by_its_sqlstate() -> None:
    class ServerError(Exception):
        sqlstate = "53100"

    error = exc.OperationalError("INSERT", {}, ServerError("could not extend file:\n  No space left on device"))

    assert is_fault(error)
    assert fault_name(error) == "53100"
    assert fault_message(error) == "could not extend file: No space left on device"


@pytest.mark.parametrize(
    "said",
    [
        "cannot connect to postgresql://me:s3cret@db/jobs",
        "connection failed: host=db user=me password=s3cret",
        "connection failed: password = 's3cret' host=db",
    ],
)
def test_credentials_are_cut(said: str) -> None:
    message = fault_message(OSError(said))

    assert "s3cret" not in message
    assert "***" in message


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('FATAL:  database "nope" does not exist', "create it first"),
        ('FATAL:  role "nobody" does not exist', "check the user"),
        ('FATAL:  password authentication failed for user "me"', "check the user"),
        ("Connection refused", None),
        ("the database system is starting up", None),
    ],
)
def test_what_does_not_go_away_by_itself_is_told_in_a_sentence(said: str, told: str | None) -> None:
    sentence = lasting_fault(exc.OperationalError("", {}, OSError(f"connection failed: {said}")))

    assert (told is None and sentence is None) or (sentence is not None and told is not None and told in sentence)


def test_a_long_message_is_cut() -> None:
    assert len(fault_message(OSError("x" * 10_000))) == 300


def test_a_wrong_statement_is_no_fault(tmp_path: Path) -> None:
    clash = exc.IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed"))

    assert not is_fault(clash)
    assert is_fault(error_of(tmp_path / "empty", "SELECT 1 FROM nothing"))
    assert fault_name(TimeoutError()) == "TimeoutError"
