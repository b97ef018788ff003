"""Retention deletes uploads that no job needs, and counts the bytes of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from service.errors import NotFoundError
from service.images.inputs.raster import InputFile, Raster, encode_raster
from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import JobRepository
from service.jobs.upkeep.retention import Retention, RetentionConfig
from service.jobs.uploads import Uploads
from tests.harness.engine.worker_harness import Clock
from tests.harness.sample_jobs import KEEP_S, make_image, make_job, make_uploads

MAX_BYTES = 100


class Store:
    """A store that keeps `MAX_BYTES` of images and uploads."""

    def __init__(self, database: Database, repository: JobRepository, folder: Path) -> None:
        self.clock = Clock()
        self.repository = repository
        self.files = ImageFiles(ImageFolder(folder / "images"))
        self.uploads: Uploads = make_uploads(database, folder / "uploads", clock=self.clock)
        config = RetentionConfig(max_image_bytes=MAX_BYTES)
        checkpoints = JobCheckpoints(folder / "checkpoints", every_steps=0)
        self.retention = Retention(database, self.files, self.uploads, checkpoints, config, clock=self.clock)

    async def upload(self, color: int, *, for_job: bool = False) -> InputFile:
        """Stores an upload, alone or with a job that starts from it and goes on."""
        file = encode_raster(Raster(Image.new("RGB", (8, 8), (color, 0, 0))))
        if not for_job:
            await self.uploads.add("alice", file)
            return file
        async with self.uploads.staged([file]) as staged:
            await self.repository.create(make_job(), now=0.0, starts_from=staged)
        return file

    async def ended_job(self, size_bytes: int) -> str:
        image = make_image(size_bytes=size_bytes)
        record = await self.repository.create_ended(make_job(), [image], now=1.0, expires_at=1e9)
        return record.id

    async def has(self, kept: InputFile | str) -> bool:
        try:
            if isinstance(kept, str):
                await self.repository.get(kept, None)
            else:
                await self.uploads.read("alice", kept.sha256)
        except NotFoundError:
            return False
        return True


@pytest.fixture
async def store(database: Database, repository: JobRepository, tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(database, repository, tmp_path)
    yield store
    store.files.close()
    store.uploads.close()


async def test_uploads_expire_unless_a_job_starts_from_them(store: Store) -> None:
    alone, used = await store.upload(1), await store.upload(2, for_job=True)
    store.clock.now_s = KEEP_S + 1.0
    await store.retention.sweep()

    assert [await store.has(file) for file in (alone, used)] == [False, True]


async def test_uploads_that_no_job_needs_go_before_any_job(store: Store) -> None:
    ended, alone = await store.ended_job(60), await store.upload(1)
    await store.retention.sweep()

    assert [await store.has(each) for each in (ended, alone)] == [True, False]


async def test_uploads_that_jobs_need_count_towards_the_bound(store: Store) -> None:
    ended, used = await store.ended_job(60), await store.upload(2, for_job=True)
    await store.retention.sweep()

    assert [await store.has(each) for each in (ended, used)] == [False, True]
