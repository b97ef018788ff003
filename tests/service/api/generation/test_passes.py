"""The strength of an image that starts from another, and the description of a first pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams, HiresFix, Refiner
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.generation.request import GenerationRequest
from service.api.generation.resolve import default_size, resolve
from service.errors import InvalidRequestError, UnknownModelError

IMAGE, MASK = "a" * 64, "b" * 64
FINAL = (256, 256)


def refuse(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field=field)


def params(inputs: PreparedInputs | None = None, **fields: Any) -> GenerationParams:
    request = GenerationRequest.model_validate(fields)
    (made,) = resolve(request, ["x"], FINAL, INFO, refuse, inputs=inputs or PreparedInputs())
    return made


@pytest.mark.parametrize(
    ("inputs", "steps", "strength"),
    [
        (PreparedInputs(), 20, 1.0),
        (PreparedInputs(image=IMAGE), 20, 0.75),
        (PreparedInputs(image=IMAGE), 1, 1.0),
        (PreparedInputs(image=IMAGE, mask=MASK), 20, 1.0),
        (PreparedInputs(image=IMAGE, mask=MASK, strength=0.3), 20, 0.3),
    ],
)
def test_the_strength_is_what_is_asked_or_suits_the_inputs(inputs: PreparedInputs, steps: int, strength: float) -> None:
    made = params(inputs, num_inference_steps=steps)
    assert (made.image, made.mask, made.strength) == (inputs.image, inputs.mask, strength)


def test_what_a_mask_keeps_is_put_back_on_request() -> None:
    assert not params(PreparedInputs(image=IMAGE, mask=MASK)).keep_unmasked
    assert params(PreparedInputs(image=IMAGE, mask=MASK, keep_unmasked=True)).keep_unmasked


def test_a_strength_at_which_nothing_is_made_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        params(PreparedInputs(image=IMAGE, strength=0.1), num_inference_steps=9)
    assert refusal.value.field == "strength"


@pytest.mark.parametrize(
    ("hires", "expected"),
    [
        ({}, HiresFix(width=128, height=128, steps=20, strength=0.7, upscaler="bilinear")),
        ({"scale": 1.5}, HiresFix(width=168, height=168, steps=20, strength=0.7, upscaler="bilinear")),
        (
            {"width": 64, "height": 128, "steps": 3, "strength": 0.9, "upscaler": "Latent (nearest)"},
            HiresFix(width=64, height=128, steps=3, strength=0.9, upscaler="nearest"),
        ),
        ({"upscaler": "decoded"}, HiresFix(width=128, height=128, steps=20, strength=0.5, upscaler="decoded")),
    ],
)
def test_a_first_pass_is_described_by_a_scale_or_a_size(hires: dict[str, Any], expected: HiresFix) -> None:
    assert params(hires=hires).hires == expected


@pytest.mark.parametrize(
    "hires",
    [
        {"width": 64},
        {"height": 64},
        {"width": 64, "height": 64, "scale": 2.0},
        {"width": 256, "height": 256},
        {"width": 65, "height": 64},
        {"scale": 8.0},
        {"upscaler": "magic"},
        {"strength": 0.01},
    ],
)
def test_a_first_pass_that_cannot_be_made_is_refused(hires: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        params(hires=hires)
    assert refusal.value.field == "hires"


def test_an_image_from_an_upload_is_made_in_one_pass() -> None:
    with pytest.raises(InvalidRequestError):
        params(PreparedInputs(image=IMAGE), hires={})


def test_the_models_size_conditioning_is_passed_on() -> None:
    made = params(original_size=[512, 300], crop=[8, 0], target_size=[256, 128])
    assert (made.original_size, made.crop, made.target_size) == ((512, 300), (8, 0), (256, 128))
    assert (params().original_size, params().crop, params().target_size) == (None, (0, 0), None)


@pytest.mark.parametrize(
    ("fields", "upload", "size"),
    [
        ({}, None, INFO.sizes[0]),
        ({"hires": {}}, None, (256, 256)),
        ({"hires": {"scale": 1.5}}, None, (192, 192)),
        ({"hires": {"width": 64, "height": 96}}, None, (128, 192)),
        ({}, (96, 64), (96, 64)),
    ],
)
def test_the_size_where_none_is_asked_for(
    fields: dict[str, Any], upload: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    assert default_size(GenerationRequest.model_validate(fields), INFO, upload) == size


REFINER = replace(INFO, name="own/refiner", aliases=("refiner",))


def find(name: str) -> ModelInfo:
    if name in (REFINER.name, *REFINER.aliases):
        return REFINER
    raise UnknownModelError("No model of that name is served.", field="model")


def refined(**fields: Any) -> GenerationParams:
    (made,) = resolve(GenerationRequest.model_validate(fields), ["x"], FINAL, INFO, refuse, find_model=find)
    return made


def test_a_refiner_has_its_own_name_and_takes_over_late_unless_told() -> None:
    assert refined(refiner={"model": "refiner"}).refiner == Refiner(model="own/refiner", switch_at=0.8)
    assert refined(refiner='{"model": "refiner", "switch_at": 0.5}').refiner == Refiner(
        model="own/refiner", switch_at=0.5
    )


@pytest.mark.parametrize(
    "fields", [{"refiner": {"model": "else"}}, {"refiner": {"model": "refiner"}, "num_inference_steps": 1}]
)
def test_a_refiner_that_cannot_go_on_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        refined(**fields)
    assert refusal.value.field == "refiner"
