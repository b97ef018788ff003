"""Maps the tables' rows to records and back. Knows the content of each column, and no queries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Row

from pipelines.prompts.lengths import PromptLengths
from service.engine.types import Timings
from service.jobs.records import (
    Claim,
    JobFailure,
    JobPreview,
    JobProgress,
    JobRecord,
    JobSpec,
    JobVersion,
    Status,
    StoredImage,
    UnmadeJob,
)
from service.jobs.store.spec_format import UnreadableSpecError, decode_spec, encode_spec
from service.webhooks.types import Webhook

T = TypeVar("T")

# Made here, in one thread: see tests/repository/test_decoders.py.
_TIMINGS: Final = msgspec.json.Decoder(Timings)
_PROMPT_LENGTHS: Final = msgspec.json.Decoder(PromptLengths)
_PROGRESS: Final = msgspec.json.Decoder(JobProgress)
_PREVIEW: Final = msgspec.json.Decoder(JobPreview)
_FAILURE: Final = msgspec.json.Decoder(JobFailure)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be accepted."""

    id: str
    tenant: str
    spec: JobSpec
    price_s: float
    """Expected device seconds."""
    virtual_deadline_at: float
    """Unix seconds. Waiting jobs are claimed in this order."""
    webhook: Webhook | None = None


def new_job_row(job: NewJob, now: float) -> dict[str, Any]:
    spec = encode_spec(job.spec)
    return {
        "id": job.id,
        "tenant": job.tenant,
        "status": Status.QUEUED,
        "spec": spec,
        "spec_bytes": len(spec),
        "image_count": len(job.spec.images),
        "price_s": job.price_s,
        "virtual_deadline_at": job.virtual_deadline_at,
        "attempt": 0,
        "version": 1,
        "losses": 0,
        "created_at": now,
    }


def new_record(job: NewJob, now: float) -> JobRecord:
    """Returns the record of a job that has just been accepted."""
    return JobRecord(
        id=job.id,
        tenant=job.tenant,
        status=Status.QUEUED,
        spec=job.spec,
        attempt=0,
        version=1,
        progress=None,
        preview=None,
        failure=None,
        created_at=now,
        started_at=None,
        completed_at=None,
        expires_at=None,
        images=(),
    )


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
        "prompt_lengths": None if image.prompt_lengths is None else msgspec.json.encode(image.prompt_lengths),
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
        timings=_TIMINGS.decode(row.timings),
        prompt_lengths=_decoded(row.prompt_lengths, _PROMPT_LENGTHS),
    )


def job_record(row: Row[Any], images: Sequence[StoredImage]) -> JobRecord:
    """Returns the record of a row. Raises `UnreadableSpecError`."""
    return JobRecord(
        id=row.id,
        tenant=row.tenant,
        status=Status(row.status),
        spec=decode_spec(row.spec),
        attempt=row.attempt,
        version=row.version,
        progress=_decoded(row.progress, _PROGRESS),
        preview=_decoded(row.preview, _PREVIEW),
        failure=_decoded(row.failure, _FAILURE),
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        expires_at=row.expires_at,
        images=tuple(images),
    )


def job_version(status: str, attempt: int, version: int, progress: bytes | None) -> JobVersion:
    return JobVersion(Status(status), attempt, version, _decoded(progress, _PROGRESS))


def claim_of(row: Row[Any], done: Sequence[StoredImage], *, suspect: bool) -> Claim:
    """Returns the claim to a row's job, of which `done` images are stored. Raises `UnreadableSpecError`."""
    spec, indices = decode_spec(row.spec), frozenset(image.index for image in done)
    return Claim(row.id, row.attempt, row.tenant, spec, row.created_at, indices, suspect)


def unmade_job(row: Row[Any], outcome: Status, code: str) -> UnmadeJob:
    """Returns a job that has just ended; `row` is what it was before."""
    try:
        spec = decode_spec(row.spec)
    except UnreadableSpecError:
        spec = None
    return UnmadeJob(
        id=row.id,
        tenant=row.tenant,
        spec=spec,
        created_at=row.created_at,
        attempt=row.attempt + 1,
        outcome=outcome,
        code=code,
    )


def deadline(claim: Claim) -> float:
    """Returns the caller's deadline in Unix seconds, infinity where the caller set none."""
    return math.inf if claim.spec.deadline_s is None else claim.created_at + claim.spec.deadline_s


def encoded(value: msgspec.Struct | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _decoded(data: bytes | None, decoder: msgspec.json.Decoder[T]) -> T | None:
    return None if data is None else decoder.decode(data)
