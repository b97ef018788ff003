"""Job records as the store would return them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths
from service.api.edge.addresses import Addresses
from service.api.edge.hosts import Authority
from service.engine.types import Priority, Timings
from service.ids import new_job_id
from service.jobs.records import ImageSpec, JobRecord, JobSpec, Status, StoredImage

AT: Final = Addresses("http", Authority("server.test", None))
CREATED_AT: Final = 1_700_000_000.5


def make_image(
    index: int = 0, *, timings: Timings | None = None, prompt_lengths: PromptLengths | None = None
) -> StoredImage:
    return StoredImage(
        index=index,
        attempt=1,
        version=index + 2,
        media_type="image/png",
        width=128,
        height=96,
        size_bytes=10,
        sha256=f"{index}" * 64,
        timings=timings or Timings(0.0, 0.0, 0.0, 0.0, 1.0),
        prompt_lengths=prompt_lengths,
    )


def make_record(*, count: int = 2, images: Sequence[StoredImage] = (), **fields: Any) -> JobRecord:
    """A queued job of `count` images with four steps each, unless `fields` say otherwise."""
    params = [
        GenerationParams(
            prompt=f"prompt {seed}", width=128, height=96, steps=4, guidance_scale=2.0, seed=seed, sampler="ddim"
        )
        for seed in range(count)
    ]
    spec = JobSpec(
        model="fake",
        images=tuple(ImageSpec(each, (each.seed,)) for each in params),
        output_format="png",
        priority=Priority.INTERACTIVE,
    )
    queued: dict[str, Any] = {
        "id": new_job_id(),
        "tenant": "",
        "status": Status.QUEUED,
        "spec": spec,
        "attempt": 1,
        "version": 1,
        "progress": None,
        "preview": None,
        "failure": None,
        "created_at": CREATED_AT,
        "started_at": None,
        "completed_at": None,
        "expires_at": None,
        "images": tuple(images),
    }
    return JobRecord(**(queued | fields))
