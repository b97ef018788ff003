"""Small jobs and images for tests of the store, equal unless a test asks for something else."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import update

from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths, TextLength
from service.engine.types import Timings
from service.ids import new_job_id
from service.images.free_space import FreeSpace
from service.images.inputs.folder import InputFolder
from service.jobs.records import Claim, ImageSpec, JobPreview, JobProgress, JobSpec, LiveState, StoredImage
from service.jobs.retention_policy import RetentionPolicy
from service.jobs.store.claims import ClaimPolicy, JobClaims
from service.jobs.store.database import Database
from service.jobs.store.image_files import UploadFiles
from service.jobs.store.repository import JobRepository, RepositoryPolicy
from service.jobs.store.row_mapping import NewJob
from service.jobs.store.tables import jobs
from service.jobs.store.uploads import UploadRepository
from service.jobs.uploads import Uploads
from service.webhooks.types import EVENTS, Webhook

LEASE_S = 10.0
KEEP_S = 1000.0
STEPS = 4
"""Steps of each image."""
RETENTION = RetentionPolicy(KEEP_S)
REPOSITORY_POLICY = RepositoryPolicy(max_queued=100, max_queued_s=1000.0, retention=RETENTION)
CLAIM_POLICY = ClaimPolicy(lease_s=LEASE_S, retention=RETENTION)
LIVE = LiveState(version=3, progress=JobProgress(2, 4, 1.5), preview=JobPreview(0, 2, "image/webp", b"preview"))
UNBEGUN = LiveState(version=1)
"""State of a claimed job before the engine begins one of its images."""

_virtual_deadlines: Iterator[int] = itertools.count(1)


def make_uploads(
    database: Database,
    folder: Path,
    *,
    clock: Callable[[], float] = time.time,
    max_bytes: int = 1 << 30,
    space: FreeSpace | None = None,
) -> Uploads:
    """Returns the uploads of a database, whose files are in `folder`."""
    files, space = UploadFiles(InputFolder(folder)), space or FreeSpace((folder,), 0)
    return Uploads(UploadRepository(database), files, keep_s=KEEP_S, max_bytes=max_bytes, space=space, clock=clock)


def make_spec(images: int = 1, *, deadline_s: float | None = None) -> JobSpec:
    params = [
        GenerationParams(
            prompt="a red circle", width=64, height=64, steps=STEPS, guidance_scale=4.0, seed=seed, sampler="ddim"
        )
        for seed in range(images)
    ]
    return JobSpec(
        model="fake",
        images=tuple(ImageSpec(each) for each in params),
        output_format="png",
        deadline_s=deadline_s,
    )


def make_job(
    job_id: str | None = None,
    *,
    tenant: str = "alice",
    images: int = 1,
    price_s: float = 1.0,
    virtual_deadline_at: float | None = None,
    deadline_s: float | None = None,
    webhook: Webhook | None = None,
) -> NewJob:
    """Returns a job that waits behind those made before it, unless `virtual_deadline_at` is given."""
    return NewJob(
        id=new_job_id() if job_id is None else job_id,
        tenant=tenant,
        spec=make_spec(images, deadline_s=deadline_s),
        price_s=price_s,
        virtual_deadline_at=next(_virtual_deadlines) if virtual_deadline_at is None else virtual_deadline_at,
        webhook=webhook,
    )


def make_webhook(url: str = "https://hooks.test/in", *, events: tuple[str, ...] = EVENTS) -> Webhook:
    return Webhook(url, events, format="jobs", base_url="https://images.test")


def make_image(index: int = 0, *, attempt: int = 1, version: int = 2, size_bytes: int = 10) -> StoredImage:
    return StoredImage(
        index=index,
        attempt=attempt,
        version=version,
        media_type="image/png",
        width=64,
        height=64,
        size_bytes=size_bytes,
        sha256="0" * 64,
        timings=Timings(queue_s=0.0, encode_s=0.0, denoise_s=1.0, decode_s=0.0, mean_batch_rows=2.0),
        prompt_lengths=PromptLengths(prompt=TextLength(read=75, total=90), negative=TextLength(read=1, total=1)),
    )


async def accept(repository: JobRepository, number: int = 1) -> list[str]:
    """Puts jobs into the queue and returns their ids in the order in which they are claimed."""
    accepted = [make_job() for _ in range(number)]
    for job in accepted:
        await repository.create(job, now=0.0)
    return [job.id for job in accepted]


async def claim_one(claims: JobClaims, owner: str = "one", *, now: float = 0.0) -> Claim:
    (claim,) = await claims.claim(owner, now=now, limit=1)
    return claim


async def lose(claims: JobClaims, times: int, *, since: float = 0.0, begun: bool = True) -> float:
    """Lets processes claim the only job and die, one process after the other. Returns when the last lease ends.

    Where `begun` is true, a heartbeat of each process records that it has begun an image of the job.
    """
    now = since
    for _ in range(times):
        claim = await claim_one(claims, f"died at {now}", now=now)
        await claims.heartbeat({claim: LIVE if begun else UNBEGUN}, now=now)
        now += LEASE_S + 1
    return now


async def replace_spec(database: Database, job_id: str, stored: bytes) -> None:
    """Stores other bytes as the spec of a job, as another version of the server would."""
    replacing = update(jobs).where(jobs.c.id == job_id).values(spec=stored)
    await database.write(lambda connection: connection.execute(replacing))
