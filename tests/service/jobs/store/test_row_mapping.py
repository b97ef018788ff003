"""A row holds every field of a job and its images, and the JSON columns of the first release stay readable.

`RELEASED_ROW` and `RELEASED_IMAGE` hold bytes that the first release wrote. They are never edited.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from sqlalchemy import Row

from service.engine.types import Timings
from service.jobs.records import JobFailure, JobPreview, JobProgress
from service.jobs.store.row_mapping import claim_of, deadline, image_row, job_record, new_job_row, stored_image
from tests.harness.sample_jobs import make_image, make_job

RELEASED_ROW: Final = {
    "spec": (
        b'{"model":"darkroom-bundled","pictures":[{"params":{"prompt":"a red circle","width":160,"height":96,'
        b'"steps":20,"guidance_scale":2.5,"seed":7,"sampler":"dpm++_2m_sde","schedule":null,"negative_prompt":""},'
        b'"position":[]}],"output_format":"png","output_compression":null,"previews":0,"priority":"batch",'
        b'"deadline_s":null}'
    ),
    "progress": b'{"step":25,"steps":60,"eta_s":1.5}',
    "preview": b'{"index":0,"step":5,"media_type":"image/webp","data":"cHJldmlldw=="}',
    "failure": b'{"code":"invalid_value","message":"No such sampler.","field":"sampler"}',
}
RELEASED_TIMINGS: Final = (
    b'{"queue_s":0.25,"encode_s":0.5,"denoise_s":1.5,"decode_s":0.125,"mean_rows":3.5,"first_step_s":0.75}'
)
UNSET: Final = dict.fromkeys(
    ("progress", "preview", "failure", "started_at", "completed_at", "expires_at", "lease_owner", "lease_until")
)


def as_row(values: dict[str, Any]) -> Row[Any]:
    return cast(Row[Any], SimpleNamespace(**values))


def test_a_row_of_the_first_release_is_read() -> None:
    row = as_row({**new_job_row(make_job(), now=0.0), **UNSET, **RELEASED_ROW})

    record = job_record(row, ())

    assert [image.params.prompt for image in record.spec.images] == ["a red circle"]
    assert record.progress == JobProgress(25, 60, 1.5)
    assert record.preview == JobPreview(0, 5, "image/webp", b"preview")
    assert record.failure == JobFailure("invalid_value", "No such sampler.", "sampler")


def test_an_image_of_the_first_release_is_read() -> None:
    image = make_image()

    stored = stored_image(as_row(image_row("job", image) | {"timings": RELEASED_TIMINGS}))

    timings = Timings(queue_s=0.25, encode_s=0.5, denoise_s=1.5, decode_s=0.125, mean_batch_rows=3.5, first_step_s=0.75)
    assert stored == replace(image, timings=timings)


def test_a_new_job_is_read_as_it_was_written() -> None:
    job = make_job(images=2, deadline_s=5.0)

    record = job_record(as_row({**new_job_row(job, now=7.0), **UNSET}), [make_image()])

    assert (record.id, record.tenant, record.spec, record.created_at) == (job.id, job.tenant, job.spec, 7.0)
    assert record.images == (make_image(),)


def test_an_image_is_read_as_it_was_written() -> None:
    image = make_image(3, attempt=2, version=9)

    assert stored_image(as_row(image_row("job", image))) == image


@pytest.mark.parametrize(("deadline_s", "expected"), [(None, math.inf), (5.0, 12.0)])
def test_a_claim_knows_the_callers_deadline_and_the_stored_images(deadline_s: float | None, expected: float) -> None:
    row = as_row(new_job_row(make_job(images=4, deadline_s=deadline_s), now=7.0))

    claim = claim_of(row, [make_image(1), make_image(3)], suspect=False)

    assert deadline(claim) == expected
    assert claim.done == {1, 3}
