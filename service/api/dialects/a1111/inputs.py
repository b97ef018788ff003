"""The image and the mask of a request to /sdapi/v1/img2img, read as the web UI reads them."""

from __future__ import annotations

import asyncio

from pipelines.input_checks import steps_made
from pipelines.model_info import ModelInfo
from service.api.dialects.a1111.schemas import Img2ImgRequest
from service.api.generation.inputs import DecodedInputs, InputReader
from service.api.generation.prepared_inputs import Judge, judge_undecoded
from service.api.http.request_body import Parsed
from service.images.inputs.preparation import drawn_mask
from service.images.inputs.raster import Raster

_STRENGTH = 0.75


def resize_mode(request: Img2ImgRequest) -> str:
    """The name that the server has for the resize_mode. It fills no edges, as the web UI does with mode 2."""
    return "crop" if request.resize_mode in (1, 2) else "stretch"


async def read_inputs(
    reader: InputReader, parsed: Parsed[Img2ImgRequest], model: ModelInfo, tenant: str, judge: Judge
) -> DecodedInputs:
    """Raises `InvalidRequestError`, before anything is decoded where the model takes no such input or `judge` refuses
    the rest of the request, and what `InputReader.place` raises.
    """
    request = parsed.request
    if "image" not in model.input_kinds:
        raise parsed.refusal("init_images", "This model takes no image to start from.")
    if request.mask and "mask" not in model.input_kinds:
        raise parsed.refusal("mask", "This model takes no mask.")
    strength = _strength(request, model)
    judge_undecoded(judge, model, mask=bool(request.mask), strength=strength)
    async with reader.place(tenant):
        image = await reader.raster(request.init_images[0], tenant, "init_images", parsed.refusal)
        mask: Raster | None = None
        if request.mask:
            drawn = await reader.raster(request.mask, tenant, "mask", parsed.refusal)
            inverted = request.inpainting_mask_invert == 1
            mask = await asyncio.to_thread(drawn_mask, drawn, image.size, inverted=inverted)
    return DecodedInputs(image, mask, strength, keep_unmasked=mask is not None)


def _strength(request: Img2ImgRequest, model: ModelInfo) -> float | None:
    """The strength that was asked for or, where it makes no step, the least one that does."""
    if model.reads_image:
        return None  # Edits by instructions know no strength.
    steps = request.num_inference_steps or model.default_steps
    asked = _STRENGTH if request.denoising_strength is None else request.denoising_strength
    return asked if steps_made(steps, asked) else min(1.0, 1.001 / steps)
