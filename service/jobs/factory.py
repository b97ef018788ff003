"""Puts the parts of durable jobs together."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from service.engine.config import WorkerConfig
from service.engine.interface import Engine
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs.execution.runner import Runner, RunnerConfig
from service.jobs.service import JobService, JobServiceConfig
from service.jobs.store.claims import ClaimPolicy, JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import JobRepository, RepositoryPolicy
from service.jobs.upkeep.retention import Retention, RetentionConfig
from service.jobs.watching.subscriptions import JobNotifier
from service.observability.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsSettings:
    """As `service.settings` has them."""

    database: URL
    images: Path
    keep_s: float
    max_image_bytes: int
    max_queued: int
    max_queued_s: float
    max_subscribers: int
    lease_s: float
    embed_parameters: bool


def create_jobs(settings: JobsSettings, engine: Engine, encoder: Encoder, metrics: Metrics) -> JobService:
    """Jobs of one process, to be started and stopped by the caller. Raises OSError where a folder cannot be made."""
    database, news = Database(settings.database), JobNotifier(settings.max_subscribers)
    files = ImageFiles(ImageFolder(settings.images))
    policy = RepositoryPolicy(
        max_queued=settings.max_queued, max_queued_s=settings.max_queued_s, keep_s=settings.keep_s
    )
    queue = JobClaims(database, ClaimPolicy(lease_s=settings.lease_s, keep_s=settings.keep_s))
    runner = RunnerConfig(
        owner=f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}",
        heartbeat_s=min(1.0, settings.lease_s / 4),
        embed_parameters=settings.embed_parameters,
    )
    worker = WorkerConfig(model="")
    return JobService(
        database,
        JobRepository(database, policy),
        files,
        Runner(queue, files, engine, encoder, news, metrics, runner),
        Retention(database, files, RetentionConfig(max_image_bytes=settings.max_image_bytes)),
        news,
        engine,
        # The engine's own order among what it has, so that jobs come to it in that order too.
        JobServiceConfig(
            interactive_deadline_factor=worker.interactive_deadline_factor,
            batch_deadline_factor=worker.batch_deadline_factor,
        ),
    )
