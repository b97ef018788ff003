"""From job records to the bodies that the job API answers with."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

from service.api.dialects.jobs.schemas import (
    FailureOut,
    ImageOut,
    JobOut,
    JobUrls,
    PreviewEvent,
    ProgressEvent,
    ProgressOut,
    ResolvedRequest,
    TimingsOut,
)
from service.api.generation.prompt_tokens import prompt_tokens, truncated_headers
from service.api.generation.resolve import shared_settings
from service.engine.types import Timings
from service.jobs.records import JobPreview, JobRecord, JobSpec, StoredImage
from service.jobs.views import JobView
from service.jobs.watching.event_diff import ProgressMade, progress_of

ROOT = "/api/v1/jobs"


def job_out(view: JobView) -> JobOut:
    record, progress = view.record, progress_of(view.record)
    return JobOut(
        id=record.id,
        status=record.status,
        queue_position=view.queue_position,
        eta_s=None if record.ended else progress.eta_s,
        progress=ProgressOut(
            step=progress.step, steps=progress.steps, fraction=progress.fraction, loading_s=progress.loading_s
        ),
        request=_request(record.spec),
        seeds=[image.params.seed for image in record.spec.images],
        images=[image_out(record, image) for image in record.images],
        prompt_truncated=_truncated(record),
        timings=_timings(record),
        error=None if record.failure is None else failure_out(record),
        created_at=_time(record.created_at),
        started_at=None if record.started_at is None else _time(record.started_at),
        completed_at=None if record.completed_at is None else _time(record.completed_at),
        expires_at=None if record.expires_at is None else _time(record.expires_at),
        urls=JobUrls(
            self=job_url(record.id), events=f"{job_url(record.id)}/events", cancel=f"{job_url(record.id)}/cancel"
        ),
    )


def job_url(job_id: str) -> str:
    return f"{ROOT}/{job_id}"


def image_out(record: JobRecord, image: StoredImage) -> ImageOut:
    spec = record.spec.images[image.index]
    url = f"{job_url(record.id)}/images/{image.index}"
    return ImageOut(
        index=image.index,
        url=url,
        thumbnail_url=f"{url}/thumbnail",
        sha256=image.sha256,
        width=image.width,
        height=image.height,
        seed=spec.params.seed,
        mime=image.media_type,
        size_bytes=image.size_bytes,
        prompt=spec.params.prompt,
        position=list(spec.position),
        timings=_summary([image.timings], None),
        prompt_tokens=prompt_tokens(image.prompt_lengths),
    )


def failure_out(record: JobRecord) -> FailureOut:
    assert record.failure is not None, "asked of a job that failed"
    return FailureOut(code=record.failure.code, message=record.failure.message, field=record.failure.field)


def progress_event(news: ProgressMade) -> ProgressEvent:
    progress = news.progress
    return ProgressEvent(
        step=progress.step,
        steps=progress.steps,
        fraction=progress.fraction,
        eta_s=progress.eta_s,
        loading_s=progress.loading_s,
        queue_position=news.queue_position,
    )


def preview_event(preview: JobPreview) -> PreviewEvent:
    b64 = base64.b64encode(preview.data).decode("ascii")
    return PreviewEvent(index=preview.index, step=preview.step, mime=preview.media_type, b64=b64)


def _request(spec: JobSpec) -> ResolvedRequest:
    first = spec.images[0].params
    return ResolvedRequest.model_validate(
        {
            "model": spec.model,
            "prompts": [image.params.prompt for image in spec.images],
            **shared_settings(first),
            "output_format": spec.output_format,
            "output_compression": spec.output_compression,
            "previews": spec.previews,
            "priority": spec.priority.value,
            "deadline_s": spec.deadline_s,
        }
    )


def _truncated(record: JobRecord) -> bool | None:
    known = [image.prompt_lengths for image in record.images]
    return bool(truncated_headers(known)) if any(known) else None


def _timings(record: JobRecord) -> TimingsOut | None:
    if not record.images:
        return None
    total_s = None if record.completed_at is None else record.completed_at - record.created_at
    return _summary([image.timings for image in record.images], total_s)


def _summary(timings: Sequence[Timings], total_s: float | None) -> TimingsOut:
    return TimingsOut(
        queue_s=max(each.queue_s for each in timings),
        encode_s=sum(each.encode_s for each in timings),
        denoise_s=sum(each.denoise_s for each in timings),
        decode_s=sum(each.decode_s for each in timings),
        total_s=total_s,
        batch_size=sum(each.mean_batch_rows for each in timings) / len(timings),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
