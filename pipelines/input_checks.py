"""Checks of what an image starts from: an upload, its mask and strength, a first pass, or another model. Torch-free.

A pipeline refuses with them where it begins an image; a server may use them before it admits one.
"""

from __future__ import annotations

from pipelines import upscalers
from pipelines.errors import InvalidParamsError
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams, HiresFix
from pipelines.sampling import choice


def check(info: ModelInfo, params: GenerationParams) -> None:
    """Raise `InvalidParamsError` where this model cannot start from what the parameters name."""
    if params.image is None:
        _check_without_image(info, params)
    else:
        _check_image(info, params)
    if params.hires is not None:
        _check_hires(info, params, params.hires)


def check_refiner(info: ModelInfo, refiner: ModelInfo, params: GenerationParams) -> None:
    """Raise `InvalidParamsError` where `refiner` cannot go on with an image that the first model begins."""
    after = params.after_switch
    assert after is not None, "the image has a refiner"
    if refiner.name == info.name:
        raise InvalidParamsError("refiner", "The refiner must be another model than the image's own.")
    if refiner.latent_space != info.latent_space:
        raise InvalidParamsError("refiner", "The two models do not have the same latents or the same noise.")
    if info.required_inputs or refiner.required_inputs:
        raise InvalidParamsError("refiner", "A model that repaints or edits an image works alone.")
    if params.hires is not None:
        raise InvalidParamsError("refiner", "An image is made either with a hires fix or with a refiner.")
    limits = refiner.limits
    if params.steps > limits.max_steps or params.width * params.height > limits.max_pixels:
        raise InvalidParamsError(
            "refiner", f"The refiner takes at most {limits.max_steps} steps and {limits.max_pixels} pixels."
        )
    choice.choose(refiner.samplers, params.sampler, params.schedule, params.steps)
    if not params.taken_over_at < params.switch_step < params.steps or not len(first_pass(params)):
        raise InvalidParamsError("refiner", f"Of the {params.steps} steps, each model must make at least one.")


def first_pass(params: GenerationParams) -> range:
    """Return the steps that the image's own model makes, of `params.steps`, without the second pass of a hires fix."""
    skipped = 0 if params.image is None else params.steps - steps_made(params.steps, params.strength)
    return range(max(skipped, params.taken_over_at), params.switch_step)


def steps_made(steps: int, strength: float) -> int:
    """Return how many of an image's steps are made at a strength, as diffusers counts them: the last ones."""
    return min(int(steps * strength), steps)


def _check_without_image(info: ModelInfo, params: GenerationParams) -> None:
    if params.mask is not None:
        raise InvalidParamsError("mask", "A mask needs an image whose parts it repaints.")
    if info.reads_kept:
        raise InvalidParamsError("image", "This model repaints parts of an image: it needs an image and a mask.")
    if info.reads_image:
        raise InvalidParamsError("image", "This model edits an image as the prompt says: it needs an image.")


def _check_image(info: ModelInfo, params: GenerationParams) -> None:
    if "image" not in info.input_kinds:
        raise InvalidParamsError("image", "This model takes no image to start from.")
    if params.mask is not None and "mask" not in info.input_kinds:
        raise InvalidParamsError("mask", "This model takes no mask.")
    if params.mask is None and info.reads_kept:
        raise InvalidParamsError("mask", "This model repaints parts of an image: it needs a mask.")
    if params.hires is not None:
        raise InvalidParamsError("hires", "An image that starts from another one is made in one pass.")
    if info.reads_image and params.strength != 1:
        raise InvalidParamsError("strength", "This model makes every step of an edit from noise: it must be 1.")
    _check_strength("strength", params.steps, params.strength)


def _check_strength(field: str, steps: int, strength: float) -> None:
    if not 0 < strength <= 1:
        raise InvalidParamsError(field, "The strength must be above 0 and at most 1.")
    if not steps_made(steps, strength):
        raise InvalidParamsError(field, f"At this strength, none of the {steps} steps would be made.")


def _check_hires(info: ModelInfo, params: GenerationParams, hires: HiresFix) -> None:
    upscalers.find(hires.upscaler)
    limits = info.limits
    if hires.steps > limits.max_steps:
        raise InvalidParamsError("hires", f"The second pass takes at most {limits.max_steps} steps.")
    try:
        choice.choose(info.samplers, params.sampler, params.schedule, hires.steps)
    except InvalidParamsError as error:
        raise InvalidParamsError("hires" if error.field == "steps" else error.field, str(error)) from error
    _check_strength("hires", hires.steps, hires.strength)
    for side, final_side in ((hires.width, params.width), (hires.height, params.height)):
        if side % limits.side_multiple or not limits.min_side <= side <= final_side:
            raise InvalidParamsError(
                "hires",
                f"The sides of the first pass must be multiples of {limits.side_multiple}, at least {limits.min_side}, "
                "and no longer than those of the image.",
            )
    if (hires.width, hires.height) == (params.width, params.height):
        raise InvalidParamsError("hires", "The first pass must be smaller than the image.")
