"""`darkroom backup` copies jobs and images so that a server can start from the copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import URL, make_url

from service.images.inputs.raster import Raster, encode_raster
from service.images.storage import ImageFolder
from service.jobs.store.database import Database, database_url
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.upkeep.backup import Backup, BackupError, back_up
from service.link_key import load_link_key
from tests.harness.sample_jobs import REPOSITORY_POLICY, make_image, make_job, make_uploads
from tests.service.jobs.store.released.released_databases import SCHEMAS, SUCCEEDED, load_release

PNG = b"an image file"


@pytest.fixture
async def job_id(sqlite_url: URL, tmp_path: Path) -> str:
    """A finished job with two recorded images, of which the second has no file."""
    database = Database(sqlite_url)
    job = make_job(images=2)
    await JobRepository(database, REPOSITORY_POLICY, WaitingJobs()).create_ended(
        job, [make_image(0), make_image(1)], now=1.0, expires_at=2.0
    )
    await database.close()
    ImageFolder(tmp_path / "images").put(job.id, 0, "image/png", PNG)
    return job.id


async def test_a_backup_holds_the_records_and_every_image_file(sqlite_url: URL, job_id: str, tmp_path: Path) -> None:
    made = back_up(sqlite_url, tmp_path / "images", tmp_path / "copy")

    assert made == Backup(images=1, uploads=0, missing=1)
    assert ImageFolder(tmp_path / "copy" / "images").read(job_id, 0, "image/png") == PNG
    database = Database(database_url(None, tmp_path / "copy"))
    assert len((await JobRepository(database, REPOSITORY_POLICY, WaitingJobs()).get(job_id, "alice")).images) == 2
    await database.close()


async def test_a_backup_holds_the_uploads_that_jobs_start_from(sqlite_url: URL, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    uploads, copied = (make_uploads(database, folder / "uploads") for folder in (tmp_path, tmp_path / "copy"))
    file = encode_raster(Raster(Image.new("RGB", (8, 8))))
    await uploads.add("alice", file)

    assert back_up(sqlite_url, tmp_path / "images", tmp_path / "copy") == Backup(images=0, uploads=1, missing=0)
    assert (await copied.read("alice", file.sha256)).size == (8, 8)
    for opened in (uploads, copied):
        opened.close()
    await database.close()


async def test_a_backup_is_made_while_another_connection_writes(sqlite_url: URL, job_id: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    await database.write(lambda _: back_up(sqlite_url, tmp_path / "images", tmp_path / "copy"))
    await database.close()

    assert (tmp_path / "copy" / "jobs.sqlite3").is_file()


def test_links_that_are_out_still_work_on_a_server_that_was_restored(sqlite_url: URL, tmp_path: Path) -> None:
    key = load_link_key(tmp_path)
    back_up(sqlite_url, tmp_path / "images", tmp_path / "copy")

    assert load_link_key(tmp_path / "copy") == key


async def test_only_the_owner_can_read_a_backup(sqlite_url: URL, job_id: str, tmp_path: Path) -> None:
    load_link_key(tmp_path)
    copy = tmp_path / "to" / "copy"
    back_up(sqlite_url, tmp_path / "images", copy)

    assert {path.name for path in copy.iterdir()} == {"jobs.sqlite3", "images", "link_key"}
    assert {str(path) for path in (copy.parent, copy, *copy.rglob("*")) if path.stat().st_mode & 0o077} == set()


async def test_a_backup_overwrites_nothing(sqlite_url: URL, job_id: str, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(BackupError, match="already exists"):
        back_up(sqlite_url, tmp_path / "images", tmp_path / "copy")

    (tmp_path / "other.partial").mkdir()
    with pytest.raises(BackupError, match="Delete it"):
        back_up(sqlite_url, tmp_path / "images", tmp_path / "other")


def test_a_missing_database_or_one_in_postgresql_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no database"):
        back_up(database_url(None, tmp_path), tmp_path / "images", tmp_path / "copy")
    with pytest.raises(BackupError, match="pg_dump"):
        back_up(make_url("postgresql://localhost/jobs"), tmp_path / "images", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_data_of_an_earlier_release_are_copied_unchanged(schema: str, tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir()
    load_release(schema, database_url(None, data))
    ImageFolder(data / "pictures").put(SUCCEEDED, 1, "image/png", PNG)

    made = back_up(database_url(None, data), data / "images", copy)

    uploads_without_files = int(schema == "schema_0005")
    assert made == Backup(images=1, uploads=0, missing=3 + uploads_without_files)
    assert ImageFolder(copy / "pictures").read(SUCCEEDED, 1, "image/png") == PNG
    assert not (data / "images").exists(), "the server of that release may still run"
