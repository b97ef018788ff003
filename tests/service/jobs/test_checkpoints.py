"""The latest checkpoint of each image is kept in a file, which may be missing, but none that is on trial."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.ids import new_job_id
from service.jobs.checkpoints import JobCheckpoints


@pytest.fixture
async def checkpoints(tmp_path: Path) -> AsyncIterator[JobCheckpoints]:
    checkpoints = JobCheckpoints(tmp_path / "checkpoints", every_steps=5)
    yield checkpoints
    checkpoints.close()


def folder_of(job_id: str, root: Path) -> Path:
    (folder,) = root.glob(f"checkpoints/??/{job_id}")
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def test_the_latest_checkpoint_of_each_image_is_found(checkpoints: JobCheckpoints, tmp_path: Path) -> None:
    job, other = new_job_id(), new_job_id()
    for index, data in ((0, b"early"), (1, b"its own"), (0, b"late")):
        await checkpoints.keep(job, index, data)

    assert await checkpoints.load(job, range(3)) == {0: b"late", 1: b"its own"}
    assert await checkpoints.load(other, range(3)) == {}
    assert files_in(tmp_path) == ["0.checkpoint", "1.checkpoint"]


async def test_a_checkpoint_on_trial_is_not_found_until_it_is_put_back(checkpoints: JobCheckpoints) -> None:
    job = new_job_id()
    for index in (0, 1):
        await checkpoints.keep(job, index, b"data")
        await checkpoints.put_on_trial(job, index)

    assert await checkpoints.load(job, [0, 1]) == {}
    await checkpoints.put_back(job, [0, 2])
    assert await checkpoints.load(job, [0, 1]) == {0: b"data"}


async def test_a_further_checkpoint_ends_the_trial(checkpoints: JobCheckpoints, tmp_path: Path) -> None:
    job = new_job_id()
    await checkpoints.keep(job, 0, b"early")
    await checkpoints.put_on_trial(job, 0)
    await checkpoints.keep(job, 0, b"late")

    assert await checkpoints.load(job, [0]) == {0: b"late"}
    assert files_in(tmp_path) == ["0.checkpoint"]


async def test_what_is_not_needed_any_more_is_deleted(checkpoints: JobCheckpoints, tmp_path: Path) -> None:
    job, other = new_job_id(), new_job_id()
    for each in (job, other):
        for index in (0, 1):
            await checkpoints.keep(each, index, b"data")
    await checkpoints.put_on_trial(job, 0)
    await checkpoints.forget_image(job, 0)
    await checkpoints.forget_image(job, 7)
    assert await checkpoints.load(job, [0, 1]) == {1: b"data"}
    assert len(files_in(tmp_path)) == 3

    await checkpoints.forget(job)
    await checkpoints.forget(new_job_id())
    assert len(files_in(tmp_path)) == 2
    assert await checkpoints.load(other, [0, 1]) == {0: b"data", 1: b"data"}


async def test_a_disk_that_fails_keeps_none_and_fails_nobody(checkpoints: JobCheckpoints, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("not a folder")
    job = new_job_id()
    await checkpoints.keep(job, 0, b"data")
    await checkpoints.put_on_trial(job, 0)
    await checkpoints.forget_image(job, 0)
    await checkpoints.forget(job)

    assert await checkpoints.load(job, [0]) == {}
    assert await checkpoints.jobs_older_than(0.0) == []


async def test_a_write_that_fails_leaves_the_checkpoint_before_it(checkpoints: JobCheckpoints, tmp_path: Path) -> None:
    job = new_job_id()
    await checkpoints.keep(job, 0, b"data")
    (folder_of(job, tmp_path) / "1.checkpoint").mkdir()
    await checkpoints.keep(job, 1, b"lost")

    assert await checkpoints.load(job, [0]) == {0: b"data"}
    assert files_in(tmp_path) == ["0.checkpoint"]


async def test_a_job_that_is_deleted_meanwhile_is_no_failure_of_the_disk(
    checkpoints: JobCheckpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, write = new_job_id(), Path.write_bytes

    def write_and_delete_the_job(path: Path, data: bytes) -> int:
        size = write(path, data)
        shutil.rmtree(path.parent)
        return size

    monkeypatch.setattr(Path, "write_bytes", write_and_delete_the_job)
    with capture_logs() as lines:
        await checkpoints.keep(job, 0, b"data")

    assert files_in(tmp_path) == []
    assert lines == []


async def test_with_the_setting_at_zero_nothing_is_found_and_leftovers_can_be_deleted(
    checkpoints: JobCheckpoints, tmp_path: Path
) -> None:
    job = new_job_id()
    await checkpoints.keep(job, 0, b"data")
    off = JobCheckpoints(tmp_path / "checkpoints", every_steps=0)

    assert await off.load(job, [0]) == {}
    await off.forget(job)
    assert files_in(tmp_path) == ["0.checkpoint"]
    await off.delete(job)
    assert files_in(tmp_path) == []
    off.close()


async def test_old_checkpoints_are_told_by_their_folders(checkpoints: JobCheckpoints, tmp_path: Path) -> None:
    old, young = new_job_id(), new_job_id()
    for job in (old, young):
        await checkpoints.keep(job, 0, b"data")
    os.utime(folder_of(old, tmp_path), (0, 0))

    assert await checkpoints.jobs_older_than(3600.0) == [old]
