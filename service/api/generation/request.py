"""The generation parameters of a request. The schema of each dialect inherits them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.api.http.fields import MAX_SEED, Text, json_text
from service.images.encoding import ImageFormat

MAX_IMAGES_PER_PROMPT = 10
MAX_PIXELS_A_SIDE: Final = 16384
"""Bound of the sizes that only condition a model, and of canvases."""

Side = Annotated[int, Field(ge=1, le=MAX_PIXELS_A_SIDE)]
Offset = Annotated[int, Field(ge=0, le=MAX_PIXELS_A_SIDE)]
Sides = Annotated[list[Side], Field(min_length=2, max_length=2)]
Offsets = Annotated[list[Offset], Field(min_length=2, max_length=2)]


class HiresRequest(BaseModel):
    """The first pass of an image at a smaller size. `width` and `height` of the request are those of the result."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False, extra="forbid")

    scale: Annotated[
        float | None, Field(gt=1, le=8, description="The result's sides divided by those of the first pass; 2")
    ] = None
    width: Annotated[Side | None, Field(description="Pixels of the first pass, instead of scale; with height")] = None
    height: Side | None = None
    steps: Annotated[int | None, Field(ge=1, description="Steps of the second pass; as those of the first")] = None
    strength: Annotated[
        float | None, Field(gt=0, le=1, description="How far the second pass goes back into the noise")
    ] = None
    upscaler: Annotated[Text, Field(description="How the first pass is enlarged")] = "bilinear"


class RefinerRequest(BaseModel):
    """Another model, which makes the last steps of an image."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False, extra="forbid")

    model: Annotated[Text, Field(description="A served model with the same latents, such as SDXL's refiner")]
    switch_at: Annotated[float, Field(gt=0, lt=1, description="Share of the steps after which it takes over")] = 0.8


class GenerationRequest(BaseModel):
    """The generation parameters of a request. None leaves a value to the model's own defaults.

    A new parameter is a field here, one of `pipelines.params.GenerationParams`, and a line in `resolve`.
    """

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    model: Annotated[Text | None, Field(description="A served model; OpenAI's names stand for the default one")] = None
    n: Annotated[int, Field(ge=1, le=MAX_IMAGES_PER_PROMPT, description="Images of each prompt")] = 1
    negative_prompt: Annotated[
        Text | None,
        Field(description="What to keep out of the image; null is none, which is not the empty text for every model"),
    ] = None
    long_prompt: Annotated[
        bool, Field(description="Reads texts beyond the model's length in chunks, instead of cutting them")
    ] = False
    num_inference_steps: Annotated[int | None, Field(ge=1, description="Denoising steps")] = None
    guidance_scale: Annotated[
        float | None, Field(ge=0, description="How closely to follow the prompt; 1 or less turns guidance off")
    ] = None
    guidance_rescale: Annotated[
        float | None, Field(ge=0, le=1, description="Tames overexposure by strong guidance; 0 turns it off")
    ] = None
    image_guidance_scale: Annotated[
        float | None,
        Field(ge=1, description="How closely an InstructPix2Pix model keeps to the image; 1 turns this guidance off"),
    ] = None
    sampler: Annotated[Text | None, Field(description="A sampler's name or alias; AUTOMATIC1111's serve too")] = None
    schedule: Annotated[Text | None, Field(description="Noise levels: karras, exponential or beta")] = None
    seed: Annotated[
        int | None,
        Field(ge=-1, le=MAX_SEED, description="Seed of the first image, counted up for the next; -1 draws one"),
    ] = None
    hires: Annotated[
        HiresRequest | None,
        BeforeValidator(json_text),
        Field(description="Makes the image at a smaller size first, then enlarges it and denoises it further"),
    ] = None
    refiner: Annotated[
        RefinerRequest | None,
        BeforeValidator(json_text),
        Field(description="Another model makes the last steps"),
    ] = None
    original_size: Annotated[
        Sides | None,
        BeforeValidator(json_text),
        Field(description="[width, height] that a model with size conditioning is told; the image's own"),
    ] = None
    crop: Annotated[
        Offsets | None, BeforeValidator(json_text), Field(description="[left, top] that it is told; [0, 0]")
    ] = None
    target_size: Annotated[
        Sides | None,
        BeforeValidator(json_text),
        Field(description="[width, height] that it is told; the image's own"),
    ] = None
    output_format: Annotated[ImageFormat | None, Field(description="png, unless Accept asks for another")] = None
    output_compression: Annotated[
        int | None, Field(ge=0, le=100, description="Quality of webp (100: lossless) and jpeg; png is lossless")
    ] = None
    priority: Annotated[
        Literal["interactive", "batch"], Field(description="batch gives way to what somebody waits for")
    ] = "interactive"
    deadline_s: Annotated[
        float | None,
        Field(gt=0, description="Seconds after which the images are of no use: what cannot be made by then fails"),
    ] = None
