"""Finished images are found by their records, and their files are read only when they are needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from pipelines.interface import RgbImage
from service.errors import NotFoundError
from service.images.encoding import Encoder, encode, thumbnail
from service.images.storage import ImageFolder
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.stored_images import StoredImages
from tests.harness.sample_jobs import REPOSITORY_POLICY, make_image, make_job

FILE = encode(RgbImage(64, 64, bytes(3 * 64 * 64)), "png")
IMAGE = make_image()


@pytest.fixture
async def images(sqlite_url: URL, tmp_path: Path) -> AsyncIterator[StoredImages]:
    database, files = Database(sqlite_url), ImageFiles(ImageFolder(tmp_path))
    yield StoredImages(JobRepository(database, REPOSITORY_POLICY, WaitingJobs()), files)
    files.close()
    await database.close()


@pytest.fixture
async def job_id(sqlite_url: URL, tmp_path: Path) -> AsyncIterator[str]:
    """A job of alice's with one image."""
    database, job = Database(sqlite_url), make_job()
    ImageFolder(tmp_path).put(job.id, IMAGE.index, IMAGE.media_type, FILE)
    await JobRepository(database, REPOSITORY_POLICY, WaitingJobs()).create_ended(job, [IMAGE], now=0.0, expires_at=1.0)
    yield job.id
    await database.close()


async def test_an_image_is_found_by_its_tenant_or_for_any(images: StoredImages, job_id: str) -> None:
    assert [(await images.find(job_id, 0, tenant)).sha256 for tenant in ("alice", None)] == [IMAGE.sha256] * 2
    for index, tenant in ((0, "bob"), (1, "alice")):
        with pytest.raises(NotFoundError):
            await images.find(job_id, index, tenant)


async def test_an_image_is_read_and_its_thumbnail_made_of_it(images: StoredImages, job_id: str) -> None:
    encoder = Encoder(1)

    assert await images.read(job_id, IMAGE) == FILE
    assert await images.thumbnail_size_bytes(job_id, IMAGE) is None
    assert await images.thumbnail(job_id, IMAGE, encoder) == thumbnail(FILE)
    assert await images.thumbnail_size_bytes(job_id, IMAGE) == len(thumbnail(FILE))
    encoder.close()


async def test_an_image_whose_file_is_missing_is_not_found(images: StoredImages, job_id: str, tmp_path: Path) -> None:
    ImageFolder(tmp_path).delete(job_id)
    encoder = Encoder(1)

    for reading in (images.read(job_id, IMAGE), images.thumbnail(job_id, IMAGE, encoder)):
        with pytest.raises(NotFoundError):
            await reading
    encoder.close()
