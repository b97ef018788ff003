"""Arguments become fields of a request, and fields become arguments that make an image again."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom import ImageRecord
from darkroom._core.arguments import argument_names, fields_of, job_fields, parameters_of, sent_with
from darkroom._core.parameters import EDIT_PARAMETERS, JOB_PARAMETERS, PARAMETERS
from darkroom.results.jobs import ResolvedRequest
from tests.client import answers


def test_options_of_the_call_are_no_fields() -> None:
    assert fields_of("generate", {"steps": 3, "timeout": 5, "extra_body": {"a": 1}}, PARAMETERS) == {
        "num_inference_steps": 3
    }


def test_the_error_for_an_unknown_argument_names_the_method() -> None:
    with pytest.raises(TypeError, match=r"edit\(\) got an unexpected keyword argument 'previews'"):
        fields_of("edit", {"previews": 1}, EDIT_PARAMETERS)


@pytest.mark.parametrize(
    ("size", "fields"),
    [("640x480", {"width": 640, "height": 480}), ("auto", {}), (None, {}), ("2X3", {"width": 2, "height": 3})],
)
def test_a_job_has_its_sides_apart(size: str | None, fields: dict[str, int]) -> None:
    assert job_fields({"size": size}, JOB_PARAMETERS) == fields


@pytest.mark.parametrize("size", ["640", "640x", "axb", "-1x2", "1x2x3"])
def test_a_size_that_cannot_be_read_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        job_fields({"size": size}, JOB_PARAMETERS)


def test_each_field_leads_back_to_its_argument() -> None:
    names = argument_names(JOB_PARAMETERS)
    assert (names["num_inference_steps"], names["width"], names["seed"]) == ("steps", "size", "seed")


def test_only_what_decides_the_image_is_sent_again() -> None:
    sent = {"steps": 3, "n": 4, "priority": "batch", "timeout": 5, "seed": None}
    assert sent_with(sent, prompt="x", model=None) == {"steps": 3, "prompt": "x"}


def parameters(**settings: Any) -> dict[str, Any]:
    record = answers.job_record(images=1)
    request = ResolvedRequest.model_validate({**record["request"], **settings})
    return parameters_of(ImageRecord.model_validate(record["images"][0]), request)


def test_an_image_of_a_job_is_made_again_by_its_own_prompt_seed_and_size() -> None:
    assert parameters() == {
        "prompt": "a red circle",
        "model": "bundled",
        "seed": 7,
        "size": "8x8",
        "steps": 4,
        "sampler": "ddim",
        "output_format": "png",
    }


def test_what_it_started_from_belongs_to_it() -> None:
    found = parameters(image="a" * 64, strength=0.5)
    assert (found["image"], found["strength"]) == ("a" * 64, 0.5)
    assert "strength" not in parameters(strength=0.5)
