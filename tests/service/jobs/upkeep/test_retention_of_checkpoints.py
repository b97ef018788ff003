"""All checkpoints that no job needs are deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.records import Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import JobRepository
from service.jobs.upkeep.retention import Retention, RetentionConfig
from tests.harness.sample_jobs import accept, claim_one, make_uploads


def jobs_in(root: Path, *, age: bool = False) -> set[str]:
    """Returns the ids of the jobs with checkpoints. With `age`, their folders look old afterwards."""
    folders = list(root.glob("??/*"))
    for folder in folders if age else ():
        os.utime(folder, (0, 0))
    return {folder.name for folder in folders}


@pytest.mark.parametrize("every_steps", [0, 5])
async def test_old_checkpoints_of_jobs_that_have_ended_or_are_gone_are_deleted(
    database: Database, repository: JobRepository, claims: JobClaims, tmp_path: Path, every_steps: int
) -> None:
    checkpoints = JobCheckpoints(tmp_path / "checkpoints", every_steps=every_steps)
    files, uploads = ImageFiles(ImageFolder(tmp_path / "images")), make_uploads(database, tmp_path / "uploads")
    retention = Retention(database, files, uploads, checkpoints, RetentionConfig(max_image_bytes=100))
    jobs = await accept(repository, 4)
    _, running, queued, gone = jobs
    await claims.finish(await claim_one(claims), Status.CANCELED, version=2, now=0.0)
    assert (await claim_one(claims)).job_id == running
    await repository.delete(gone, "alice")
    for job in jobs:
        await checkpoints.keep(job, 0, b"data")
    await retention.delete_orphans()
    assert jobs_in(tmp_path / "checkpoints", age=True) == set(jobs), "young ones are kept"

    await retention.delete_orphans()

    assert jobs_in(tmp_path / "checkpoints") == {running, queued}
    for each in (checkpoints, files, uploads):
        each.close()
