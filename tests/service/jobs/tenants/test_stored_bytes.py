"""A tenant's stored bytes are summed now and then, and no request is refused because of an old sum."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine, event

from service.images.inputs.raster import Raster, encode_raster
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.tenants.stored_bytes import Excess, StoredBytes
from tests.harness.engine.worker_harness import Clock
from tests.harness.sample_jobs import make_image, make_job, make_uploads


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stored(database: Database, clock: Clock) -> StoredBytes:
    return StoredBytes(database, clock)


async def keep(repository: JobRepository, size_bytes: int, *, tenant: str = "alice", expires_at: float = 1e12) -> str:
    job = make_job(tenant=tenant)
    await repository.create_ended(job, [make_image(size_bytes=size_bytes)], now=0.0, expires_at=expires_at)
    return job.id


async def test_images_and_uploads_of_the_tenant_alone_count(
    stored: StoredBytes, repository: JobRepository, database: Database, tmp_path: Path
) -> None:
    file, uploads = encode_raster(Raster(Image.new("RGB", (8, 8)))), make_uploads(database, tmp_path)
    await uploads.add("alice", file)
    uploads.close()
    await keep(repository, 60)
    await keep(repository, 40)
    await keep(repository, 10_000, tenant="bob")
    size = 100 + len(file.data)

    assert await stored.reserve("alice", 5, limit_bytes=size + 4) is not None
    assert await stored.reserve("alice", 5, limit_bytes=size + 5) is None
    assert await stored.reserve("nobody", 5, limit_bytes=5) is None


async def test_what_was_granted_counts_before_it_is_stored(stored: StoredBytes) -> None:
    assert await stored.reserve("alice", 60, limit_bytes=100) is None
    assert await stored.reserve("alice", 60, limit_bytes=100) is not None


async def test_a_full_tenant_has_no_room_for_what_has_no_size_yet(
    stored: StoredBytes, repository: JobRepository
) -> None:
    await keep(repository, 100)
    assert await stored.reserve("alice", 0, limit_bytes=100) is not None
    assert await stored.reserve("alice", 0, limit_bytes=101) is None


async def test_what_was_deleted_is_noticed_by_the_next_refusal_and_a_sum_serves_many_requests(
    stored: StoredBytes, repository: JobRepository, clock: Clock
) -> None:
    job = await keep(repository, 100)
    assert await stored.reserve("alice", 1, limit_bytes=100) is not None
    await repository.delete(job, "alice")
    clock.now_s += 1.5
    assert await stored.reserve("alice", 1, limit_bytes=100) is None

    await keep(repository, 100)
    clock.now_s += 9.0
    assert await stored.reserve("alice", 1, limit_bytes=100) is None, "the sum is not that old"
    clock.now_s += 9.0
    assert await stored.reserve("alice", 1, limit_bytes=100) is not None


async def test_a_refusal_says_when_enough_has_expired(stored: StoredBytes, repository: JobRepository) -> None:
    now = stored._database.clock.now()
    for size, after_s in ((30, 300.0), (10, 100.0), (20, 200.0)):
        await keep(repository, size, expires_at=now + after_s)

    async def frees_in_s(new_bytes: int) -> float | None:
        excess = await stored.reserve("alice", new_bytes, limit_bytes=60)
        assert isinstance(excess, Excess)
        return excess.frees_in_s

    assert await frees_in_s(10) == pytest.approx(100.0, abs=60)
    assert await frees_in_s(11) == pytest.approx(200.0, abs=60)
    assert await frees_in_s(60) == pytest.approx(300.0, abs=60)
    assert await frees_in_s(61) is None, "it would never have room"


async def test_a_request_that_is_granted_by_a_known_sum_costs_no_statement(
    stored: StoredBytes, database: Database
) -> None:
    await stored.reserve("alice", 1, limit_bytes=100)
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await stored.reserve("alice", 1, limit_bytes=100)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert statements == []
