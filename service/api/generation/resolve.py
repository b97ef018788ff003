"""From what a caller asked of an image to its parameters, whatever the dialect: defaults, bounds, seeds."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pipelines.errors import InvalidParamsError
from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from pipelines.sampling import samplers
from service.api.http.fields import MAX_SEED
from service.engine.types import Size
from service.errors import InvalidRequestError

_RANDOM_SEEDS: Final = 2**32
"""Seeds that we draw stay exact in JavaScript's numbers."""

Refuse = Callable[[str, str], InvalidRequestError]
"""Makes the error about a field, by our name for it, with a message for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """None is the model's default, or a seed drawn at random."""

    prompt: str
    negative_prompt: str
    size: Size
    """One that the model can draw."""
    steps: int | None
    guidance_scale: float | None
    sampler: str | None
    schedule: str | None
    seed: int | None


def resolve(wanted: Wanted, model: ModelInfo, refuse: Refuse) -> GenerationParams:
    """The parameters of the first image. Raises what `refuse` makes."""
    _check_bounds(wanted, model, refuse)
    steps = wanted.steps or model.default_steps
    sampler, schedule = _sampler(wanted, model, steps, refuse)
    return GenerationParams(
        prompt=wanted.prompt,
        negative_prompt=wanted.negative_prompt,
        width=wanted.size[0],
        height=wanted.size[1],
        steps=steps,
        guidance_scale=model.default_guidance_scale if wanted.guidance_scale is None else wanted.guidance_scale,
        seed=secrets.randbelow(_RANDOM_SEEDS) if wanted.seed is None else wanted.seed,
        sampler=sampler,
        schedule=schedule,
    )


def requested_seed(seed: int | None, count: int, refuse: Refuse) -> int | None:
    """The seed that was asked for, where images up to `seed` + `count` - 1 can be made; None for -1, as for none."""
    if seed is None or seed == -1:
        return None
    if seed > MAX_SEED - (count - 1):
        raise refuse("seed", f"The last image's seed, seed + n - 1, may be at most {MAX_SEED}.")
    return seed


def _check_bounds(wanted: Wanted, model: ModelInfo, refuse: Refuse) -> None:
    limits = model.limits
    for field, text in (("prompt", wanted.prompt), ("negative_prompt", wanted.negative_prompt)):
        if len(text) > limits.max_prompt_chars:
            raise refuse(field, f"{field} may have at most {limits.max_prompt_chars} characters.")
    if (wanted.steps or 1) > limits.max_steps:
        raise refuse("num_inference_steps", f"The model makes at most {limits.max_steps} steps.")
    if (wanted.guidance_scale or 0) > limits.max_guidance_scale:
        raise refuse("guidance_scale", f"The guidance scale may be at most {limits.max_guidance_scale:g}.")


def _sampler(wanted: Wanted, model: ModelInfo, steps: int, refuse: Refuse) -> tuple[str, str | None]:
    try:
        sampler, schedule = samplers.find(wanted.sampler or model.default_sampler, wanted.schedule)
    except InvalidParamsError as error:
        raise refuse(error.field, str(error)) from None
    if sampler.max_steps is not None and steps > sampler.max_steps:
        raise refuse("num_inference_steps", f"{sampler.name} makes at most {sampler.max_steps} steps.")
    return sampler.name, schedule
