"""The parameters of each image follow from the request with defaults, bounds and seeds."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo, SamplerLimits
from pipelines.params import INTERNAL, GenerationParams
from service.api.generation.input_request import InputRequest
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.generation.request import GenerationRequest
from service.api.generation.resolve import resolve, shared_settings, shared_settings_schema
from service.api.http.fields import MAX_SEED
from service.errors import InvalidRequestError

CANARY: Final = "cAnArY7"
EDITS: Final = replace(INFO, reads_image=True, input_kinds=("image",))
PARAMS: Final = GenerationParams(
    prompt="x",
    width=128,
    height=96,
    steps=5,
    guidance_scale=1.5,
    seed=7,
    sampler="euler",
    schedule="karras",
    negative_prompt="blurry",
    guidance_rescale=0.7,
    long_prompt=True,
)


def refuse(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field=field)


def images(
    *prompts: str, model_name: str | None = None, shared_seeds: bool = False, **fields: Any
) -> list[GenerationParams]:
    request = GenerationRequest.model_validate({"model": model_name, **fields})
    return resolve(request, prompts or ["x"], INFO.sizes[0], INFO, refuse, shared_seeds=shared_seeds)


def refused(*prompts: str, **fields: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as error:
        images(*prompts, **fields)
    assert CANARY not in error.value.message
    return error.value.field


def test_what_is_not_asked_for_is_the_models_default() -> None:
    (params,) = images("a red circle", seed=7)
    assert params == GenerationParams(
        model=INFO.name,
        prompt="a red circle",
        negative_prompt=None,
        width=INFO.sizes[0][0],
        height=INFO.sizes[0][1],
        steps=INFO.default_steps,
        guidance_scale=INFO.default_guidance_scale,
        seed=7,
        sampler=INFO.default_sampler,
    )


def test_what_is_asked_for_is_kept() -> None:
    (params,) = resolve(
        GenerationRequest(
            model=INFO.name,
            negative_prompt="blurry",
            num_inference_steps=5,
            guidance_scale=1.5,
            guidance_rescale=0.7,
            long_prompt=True,
            sampler="Euler",
            schedule="karras",
            seed=7,
        ),
        ["x"],
        (128, 96),
        INFO,
        refuse,
    )
    assert params == replace(PARAMS, model=INFO.name)


@pytest.mark.parametrize("asked", [0, 0.5, 1])
def test_no_guidance_is_the_scale_of_1_and_not_the_models_default(asked: float) -> None:
    assert images(guidance_scale=asked)[0].guidance_scale == 1


def test_a_model_that_takes_guidance_as_an_input_is_given_the_scale_that_was_asked_for() -> None:
    model = replace(INFO, embeds_guidance=True)
    (params,) = resolve(GenerationRequest(guidance_scale=0.5), ["x"], INFO.sizes[0], model, refuse)
    assert params.guidance_scale == 0.5


def test_no_negative_prompt_is_not_the_empty_one() -> None:
    asked: list[dict[str, Any]] = [{}, {"negative_prompt": None}, {"negative_prompt": ""}]
    assert [images(**fields)[0].negative_prompt for fields in asked] == [None, None, ""]


@pytest.mark.parametrize(("asked", "expected"), [({}, 0.5), ({"guidance_rescale": 0}, 0.0)])
def test_guidance_is_rescaled_by_the_models_share_unless_another_is_asked_for(
    asked: dict[str, Any], expected: float
) -> None:
    model = replace(INFO, default_guidance_rescale=0.5)
    (params,) = resolve(GenerationRequest.model_validate(asked), ["x"], INFO.sizes[0], model, refuse)
    assert params.guidance_rescale == expected


@pytest.mark.parametrize(("asked", "expected"), [({}, 1.5), ({"image_guidance_scale": 1}, 1.0)])
def test_edits_are_guided_by_their_image_and_made_from_noise(asked: dict[str, Any], expected: float) -> None:
    inputs = PreparedInputs(image="1" * 64)
    (params,) = resolve(InputRequest.model_validate(asked), ["x"], INFO.sizes[0], EDITS, refuse, inputs=inputs)
    assert (params.image_guidance_scale, params.strength) == (expected, 1.0)


@pytest.mark.parametrize(
    ("model", "inputs", "fields", "field"),
    [
        (EDITS, PreparedInputs(), {}, "image"),
        (EDITS, PreparedInputs(image="1" * 64, strength=0.5), {}, "strength"),
        (EDITS, PreparedInputs(image="1" * 64), {"image_guidance_scale": 20.01}, "image_guidance_scale"),
        (EDITS, PreparedInputs(image="1" * 64), {"hires": {"scale": 2}}, "hires"),
        (INFO, PreparedInputs(image="1" * 64), {"image_guidance_scale": 1.5}, "image_guidance_scale"),
    ],
)
def test_what_an_edit_cannot_have_is_refused(
    model: ModelInfo, inputs: PreparedInputs, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        resolve(InputRequest.model_validate(fields), ["x"], INFO.sizes[0], model, refuse, inputs=inputs)
    assert refusal.value.field == field


def test_a_sampler_and_its_schedule_may_be_one_name() -> None:
    (params,) = images(sampler="DPM++ 2M Karras")
    assert (params.sampler, params.schedule) == ("dpm++_2m", "karras")


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"sampler": "Heun"}, "sampler", "cannot do this model's noise"),
        ({"sampler": "euler", "schedule": "beta"}, "schedule", "karras"),
        ({"sampler": "euler", "num_inference_steps": 61}, "num_inference_steps", "61 steps for the sampler euler"),
        ({"sampler": "Euler", "num_inference_steps": 21}, "num_inference_steps", "at most 20 with the sampler"),
    ],
)
def test_what_the_model_cannot_do_with_a_sampler_is_refused(fields: dict[str, Any], field: str, reason: str) -> None:
    most = 20 if fields.get("num_inference_steps") == 21 else None
    model = replace(
        INFO,
        samplers=(
            SamplerLimits(name="euler", schedules=("karras",), max_steps=most, impossible_steps=(61,)),
            SamplerLimits(name="heun", refusal="The sampler heun cannot do this model's noise."),
        ),
    )
    with pytest.raises(InvalidRequestError, match=reason) as refusal:
        resolve(GenerationRequest.model_validate(fields), ["x"], INFO.sizes[0], model, refuse)
    assert refusal.value.field == field


def test_each_prompt_has_n_images_and_each_image_its_own_seed() -> None:
    made = [(each.prompt, each.seed) for each in images("a", "b", n=2, seed=7)]
    assert made == [("a", 7), ("a", 8), ("b", 9), ("b", 10)]


def test_shared_seeds_begin_anew_with_each_prompt() -> None:
    made = [(each.prompt, each.seed) for each in images("a", "b", n=2, seed=7, shared_seeds=True)]
    assert made == [("a", 7), ("a", 8), ("b", 7), ("b", 8)]


@given(prompts=st.lists(st.text(max_size=3), min_size=1, max_size=5), n=st.integers(1, 10), shared=st.booleans())
def test_images_differ_by_prompt_and_seed_alone(prompts: list[str], n: int, shared: bool) -> None:
    made = resolve(GenerationRequest(n=n), prompts, INFO.sizes[0], INFO, refuse, shared_seeds=shared)
    assert [each.prompt for each in made] == [prompt for prompt in prompts for _ in range(n)]
    assert len({replace(each, prompt="", seed=0) for each in made}) == 1
    assert len({each.seed for each in made}) == (n if shared else n * len(prompts))


@pytest.mark.parametrize("seed", [None, -1])
def test_a_seed_that_is_not_given_is_drawn_small_enough_for_javascript(seed: int | None) -> None:
    seeds = {images(seed=seed)[0].seed for _ in range(20)}
    assert len(seeds) == 20
    assert all(0 <= each < 2**32 for each in seeds)


def test_the_last_seed_may_be_the_greatest_and_no_greater() -> None:
    assert images("a", "b", n=2, seed=MAX_SEED - 3)[-1].seed == MAX_SEED
    assert refused("a", "b", n=2, seed=MAX_SEED - 2) == "seed"
    assert images("a", "b", n=2, seed=MAX_SEED - 1, shared_seeds=True)[-1].seed == MAX_SEED


@pytest.mark.parametrize(
    ("at_most", "one_more"),
    [
        ({"num_inference_steps": INFO.limits.max_steps}, {"num_inference_steps": INFO.limits.max_steps + 1}),
        ({"guidance_scale": INFO.limits.max_guidance_scale}, {"guidance_scale": 20.01}),
        ({"negative_prompt": "x" * INFO.limits.max_prompt_chars}, {"negative_prompt": CANARY * 1000}),
        ({"sampler": "lcm", "num_inference_steps": 50}, {"sampler": "lcm", "num_inference_steps": 51}),
    ],
)
def test_the_models_limits_are_accepted_and_more_is_refused(at_most: dict[str, Any], one_more: dict[str, Any]) -> None:
    assert images(**at_most)
    assert refused(**one_more) == list(one_more)[-1]


def test_the_longest_of_the_prompts_is_checked() -> None:
    assert images("x" * INFO.limits.max_prompt_chars)
    assert refused("x", CANARY * 1000, "y") == "prompt"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sampler": CANARY}, "sampler"),
        ({"sampler": ""}, "sampler"),
        ({"sampler": "ddim", "schedule": CANARY}, "schedule"),
        ({"schedule": ""}, "schedule"),
        ({"sampler": "DPM++ 2M Karras", "schedule": "exponential"}, "schedule"),
    ],
)
def test_a_sampler_or_schedule_that_does_not_exist_is_refused(fields: dict[str, Any], field: str) -> None:
    assert refused(**fields) == field


def test_the_shared_settings_are_all_parameters_but_prompt_seed_and_model_under_the_names_of_requests() -> None:
    shared = shared_settings(PARAMS)
    assert shared == {
        "width": 128,
        "height": 96,
        "num_inference_steps": 5,
        "guidance_scale": 1.5,
        "sampler": "euler",
        "schedule": "karras",
        "negative_prompt": "blurry",
        "guidance_rescale": 0.7,
        "original_size": None,
        "crop": (0, 0),
        "target_size": None,
        "image": None,
        "mask": None,
        "keep_unmasked": False,
        "strength": 1.0,
        "image_guidance_scale": 1.0,
        "hires": None,
        "refiner": None,
        "long_prompt": True,
    }
    parameters = {field.name for field in fields(GenerationParams)} - {"prompt", "seed", "model", *INTERNAL}
    assert {name.removeprefix("num_inference_") for name in shared} == parameters
    assert set(shared) - {"width", "height"} <= set(InputRequest.model_fields)


def test_the_schema_of_the_shared_settings_has_exactly_their_names_and_types() -> None:
    schema = shared_settings_schema()
    assert list(schema) == list(shared_settings(PARAMS))
    declared = TypeAdapter(GenerationParams).json_schema()["properties"]
    assert schema["num_inference_steps"] == declared["steps"]
    assert schema["schedule"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert not [name for name, each in schema.items() if "default" in each]
