"""A held connection is opened anew after its server has gone, and no transaction is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import URL, Connection

from service.jobs.store.access.connections import HeldConnection, open_engine
from tests.harness.postgres import PostgresServer
from tests.service.jobs.store.test_database import only_sqlite


def one(connection: Connection) -> object:
    with connection.begin():
        return connection.exec_driver_sql("SELECT 1").scalar_one()


def test_a_connection_is_held_until_it_is_closed(sqlite_url: URL) -> None:
    held = HeldConnection(open_engine(sqlite_url), immediate=False)

    first = held.get()
    assert held.get() is first
    held.close()

    assert held.get() is not first
    assert one(held.get()) == 1
    held.close()


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_connection_whose_server_has_restarted_is_opened_anew(
    url: URL, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.store.access.connections._IDLE_S", 0.0)
    held = HeldConnection(open_engine(url), immediate=False)
    assert one(held.get()) == 1

    with postgres.stopped():
        pass

    assert one(held.get()) == 1
    held.close()


@only_sqlite
def test_a_reader_on_the_event_loop_waits_for_a_moment_only(url: URL) -> None:
    def busy_ms(waits: bool) -> object:
        held = HeldConnection(open_engine(url, waits=waits), immediate=False)
        with held.get().begin():
            found = held.get().exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        held.close()
        return found

    assert (busy_ms(True), busy_ms(False)) == (2000, 50)
