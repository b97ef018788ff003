"""Turns job records into the bodies of the job API's answers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from service.api.dialects.jobs.schemas import (
    MAX_LISTED_CHARACTERS,
    FailureOut,
    ImageOut,
    JobListItem,
    JobOut,
    JobUrls,
    ListedImageOut,
    PreviewEvent,
    ProgressEvent,
    ProgressOut,
    ResolvedRequest,
    TimingsOut,
)
from service.api.edge.addresses import Addresses
from service.api.generation.prompt_tokens import prompt_tokens, truncated_headers
from service.api.generation.resolve import shared_settings
from service.api.http.fields import utc_time
from service.engine.types import Timings
from service.jobs.records import (
    ImageSummary,
    JobPreview,
    JobProgress,
    JobRecord,
    JobSpec,
    JobSummary,
    StoredImage,
)
from service.jobs.views import JobView
from service.jobs.watching.event_diff import ProgressMade, progress_of

ROOT: Final = "/api/v1/jobs"


def job_out(view: JobView, at: Addresses) -> JobOut:
    record, progress = view.record, progress_of(view.record)
    return JobOut(
        id=record.id,
        status=record.status,
        queue_position=view.queue_position,
        eta_s=None if record.ended else progress.eta_s,
        progress=_progress(progress),
        request=_request(record.spec),
        seeds=[image.params.seed for image in record.spec.images],
        images=[image_out(record, image, at) for image in record.images],
        prompt_truncated=_truncated(record),
        timings=_timings(record),
        error=None if record.failure is None else failure_out(record),
        created_at=utc_time(record.created_at),
        started_at=utc_time(record.started_at),
        completed_at=utc_time(record.completed_at),
        expires_at=utc_time(record.expires_at),
        urls=_urls(record.id, at),
    )


def job_list_item(summary: JobSummary, at: Addresses) -> JobListItem:
    progress, whole = progress_of(summary), _request(summary.spec)
    request = _abridged(whole)
    return JobListItem(
        id=summary.id,
        status=summary.status,
        eta_s=None if summary.ended else progress.eta_s,
        progress=_progress(progress),
        request=request,
        abridged=request is not whole,
        seeds=[image.params.seed for image in summary.spec.images],
        images=[_listed_image(summary, image, at) for image in summary.images],
        error=None if summary.failure is None else failure_out(summary),
        created_at=utc_time(summary.created_at),
        started_at=utc_time(summary.started_at),
        completed_at=utc_time(summary.completed_at),
        expires_at=utc_time(summary.expires_at),
        urls=_urls(summary.id, at),
    )


def job_url(job_id: str, at: Addresses) -> str:
    return at.path(f"{ROOT}/{job_id}")


def image_out(record: JobRecord, image: StoredImage, at: Addresses) -> ImageOut:
    spec = record.spec.images[image.index]
    url, thumbnail_url = _image_urls(record.id, image.index, at)
    return ImageOut(
        index=image.index,
        url=url,
        thumbnail_url=thumbnail_url,
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


def failure_out(record: JobRecord | JobSummary) -> FailureOut:
    assert record.failure is not None, "only a failed job has a failure"
    return FailureOut(code=record.failure.code, message=record.failure.message, field=record.failure.field)


def progress_event(event: ProgressMade) -> ProgressEvent:
    progress = event.progress
    return ProgressEvent(
        step=progress.step,
        steps=progress.steps,
        fraction=progress.fraction,
        eta_s=progress.eta_s,
        loading_s=progress.loading_s,
        queue_position=event.queue_position,
    )


def preview_event(preview: JobPreview) -> PreviewEvent:
    b64 = base64.b64encode(preview.data).decode("ascii")
    return PreviewEvent(index=preview.index, step=preview.step, mime=preview.media_type, b64=b64)


def _listed_image(summary: JobSummary, image: ImageSummary, at: Addresses) -> ListedImageOut:
    url, thumbnail_url = _image_urls(summary.id, image.index, at)
    return ListedImageOut(
        index=image.index,
        url=url,
        thumbnail_url=thumbnail_url,
        sha256=image.sha256,
        width=image.width,
        height=image.height,
        seed=summary.spec.images[image.index].params.seed,
        mime=image.media_type,
        size_bytes=image.size_bytes,
    )


def _image_urls(job_id: str, index: int, at: Addresses) -> tuple[str, str]:
    url = f"{job_url(job_id, at)}/images/{index}"
    return url, f"{url}/thumbnail"


def _urls(job_id: str, at: Addresses) -> JobUrls:
    url = job_url(job_id, at)
    return JobUrls(self=url, events=f"{url}/events", cancel=f"{url}/cancel")


def _progress(progress: JobProgress) -> ProgressOut:
    return ProgressOut(
        step=progress.step, steps=progress.steps, fraction=progress.fraction, loading_s=progress.loading_s
    )


def _abridged(request: ResolvedRequest) -> ResolvedRequest:
    """Returns the request with its texts cut for a list, or the request itself where none is too long."""
    settings = request.model_extra or {}
    texts: dict[str, Any] = {name: value for name, value in settings.items() if isinstance(value, str)}
    cut = {name: _cut(text) for name, text in texts.items()} | {"prompts": list(map(_cut, request.prompts))}
    return request if cut == texts | {"prompts": request.prompts} else request.model_copy(update=cut)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LISTED_CHARACTERS else f"{text[:MAX_LISTED_CHARACTERS]}…"


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
