"""A request of AUTOMATIC1111's API becomes what the engine can make, and what is not as asked is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo
from pipelines.sampling.choice import ALL
from service.api.dialects.a1111.errors import BODY_RULES
from service.api.dialects.a1111.resolve import IGNORED, LITERAL, Plan, plan, wanted_size
from service.api.dialects.a1111.schemas import Img2ImgRequest, Txt2ImgRequest
from service.api.http.request_body import parse
from service.errors import InvalidRequestError, UnknownModelError

REFINER = replace(INFO, name="refiner")


def find(name: str) -> ModelInfo:
    if name not in ("", INFO.name, REFINER.name):
        raise UnknownModelError("There is no such model.")
    return REFINER if name == REFINER.name else INFO


def planned(
    emphasis: str = IGNORED, model: ModelInfo = INFO, kind: type[Txt2ImgRequest] = Txt2ImgRequest, **fields: Any
) -> Plan:
    parsed = parse(kind, {"prompt": "x", **fields}, BODY_RULES, as_text=True)
    return plan(parsed, model, emphasis, find, wanted_size(parsed.request, model))


def test_there_are_as_many_images_as_batches_times_their_size_with_seeds_counted_up() -> None:
    made = planned(batch_size=2, n_iter=3, seed=7)

    assert [image.seed for image in made.images] == [7, 8, 9, 10, 11, 12]
    assert (made.batch_size, made.n_iter) == (2, 3)
    with pytest.raises(InvalidRequestError, match="batch_size"):
        planned(batch_size=11, n_iter=10)


@pytest.mark.parametrize(
    ("fields", "sampler", "schedule"),
    [
        ({}, INFO.default_sampler, None),
        ({"sampler_name": "Euler a"}, "euler_a", None),
        ({"sampler_index": "Euler a"}, "euler_a", None),
        ({"sampler_name": "Euler", "sampler_index": "Heun"}, "euler", None),
        ({"sampler_name": "", "sampler_index": ""}, INFO.default_sampler, None),
        ({"sampler_name": "DPM++ SDE Karras"}, "dpm++_sde", "karras"),
        ({"sampler_name": "DPM++ 2M SDE Exponential", "scheduler": "Karras"}, "dpm++_2m_sde", "exponential"),
        ({"sampler_name": "k_dpmpp_2m", "scheduler": "Karras"}, "dpm++_2m", "karras"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "sgm_uniform"}, "dpm++_2m", None),
        ({"sampler_name": "DPM++ 2M Align Your Steps"}, "dpm++_2m", None),
        ({"sampler_name": "Euler a Karras"}, "euler_a", None),
        ({"sampler_name": "Euler a", "scheduler": "Karras"}, "euler_a", None),
        ({"sampler_name": "Euler", "scheduler": "Automatic"}, "euler", None),
        ({"sampler_name": "Euler", "scheduler": "no such"}, "euler", None),
        ({"sampler": "Euler", "schedule": "beta"}, "euler", "beta"),
        ({"sampler_name": "dpm++2m", "scheduler": "discrete"}, "dpm++_2m", None),
        ({"sampler_name": "DPMSolverMultistepScheduler", "scheduler": "karras"}, "dpm++_2m", "karras"),
    ],
)
def test_any_sampler_goes_with_any_schedule_and_has_its_own_where_it_cannot(
    fields: dict[str, Any], sampler: str, schedule: str | None
) -> None:
    (image,) = planned(**fields).images

    assert (image.sampler, image.schedule) == (sampler, schedule)


@pytest.mark.parametrize("name", ["Restart", "Karras", "Euler Fast", " Karras", "dpm++2mv2", "ddim_trailing"])
def test_a_sampler_that_is_not_known_is_not_found_and_those_of_the_model_are_named(name: str) -> None:
    limited = replace(INFO, samplers=ALL[:2])
    with pytest.raises(InvalidRequestError, match=r"^Sampler not found\. There are: DDIM, DDPM\.$"):
        planned(model=limited, sampler_name=name)


def test_a_schedule_that_the_model_cannot_have_is_the_samplers_own() -> None:
    limited = replace(INFO, samplers=tuple(replace(each, schedules=()) for each in ALL))

    assert planned(model=limited, sampler_name="Euler", scheduler="Karras").images[0].schedule is None


@pytest.mark.parametrize(
    ("fields", "size", "adjusted"),
    [
        ({}, (128, 128), ""),
        ({"width": 160}, (160, 128), ""),
        ({"width": 512, "height": 512}, (512, 512), ""),
        ({"width": 2000, "height": 900}, (160, 96), "size=160x96"),
    ],
)
def test_a_size_that_cannot_be_drawn_becomes_the_nearest(
    fields: dict[str, Any], size: tuple[int, int], adjusted: str
) -> None:
    made = planned(**fields)

    assert ((made.images[0].width, made.images[0].height), made.adjusted) == (size, adjusted)


def test_prompts_lose_their_weights_unless_brackets_are_literal() -> None:
    ignored, literal = [planned(emphasis, prompt="(a:1.3)", negative_prompt="[b]") for emphasis in (IGNORED, LITERAL)]

    assert [(each.images[0].prompt, each.images[0].negative_prompt) for each in (ignored, literal)] == [
        ("a", "b"),
        ("(a:1.3)", "[b]"),
    ]
    assert (ignored.shown(ignored.prompt), literal.shown(literal.prompt)) == ("a", "(a:1.3)")
    assert planned(negative_prompt="").images[0].negative_prompt is None
    with pytest.raises(InvalidRequestError, match=f"prompt: Must have at most {INFO.limits.max_prompt_chars}"):
        planned(prompt="(" * 100_000)


def test_a_hires_fix_has_the_size_of_its_first_pass_as_in_the_web_ui() -> None:
    upscaled: dict[str, Any] = {"enable_hr": True, "width": 128, "height": 64, "steps": 4}
    images = [
        planned(**upscaled, **fields).images[0]
        for fields in (
            {"denoising_strength": 0.5},
            {"hr_scale": 1.5, "hr_upscaler": "Lanczos", "hr_second_pass_steps": 8},
            {"hr_resize_x": 512},
            {"hr_resize_y": 96, "hr_resize_x": 200, "hr_upscaler": "None"},
        )
    ]

    assert [(image.width, image.height) for image in images] == [(256, 128), (192, 96), (512, 256), (200, 96)]
    passes = [image.hires for image in images]
    assert [(each.width, each.height) for each in passes if each] == [(128, 64)] * 4
    assert [(each.upscaler, each.steps) for each in passes if each] == [
        ("bilinear", 4),
        ("decoded", 8),
        ("bilinear", 4),
        ("bilinear", 4),
    ]
    assert passes[0] is not None
    assert passes[0].strength == 0.5
    assert planned(enable_hr=True, hr_scale=1).images[0].hires is None
    assert planned(hr_scale=2).images[0].hires is None


@pytest.mark.parametrize("fields", [{"hr_upscaler": "R-ESRGAN 4x+"}, {"hr_scale": 8}])
def test_a_hires_fix_that_cannot_be_made_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=next(iter(fields))):
        planned(enable_hr=True, width=512, height=512, **fields)


def test_a_refiner_takes_over_where_one_is_known() -> None:
    refined = planned(refiner_checkpoint="refiner.safetensors [0123456789]", refiner_switch_at=0.5).images[0].refiner

    assert refined is not None
    assert (refined.model, refined.switch_at) == ("refiner", 0.5)
    for fields in ({"refiner_checkpoint": "None"}, {"refiner_checkpoint": "refiner", "refiner_switch_at": 1}):
        assert planned(**fields).images[0].refiner is None
    with pytest.raises(InvalidRequestError, match="refiner_checkpoint"):
        planned(refiner_checkpoint="unknown")


def test_the_scale_of_guidance_by_an_image_has_an_effect_only_on_models_that_edit() -> None:
    fields: dict[str, Any] = {"init_images": ["QUJD"], "image_cfg_scale": 1.5}

    assert planned(kind=Img2ImgRequest, **fields).images[0].image_guidance_scale == 1.0
