"""Answers tell the facts of the records under the names of the API."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from pipelines.prompts.lengths import PromptLengths, TextLength
from service.api.dialects.jobs.schemas import MAX_LISTED_CHARACTERS, JobOut, ResolvedRequest
from service.api.dialects.jobs.serialize import (
    failure_out,
    image_out,
    job_list_item,
    job_out,
    preview_event,
    progress_event,
)
from service.api.generation.resolve import shared_settings
from service.engine.types import Timings
from service.jobs.records import ImageSpec, JobFailure, JobPreview, JobProgress, Status
from service.jobs.views import JobView, summary_of
from service.jobs.watching.event_diff import ProgressMade
from tests.service.api.records import AT, CREATED_AT, make_image, make_record


def test_a_queued_job_has_its_place_in_the_queue_and_no_times_but_one() -> None:
    record = make_record()
    answer = job_out(JobView(record, 3), AT)
    assert (answer.id, answer.status, answer.queue_position) == (record.id, Status.QUEUED, 3)
    assert answer.created_at == datetime.fromtimestamp(CREATED_AT, UTC)
    assert (answer.started_at, answer.completed_at, answer.expires_at) == (None, None, None)
    assert (answer.images, answer.seeds, answer.timings, answer.error) == ([], [0, 1], None, None)
    assert answer.progress.model_dump() == {"step": 0, "steps": 8, "fraction": 0.0, "loading_s": None}


def test_a_job_says_where_it_is() -> None:
    record = make_record()
    base = f"/api/v1/jobs/{record.id}"
    urls = job_out(JobView(record, None), AT).urls
    assert urls.model_dump() == {"self": base, "events": f"{base}/events", "cancel": f"{base}/cancel"}


def test_a_running_job_has_its_progress_and_its_finished_images() -> None:
    record = make_record(
        status=Status.RUNNING, started_at=CREATED_AT + 1, progress=JobProgress(5, 8, 1.5), images=[make_image()]
    )
    answer = job_out(JobView(record, None), AT)
    assert answer.progress.model_dump() == {"step": 5, "steps": 8, "fraction": 5 / 8, "loading_s": None}
    assert answer.eta_s == 1.5
    assert [image.index for image in answer.images] == [0]
    assert answer.timings is not None
    assert answer.timings.total_s is None


def test_a_job_says_how_much_of_each_prompt_was_read_and_whether_any_was_cut() -> None:
    whole = PromptLengths(prompt=TextLength(read=3, total=3))
    cut = PromptLengths(prompt=TextLength(read=75, total=90), negative=TextLength(read=1, total=1))
    for stored, truncated in (([None], None), ([], None), ([whole], False), ([whole, cut], True), ([None, cut], True)):
        images = [make_image(index, prompt_lengths=lengths) for index, lengths in enumerate(stored)]
        answer = job_out(JobView(make_record(images=images), None), AT)
        assert answer.prompt_truncated is truncated
        assert [image.prompt_tokens and image.prompt_tokens.prompt.total for image in answer.images] == [
            lengths and lengths.prompt.total for lengths in stored
        ]


def test_the_timings_of_a_job_are_the_longest_wait_and_sums() -> None:
    images = [
        make_image(0, timings=Timings(1.0, 0.5, 4.0, 0.25, 2.0)),
        make_image(1, timings=Timings(3.0, 0, 2, 0.5, 4)),
    ]
    record = make_record(status=Status.SUCCEEDED, completed_at=CREATED_AT + 10, images=images)
    timings = job_out(JobView(record, None), AT).timings
    assert timings is not None
    assert timings.model_dump() == {
        "queue_s": 3.0,
        "encode_s": 0.5,
        "denoise_s": 6.0,
        "decode_s": 0.75,
        "total_s": 10.0,
        "batch_size": 3.0,
    }


def test_an_ended_job_has_no_eta() -> None:
    record = make_record(status=Status.CANCELED, progress=JobProgress(5, 8, 1.5), completed_at=CREATED_AT + 1)
    assert job_out(JobView(record, None), AT).eta_s is None


def test_an_image_has_its_file_its_seed_and_its_place_in_a_matrix() -> None:
    record = make_record(images=[make_image(0), make_image(1)])
    answer = image_out(record, record.images[1], AT)
    assert (answer.index, answer.seed, answer.prompt, answer.position) == (1, 1, "prompt 1", [1])
    assert answer.url == f"/api/v1/jobs/{record.id}/images/1"
    assert answer.thumbnail_url == f"{answer.url}/thumbnail"
    assert (answer.width, answer.height, answer.mime, answer.size_bytes) == (128, 96, "image/png", 10)
    assert answer.sha256 == record.images[1].sha256


def test_a_failure_is_told_as_it_was_recorded() -> None:
    record = make_record(status=Status.FAILED, failure=JobFailure("out_of_memory", "Too large.", "width"))
    assert failure_out(record).model_dump() == {"code": "out_of_memory", "message": "Too large.", "field": "width"}
    assert job_out(JobView(record, None), AT).error == failure_out(record)


def test_events_hold_progress_and_previews() -> None:
    progress = progress_event(ProgressMade(JobProgress(5, 8, 1.5), 2))
    assert progress.model_dump() == {
        "step": 5,
        "steps": 8,
        "fraction": 5 / 8,
        "eta_s": 1.5,
        "loading_s": None,
        "queue_position": 2,
    }
    preview = preview_event(JobPreview(1, 2, "image/webp", b"file"))
    assert (preview.index, preview.step, preview.mime, base64.b64decode(preview.b64)) == (1, 2, "image/webp", b"file")


def test_the_request_comes_back_with_all_settings_that_its_images_share() -> None:
    record = make_record()
    request = job_out(JobView(record, None), AT).request.model_dump()
    assert request == {
        "model": "fake",
        "prompts": ["prompt 0", "prompt 1"],
        **shared_settings(record.spec.images[0].params),
        "output_format": "png",
        "output_compression": None,
        "previews": 0,
        "priority": "interactive",
        "deadline_s": None,
    }


def test_the_schema_of_the_request_has_exactly_the_fields_that_come_back() -> None:
    schema = ResolvedRequest.model_json_schema(mode="serialization")
    request = job_out(JobView(make_record(), None), AT).model_dump(mode="json")["request"]
    assert set(schema["properties"]) == set(schema["required"]) == set(request)
    assert schema["additionalProperties"] is False


def test_times_are_in_utc_and_carry_their_zone() -> None:
    answer = job_out(JobView(make_record(), None), AT)
    assert re.search(r'"created_at":"2023-11-14T22:13:20\.500000Z"', answer.model_dump_json())
    assert set(answer.model_dump()) == set(JobOut.model_fields)


def test_a_listed_job_says_what_the_job_says_in_fewer_fields() -> None:
    states: list[dict[str, Any]] = [
        {
            "status": Status.RUNNING,
            "started_at": CREATED_AT,
            "progress": JobProgress(5, 8, 1.5),
            "images": [make_image()],
        },
        {"status": Status.FAILED, "completed_at": CREATED_AT, "failure": JobFailure("poisoned", "It crashed.")},
        {"status": Status.SUCCEEDED, "expires_at": CREATED_AT, "images": [make_image(index) for index in range(2)]},
        {},
    ]
    for fields in states:
        record = make_record(**fields)
        whole, listed = (
            out.model_dump(mode="json") for out in (job_out(JobView(record), AT), job_list_item(summary_of(record), AT))
        )
        whole["images"] = [
            {name: image[name] for name in listed_image}
            for image, listed_image in zip(whole["images"], listed["images"], strict=True)
        ]
        assert listed == {name: whole.get(name) for name in listed} | {"abridged": False}


def test_a_list_cuts_long_texts_and_says_so() -> None:
    record = make_record(count=1)
    most = "é" * MAX_LISTED_CHARACTERS
    for prompt, negative, abridged in (
        (most, most, False),
        (most + "x", None, True),
        ("x", most + "x", True),
        ("x", "", False),
    ):
        params = replace(record.spec.images[0].params, prompt=prompt, negative_prompt=negative)
        spec = structs.replace(record.spec, images=(ImageSpec(params),))
        listed = job_list_item(summary_of(replace(record, spec=spec)), AT)
        cut = [text if text is None or text in (most, "x", "") else f"{most}…" for text in (prompt, negative)]
        request = listed.request.model_dump()
        assert ([*request["prompts"], request["negative_prompt"]], listed.abridged) == (cut, abridged)
