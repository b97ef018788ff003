"""Turns a request of any dialect into the parameters of its images: fills in defaults, checks bounds, draws seeds."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, Final

from pydantic import TypeAdapter

from pipelines import input_checks, upscalers
from pipelines.errors import InvalidParamsError
from pipelines.model_info import ModelInfo
from pipelines.params import INTERNAL, GenerationParams, HiresFix, Refiner
from pipelines.sampling import choice
from service.api.generation.model_names import FindModel, find_no_model
from service.api.generation.prepared_inputs import NO_INPUTS, PreparedInputs
from service.api.generation.request import GenerationRequest, HiresRequest, RefinerRequest
from service.api.generation.sizes import enlarged, size_for
from service.api.http.fields import MAX_SEED
from service.api.http.request_body import Refuse, inlined
from service.engine.types import Size
from service.errors import UnknownModelError

NO_GUIDANCE: Final = 1.0
_RANDOM_SEEDS: Final = 2**32
"""Random seeds are smaller than this, so that they stay exact in JavaScript's numbers."""
_STRENGTH_WITHOUT_MASK: Final = 0.75
"""Strength where none is asked for. With a mask it is 1: what is repainted is painted from noise."""
_IMAGE_GUIDANCE_SCALE: Final = 1.5
"""The default of diffusers' StableDiffusionInstructPix2PixPipeline."""
_HIRES_SCALE: Final = 2.0
_LATENT_STRENGTH: Final = 0.7
_DECODED_STRENGTH: Final = 0.5
"""Strengths of the second pass of the hires fix: enlarged latents lie further from an image than enlarged pixels."""
_WIRE_NAMES: Final = {"steps": "num_inference_steps"}
"""Parameters that have another name on the wire, and that name."""
_SHARED: Final = {
    field.name: _WIRE_NAMES.get(field.name, field.name)
    for field in fields(GenerationParams)
    if field.name not in ("prompt", "seed", "model", *INTERNAL)
}
"""Parameters that all images of one request share, and their names on the wire."""


def resolve(
    request: GenerationRequest,
    prompts: Sequence[str],
    size: Size,
    model: ModelInfo,
    refuse: Refuse,
    *,
    shared_seeds: bool = False,
    inputs: PreparedInputs = NO_INPUTS,
    find_model: FindModel = find_no_model,
) -> list[GenerationParams]:
    """Returns the parameters of each image: `request.n` for each prompt, in the order of the prompts.

    `model` is the one that the request names, and `size` one that it can draw; `find_model` finds others. Seeds are
    counted up from image to image or, with `shared_seeds`, within each prompt alone. Raises what `refuse` makes.
    """
    _check_bounds(request, prompts, model, refuse)
    steps = request.num_inference_steps or model.default_steps
    sampler, schedule = _sampler(request, model, steps, refuse)
    guidance_scale = model.default_guidance_scale if request.guidance_scale is None else request.guidance_scale
    rescale = model.default_guidance_rescale if request.guidance_rescale is None else request.guidance_rescale
    first = GenerationParams(
        model=model.name,
        prompt=prompts[0],
        negative_prompt=request.negative_prompt,
        width=size[0],
        height=size[1],
        steps=steps,
        guidance_scale=_effective(guidance_scale, model),
        seed=_first_seed(request, request.n * (1 if shared_seeds else len(prompts)), refuse),
        sampler=sampler,
        schedule=schedule,
        guidance_rescale=rescale,
        original_size=_pair(request.original_size),
        crop=_pair(request.crop) or (0, 0),
        target_size=_pair(request.target_size),
        image=inputs.image,
        mask=inputs.mask,
        strength=_strength(inputs, steps, model),
        image_guidance_scale=request.image_guidance_scale or default_image_guidance(model),
        keep_unmasked=inputs.keep_unmasked,
        hires=_hires(request.hires, size, steps, model, refuse),
        long_prompt=request.long_prompt,
    )
    _check_input_parameters(first, model, refuse)
    if request.refiner is not None:
        first = _with_refiner(first, request.refiner, model, find_model, refuse)
    return [
        replace(first, prompt=prompt, seed=first.seed + i + (0 if shared_seeds else prompt_index * request.n))
        for prompt_index, prompt in enumerate(prompts)
        for i in range(request.n)
    ]


def default_size(request: GenerationRequest, model: ModelInfo, upload: Size | None) -> Size:
    """Returns the size of images for which no size is asked. `upload` is the size of the image that they start from."""
    if upload is not None:
        return size_for(upload, model)
    hires = request.hires
    if hires is None:
        return model.sizes[0]
    first = (hires.width, hires.height) if hires.width and hires.height else model.sizes[0]
    return enlarged(first, hires.scale or _HIRES_SCALE, model.limits)


def _effective(guidance_scale: float, model: ModelInfo) -> float:
    """Returns 1 for all scales that turn guidance off. For models that take the scale as an input none does."""
    return guidance_scale if model.embeds_guidance else max(guidance_scale, NO_GUIDANCE)


def default_image_guidance(model: ModelInfo) -> float:
    """Returns how strongly edits are guided by their image. Models that make no edits have no such guidance."""
    return _IMAGE_GUIDANCE_SCALE if model.reads_image else NO_GUIDANCE


def shared_settings(params: GenerationParams) -> dict[str, Any]:
    """Returns what all images of one request have in common, under the names that requests use."""
    return {wire_name: getattr(params, name) for name, wire_name in _SHARED.items()}


def shared_settings_schema() -> dict[str, Any]:
    """Returns the JSON Schema of each value of `shared_settings`."""
    properties = inlined(TypeAdapter(GenerationParams).json_schema())["properties"]
    return {wire_name: _without_default(properties[name]) for name, wire_name in _SHARED.items()}


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "default"}


def _first_seed(request: GenerationRequest, count: int, refuse: Refuse) -> int:
    if request.seed is None or request.seed == -1:
        return secrets.randbelow(_RANDOM_SEEDS)
    if request.seed > MAX_SEED - (count - 1):
        raise refuse("seed", f"Must leave the last image's seed, which is counted up from it, at most {MAX_SEED}.")
    return request.seed


def _check_bounds(request: GenerationRequest, prompts: Sequence[str], model: ModelInfo, refuse: Refuse) -> None:
    limits = model.limits
    for field, text in (("prompt", max(prompts, key=len)), ("negative_prompt", request.negative_prompt or "")):
        if len(text) > limits.max_prompt_chars:
            raise refuse(field, f"Must have at most {limits.max_prompt_chars} characters.")
    if (request.num_inference_steps or 1) > limits.max_steps:
        raise refuse("num_inference_steps", f"Must be at most {limits.max_steps} for this model.")
    if (request.guidance_scale or 0) > limits.max_guidance_scale:
        raise refuse("guidance_scale", f"Must be at most {limits.max_guidance_scale:g} for this model.")
    _check_image_guidance(request.image_guidance_scale or NO_GUIDANCE, model, refuse)


def _check_image_guidance(scale: float, model: ModelInfo, refuse: Refuse) -> None:
    if scale > NO_GUIDANCE and not model.reads_image:
        raise refuse("image_guidance_scale", "This model is not guided by an image.")
    if scale > model.limits.max_guidance_scale:
        raise refuse("image_guidance_scale", f"Must be at most {model.limits.max_guidance_scale:g} for this model.")


def _pair(values: list[int] | None) -> tuple[int, int] | None:
    return None if values is None else (values[0], values[1])


def _strength(inputs: PreparedInputs, steps: int, model: ModelInfo) -> float:
    if inputs.strength is not None or model.reads_image:
        return inputs.strength or 1.0
    leaves_some = input_checks.steps_made(steps, _STRENGTH_WITHOUT_MASK) > 0
    return _STRENGTH_WITHOUT_MASK if inputs.image and not inputs.mask and leaves_some else 1.0


def _hires(request: HiresRequest | None, size: Size, steps: int, model: ModelInfo, refuse: Refuse) -> HiresFix | None:
    if request is None:
        return None
    if (request.width is None) is not (request.height is None) or (request.width and request.scale):
        raise refuse("hires", "Must have scale, or width and height.")
    try:
        upscaler = upscalers.find(request.upscaler)
    except InvalidParamsError as error:
        raise refuse(error.field, str(error)) from None
    scale = request.scale or _HIRES_SCALE
    width, height = (max(1, round(side / scale / model.limits.side_multiple)) for side in size)
    return HiresFix(
        width=request.width or width * model.limits.side_multiple,
        height=request.height or height * model.limits.side_multiple,
        steps=request.steps or steps,
        strength=request.strength or (_DECODED_STRENGTH if upscaler.decoded else _LATENT_STRENGTH),
        upscaler=upscaler.name,
    )


def _check_input_parameters(params: GenerationParams, model: ModelInfo, refuse: Refuse) -> None:
    try:
        input_checks.check(model, params)
    except InvalidParamsError as error:
        raise refuse(error.field, str(error)) from None


def _with_refiner(
    params: GenerationParams, request: RefinerRequest, model: ModelInfo, find_model: FindModel, refuse: Refuse
) -> GenerationParams:
    try:
        refiner = find_model(request.model)
        params = replace(params, refiner=Refiner(model=refiner.name, switch_at=request.switch_at))
        input_checks.check_refiner(model, refiner, params)
    except (UnknownModelError, InvalidParamsError) as error:
        raise refuse("refiner", str(error)) from None
    return params


def _sampler(request: GenerationRequest, model: ModelInfo, steps: int, refuse: Refuse) -> tuple[str, str | None]:
    name = model.default_sampler if request.sampler is None else request.sampler
    try:
        sampler, schedule = choice.choose(model.samplers, name, request.schedule, steps)
    except InvalidParamsError as error:
        raise refuse(_WIRE_NAMES.get(error.field, error.field), str(error).removesuffix(".")) from None
    return sampler.name, schedule
