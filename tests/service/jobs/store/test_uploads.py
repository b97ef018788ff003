"""Uploads belong to their tenant, are kept for a time and while jobs need them, and are deleted after that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from service.images.inputs.raster import Raster, encode_raster
from service.jobs.store.database import Database
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.store.repository import JobRepository
from service.jobs.store.uploads import FOR_JOBS_ALONE, StoredUpload, UploadRepository, new_upload
from tests.harness.sample_jobs import make_job


@pytest.fixture
def uploads(database: Database) -> UploadRepository:
    return UploadRepository(database)


def make(color: int = 0, *, kept_until: float = FOR_JOBS_ALONE, now: float = 1.0) -> StoredUpload:
    return new_upload(encode_raster(Raster(Image.new("RGB", (8, 8), (color, 0, 0)))), now=now, kept_until=kept_until)


async def known(uploads: UploadRepository, *made: StoredUpload, tenant: str = "alice") -> list[bool]:
    found = await uploads.find(tenant, [upload.sha256 for upload in made])
    return [upload.sha256 in found for upload in made]


async def test_an_upload_is_found_by_its_tenant_alone(uploads: UploadRepository) -> None:
    upload = make(kept_until=9.0)
    assert await uploads.add("alice", upload) == upload
    assert await uploads.find("alice", [upload.sha256, "0" * 64]) == {upload.sha256: upload}
    assert await uploads.find("bob", [upload.sha256]) == {}


async def test_the_same_file_again_is_the_same_upload_and_kept_for_the_longer_time(uploads: UploadRepository) -> None:
    first, again, shorter = make(kept_until=9.0), make(kept_until=20.0), make(kept_until=3.0)
    assert first.name != again.name
    await uploads.add("alice", first)

    assert await uploads.add("alice", again) == replace(first, kept_until=20.0)
    assert await uploads.add("alice", shorter) == replace(first, kept_until=20.0)
    assert await uploads.unrecorded([first.name, again.name]) == [again.name]
    assert await uploads.total_bytes() == first.size_bytes


async def test_equal_files_of_two_tenants_are_two_uploads(uploads: UploadRepository) -> None:
    mine, theirs = make(kept_until=9.0), make(kept_until=9.0)
    await uploads.add("alice", mine)
    await uploads.add("bob", theirs)

    assert await uploads.release("alice", mine.sha256)
    assert await uploads.delete_unused(now=2.0, limit=9) == [mine.name]
    assert await known(uploads, theirs, tenant="bob") == [True]


async def test_an_upload_is_deleted_when_its_time_is_over(uploads: UploadRepository) -> None:
    old, young = make(1, kept_until=5.0), make(2, kept_until=7.0)
    for upload in (old, young):
        await uploads.add("alice", upload)

    assert await uploads.delete_unused(now=5.0, limit=9) == []
    assert await uploads.delete_unused(now=6.0, limit=9) == [old.name]
    assert await known(uploads, old, young) == [False, True]


async def test_an_upload_lives_with_the_last_job_that_starts_from_it(
    uploads: UploadRepository, repository: JobRepository
) -> None:
    upload, jobs = make(), [make_job(), make_job()]
    for job in jobs:
        await repository.create(job, now=1.0, starts_from=[upload])
        assert await uploads.delete_unused(now=99.0, limit=9) == []
    await repository.delete(jobs[0].id, "alice")
    assert await uploads.delete_unused(now=99.0, limit=9) == []
    await repository.delete(jobs[1].id, "alice")

    assert await uploads.delete_unused(now=99.0, limit=9) == [upload.name]


async def test_a_job_uses_the_tenants_earlier_upload(uploads: UploadRepository, repository: JobRepository) -> None:
    earlier, staged = make(kept_until=9.0), make()
    await uploads.add("alice", earlier)
    await repository.create(make_job(), now=1.0, starts_from=[staged])

    assert await uploads.find("alice", [staged.sha256]) == {earlier.sha256: earlier}
    assert await uploads.unrecorded([staged.name]) == [staged.name]
    assert await uploads.delete_unused(now=99.0, limit=9) == []


async def test_a_job_that_is_replayed_records_nothing(uploads: UploadRepository, repository: JobRepository) -> None:
    key = IdempotencyKey("key", "body", lifetime_s=9.0)
    first, again = make(1), make(2)
    await repository.create(make_job(), now=1.0, idempotency=key, starts_from=[first])
    _, replayed = await repository.create(make_job(), now=1.0, idempotency=key, starts_from=[again])

    assert replayed
    assert await known(uploads, first, again) == [True, False]


async def test_the_oldest_unused_uploads_make_room(uploads: UploadRepository, repository: JobRepository) -> None:
    used, old, young = make(1, now=1.0), make(2, kept_until=9.0, now=2.0), make(3, kept_until=9.0, now=3.0)
    await repository.create(make_job(), now=1.0, starts_from=[used])
    for upload in (young, old):
        await uploads.add("alice", upload)

    assert await uploads.delete_oldest_unused(1, limit=9) == [old.name]
    assert await known(uploads, used, old, young) == [True, False, True]
    assert await uploads.delete_oldest_unused(1 << 30, limit=9) == [young.name]
    assert await uploads.delete_oldest_unused(1 << 30, limit=9) == []


async def test_only_its_tenant_can_release_an_upload(uploads: UploadRepository) -> None:
    upload = make(kept_until=9.0)
    await uploads.add("alice", upload)
    assert not await uploads.release("bob", upload.sha256)
    assert await uploads.delete_unused(now=2.0, limit=9) == []
