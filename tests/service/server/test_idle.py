"""A server that has nothing to do looks for deliveries of webhooks, and writes nothing to its database."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from tests.harness.wire.webhook_receiver import receiving
from tests.service.api.in_process import Api, run_in_process

LOOKS = 5


@contextlib.contextmanager
def statements() -> Iterator[list[str]]:
    """Yields the SQL statements of the block, as they are executed."""
    executed: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        executed.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield executed
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def stored(data_dir: Path) -> list[str]:
    """A digest of each file of the database, its log included."""
    files = sorted(data_dir.glob("jobs.sqlite3*"))
    return [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files if "-shm" not in file.name]


async def delivered(api: Api, count: int) -> None:
    answer: list[Any] = []
    while [each["next_try_at"] for each in answer] != [None] * count:
        await asyncio.sleep(0.01)
        answer = (await api.client.get("/api/v1/webhooks/deliveries")).json()["data"]


async def look(api: Api, executed: list[str]) -> None:
    """Wakes the dispatcher and waits until it has found nothing."""

    def looks() -> int:
        return sum("min(webhook_deliveries.try_at)" in each for each in executed)

    before = looks()
    api.app.state.services.jobs.notifier.notify("job_x", record_changed=True)
    while looks() == before:  # noqa: ASYNC110 -- the dispatcher has no event for it
        await asyncio.sleep(0.01)


async def test_an_idle_server_looks_for_deliveries_and_writes_nothing(tmp_path: Path) -> None:
    with receiving() as receiver:
        receiver.statuses = [204, 410]
        async with run_in_process(tmp_path, webhook_allowed_hosts="127.0.0.1") as api:
            for _ in receiver.statuses[:]:
                await api.create_job(webhook={"url": receiver.url})
            await delivered(api, 2)

            with statements() as executed:
                await look(api, executed)
                before = stored(tmp_path)
                for _ in range(LOOKS):
                    await look(api, executed)

            assert len(before) == 2
            assert stored(tmp_path) == before
    assert [each for each in executed if not each.startswith(("BEGIN", "PRAGMA", "SELECT"))] == []
