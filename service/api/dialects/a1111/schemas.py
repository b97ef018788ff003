"""The bodies of AUTOMATIC1111's API, as pydantic models.

The source is modules/api/models.py of stable-diffusion-webui. Fields of it that are not here have no effect.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.api.generation.input_request import ImageSource
from service.api.generation.request import GenerationRequest, Side
from service.api.http.fields import Text

MAX_IMAGES: Final = 32
"""Images of one request. Its answer holds them all at once, several times over while it is written."""

_PartOfMax = Annotated[int, Field(ge=1, le=MAX_IMAGES)]


class OverrideSettings(BaseModel):
    """The web UI's settings for one request. Others have no effect."""

    model_config = ConfigDict(frozen=True)

    sd_model_checkpoint: Annotated[
        Text | None, Field(description="A model's title or name; one that is not known has no effect")
    ] = None
    emphasis: Annotated[
        Text | None, Field(description="None takes brackets in prompts literally; else weights are taken out")
    ] = None


class OptionsRequest(OverrideSettings):
    """POST /sdapi/v1/options."""


class Txt2ImgRequest(GenerationRequest):
    """POST /sdapi/v1/txt2img."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "a red circle on a white background", "seed": 7}]}
    )

    prompt: Text = ""
    width: Annotated[
        Side | None, Field(description="Pixels; a size that the model cannot draw becomes the nearest")
    ] = None
    height: Side | None = None
    batch_size: Annotated[_PartOfMax, Field(description="Images of each batch")] = 1
    n_iter: Annotated[_PartOfMax, Field(description="Batches")] = 1
    sampler_index: Annotated[Text | None, Field(description="The sampler where sampler_name names none")] = None
    denoising_strength: Annotated[
        float | None, Field(ge=0, le=1, description="How far to go from the image, or from the first pass")
    ] = None
    enable_hr: Annotated[bool, Field(description="Makes the image at its size first, then enlarges it")] = False
    hr_scale: Annotated[float | None, Field(ge=1, le=8, description="How far it is enlarged; 2")] = None
    hr_upscaler: Annotated[Text | None, Field(description="One of latent-upscale-modes or upscalers")] = None
    hr_second_pass_steps: Annotated[int, Field(ge=0, description="0: as many as of the first pass")] = 0
    hr_resize_x: Annotated[int, Field(ge=0, le=16384, description="Pixels, instead of hr_scale")] = 0
    hr_resize_y: Annotated[int, Field(ge=0, le=16384)] = 0
    refiner_checkpoint: Annotated[Text | None, Field(description="The model that makes the last steps")] = None
    refiner_switch_at: Annotated[
        float | None, Field(ge=0, le=1, description="Share of the steps after which it takes over; 0.8")
    ] = None
    override_settings: OverrideSettings = OverrideSettings()
    send_images: Annotated[bool, Field(description="Whether the answer holds the images")] = True
    force_task_id: Annotated[
        Text | None, Field(max_length=200, description="The name by which POST /internal/progress knows this request")
    ] = None


class Img2ImgRequest(Txt2ImgRequest):
    """POST /sdapi/v1/img2img."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    init_images: Annotated[
        list[ImageSource],
        Field(min_length=1, max_length=1, description="The image to start from: base64 or a data URL"),
    ]
    mask: Annotated[
        ImageSource | Literal[""] | None, Field(description="What to repaint: white, or drawn on a transparent layer")
    ] = None
    inpainting_mask_invert: Annotated[Literal[0, 1], Field(description="1 repaints everything else")] = 0
    resize_mode: Annotated[
        Literal[0, 1, 2, 3], Field(description="0 and 3 stretch the image to the size, 1 and 2 crop it")
    ] = 0
    image_cfg_scale: Annotated[
        float | None, Field(ge=0, description="image_guidance_scale, for models that edit by instructions")
    ] = None


class A1111Images(BaseModel):
    images: list[str]
    """Base64 without a prefix."""
    parameters: dict[str, Any]
    """The request."""
    info: str
    """JSON that describes what was made."""


class PngInfoRequest(BaseModel):
    """POST /sdapi/v1/png-info."""

    model_config = ConfigDict(frozen=True)

    image: Annotated[ImageSource, Field(description="A file of an image: base64 or a data URL")]


class PngInfoResponse(BaseModel):
    info: str
    """The generation parameters that the file holds; empty where it holds none."""
    items: dict[str, str]
    parameters: dict[str, str]
    """The generation parameters of `info`, by name."""


class ProgressState(BaseModel):
    skipped: bool
    interrupted: bool
    stopping_generation: bool
    job: str
    job_count: int
    """Batches of the caller's request that is being made; 0 where there is none."""
    job_timestamp: str
    job_no: int
    sampling_step: int
    sampling_steps: int


class ProgressResponse(BaseModel):
    progress: float
    eta_relative: float
    """Estimated seconds until the images are finished."""
    state: ProgressState
    current_image: str | None
    """The latest preview: a PNG in base64."""
    textinfo: str | None


class TaskProgressRequest(BaseModel):
    """POST /internal/progress."""

    model_config = ConfigDict(strict=True, frozen=True)

    id_task: Annotated[Text | None, Field(description="The `force_task_id` of a request of the same caller")] = None
    id_live_preview: Annotated[int, Field(description="The last preview that the caller has")] = -1
    live_preview: Annotated[bool, Field(description="Whether the answer holds a newer preview")] = True


class TaskProgressResponse(BaseModel):
    active: bool
    queued: bool
    completed: bool
    progress: float | None
    eta: float | None
    """Estimated seconds until the images are finished."""
    live_preview: str | None
    """A PNG as a data URL."""
    id_live_preview: int
    textinfo: str | None
