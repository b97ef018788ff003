"""The input of a prediction becomes a job: its size, its images, its output."""

from __future__ import annotations

from typing import Any, Final

import pytest

from pipelines.fake import INFO
from service.api.dialects.replicate.resolve import choose_size, job_spec, parse_envelope, parse_input
from service.engine.types import Size
from service.errors import UnprocessableError
from service.jobs.records import JobSpec

DIGEST: Final = "0123456789abcdef" * 4


def spec(**fields: Any) -> JobSpec:
    parsed = parse_input({"prompt": "x", **fields})
    return job_spec(parsed, INFO, choose_size(parsed, INFO))


def refusal(**fields: Any) -> str:
    with pytest.raises(UnprocessableError) as refused:
        spec(**fields)
    return refused.value.message


def test_inputs_of_replicates_models_have_their_meaning() -> None:
    made = spec(
        negative_prompt="blurry",
        width=160,
        height=96,
        num_outputs=2,
        num_inference_steps=3,
        guidance=2.5,
        seed=7,
        scheduler="K_EULER",
        output_format="jpg",
        output_quality=80,
        go_fast=True,
    )
    first, second = (image.params for image in made.images)
    assert (first.prompt, first.negative_prompt, first.width, first.height) == ("x", "blurry", 160, 96)
    assert (first.steps, first.guidance_scale, first.sampler, first.seed, second.seed) == (3, 2.5, "euler", 7, 8)
    assert (made.model, made.output_format, made.output_compression) == (INFO.name, "jpeg", 80)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (128, 128)),
        ({"size": "160x96"}, (160, 96)),
        ({"size": "160*96"}, (160, 96)),
        ({"size": "auto"}, (128, 128)),
        ({"size": "1025x1025"}, (128, 128)),
        ({"size": "160x96", "height": 160}, (160, 160)),
        ({"width": 1025, "height": 1000}, (160, 96)),
        ({"aspect_ratio": "1:1"}, (128, 128)),
        ({"aspect_ratio": "5:3"}, (160, 96)),
        ({"aspect_ratio": "1:4"}, (64, 256)),
        ({"aspect_ratio": "custom", "width": 160, "height": 96}, (160, 96)),
        ({"aspect_ratio": "match_input_image"}, (128, 128)),
        ({"aspect_ratio": "1:4", "width": 160, "height": 96}, (160, 96)),
    ],
)
def test_a_size_is_asked_for_in_several_ways(fields: dict[str, Any], size: Size) -> None:
    params = spec(**fields).images[0].params
    assert (params.width, params.height) == size


def test_an_image_of_our_own_files_is_the_upload_that_its_address_names() -> None:
    address = f"https://draw.example/prefix/replicate/v1/files/{DIGEST}"
    assert parse_input({"prompt": "x", "image": address, "mask": address}).request.image == DIGEST
    elsewhere = f"https://replicate.delivery/{DIGEST}"
    assert parse_input({"prompt": "x", "image": elsewhere}).request.image == elsewhere


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"prompt": ""}, "- input.prompt: "),
        ({"num_outputs": 99}, "- input.num_outputs: "),
        ({"size": "large"}, "- input.size: Must be WIDTHxHEIGHT"),
        ({"aspect_ratio": "0:1"}, "- input.aspect_ratio: Must be WIDTH:HEIGHT"),
        ({"scheduler": "unknown"}, "- input.scheduler: "),
        ({"output_format": "gif"}, "- input.output_format: "),
    ],
)
def test_a_refusal_names_the_input_as_the_caller_spelled_it(fields: dict[str, Any], told: str) -> None:
    assert refusal(**fields).startswith(told)


def test_a_body_needs_an_input() -> None:
    assert parse_envelope({"input": {"prompt": "x"}, "version": "v", "stream": True}).request.version == "v"
    for body in ({}, {"input": None}, {"input": "x"}):
        with pytest.raises(UnprocessableError, match="- input: "):
            parse_envelope(body)
