"""From job records to predictions: the same facts under Replicate's names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import pytest

from pipelines.fake import INFO
from service.api.dialects.replicate.resolve import choose_size, job_spec, parse_input
from service.api.dialects.replicate.serialize import Links, accepted_out, prediction_out, progress_line
from service.api.signed_urls import LinkSigner
from service.jobs.records import JobFailure, JobProgress, JobRecord, Status
from service.jobs.views import summary_of
from tests.service.api.records import AT, CREATED_AT, make_image, make_record

LINKS: Final = Links(LinkSigner(b"key"), AT, 2_000_000_000)
TQDM: Final = re.compile(r"^\s*(\d+)%\s*\|.+?\|\s*(\d+)\/(\d+)")
"""How Replicate's clients find the progress in a line of the logs."""
DONE: Final[dict[str, Any]] = {"started_at": CREATED_AT + 1, "completed_at": CREATED_AT + 3}


@pytest.mark.parametrize(
    ("record", "status"),
    [
        (make_record(), "starting"),
        (make_record(status=Status.RUNNING), "processing"),
        (make_record(status=Status.SUCCEEDED, **DONE), "succeeded"),
        (make_record(status=Status.FAILED, **DONE), "failed"),
        (make_record(status=Status.CANCELED, **DONE), "canceled"),
    ],
)
def test_a_prediction_is_starting_until_it_is_processed_and_to_its_creator_until_it_has_ended(
    record: JobRecord, status: str
) -> None:
    prediction = prediction_out(record, LINKS, [])
    assert prediction.status == status
    assert accepted_out(prediction).status == ("starting" if status == "processing" else status)


def test_a_prediction_has_its_model_its_times_and_its_addresses() -> None:
    record = make_record(status=Status.SUCCEEDED, images=[make_image()], **DONE)
    prediction = prediction_out(record, LINKS, ["data:x"])
    assert (prediction.id, prediction.model, len(prediction.version)) == (record.id, "darkroom/fake", 64)
    assert prediction.metrics.model_dump() == {"predict_time": 2.0, "total_time": 3.0, "image_count": 1}
    url = f"http://server.test/replicate/v1/predictions/{record.id}"
    assert (prediction.urls.get, prediction.urls.cancel) == (url, f"{url}/cancel")
    assert prediction.urls.stream.startswith(f"{url}/stream?expires=2000000000&signature=")
    assert (prediction.output, prediction.error) == (["data:x"], None)


def test_outputs_are_told_at_the_end_and_where_there_are_some() -> None:
    running = make_record(status=Status.RUNNING, images=[make_image()])
    assert prediction_out(running, LINKS, ["data:x"]).output is None
    failed = make_record(status=Status.FAILED, failure=JobFailure("out_of_memory", "Too large.", "width"), **DONE)
    assert (prediction_out(failed, LINKS, []).output, prediction_out(failed, LINKS, []).error) == (None, "Too large.")


def test_a_summary_is_told_as_the_record_is() -> None:
    record = make_record(status=Status.SUCCEEDED, images=[make_image()], **DONE)
    assert prediction_out(summary_of(record), LINKS, ["x"]) == prediction_out(record, LINKS, ["x"])
    (link,) = LINKS.images(summary_of(record))
    assert link.startswith(f"http://server.test/shared/{record.id}/0.png?expires=2000000000&")


@pytest.mark.parametrize(("step", "told"), [(0, ("0", "0", "8")), (5, ("62", "5", "8")), (8, ("100", "8", "8"))])
def test_the_progress_is_written_as_the_clients_read_it(step: int, told: tuple[str, ...]) -> None:
    match = TQDM.match(progress_line(JobProgress(step, 8)))
    assert match is not None
    assert match.groups() == told


def test_logs_have_the_seed_and_once_it_runs_the_progress() -> None:
    waiting, running = make_record(), make_record(status=Status.RUNNING, progress=JobProgress(5, 8))
    assert prediction_out(waiting, LINKS, []).logs == "Using seed: 0\n"
    assert TQDM.match(prediction_out(running, LINKS, []).logs.splitlines()[-1]) is not None


def test_the_input_of_a_prediction_sent_again_is_the_same_job() -> None:
    parsed = parse_input({"prompt": "x", "seed": 7, "num_outputs": 2, "output_format": "jpg", "aspect_ratio": "5:3"})
    spec = job_spec(parsed, INFO, choose_size(parsed, INFO))
    told = prediction_out(replace(make_record(), spec=spec), LINKS, []).model_dump(mode="json")["input"]
    again = parse_input(told)
    assert job_spec(again, INFO, choose_size(again, INFO)) == spec
