"""Plans the work of an image: which calls it takes, with which images it may share them, and what it holds. Torch-free.

The engine computes prices, estimates, deadlines and memory from a plan, in both of its processes, and knows nothing
else about how an image is made.
"""

from __future__ import annotations

from typing import Final

from pipelines.interface import UPCAST, BatchKey, CostKey, ModelInfo, NextCall, Stage, TextKey, WorkPlan
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS

_LATENT_COPIES: Final = 8
"""Copies of the latents in one state: the latents, the sampler's history, and the last call's input and output."""
_FLOAT_BYTES: Final = 4


def plan(info: ModelInfo, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
    """Return the plan of an image that a latent diffusion model makes."""
    phase = UPCAST if upcast else ""
    return WorkPlan(
        calls=(
            text_call(info, len(set(texts(info, params)))),
            denoise_call(info, params, unet_calls(params), phase=phase),
            decode_call(info, params, phase=phase),
        ),
        state_bytes=_state_bytes(info, params),
    )


def texts(info: ModelInfo, params: GenerationParams) -> tuple[TextKey, ...]:
    """Return the texts whose conditioning the image needs, in the order of its rows in a UNet call."""
    without_negative = None if info.zeros_without_negative else ""
    negative = without_negative if params.negative_prompt is None else params.negative_prompt
    rows = (negative, params.prompt) if params.guided else (params.prompt,)
    return tuple(TextKey(info.name, text, params.long_prompt) for text in rows)


def text_call(info: ModelInfo, texts: int) -> NextCall:
    """Return the call that encodes this many texts of one image."""
    return NextCall(
        BatchKey(Stage.TEXT, info.name, tokens=info.prompt_tokens), CostKey(Stage.TEXT, model=info.name), texts, 1
    )


def denoise_call(info: ModelInfo, params: GenerationParams, calls_left: int, *, phase: str = "") -> NextCall:
    """Return the image's next UNet call: one row for each of its texts."""
    height, width = params.height // info.latent_scale, params.width // info.latent_scale
    return NextCall(
        BatchKey(Stage.DENOISE, info.name, height, width, info.prompt_tokens, phase),
        CostKey(Stage.DENOISE, params.width, params.height, phase, info.name),
        rows=len(texts(info, params)),
        calls_left=calls_left,
    )


def decode_call(info: ModelInfo, params: GenerationParams, *, phase: str = "") -> NextCall:
    """Return the call that decodes the image's finished latents."""
    height, width = params.height // info.latent_scale, params.width // info.latent_scale
    return NextCall(
        BatchKey(Stage.DECODE, info.name, height, width, phase=phase),
        CostKey(Stage.DECODE, params.width, params.height, phase, info.name),
        rows=1,
        calls_left=1,
    )


def unet_calls(params: GenerationParams) -> int:
    """Return the number of UNet calls from the first noise to finished latents."""
    sampler = SAMPLERS.get(params.sampler)
    return sampler.calls(params.steps) if sampler else params.steps


def _state_bytes(info: ModelInfo, params: GenerationParams) -> int:
    """Return an upper bound on the bytes of a state: a sampler with history, and float32 throughout."""
    latents = params.width * params.height // info.latent_scale**2 * info.latent_channels
    return _FLOAT_BYTES * (
        _LATENT_COPIES * latents + len(texts(info, params)) * info.prompt_tokens * info.text_features
    )
