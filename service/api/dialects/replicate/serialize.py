"""From job records to predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.api.dialects.replicate.schemas import Metrics, PredictionOut, PredictionStatus, PredictionUrls
from service.api.dialects.replicate.versions import full_name, version_id
from service.api.edge.addresses import Addresses
from service.api.generation.resolve import shared_settings
from service.api.http.fields import utc_time
from service.api.signed_urls import LinkSigner
from service.jobs.records import JobProgress, JobRecord, JobSpec, JobSummary, Status
from service.jobs.watching.event_diff import progress_of

ROOT: Final = "/replicate/v1"
LINK_LIFETIME_S: Final = 3600
"""As long as Replicate keeps outputs."""
_STATUSES: Final[Mapping[Status, PredictionStatus]] = {
    Status.QUEUED: "starting",
    Status.RUNNING: "processing",
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELED: "canceled",
}
_BAR_CHARACTERS: Final = 10


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses in predictions, for one caller."""

    signer: LinkSigner
    at: Addresses
    expires_at: int
    """When signed links end, in Unix seconds."""

    def prediction(self, job_id: str) -> PredictionUrls:
        url = self.at.url(f"{ROOT}/predictions/{job_id}")
        stream = self.signer.signed_path(stream_path(job_id), self.expires_at)
        return PredictionUrls(get=url, cancel=f"{url}/cancel", stream=self.at.url(stream))

    def image(self, job_id: str, index: int, media_type: str) -> str:
        return self.at.url(self.signer.path(job_id, index, self.expires_at, media_type=media_type))

    def images(self, job: JobRecord | JobSummary) -> list[str]:
        return [self.image(job.id, image.index, image.media_type) for image in job.images]


def stream_path(job_id: str) -> str:
    return f"{ROOT}/predictions/{job_id}/stream"


def prediction_out(job: JobRecord | JobSummary, links: Links, output: Sequence[str]) -> PredictionOut:
    """`output` are the addresses of the finished images. They are not told before the prediction has ended."""
    return PredictionOut(
        id=job.id,
        model=full_name(job.spec.model),
        version=version_id(job.spec.model),
        status=_STATUSES[job.status],
        input=_input(job.spec),
        output=list(output) if job.ended and output else None,
        logs=logs(job),
        error=None if job.failure is None else job.failure.message,
        metrics=_metrics(job),
        created_at=utc_time(job.created_at),
        started_at=utc_time(job.started_at),
        completed_at=utc_time(job.completed_at),
        data_removed=False,
        source="api",
        urls=links.prediction(job.id),
    )


def accepted_out(prediction: PredictionOut) -> PredictionOut:
    """A prediction as the request that creates it is answered.

    Unless it has ended it is `starting`, even while it is processed: Replicate's clients ask again for that status
    alone, and take every other one for the end.
    """
    if prediction.completed_at is not None:
        return prediction
    return prediction.model_copy(update={"status": "starting"})


def logs(job: JobRecord | JobSummary) -> str:
    seed = f"Using seed: {job.spec.images[0].params.seed}\n"
    return seed if job.status is Status.QUEUED else f"{seed}{progress_line(progress_of(job))}\n"


def progress_line(progress: JobProgress) -> str:
    """The progress as tqdm writes it, which Replicate's clients read."""
    done = int(progress.fraction * _BAR_CHARACTERS)
    bar = "█" * done + " " * (_BAR_CHARACTERS - done)
    return f"{int(100 * progress.fraction):3d}%|{bar}| {progress.step}/{progress.steps}"


def _input(spec: JobSpec) -> dict[str, Any]:
    first = spec.images[0].params
    given = {
        "prompt": first.prompt,
        **shared_settings(first),
        "seed": first.seed,
        "num_outputs": len(spec.images),
        "output_format": spec.output_format,
        "output_quality": spec.output_compression,
    }
    return {name: value for name, value in given.items() if value is not None}


def _metrics(job: JobRecord | JobSummary) -> Metrics:
    ended = job.completed_at
    return Metrics(
        predict_time=None if ended is None or job.started_at is None else ended - job.started_at,
        total_time=None if ended is None else ended - job.created_at,
        image_count=len(job.images),
    )
