"""Jobs and pictures as tests of the store need them: small, and alike unless said otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pipelines.params import GenerationParams
from service.engine.events import Timings
from service.engine.handle import new_job_id
from service.jobs.queue import JobQueue, QueuePolicy
from service.jobs.records import Claim, JobPreview, JobProgress, JobSpec, LiveState, PictureSpec, StoredPicture
from service.jobs.rows import NewJob
from service.jobs.store import JobStore, StorePolicy

LEASE_S = 10.0
KEEP_S = 1000.0
STEPS = 4
"""Of each picture."""
STORE_POLICY = StorePolicy(max_queued=100, max_queued_s=1000.0, keep_s=KEEP_S)
QUEUE_POLICY = QueuePolicy(lease_s=LEASE_S, keep_s=KEEP_S)
LIVE = LiveState(version=3, progress=JobProgress(2, 4, 1.5), preview=JobPreview(0, 2, "image/webp", b"preview"))
UNBEGUN = LiveState(version=1)
"""What a process knows of a job that it has claimed, before the engine begins an image of it."""

_ages: Iterator[int] = itertools.count(1)


def make_spec(pictures: int = 1, *, deadline_s: float | None = None) -> JobSpec:
    params = [
        GenerationParams(
            prompt="a red circle", width=64, height=64, steps=STEPS, guidance_scale=4.0, seed=seed, sampler="ddim"
        )
        for seed in range(pictures)
    ]
    return JobSpec(
        model="fake",
        pictures=tuple(PictureSpec(each) for each in params),
        output_format="png",
        deadline_s=deadline_s,
    )


def make_job(
    job_id: str | None = None,
    *,
    tenant: str = "alice",
    pictures: int = 1,
    price_s: float = 1.0,
    due_at: float | None = None,
    deadline_s: float | None = None,
) -> NewJob:
    """Due after those made before it, unless `due_at` says otherwise."""
    return NewJob(
        id=new_job_id() if job_id is None else job_id,
        tenant=tenant,
        spec=make_spec(pictures, deadline_s=deadline_s),
        price_s=price_s,
        due_at=next(_ages) if due_at is None else due_at,
    )


def make_picture(index: int = 0, *, attempt: int = 1, version: int = 2, size_bytes: int = 10) -> StoredPicture:
    return StoredPicture(
        index=index,
        attempt=attempt,
        version=version,
        media_type="image/png",
        width=64,
        height=64,
        size_bytes=size_bytes,
        sha256="0" * 64,
        timings=Timings(queue_s=0.0, encode_s=0.0, denoise_s=1.0, decode_s=0.0, mean_rows=2.0),
    )


async def accept(store: JobStore, number: int = 1) -> list[str]:
    """Their ids, in order of their deadlines."""
    jobs = [make_job() for _ in range(number)]
    for job in jobs:
        await store.create(job, now=0.0)
    return [job.id for job in jobs]


async def claim_one(queue: JobQueue, owner: str = "one", *, now: float = 0.0) -> Claim:
    (claim,) = await queue.claim(owner, now=now, limit=1)
    return claim


async def lose(queue: JobQueue, times: int, *, since: float = 0.0, begun: bool = True) -> float:
    """Let that many processes claim the only job, one after the other, and die; returns when the last lease is over.

    Where `begun` is true, a heartbeat of each process records that it has begun an image of the job.
    """
    now = since
    for _ in range(times):
        claim = await claim_one(queue, f"died at {now}", now=now)
        await queue.heartbeat({claim: LIVE if begun else UNBEGUN}, now=now)
        now += LEASE_S + 1
    return now
