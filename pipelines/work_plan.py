"""Plans the work of an image: which calls it takes, with which images it may share them, and what it holds. Torch-free.

The engine computes prices, estimates, deadlines and memory from a plan, in both of its processes, and knows nothing
else about how an image is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from pipelines import upscalers
from pipelines.input_checks import first_pass, steps_made
from pipelines.interface import UPCAST, UPSCALE, BatchKey, CostKey, NextCall, Stage, TextKey, WorkPlan
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams, HiresFix
from pipelines.sampling.samplers import SAMPLERS

_LATENT_COPIES: Final = 8
"""Copies of the latents in one state: the latents, the sampler's history, and the last call's input and output."""
_INPUT_COPIES: Final = 3
"""Further copies of an image that starts from another one: its latents, its noise, and the mask; or, of an edit, what
each of its rows reads."""
_ROW_COPIES: Final = 2
"""Further copies for a third row: its input and output in the last call."""
_FLOAT_BYTES: Final = 4

_Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""


def plan_whole(find: Callable[[str], ModelInfo], params: GenerationParams) -> WorkPlan:
    """Return the plan of an image with the part that its refiner makes. `find` describes the model of a name."""
    part, rest = plan(find(params.model), params), params.after_switch
    return part if rest is None else part.followed_by(plan_whole(find, rest))


def plan(info: ModelInfo, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
    """Return the plan of the part of an image that one latent diffusion model makes.

    That is the whole of it where the image has no refiner; otherwise its refiner decodes it.
    """
    phase = UPCAST if upcast else ""
    decodes = [decode_call(info, params, phase=phase)] if params.refiner is None else []
    return WorkPlan(
        calls=(
            text_call(info, len(set(texts(info, params)))),
            *([input_call(info, params)] if params.image is not None else []),
            *denoising_calls(info, params, phase=phase),
            *decodes,
        ),
        state_bytes=_state_bytes(info, params),
        steps=first_pass_steps(params) + second_pass_steps(params),
    )


def first_pass_steps(params: GenerationParams) -> int:
    """Return the number of steps of `first_pass`."""
    return len(first_pass(params))


def second_pass_steps(params: GenerationParams) -> int:
    """Return the steps of the second pass of a hires fix."""
    return 0 if params.hires is None else steps_made(params.hires.steps, params.hires.strength)


def total_steps(params: GenerationParams) -> int:
    """Return the steps of all passes of the image and of its refiner, as its progress counts them."""
    rest = params.after_switch
    return first_pass_steps(params) + second_pass_steps(params) + (0 if rest is None else total_steps(rest))


def texts(info: ModelInfo, params: GenerationParams) -> tuple[TextKey, ...]:
    """Return the texts whose conditioning the image needs, in the order of its rows in a UNet call."""
    without_negative = None if info.zeros_without_negative else ""
    negative = without_negative if params.negative_prompt is None else params.negative_prompt
    negatives = 2 if info.reads_image and params.image_guided else int(params.guided)
    rows = (*([] if info.embeds_guidance else [negative] * negatives), params.prompt)
    return tuple(TextKey(info.name, text, params.long_prompt) for text in rows)


def text_call(info: ModelInfo, text_count: int) -> NextCall:
    """Return the call that encodes this many texts of one image."""
    return NextCall(
        BatchKey(Stage.TEXT, info.name, tokens=info.prompt_tokens), CostKey(Stage.TEXT, model=info.name), text_count, 1
    )


def input_call(info: ModelInfo, params: GenerationParams) -> NextCall:
    """Return the call that encodes the image to start from: two rows where the UNet reads what a mask keeps of it."""
    rows = 2 if params.mask is not None and info.reads_kept else 1
    return _call(info, Stage.INPUT, (params.width, params.height), rows, 1)


def denoising_calls(info: ModelInfo, params: GenerationParams, *, phase: str = "") -> Iterator[NextCall]:
    """Yield the first call of each phase from the initial noise to finished latents."""
    final, hires = (params.width, params.height), params.hires
    first = final if hires is None else (hires.width, hires.height)
    yield _denoise_call(info, params, first, _unet_calls(params, params.steps, first_pass(params)), phase)
    if hires is None:
        return
    if _is_decoded(hires):
        yield _call(info, Stage.INPUT, final, 1, 1, UPSCALE)
    second = range(hires.steps - second_pass_steps(params), hires.steps)
    yield _denoise_call(info, params, final, _unet_calls(params, hires.steps, second), phase)


def _fixed_tokens(info: ModelInfo, params: GenerationParams) -> int:
    """Return the length that all rows of the image's calls have, or 0 where it is that of the call's longest row."""
    if not info.pads_long_prompts:
        return 0
    return info.long_prompt_tokens if params.long_prompt else info.prompt_tokens


def decode_call(info: ModelInfo, params: GenerationParams, *, phase: str = "") -> NextCall:
    """Return the call that decodes the image's finished latents."""
    return _call(info, Stage.DECODE, (params.width, params.height), 1, 1, phase)


def _denoise_call(info: ModelInfo, params: GenerationParams, size: _Size, calls_left: int, phase: str) -> NextCall:
    """Return a UNet call: one row for each of the image's texts."""
    rows = len(texts(info, params))
    return _call(info, Stage.DENOISE, size, rows, calls_left, phase, _fixed_tokens(info, params))


def _call(
    info: ModelInfo, stage: Stage, size: _Size, rows: int, calls_left: int, phase: str = "", tokens: int = 0
) -> NextCall:
    width, height = size
    return NextCall(
        BatchKey(stage, info.name, height // info.latent_scale, width // info.latent_scale, tokens, phase),
        CostKey(stage, width, height, phase, info.name),
        rows,
        calls_left,
    )


def _unet_calls(params: GenerationParams, steps: int, made: range) -> int:
    """Return the number of UNet calls of the steps `made` out of so many."""
    sampler = SAMPLERS.get(params.sampler)
    return len(sampler.call_range(made, steps)) if sampler else len(made)


def _is_decoded(hires: HiresFix) -> bool:
    upscaler = upscalers.UPSCALERS.find(hires.upscaler)
    return upscaler is not None and upscaler.decoded


def _state_bytes(info: ModelInfo, params: GenerationParams) -> int:
    """Return an upper bound on the bytes of a state: a sampler with history, and float32 throughout."""
    latents = params.width * params.height // info.latent_scale**2 * info.latent_channels
    rows = len(texts(info, params))
    copies = _LATENT_COPIES + (0 if params.image is None else _INPUT_COPIES) + (_ROW_COPIES if rows > 2 else 0)
    tokens = info.long_prompt_tokens if params.long_prompt else info.prompt_tokens
    row = tokens * info.text_features + info.added_features
    passes = 1 if params.hires is None else 2
    return _FLOAT_BYTES * (copies * latents + passes * rows * row)
