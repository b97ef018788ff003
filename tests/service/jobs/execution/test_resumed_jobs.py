"""A job that is taken over goes on from its checkpoints, and a checkpoint before a crash is used once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from service.errors import EngineUnavailableError
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.executor import ExecutorConfig, JobExecutor, Outcome
from service.jobs.execution.running_job import RunningJob
from service.jobs.records import ImageSpec, JobProgress, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import JobRepository
from service.jobs.watching.subscriptions import JobNotifier
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import LEASE_S, claim_one, make_job, make_uploads

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

EVERY = 4
STEPS = 12
TIMEOUT_S = 60.0
SUCCEEDED = Outcome(Status.SUCCEEDED, recorded=True)


class Servers:
    """Servers one after another that share a store. Each claims the job when the lease of the one before is over."""

    def __init__(self, database: Database, repository: JobRepository, claims: JobClaims, folder: Path) -> None:
        self.engine = FakeEngine()
        self.checkpoints = JobCheckpoints(folder / "checkpoints", every_steps=EVERY)
        self._folder = folder
        self._repository, self._claims = repository, claims
        self._files, self._encoder = ImageFiles(ImageFolder(folder / "images")), Encoder(1)
        executor = JobExecutor(
            claims,
            self._files,
            make_uploads(database, folder / "uploads"),
            self.checkpoints,
            self.engine,
            self._encoder,
            JobNotifier(),
            ExecutorConfig(),
            clock=lambda: 0.0,
        )
        self.execute = executor.execute
        self._attempts = 0

    async def accept(self, *, images: int = 1) -> None:
        job = make_job(images=images)
        longer = tuple(ImageSpec(replace(image.params, steps=STEPS)) for image in job.spec.images)
        self.job = replace(job, spec=msgspec.structs.replace(job.spec, images=longer))
        await self._repository.create(self.job, now=0.0)

    async def claim(self) -> RunningJob:
        self._attempts += 1
        owner, now = f"server {self._attempts}", self._attempts * 2 * LEASE_S
        return RunningJob(await claim_one(self._claims, owner, now=now))

    async def finish(self) -> Outcome | None:
        self.engine.held_before = None
        return await self.execute(await self.claim())

    async def crash_before(self, step: int, *, index: int = 0) -> None:
        """Runs the job up to this step of its image and leaves it, as a killed server does."""
        task = await self._run_to(step, index)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def stop_before(self, step: int) -> None:
        """Runs the job up to this step of its image and stops the engine, as a server does that is told to stop."""
        task = await self._run_to(step, 0)
        (job,) = [job for job in self.engine.jobs if not job.ended]
        job.end(EngineUnavailableError("The server is shutting down."))
        assert await task is None

    async def _run_to(self, step: int, index: int) -> asyncio.Task[Outcome | None]:
        self.engine.held_before = (index, step)
        running = await self.claim()
        task = asyncio.create_task(self.execute(running))
        await self.until_step(running, step - 1, index)
        if (step - 1) % EVERY == 0:
            await self.until(lambda: f"{index}.checkpoint" in self.files())
        return task

    async def until_step(self, running: RunningJob, step: int, index: int = 0) -> None:
        await self.until(lambda: running.steps.get(index, 0) >= step)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not holds():  # noqa: ASYNC110 - no event tells of a file
                await asyncio.sleep(0.001)

    def files(self) -> list[str]:
        return sorted(path.name for path in (self._folder / "checkpoints").rglob("*") if path.is_file())

    def close(self) -> None:
        self.checkpoints.close()
        self._files.close()
        self._encoder.close()


@pytest.fixture
async def servers(
    database: Database, repository: JobRepository, claims: JobClaims, tmp_path: Path
) -> AsyncIterator[Servers]:
    servers = Servers(database, repository, claims, tmp_path)
    yield servers
    servers.close()


async def test_a_crash_costs_no_more_steps_than_lie_between_two_checkpoints(servers: Servers) -> None:
    await servers.accept()
    await servers.crash_before(EVERY + 3)
    made = servers.engine.steps
    running = await servers.claim()
    servers.engine.held_before = None

    assert await servers.execute(running) == SUCCEEDED
    assert servers.engine.steps - made == STEPS - EVERY
    assert servers.files() == []


async def test_progress_goes_on_from_the_checkpoint(servers: Servers) -> None:
    await servers.accept()
    await servers.crash_before(EVERY + 3)
    running = await servers.claim()
    servers.engine.held_before = (0, EVERY + 1)
    task = asyncio.create_task(servers.execute(running))
    await servers.until_step(running, EVERY)

    assert running.live.progress == JobProgress(EVERY, STEPS, STEPS - EVERY)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_whose_server_crashes_after_it_was_resumed_begins_anew(servers: Servers) -> None:
    await servers.accept()
    await servers.crash_before(EVERY + 2)
    await servers.crash_before(EVERY + 3)
    assert servers.files() == ["0.trial"]
    made = servers.engine.steps

    assert await servers.finish() == SUCCEEDED
    assert servers.engine.steps - made == STEPS


async def test_a_further_checkpoint_is_trusted_again(servers: Servers) -> None:
    await servers.accept()
    await servers.crash_before(EVERY + 2)
    await servers.crash_before(2 * EVERY + 1)
    made = servers.engine.steps

    assert await servers.finish() == SUCCEEDED
    assert servers.engine.steps - made == STEPS - 2 * EVERY


async def test_a_server_that_is_told_to_stop_leaves_the_checkpoint_to_the_next(servers: Servers) -> None:
    await servers.accept()
    await servers.crash_before(EVERY + 2)
    await servers.stop_before(EVERY + 3)
    made = servers.engine.steps

    assert await servers.finish() == SUCCEEDED
    assert servers.engine.steps - made == STEPS - EVERY


async def test_only_the_image_that_was_being_made_has_a_checkpoint(servers: Servers) -> None:
    await servers.accept(images=3)
    await servers.crash_before(EVERY + 1, index=1)
    assert servers.files() == ["1.checkpoint"]
    made = servers.engine.steps

    assert await servers.finish() == SUCCEEDED
    assert servers.engine.steps - made == 2 * STEPS - EVERY


async def test_a_failed_job_leaves_no_checkpoints(servers: Servers) -> None:
    await servers.accept()
    servers.engine.failure = RuntimeError("a fault")
    outcome = await servers.finish()

    assert outcome is not None
    assert outcome.status is Status.FAILED
    assert servers.files() == []
