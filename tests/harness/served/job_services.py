"""A job service around a fake engine, and its parts that tests look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from service.images.encoding import Encoder
from service.images.free_space import FreeSpace
from service.images.storage import ImageFolder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.executor import ExecutorConfig, JobExecutor
from service.jobs.execution.owner_lock import OwnerLock
from service.jobs.execution.runner import Runner, RunnerConfig
from service.jobs.following import JobFollowing
from service.jobs.service import JobService, JobServiceConfig
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.tenants.accounts import TenantAccounts
from service.jobs.tenants.allowance import OpenAllowances
from service.jobs.tenants.stored_bytes import StoredBytes
from service.jobs.tenants.unfinished import UnfinishedJobs
from service.jobs.upkeep.queue_refresh import QueueRefresh
from service.jobs.upkeep.retention import Retention, RetentionConfig
from service.jobs.watching.channel import Channel, NoChannel
from service.jobs.watching.stream_limits import StreamLimits
from service.jobs.watching.subscriptions import JobNotifier
from service.observability.metrics import Metrics
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import CLAIM_POLICY, REPOSITORY_POLICY, make_uploads

CONFIG: Final = JobServiceConfig(interactive_deadline_factor=3.0, batch_deadline_factor=30.0)
RUNNER: Final = RunnerConfig(owner="this", poll_s=0.01)


@dataclass(frozen=True, slots=True)
class Composed:
    jobs: JobService
    engine: FakeEngine
    notifier: JobNotifier


def compose(
    url: URL,
    folder: Path,
    engine: FakeEngine,
    *,
    runner: RunnerConfig = RUNNER,
    channel: Channel | None = None,
    checkpoint_steps: int = 0,
) -> Composed:
    """Returns a job service that the caller starts and stops. Its image files are in `folder`."""
    channel = channel or NoChannel()
    database, notifier, files = Database(url), JobNotifier(channel), ImageFiles(ImageFolder(folder))
    waiting = WaitingJobs()
    claims = JobClaims(database, CLAIM_POLICY, waiting)
    uploads = make_uploads(database, folder.with_name("uploads"))
    lock = OwnerLock(folder.with_name("servers"), runner.owner)
    checkpoints = JobCheckpoints(folder.with_name("checkpoints"), every_steps=checkpoint_steps)
    executor = JobExecutor(claims, files, uploads, checkpoints, engine, Encoder(1), notifier, ExecutorConfig())
    repository = JobRepository(database, REPOSITORY_POLICY, waiting)
    tenants = TenantAccounts(
        waiting=waiting,
        unfinished=UnfinishedJobs(waiting),
        allowances=OpenAllowances(),
        stored=StoredBytes(database),
    )
    runs = Runner(
        claims,
        executor,
        files,
        engine,
        notifier,
        Metrics(),
        lock,
        runner,
        clock=database.clock,
        on_end=tenants.ended,
    )
    tenants.unfinished.running_here = runs.unfinished
    jobs = JobService(
        database,
        repository,
        files,
        uploads,
        checkpoints,
        runs,
        Retention(database, files, uploads, checkpoints, RetentionConfig(max_image_bytes=1 << 30)),
        QueueRefresh(database, repository, tenants),
        JobFollowing(repository, notifier, channel, runs, engine, StreamLimits(8, 8)),
        engine,
        CONFIG,
        FreeSpace((folder,), 0),
        tenants,
    )
    return Composed(jobs, engine, notifier)
