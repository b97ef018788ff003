"""Between the tables' rows and the records: what each column holds. Knows no queries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from service.engine.types import Timings
from service.jobs.records import (
    Claim,
    JobFailure,
    JobPreview,
    JobProgress,
    JobRecord,
    JobSpec,
    Status,
    StoredImage,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    id: str
    tenant: str
    spec: JobSpec
    price_s: float
    """Device seconds that it is judged to take."""
    virtual_deadline_at: float
    """Virtual deadline, by which waiting jobs are ordered."""


def new_job_row(job: NewJob, now: float) -> dict[str, Any]:
    return {
        "id": job.id,
        "tenant": job.tenant,
        "status": Status.QUEUED,
        "spec": msgspec.json.encode(job.spec),
        "price_s": job.price_s,
        "virtual_deadline_at": job.virtual_deadline_at,
        "attempt": 0,
        "version": 1,
        "losses": 0,
        "created_at": now,
    }


def image_row(job_id: str, image: StoredImage) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "image_index": image.index,
        "attempt": image.attempt,
        "version": image.version,
        "media_type": image.media_type,
        "width": image.width,
        "height": image.height,
        "size_bytes": image.size_bytes,
        "sha256": image.sha256,
        "timings": msgspec.json.encode(image.timings),
    }


def stored_image(row: Row[Any]) -> StoredImage:
    return StoredImage(
        index=row.image_index,
        attempt=row.attempt,
        version=row.version,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        timings=msgspec.json.decode(row.timings, type=Timings),
    )


def job_record(row: Row[Any], made: Sequence[StoredImage]) -> JobRecord:
    return JobRecord(
        id=row.id,
        tenant=row.tenant,
        status=Status(row.status),
        spec=msgspec.json.decode(row.spec, type=JobSpec),
        attempt=row.attempt,
        version=row.version,
        progress=_decoded(row.progress, JobProgress),
        preview=_decoded(row.preview, JobPreview),
        failure=_decoded(row.failure, JobFailure),
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        expires_at=row.expires_at,
        images=tuple(made),
    )


def claim_of(row: Row[Any], done: Sequence[StoredImage]) -> Claim:
    spec = msgspec.json.decode(row.spec, type=JobSpec)
    return Claim(row.id, row.attempt, row.tenant, spec, row.created_at, frozenset(image.index for image in done))


def deadline(claim: Claim) -> float:
    """When the caller has no more use for the job, in Unix seconds."""
    return math.inf if claim.spec.deadline_s is None else claim.created_at + claim.spec.deadline_s


def encoded(value: msgspec.Struct | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _decoded(data: bytes | None, kind: type[T]) -> T | None:
    return None if data is None else msgspec.json.decode(data, type=kind)
