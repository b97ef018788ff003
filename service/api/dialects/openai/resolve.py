"""From what a caller asked of /v1 to the images that the engine is to make: what is not there, sizes, counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from service.api.dialects.openai.schemas import ParsedRequest
from service.api.generation.model_names import check_model
from service.api.generation.resolve import Wanted, requested_seed, resolve
from service.api.generation.sizes import nearest_size, parse_size, spell
from service.engine.types import Priority, Size


@dataclass(frozen=True, slots=True)
class Plan:
    images: tuple[GenerationParams, ...]
    """One an image, alike but for their seeds."""
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
    if request.background == "transparent":
        raise parsed.refusal("background", "Images have no transparency; background may be opaque or auto.")
    size, adjusted = _size(parsed, model)
    count = request.n or 1
    wanted = Wanted(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt or "",
        size=size,
        steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        sampler=request.sampler,
        schedule=request.schedule,
        seed=requested_seed(request.seed, count, parsed.refusal),
    )
    first = resolve(wanted, model, parsed.refusal)
    return Plan(
        tuple(replace(first, seed=first.seed + index) for index in range(count)),
        previews=(request.partial_images or 0) if request.stream else 0,
        priority=Priority(request.priority or Priority.INTERACTIVE),
        deadline_s=request.deadline_s,
        adjusted=adjusted,
    )


def _size(parsed: ParsedRequest, model: ModelInfo) -> tuple[Size, str]:
    text = parsed.request.size
    if text is None or text == "auto":
        return model.sizes[0], ""
    wanted = parse_size(text)
    if wanted is None:
        raise parsed.refusal("size", "size must be WIDTHxHEIGHT in pixels, or auto.")
    size = nearest_size(wanted, model)
    return size, "" if size == wanted else f"size={spell(size)}"
