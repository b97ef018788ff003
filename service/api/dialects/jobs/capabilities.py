"""GET /api/v1/capabilities: what a client can ask for, so that no client has to guess or hard-code it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, get_args

from fastapi import APIRouter, Request
from pydantic import BaseModel

from pipelines import upscalers
from pipelines.model_info import ModelInfo, SamplerLimits
from pipelines.sampling import choice
from pipelines.sampling.samplers import SAMPLERS, SCHEDULES
from service.api.dependencies import services_of
from service.api.dialects.jobs.schemas import MAX_JOB_IMAGES, MAX_PREVIEWS
from service.api.generation.model_names import OPENAI_PREFIXES
from service.api.generation.request import MAX_IMAGES_PER_PROMPT
from service.api.generation.resolve import default_image_guidance
from service.api.http.fields import MAX_SEED
from service.api.http.negotiation import MAX_WAIT_S
from service.api.http.problems import ProblemOut
from service.engine.interface import ServedModel
from service.engine.types import ModelStatus
from service.errors import ModelUnusableError
from service.images.encoding import ImageFormat

router = APIRouter(prefix="/api/v1", tags=["capabilities"], responses={503: {"model": ProblemOut}})

_FEATURES: Final = (
    "durable_jobs",
    "events",
    "previews",
    "prompt_matrix",
    "idempotency",
    "links",
    "uploads",
    "webhooks",
    "hires",
    "refiner",
)


class SizeOut(BaseModel):
    width: int
    height: int


class DefaultsOut(BaseModel):
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    image_guidance_scale: float
    """1 for a model that has no guidance by an image."""
    sampler: str


class ModelLimits(BaseModel):
    side_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    max_steps: int
    max_guidance_scale: float
    max_prompt_chars: int


class SamplerLimitsOut(BaseModel):
    """The limits within which the model can use a sampler. It cannot use samplers that are not listed."""

    name: str
    schedules: list[str]
    max_steps: int
    impossible_steps: list[int]
    """Numbers of steps that the sampler cannot make without a schedule."""


class ModelOut(BaseModel):
    id: str
    default: bool
    """Whether it is the model of requests that name none."""
    status: ModelStatus
    """A model that is not resident is loaded when an image needs it."""
    wait_s: float
    """Estimated seconds until it could be resident; 0 where it is."""
    aliases: list[str]
    """Other names of the model."""
    alias_prefixes: list[str]
    """On /v1, names that begin with one of these stand for the model too."""
    sizes: list[SizeOut]
    """Sizes that the model was trained for. Others within the limits work less well."""
    prompt_tokens: int
    """Longest prompt that is read whole, with its start and its end, which take a token each."""
    long_prompt_tokens: int
    """Longest prompt that is read with `long_prompt`, with the start and the end of each chunk."""
    inputs: list[str]
    """The kinds of uploads that its images can start from: image, mask."""
    required_inputs: list[str]
    """The kinds without which it makes no image."""
    samplers: list[SamplerLimitsOut]
    defaults: DefaultsOut
    limits: ModelLimits


class UnusableModelOut(BaseModel):
    id: str
    error: str
    """Code of the error with which its requests are answered."""


class SamplerOut(BaseModel):
    name: str
    label: str
    aliases: list[str]
    schedules: list[str]
    max_steps: int | None
    stochastic: bool


class UpscalerOut(BaseModel):
    name: str
    label: str
    decoded: bool
    """Whether pixels are enlarged, and not latents."""


class RequestLimits(BaseModel):
    max_pictures_per_prompt: int
    max_pictures_per_job: int
    max_previews: int
    max_seed: int
    max_wait_s: float
    max_body_bytes: int
    max_upload_bytes: int
    """Bound of a body together with its images, where a route takes images."""
    max_upload_pixels: int


class Capabilities(BaseModel):
    models: list[ModelOut]
    """The default one is the first."""
    unusable_models: list[UnusableModelOut]
    """Models that the server was told to serve and cannot. Its log says why."""
    samplers: list[SamplerOut]
    schedules: list[str]
    upscalers: list[UpscalerOut]
    output_formats: list[str]
    limits: RequestLimits
    features: list[str]


@router.get("/capabilities")
async def capabilities(request: Request) -> Capabilities:
    services = services_of(request)
    served = services.engine.models
    return Capabilities(
        models=[_model(each, each.info, default=index == 0) for index, each in enumerate(served) if each.info],
        unusable_models=[
            UnusableModelOut(id=each.name, error=ModelUnusableError.code)
            for each in served
            if each.status is ModelStatus.FAILED
        ],
        upscalers=[
            UpscalerOut(name=each.name, label=each.label, decoded=each.decoded) for each in upscalers.UPSCALERS.values()
        ],
        samplers=_samplers([each.info for each in served if each.info]),
        schedules=list(SCHEDULES),
        output_formats=list(get_args(ImageFormat)),
        limits=RequestLimits(
            max_pictures_per_prompt=MAX_IMAGES_PER_PROMPT,
            max_pictures_per_job=MAX_JOB_IMAGES,
            max_previews=MAX_PREVIEWS if services.shows_previews else 0,
            max_seed=MAX_SEED,
            max_wait_s=MAX_WAIT_S,
            max_body_bytes=services.max_body_bytes,
            max_upload_bytes=services.max_upload_bytes,
            max_upload_pixels=services.max_upload_pixels,
        ),
        features=[each for each in _FEATURES if each != "previews" or services.shows_previews],
    )


def _model(served: ServedModel, model: ModelInfo, *, default: bool) -> ModelOut:
    width, height = model.sizes[0]
    return ModelOut(
        id=model.name,
        default=default,
        status=served.status,
        wait_s=served.wait_s,
        aliases=list(model.aliases),
        alias_prefixes=list(OPENAI_PREFIXES) if default else [],
        sizes=[SizeOut(width=size[0], height=size[1]) for size in model.sizes],
        prompt_tokens=model.prompt_tokens,
        long_prompt_tokens=model.long_prompt_tokens,
        inputs=list(model.input_kinds),
        required_inputs=list(model.required_inputs),
        samplers=[_limits(each, model) for each in choice.usable(model.samplers)],
        defaults=DefaultsOut(
            width=width,
            height=height,
            num_inference_steps=model.default_steps,
            guidance_scale=model.default_guidance_scale,
            image_guidance_scale=default_image_guidance(model),
            sampler=model.default_sampler,
        ),
        limits=ModelLimits(**asdict(model.limits)),
    )


def _limits(limits: SamplerLimits, model: ModelInfo) -> SamplerLimitsOut:
    return SamplerLimitsOut(
        name=limits.name,
        schedules=list(limits.schedules),
        max_steps=min(limits.max_steps or model.limits.max_steps, model.limits.max_steps),
        impossible_steps=list(limits.impossible_steps),
    )


def _samplers(models: Sequence[ModelInfo]) -> list[SamplerOut]:
    """Returns the samplers and schedules that at least one of the models can use."""
    schedules: dict[str, set[str]] = {}
    for model in models:
        for limits in choice.usable(model.samplers):
            schedules.setdefault(limits.name, set()).update(limits.schedules)
    return [
        SamplerOut(
            name=sampler.name,
            label=sampler.label,
            aliases=list(sampler.aliases),
            schedules=[each for each in sampler.schedules if each in schedules[name]],
            max_steps=sampler.max_steps,
            stochastic=sampler.stochastic,
        )
        for name, sampler in SAMPLERS.items()
        if name in schedules
    ]
