"""The descriptions of a server, its models, and the images that were uploaded to it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from darkroom.results.base import Answer


class Model(Answer):
    """A model that the server serves."""

    id: str
    object: str | None = None
    created: int | None = None
    owned_by: str | None = None
    parent: str | None = None
    """The model for which an alias stands; None for a model's own name."""
    sizes: list[str] = Field(default_factory=list)
    """Sizes that it was trained for, `WIDTHxHEIGHT`; the first is its default."""
    default_steps: int | None = None
    default_guidance_scale: float | None = None
    default_sampler: str | None = None
    status: str | None = None
    """`resident` on the device, `loading`, in the `host`'s memory, or on the `disk`."""


class Size(Answer):
    """A size in pixels."""

    width: int
    height: int


class ModelDefaults(Answer):
    """The values that a model uses where a request names none."""

    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    image_guidance_scale: float = 1.0
    sampler: str


class ModelLimits(Answer):
    """The limits of a model's parameters. Sides are in pixels."""

    side_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    max_steps: int
    max_guidance_scale: float
    max_prompt_chars: int


class SamplerLimits(Answer):
    """The noise schedules and numbers of steps that a sampler can have with a model."""

    name: str
    schedules: list[str]
    max_steps: int
    impossible_steps: list[int]


class ModelCapabilities(Answer):
    """A served model, and what it can be asked for."""

    id: str
    default: bool
    status: str
    wait_s: float
    """Estimated seconds until it could be resident; 0 where it is already."""
    aliases: list[str]
    alias_prefixes: list[str]
    sizes: list[Size]
    prompt_tokens: int
    long_prompt_tokens: int
    inputs: list[str]
    """The kinds of images that it can start from: image, mask."""
    required_inputs: list[str] = Field(default_factory=list)
    """The kinds of images without which it makes none."""
    samplers: list[SamplerLimits]
    defaults: ModelDefaults
    limits: ModelLimits


class UnusableModel(Answer):
    """A model that the server was told to serve and cannot."""

    id: str
    error: str


class Sampler(Answer):
    """A sampler that at least one model can use."""

    name: str
    label: str
    aliases: list[str]
    schedules: list[str]
    max_steps: int | None = None
    stochastic: bool


class Upscaler(Answer):
    """A way to enlarge the first of two passes."""

    name: str
    label: str
    decoded: bool
    """Whether pixels are enlarged, and not latents."""


class RequestLimits(Answer):
    """Bounds of a request."""

    max_images_per_prompt: int = Field(validation_alias="max_pictures_per_prompt")
    max_images_per_job: int = Field(validation_alias="max_pictures_per_job")
    max_previews: int
    max_seed: int
    max_wait_s: float
    max_body_bytes: int
    max_upload_bytes: int
    max_upload_pixels: int


class Capabilities(Answer):
    """The models, samplers and features of a server. The default model is the first."""

    models: list[ModelCapabilities]
    unusable_models: list[UnusableModel] = Field(default_factory=list)
    samplers: list[Sampler]
    schedules: list[str]
    upscalers: list[Upscaler] = Field(default_factory=list)
    output_formats: list[str]
    limits: RequestLimits
    features: list[str]


class Upload(Answer):
    """An image that was uploaded. It can be passed as `image` or `mask`."""

    sha256: str
    width: int
    height: int
    size_bytes: int
    created_at: datetime
    expires_at: datetime | None = None
    """The time of its deletion, unless a job starts from it. None where it is kept for jobs alone."""


class Link(Answer):
    """An address that shows an image without a key."""

    url: str
    expires_at: datetime
