"""Images that diffusers' own pipelines make from other images, under masks, and in two passes."""

from __future__ import annotations

import inspect
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
)
from PIL import Image
from torch import Tensor

from pipelines import upscalers
from pipelines.families.latent_diffusion.starts.upscaling import enlarge
from pipelines.interface import InputPixels
from pipelines.params import GenerationParams
from tests.harness.engine import uploads
from tests.harness.models import diffusers_reference

_FROM_IMAGE: Final = {True: StableDiffusionXLImg2ImgPipeline, False: StableDiffusionImg2ImgPipeline}
_UNDER_MASK: Final = {True: StableDiffusionXLInpaintPipeline, False: StableDiffusionInpaintPipeline}
"""The pipelines of Stable Diffusion XL, and those of 1.x and 2.x."""


def latents(theirs: Any, params: GenerationParams) -> Tensor:
    """Return the finished latents of an image, whatever it starts from, with the pipeline's own scheduler."""
    if params.hires is not None:
        return _in_two_passes(theirs, params)
    if params.image is None:
        return diffusers_reference.latents(theirs, params)
    image, *mask = [_to_pil(pixels) for pixels in uploads.inputs_of(params)]
    if "image_guidance_scale" in inspect.signature(theirs.__call__).parameters:
        image_scale = params.image_guidance_scale
        return diffusers_reference.latents(theirs, params, image=image, image_guidance_scale=image_scale)
    if mask:
        pipeline = _sharing(theirs, _UNDER_MASK)
        return diffusers_reference.latents(pipeline, params, image=image, mask_image=mask[0], strength=params.strength)
    return diffusers_reference.latents(_sharing(theirs, _FROM_IMAGE), params, image=image, strength=params.strength)


def _in_two_passes(theirs: Any, params: GenerationParams) -> Tensor:
    hires = params.hires
    assert hires is not None
    generator = torch.Generator("cpu").manual_seed(params.seed)
    first = diffusers_reference.latents(theirs, params, width=hires.width, height=hires.height, generator=generator)
    return diffusers_reference.latents(
        _sharing(theirs, _FROM_IMAGE),
        params,
        image=_enlarged(theirs, first, params),
        strength=hires.strength,
        num_inference_steps=hires.steps,
        generator=generator,
    )


def _enlarged(theirs: Any, first: Tensor, params: GenerationParams) -> Tensor:
    """Return larger latents, or the larger image in 0 to 1."""
    assert params.hires is not None
    upscaler = upscalers.find(params.hires.upscaler)
    if upscaler.decoded:
        with torch.inference_mode():
            image = theirs.vae.decode(first / theirs.vae.config.scaling_factor).sample
        return (enlarge(image, upscaler, params.height, params.width) / 2 + 0.5).clamp(0, 1)
    antialias = {"antialias": True} if upscaler.antialias else {}
    return F.interpolate(first, (params.height // 8, params.width // 8), mode=upscaler.mode, **antialias)


def _sharing(theirs: Any, classes: dict[bool, Any]) -> Any:
    """Return a pipeline with the same components and scheduler."""
    is_xl = hasattr(theirs, "text_encoder_2")
    made = classes[is_xl](**theirs.components, **({} if is_xl else {"requires_safety_checker": False}))
    made.set_progress_bar_config(disable=True)
    return made


def _to_pil(pixels: InputPixels) -> Image.Image:
    mode = "RGB" if pixels.channels == 3 else "L"
    return Image.frombytes(mode, (pixels.width, pixels.height), pixels.pixels)
