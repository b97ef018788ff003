"""From a body to the images of a request to /v1, and how a bad one is refused: by its field, never repeated."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.fake import INFO
from service.api.dialects.openai.resolve import BODY_RULES, Plan, parse_request, plan
from service.api.dialects.openai.schemas import ImageRequest
from service.api.generation.sizes import can_draw
from service.engine.types import Priority
from service.errors import DarkroomError, InvalidRequestError, UnknownModelError

CANARY: Final = "cAnArY7"


def planned(**fields: object) -> Plan:
    return plan(parse_request({"prompt": "x", **fields}), INFO)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": [CANARY]}, "prompt"),
        ({"prompt": f"{CANARY}\ud800"}, "prompt"),
        ({"prompt": f"{CANARY}\0"}, "prompt"),
        ({"prompt": CANARY * 1000}, "prompt"),
        ({"prompt": "x", "negative_prompt": "\udfff"}, "negative_prompt"),
        ({"prompt": "x", "negative_prompt": CANARY * 1000}, "negative_prompt"),
        ({"prompt": "x", "n": 0}, "n"),
        ({"prompt": "x", "n": 11}, "n"),
        ({"prompt": "x", "n": True}, "n"),
        ({"prompt": "x", "n": CANARY}, "n"),
        ({"prompt": "x", "n": 1.5}, "n"),
        ({"prompt": "x", "n": float("inf")}, "n"),
        ({"prompt": "x", "seed": -2}, "seed"),
        ({"prompt": "x", "seed": 2**63}, "seed"),
        ({"prompt": "x", "seed": 2**63 - 1, "n": 2}, "seed"),
        ({"prompt": "x", "steps": 0}, "steps"),
        ({"prompt": "x", "steps": 100_000}, "steps"),
        ({"prompt": "x", "num_inference_steps": -1}, "num_inference_steps"),
        ({"prompt": "x", "steps": 5, "num_inference_steps": 6}, "steps"),
        ({"prompt": "x", "sampler": "lcm", "steps": 51}, "steps"),
        ({"prompt": "x", "guidance_scale": float("nan")}, "guidance_scale"),
        ({"prompt": "x", "cfg_scale": float("inf")}, "cfg_scale"),
        ({"prompt": "x", "guidance_scale": 1000}, "guidance_scale"),
        ({"prompt": "x", "guidance_scale": -1}, "guidance_scale"),
        ({"prompt": "x", "sampler": CANARY}, "sampler"),
        ({"prompt": "x", "sampler_name": CANARY}, "sampler_name"),
        ({"prompt": "x", "scheduler": CANARY}, "scheduler"),
        ({"prompt": "x", "size": CANARY}, "size"),
        ({"prompt": "x", "size": "0x0"}, "size"),
        ({"prompt": "x", "size": "999999x8"}, "size"),
        ({"prompt": "x", "width": 0}, "width"),
        ({"prompt": "x", "height": "64"}, "height"),
        ({"prompt": "x", "size": "160x96", "width": 96}, "width"),
        ({"prompt": "x", "size": "160x96", "width": 160, "height": 160}, "height"),
        ({"prompt": "x", "output_format": CANARY}, "output_format"),
        ({"prompt": "x", "output_compression": 101}, "output_compression"),
        ({"prompt": "x", "partial_images": 4}, "partial_images"),
        ({"prompt": "x", "stream": "yes"}, "stream"),
        ({"prompt": "x", "response_format": CANARY}, "response_format"),
        ({"prompt": "x", "background": "transparent"}, "background"),
        ({"prompt": "x", "quality": CANARY}, "quality"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        plan(parse_request(fields), INFO)
    assert (refusal.value.status, refusal.value.field) == (400, param)
    assert refusal.value.message.startswith(f"{param}: ")
    assert CANARY not in refusal.value.message


def test_images_differ_by_their_seeds_alone() -> None:
    images = planned(n=3, seed=7, negative_prompt="blurry").images
    assert [(each.prompt, each.negative_prompt, each.seed) for each in images] == [
        ("x", "blurry", 7),
        ("x", "blurry", 8),
        ("x", "blurry", 9),
    ]


def test_aliases_mean_what_they_stand_for() -> None:
    (params,) = planned(steps=3, cfg_scale=2.5, sampler_name="Euler", scheduler="karras").images
    assert (params.steps, params.guidance_scale, params.sampler, params.schedule) == (3, 2.5, "euler", "karras")
    (params,) = planned(step=3, cfg=2.5, rng_seed=7).images
    assert (params.steps, params.guidance_scale, params.seed) == (3, 2.5, 7)


def test_priority_and_deadline_are_passed_on() -> None:
    urgent, patient = planned(), planned(priority="batch", deadline_s=2.5)
    assert (urgent.priority, urgent.deadline_s) == (Priority.INTERACTIVE, None)
    assert (patient.priority, patient.deadline_s) == (Priority.BATCH, 2.5)


def test_previews_are_made_only_for_a_stream() -> None:
    assert planned(partial_images=2).previews == 0
    assert planned(partial_images=2, stream=True).previews == 2


@pytest.mark.parametrize(
    ("size", "drawn", "adjusted"),
    [
        (None, (128, 128), ""),
        ("auto", (128, 128), ""),
        ("200x104", (200, 104), ""),
        ("1792x1024", (160, 96), "size=160x96"),
    ],
)
def test_a_size_that_the_model_cannot_draw_is_adjusted_and_named(
    size: str | None, drawn: tuple[int, int], adjusted: str
) -> None:
    made = planned(size=size)
    assert ((made.images[0].width, made.images[0].height), made.adjusted) == (drawn, adjusted)


@pytest.mark.parametrize(
    ("fields", "size", "adjusted"),
    [
        ({"width": 160, "height": 96}, (160, 96), ""),
        ({"width": 160, "height": 96, "size": "auto"}, (160, 96), ""),
        ({"width": 160, "size": "160x96"}, (160, 96), ""),
        ({"width": 64}, (64, 128), ""),
        ({"width": 1025, "height": 1000}, (160, 96), "size=160x96"),
    ],
)
def test_width_and_height_stand_for_the_size(fields: dict[str, Any], size: tuple[int, int], adjusted: str) -> None:
    made = planned(**fields)
    assert (made.images[0].width, made.images[0].height, made.adjusted) == (*size, adjusted)


@pytest.mark.parametrize("scheduler", ["automatic", "Automatic", "normal", "simple", "", None])
def test_a_schedule_that_is_the_samplers_own_is_none(scheduler: str | None) -> None:
    assert planned(scheduler=scheduler).images[0].schedule is None
    assert planned(schedule=scheduler).images[0].schedule is None


def test_empty_texts_count_as_not_given_and_other_spellings_are_understood() -> None:
    empty = dict.fromkeys(("model", "size", "response_format", "quality", "style", "output_format", "sampler"), "")
    assert parse_request({"prompt": "x", **empty}).request == ImageRequest(prompt="x")
    assert parse_request({"prompt": "x", "output_format": "JPG"}).request.output_format == "jpeg"
    assert parse_request({"prompt": "x", "response_format": "base64"}).request.response_format == "b64_json"


def test_fields_of_openais_that_mean_nothing_here_are_accepted() -> None:
    parsed = parse_request(
        {"prompt": "x", "quality": "hd", "style": "vivid", "background": "auto", "moderation": "low", "user": "u"}
    )
    assert parsed.ignored == ()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("aZ0x \0\ud800\u0661", max_size=8)
    | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just(CANARY), inner),
    max_leaves=4,
)
names = st.sampled_from([*ImageRequest.model_fields, *BODY_RULES.aliases, "lora"])


@given(fields=st.dictionaries(names, values, max_size=6))
def test_any_object_makes_images_or_is_refused_by_a_field_without_repeating_its_values(fields: dict[str, Any]) -> None:
    try:
        made = plan(parse_request(fields), INFO)
    except DarkroomError as error:
        refusal = error
    else:
        assert all(can_draw((each.width, each.height), INFO.limits) for each in made.images)
        return
    assert isinstance(refusal, InvalidRequestError | UnknownModelError)
    assert refusal.field in {*fields, "prompt"}
    assert CANARY not in refusal.message
    assert len(refusal.message) < 1000
