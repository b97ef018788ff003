"""The executor stores the images of a job as the engine makes them, and returns how the job ended."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from structlog.testing import capture_logs

from service.errors import (
    DarkroomError,
    DeadlineExceededError,
    EngineUnavailableError,
    OutOfMemoryError,
    ResultDiscardedError,
    StoreUnavailableError,
    WorkerLostError,
)
from service.images import disk
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.executor import ExecutorConfig, JobExecutor, Outcome
from service.jobs.execution.running_job import RunningJob
from service.jobs.records import JobFailure, Status
from service.jobs.store.claims import JobClaims, LostError
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import JobRepository
from service.jobs.uploads import Uploads
from service.jobs.watching.subscriptions import JobNotifier
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import claim_one, make_image, make_job, make_uploads
from tests.service.images.reading import parameters_in

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

NOW = 100.0


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def notifier() -> JobNotifier:
    return JobNotifier()


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[ImageFiles]:
    files = ImageFiles(ImageFolder(tmp_path / "images"))
    yield files
    files.close()


@pytest.fixture
async def uploads(database: Database, tmp_path: Path) -> AsyncIterator[Uploads]:
    uploads = make_uploads(database, tmp_path / "uploads")
    yield uploads
    uploads.close()


@pytest.fixture
async def executor(
    claims: JobClaims, files: ImageFiles, uploads: Uploads, engine: FakeEngine, notifier: JobNotifier, tmp_path: Path
) -> AsyncIterator[JobExecutor]:
    encoder = Encoder(1)
    config = ExecutorConfig(max_images_at_once=2)
    checkpoints = JobCheckpoints(tmp_path / "checkpoints", every_steps=0)
    yield JobExecutor(claims, files, uploads, checkpoints, engine, encoder, notifier, config, clock=lambda: NOW)
    encoder.close()


async def claim_job(
    repository: JobRepository, claims: JobClaims, *, images: int = 1, deadline_s: float | None = None
) -> RunningJob:
    await repository.create(make_job(images=images, deadline_s=deadline_s), now=NOW - 10)
    return RunningJob(await claim_one(claims, now=NOW - 5))


async def test_images_are_recorded_with_their_files(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, files: ImageFiles
) -> None:
    running = await claim_job(repository, claims)

    assert await executor.execute(running) == Outcome(Status.SUCCEEDED, recorded=True)

    (stored,) = (await repository.get(running.claim.job_id, "alice")).images
    file = await files.read(running.claim.job_id, 0, "image/png")
    assert (stored.width, stored.height) == Image.open(io.BytesIO(file)).size
    assert stored.size_bytes == len(file)
    assert (parameters_in(file) or "").startswith("a red circle\n")


async def test_only_missing_images_are_made_and_a_few_at_a_time(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, engine: FakeEngine
) -> None:
    first = await claim_job(repository, claims, images=6)
    await claims.add_image(first.claim, make_image(1))
    await claims.release(first.claim)
    running = RunningJob(await claim_one(claims))

    await executor.execute(running)

    assert [[params.seed for params in job.images] for job in engine.jobs] == [[0, 2], [3, 4], [5]]
    record = await repository.get(running.claim.job_id, "alice")
    assert [image.index for image in record.images] == [0, 1, 2, 3, 4, 5]


async def test_subscribers_are_notified_of_progress_and_images(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, notifier: JobNotifier
) -> None:
    running = await claim_job(repository, claims)
    with notifier.subscribe(running.claim.job_id) as subscriber:
        executing = asyncio.create_task(executor.execute(running))
        changes = []
        while not executing.done():
            waiting = asyncio.create_task(subscriber.wait())
            await asyncio.wait([executing, waiting], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                changes.append(waiting.result())
            waiting.cancel()

    assert changes[0] is False, "progress is not recorded at once"
    assert changes[-1] is True, "the image is"


@pytest.mark.parametrize(
    "error",
    [
        EngineUnavailableError("Loading."),
        StoreUnavailableError("Gone."),
        WorkerLostError("Lost."),
        ResultDiscardedError("Not read."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_job_goes_back_into_the_queue_after_an_error_that_is_not_its_own(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, engine: FakeEngine, error: DarkroomError
) -> None:
    running = await claim_job(repository, claims)
    engine.refusals = [error]

    assert await executor.execute(running) is None


@pytest.mark.parametrize("error", [OutOfMemoryError("Too large."), DeadlineExceededError("Too late.")])
async def test_a_job_fails_with_its_own_error(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, engine: FakeEngine, error: DarkroomError
) -> None:
    running = await claim_job(repository, claims)
    engine.failure = error

    assert await executor.execute(running) == Outcome(Status.FAILED, JobFailure(error.code, error.message))


async def test_an_unexpected_error_fails_the_job_without_details(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, engine: FakeEngine
) -> None:
    running = await claim_job(repository, claims)
    engine.failure = RuntimeError("/secret/path")

    outcome = await executor.execute(running)

    assert outcome is not None
    assert outcome.failure == JobFailure("internal_error", "Something went wrong.")


async def test_a_dropped_job_is_lost_before_its_next_part(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, engine: FakeEngine
) -> None:
    running = await claim_job(repository, claims)
    running.lost = True

    with pytest.raises(LostError):
        await executor.execute(running)

    assert engine.jobs == []


async def test_a_canceled_job_is_lost_when_its_image_is_recorded_and_leaves_no_file(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, engine: FakeEngine, files: ImageFiles
) -> None:
    engine.held_before = (1, 1)
    running = await claim_job(repository, claims, images=2)
    await repository.cancel(running.claim.job_id, "alice", now=NOW)

    with pytest.raises(LostError):
        await executor.execute(running)

    assert engine.jobs[0].canceled, "its rows are freed"
    with pytest.raises(FileNotFoundError):
        await files.read(running.claim.job_id, 0, "image/png")


async def test_a_job_that_is_deleted_while_its_image_is_stored_is_lost_and_leaves_nothing(
    executor: JobExecutor,
    repository: JobRepository,
    claims: JobClaims,
    files: ImageFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = await claim_job(repository, claims)
    await repository.cancel(running.claim.job_id, "alice", now=NOW)
    await repository.delete(running.claim.job_id, "alice")
    write_file = disk.write_file

    def write_into_a_deleted_folder(path: Path, data: bytes) -> None:
        monkeypatch.setattr(disk, "write_file", write_file)
        ImageFolder(tmp_path / "images").delete(running.claim.job_id)
        write_file(path, data)

    monkeypatch.setattr(disk, "write_file", write_into_a_deleted_folder)
    with capture_logs() as lines, pytest.raises(LostError):
        await executor.execute(running)

    assert list((tmp_path / "images").glob("??/*")) == []
    assert files.available
    assert lines == []


async def test_an_image_that_comes_after_its_job_was_dropped_is_not_stored(
    executor: JobExecutor, repository: JobRepository, claims: JobClaims, engine: FakeEngine, files: ImageFiles
) -> None:
    engine.held_before = (0, 1)
    running = await claim_job(repository, claims)
    executing = asyncio.create_task(executor.execute(running))
    while not engine.jobs:  # noqa: ASYNC110 -- the fake engine has no event for it
        await asyncio.sleep(0)
    running.lost = True
    engine.let_go()

    with pytest.raises(LostError):
        await executing

    with pytest.raises(FileNotFoundError):
        await files.read(running.claim.job_id, 0, "image/png")


@pytest.mark.parametrize(("deadline_s", "left_s"), [(None, None), (15.0, 5.0), (10.0, 0.001), (1.0, 0.001)])
async def test_the_engine_is_told_the_time_left_until_the_callers_deadline(
    executor: JobExecutor,
    repository: JobRepository,
    claims: JobClaims,
    engine: FakeEngine,
    deadline_s: float | None,
    left_s: float | None,
) -> None:
    await repository.create(make_job(deadline_s=deadline_s), now=NOW - 10)
    running = RunningJob(await claim_one(claims, now=NOW - 10))

    await executor.execute(running)

    assert engine.jobs[0].deadline_s == left_s
