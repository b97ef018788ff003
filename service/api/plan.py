"""From what a caller asked of /v1 to the pictures that the engine is to make: defaults, bounds, sizes, seeds."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from pipelines import samplers
from pipelines.errors import InvalidParamsError
from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from service.api.models import check_model
from service.api.schemas import MAX_SEED, ParsedRequest
from service.api.sizes import Size, nearest_size, parse_size, spell
from service.engine.events import Priority

_RANDOM_SEEDS: Final = 2**32
"""Seeds that we draw stay exact in JavaScript's numbers."""


@dataclass(frozen=True, slots=True)
class Plan:
    pictures: tuple[GenerationParams, ...]
    """One a picture, alike but for their seeds."""
    previews: int
    priority: Priority
    deadline_s: float | None
    """Seconds after which the caller has no more use for them."""
    adjusted: str
    """`field=value` where the model cannot do what was asked and the nearest was taken; else empty."""


def plan(parsed: ParsedRequest, model: ModelInfo) -> Plan:
    """Raises `InvalidRequestError` and `UnknownModelError`, naming the field as the caller spelled it."""
    request = parsed.request
    if request.model is not None:
        check_model(request.model, model)
    _refuse_what_is_not_there(parsed)
    _check_lengths(parsed, model)
    size, adjusted = _size(parsed, model)
    steps = request.num_inference_steps or model.default_steps
    sampler, schedule = _sampler(parsed, model, steps)
    first_seed, count = _first_seed(parsed), request.n or 1
    pictures = tuple(
        GenerationParams(
            prompt=request.prompt,
            negative_prompt=request.negative_prompt or "",
            width=size[0],
            height=size[1],
            steps=steps,
            guidance_scale=model.default_guidance_scale if request.guidance_scale is None else request.guidance_scale,
            seed=first_seed + index,
            sampler=sampler,
            schedule=schedule,
        )
        for index in range(count)
    )
    return Plan(
        pictures,
        previews=(request.partial_images or 0) if request.stream else 0,
        priority=Priority(request.priority or Priority.INTERACTIVE),
        deadline_s=request.deadline_s,
        adjusted=adjusted,
    )


def _refuse_what_is_not_there(parsed: ParsedRequest) -> None:
    """What would give another kind of answer than the caller counts on."""
    if parsed.request.background == "transparent":
        raise parsed.refusal("background", "Pictures have no transparency; background may be opaque or auto.")
    if parsed.request.response_format == "url":
        raise parsed.refusal("response_format", "Pictures are not stored; response_format may be b64_json.")


def _check_lengths(parsed: ParsedRequest, model: ModelInfo) -> None:
    request, limits = parsed.request, model.limits
    for field, text in (("prompt", request.prompt), ("negative_prompt", request.negative_prompt or "")):
        if len(text) > limits.max_prompt_chars:
            raise parsed.refusal(field, f"{field} may have at most {limits.max_prompt_chars} characters.")
    if (request.num_inference_steps or 1) > limits.max_steps:
        raise parsed.refusal("num_inference_steps", f"The model makes at most {limits.max_steps} steps.")
    if (request.guidance_scale or 0) > limits.max_guidance_scale:
        raise parsed.refusal("guidance_scale", f"The guidance scale may be at most {limits.max_guidance_scale:g}.")


def _size(parsed: ParsedRequest, model: ModelInfo) -> tuple[Size, str]:
    text = parsed.request.size
    if text is None or text == "auto":
        return model.sizes[0], ""
    wanted = parse_size(text)
    if wanted is None:
        raise parsed.refusal("size", "size must be WIDTHxHEIGHT in pixels, or auto.")
    size = nearest_size(wanted, model)
    return size, "" if size == wanted else f"size={spell(size)}"


def _sampler(parsed: ParsedRequest, model: ModelInfo, steps: int) -> tuple[str, str | None]:
    request = parsed.request
    try:
        sampler, schedule = samplers.find(request.sampler or model.default_sampler, request.schedule)
    except InvalidParamsError as error:
        raise parsed.refusal(error.field, str(error)) from None
    if sampler.max_steps is not None and steps > sampler.max_steps:
        raise parsed.refusal("num_inference_steps", f"{sampler.name} makes at most {sampler.max_steps} steps.")
    return sampler.name, schedule


def _first_seed(parsed: ParsedRequest) -> int:
    seed, count = parsed.request.seed, parsed.request.n or 1
    if seed is None or seed == -1:
        return secrets.randbelow(_RANDOM_SEEDS)
    if seed > MAX_SEED - (count - 1):
        raise parsed.refusal("seed", f"The last picture's seed, seed + n - 1, may be at most {MAX_SEED}.")
    return seed
