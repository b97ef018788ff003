"""The generation parameters of a request. The schema of each dialect inherits them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api.http.fields import MAX_SEED, Text
from service.images.encoding import ImageFormat

MAX_IMAGES_PER_PROMPT = 10


class GenerationRequest(BaseModel):
    """A new generation parameter is a field here, one of `pipelines.params.GenerationParams`, and a line in `resolve`.

    None leaves a value to the model's own defaults.
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
    sampler: Annotated[Text | None, Field(description="A sampler's name or alias; AUTOMATIC1111's serve too")] = None
    schedule: Annotated[Text | None, Field(description="Noise levels: karras, exponential or beta")] = None
    seed: Annotated[
        int | None,
        Field(ge=-1, le=MAX_SEED, description="Seed of the first image, counted up for the next; -1 draws one"),
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
