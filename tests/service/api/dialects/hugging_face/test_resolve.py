"""A request of Hugging Face's clients becomes the parameters of one image."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.fake import INFO
from pipelines.params import GenerationParams
from service.api.dialects.hugging_face.resolve import answer_headers, choose_size, image_params, parse_request
from service.api.dialects.hugging_face.schemas import Parameters
from service.api.http.request_body import Parsed
from service.errors import InvalidRequestError


def resolved(**body: Any) -> tuple[Parsed[Parameters], GenerationParams]:
    parsed = parse_request(body)
    return parsed, image_params(parsed, INFO, choose_size(parsed.request, INFO))


def refusal(**body: Any) -> str:
    with pytest.raises(InvalidRequestError) as refused:
        resolved(**body)
    return refused.value.message


def test_the_inputs_are_the_prompt_and_the_parameters_have_diffusers_names() -> None:
    parameters = {
        "negative_prompt": "blurry",
        "width": 160,
        "height": 96,
        "num_inference_steps": 3,
        "guidance_scale": 2.5,
        "seed": 7,
        "scheduler": "EulerAncestralDiscreteScheduler",
    }
    parsed, made = resolved(inputs="a red circle", parameters={**parameters, "tiling": True}, options={}, seed=8)
    assert answer_headers(parsed, made)["X-Ignored-Params"] == "options, seed, tiling"
    assert (made.prompt, made.negative_prompt, made.width, made.height) == ("a red circle", "blurry", 160, 96)
    assert (made.steps, made.guidance_scale, made.seed, made.sampler) == (3, 2.5, 7, "euler_a")


@pytest.mark.parametrize("parameters", [{}, {"parameters": None}, {"parameters": {"seed": None, "prompt": None}}])
def test_what_is_not_given_is_the_models_default(parameters: dict[str, Any]) -> None:
    _, made = resolved(inputs="x", **parameters)
    assert (made.prompt, (made.width, made.height), made.steps) == ("x", INFO.sizes[0], INFO.default_steps)


def test_a_prompt_among_the_parameters_makes_the_inputs_an_image() -> None:
    parsed = parse_request({"inputs": "aGVsbG8=", "parameters": {"prompt": "a blue star", "strength": 0.5}})
    assert (parsed.request.prompt, parsed.request.image, parsed.request.strength) == ("a blue star", "aGVsbG8=", 0.5)


def test_a_target_size_is_a_width_and_a_height_or_what_a_model_is_told() -> None:
    _, made = resolved(inputs="x", parameters={"target_size": {"width": 160, "height": 96}})
    assert (made.width, made.height, made.target_size) == (160, 96, None)
    _, told = resolved(inputs="x", parameters={"target_size": [160, 96]})
    assert (told.width, told.height, told.target_size) == (*INFO.sizes[0], (160, 96))
    assert refusal(inputs="x", parameters={"target_size": {"width": 160}}) == (
        "target_size: Must have a width and a height."
    )


def test_headers_tell_the_seed_and_what_was_ignored_or_adjusted() -> None:
    parsed, made = resolved(inputs="x", parameters={"width": 1025, "guidance_scale": 0.5, "seed": 7, "clip_skip": 2})
    assert answer_headers(parsed, made) == {
        "X-Seed": "7",
        "X-Ignored-Params": "clip_skip",
        "X-Adjusted-Params": f"width={made.width}, guidance_scale=1",
    }
    assert answer_headers(*resolved(inputs="x", parameters={"seed": 7, "width": 160})) == {"X-Seed": "7"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "inputs: "),
        ({"inputs": ""}, "inputs: "),
        ({"inputs": ["x", "y"]}, "inputs: "),
        ({"inputs": "x" * (INFO.limits.max_prompt_chars + 1)}, "inputs: "),
        ({"inputs": "x", "parameters": "y"}, "parameters: "),
        ({"inputs": "x", "parameters": {"n": 2}}, "n: Must be 1"),
        ({"inputs": "x", "parameters": {"width": 0}}, "width: "),
        ({"inputs": "x", "parameters": {"scheduler": "Unknown"}}, "scheduler: "),
        ({"inputs": "x", "parameters": {"prompt": ""}}, "prompt: "),
    ],
)
def test_a_refusal_names_the_field_as_the_caller_spelled_it(body: dict[str, Any], told: str) -> None:
    assert refusal(**body).startswith(told)
