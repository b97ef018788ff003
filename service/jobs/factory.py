"""Creates the job service of one process from settings."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from service.engine.interface import Engine
from service.engine.scheduling.fair_share import FairShare
from service.images.encoding import Encoder
from service.images.free_space import FreeSpace
from service.images.inputs.folder import InputFolder
from service.images.storage import ImageFolder, rename_former_folder
from service.jobs.checkpoints import JobCheckpoints
from service.jobs.execution.executor import ExecutorConfig, JobExecutor
from service.jobs.execution.owner_lock import OwnerLock
from service.jobs.execution.runner import Runner, RunnerConfig
from service.jobs.execution.unmade_jobs import UnmadeJobs
from service.jobs.following import JobFollowing
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.service import JobService, JobServiceConfig
from service.jobs.store.claims import ClaimPolicy, JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles, UploadFiles
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository, RepositoryPolicy
from service.jobs.store.uploads import UploadRepository
from service.jobs.tenants.accounts import TenantAccounts
from service.jobs.tenants.allowance import OpenAllowances
from service.jobs.tenants.stored_bytes import StoredBytes
from service.jobs.tenants.unfinished import UnfinishedJobs
from service.jobs.upkeep.queue_refresh import QueueRefresh
from service.jobs.upkeep.retention import Retention, RetentionConfig
from service.jobs.uploads import Uploads
from service.jobs.watching.channel import Channel, NoChannel
from service.jobs.watching.stream_limits import StreamLimits
from service.jobs.watching.subscriptions import JobNotifier
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsSettings:
    """Settings of the job service. `service.settings` describes most of them."""

    database: URL
    images: Path
    """The folder of the image files."""
    uploads: Path
    """The folder of the files of uploads."""
    servers: Path
    """The folder in which each server of this machine locks a file."""
    checkpoints: Path
    """The folder of the checkpoints of images that are being made."""
    checkpoint_steps: int
    """Steps between two checkpoints of an image; 0 keeps none."""
    keep_s: float
    keep_uploads_s: float
    max_image_bytes: int
    min_free_bytes: int
    max_queued: int
    max_queued_s: float
    max_streams: int
    max_streams_per_tenant: int
    lease_s: float
    embed_parameters: bool
    interactive_deadline_factor: float
    batch_deadline_factor: float
    """Both factors should equal the engine's, so that jobs reach it in the order in which it makes them."""
    shares: Mapping[str, float]
    """Weights of tenants, equal to the engine's."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """The records of jobs, and what each tenant has among them."""

    claims: JobClaims
    repository: JobRepository
    tenants: TenantAccounts


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of jobs: their images, uploads and checkpoints."""

    images: ImageFiles
    uploads: Uploads
    checkpoints: JobCheckpoints


def create_jobs(
    settings: JobsSettings, engine: Engine, encoder: Encoder, metrics: Metrics, traces: Traces = NO_TRACES
) -> JobService:
    """Returns a job service that the caller starts and stops.

    Renames the image folder of an earlier release. Raises OSError where a folder cannot be created or renamed.
    """
    rename_former_folder(settings.images)
    database, channel = Database(settings.database, metrics=metrics), create_channel(settings.database)
    notifier = JobNotifier(channel)
    space = FreeSpace(_folders(settings), settings.min_free_bytes)
    space.update_reserve()  # Opening a database takes some room, too.
    metrics.free_bytes_source = space.free_bytes
    files = _create_files(settings, database, space, metrics)
    queue = _create_queue(settings, database, metrics, traces)
    executor = JobExecutor(
        queue.claims,
        files.images,
        files.uploads,
        files.checkpoints,
        engine,
        encoder,
        notifier,
        ExecutorConfig(embed_parameters=settings.embed_parameters),
        clock=database.clock.now,
    )
    config = _runner_config(settings)
    runner = Runner(
        queue.claims,
        executor,
        files.images,
        engine,
        notifier,
        metrics,
        OwnerLock(settings.servers, config.owner),
        config,
        clock=database.clock,
        on_end=queue.tenants.ended,
        traces=traces,
    )
    queue.tenants.unfinished.running_here = runner.unfinished
    streams = StreamLimits(settings.max_streams, settings.max_streams_per_tenant)
    refresh = QueueRefresh(database, queue.repository, queue.tenants)
    metrics.queue_source = refresh.totals
    return JobService(
        database,
        queue.repository,
        files.images,
        files.uploads,
        files.checkpoints,
        runner,
        _create_retention(settings, database, files, metrics),
        refresh,
        JobFollowing(queue.repository, notifier, channel, runner, engine, streams),
        engine,
        JobServiceConfig(
            interactive_deadline_factor=settings.interactive_deadline_factor,
            batch_deadline_factor=settings.batch_deadline_factor,
        ),
        space,
        queue.tenants,
        traces,
    )


def _create_files(settings: JobsSettings, database: Database, space: FreeSpace, metrics: Metrics) -> _Files:
    uploads = Uploads(
        UploadRepository(database),
        UploadFiles(InputFolder(settings.uploads)),
        keep_s=settings.keep_uploads_s,
        max_bytes=settings.max_image_bytes,
        metrics=metrics,
        clock=database.clock.now,
        space=space,
    )
    checkpoints = JobCheckpoints(settings.checkpoints, every_steps=settings.checkpoint_steps)
    return _Files(ImageFiles(ImageFolder(settings.images)), uploads, checkpoints)


def _create_queue(settings: JobsSettings, database: Database, metrics: Metrics, traces: Traces) -> _Queue:
    retention = RetentionPolicy(settings.keep_s)
    claim_policy = ClaimPolicy(lease_s=settings.lease_s, retention=retention)
    repository_policy = RepositoryPolicy(
        max_queued=settings.max_queued, max_queued_s=settings.max_queued_s, retention=retention
    )
    waiting, unmade = WaitingJobs(FairShare(settings.shares)), UnmadeJobs(metrics, traces).ended
    tenants = TenantAccounts(
        waiting=waiting,
        unfinished=UnfinishedJobs(waiting),
        allowances=OpenAllowances(),
        stored=StoredBytes(database),
    )
    claims = JobClaims(database, claim_policy, waiting, metrics, unmade)
    return _Queue(claims, JobRepository(database, repository_policy, waiting, unmade), tenants)


def _create_retention(settings: JobsSettings, database: Database, files: _Files, metrics: Metrics) -> Retention:
    return Retention(
        database,
        files.images,
        files.uploads,
        files.checkpoints,
        RetentionConfig(max_image_bytes=settings.max_image_bytes),
        metrics=metrics,
        clock=database.clock.now,
    )


def _runner_config(settings: JobsSettings) -> RunnerConfig:
    """Returns the runner's settings, with a name that no other process has."""
    return RunnerConfig(
        owner=f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}",
        heartbeat_s=min(1.0, settings.lease_s / 4),
    )


def create_channel(database: URL) -> Channel:
    """Returns the channel by which the processes on the database tell each other what they did."""
    if database.get_backend_name() == "sqlite":
        return NoChannel()
    # Its driver is an extra, which a server on SQLite does without.
    from service.jobs.store.access.postgres_channel import PostgresChannel

    return PostgresChannel(database)


def _folders(settings: JobsSettings) -> tuple[Path, ...]:
    """Returns the folders whose disks may run full, the database's first."""
    data_dir = settings.images.parent
    file = settings.database.database if settings.database.get_backend_name() == "sqlite" else None
    return (data_dir if file is None else Path(file).parent, data_dir, settings.images, settings.uploads)
