"""From what a caller asked of /api/v1/jobs to the job: which prompts, which seeds, what the model can do."""

from __future__ import annotations

from dataclasses import replace

from pipelines.interface import ModelInfo
from service.api.dialects.jobs.schemas import MAX_JOB_IMAGES, JobRequest
from service.api.generation.model_names import check_model
from service.api.generation.prompt_matrix import Combination, TooManyCombinationsError, combinations
from service.api.generation.resolve import Wanted, requested_seed, resolve
from service.api.generation.sizes import can_draw, spell
from service.engine.types import Priority, Size
from service.errors import Problem, UnprocessableError
from service.images.encoding import ImageFormat
from service.jobs.records import ImageSpec, JobSpec


def job_spec(request: JobRequest, model: ModelInfo, accepted: ImageFormat | None) -> JobSpec:
    """`accepted` is the format that the caller would take where the body names none.

    Raises `UnprocessableError` and `UnknownModelError`.
    """
    if request.model is not None:
        check_model(request.model, model)
    prompts = _prompts(request)
    if len(prompts) * request.n > MAX_JOB_IMAGES:
        raise refuse("n", f"A job makes at most {MAX_JOB_IMAGES} images.")
    count = request.n if request.prompt_matrix else request.n * len(prompts)
    wanted = Wanted(
        prompt=max((prompt.prompt for prompt in prompts), key=len),
        negative_prompt=request.negative_prompt,
        size=_size(request, model),
        steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        sampler=request.sampler,
        schedule=request.schedule,
        seed=requested_seed(request.seed, count, refuse),
    )
    first = resolve(wanted, model, refuse)
    images = [
        ImageSpec(
            replace(
                first, prompt=prompt.prompt, seed=first.seed + (0 if request.prompt_matrix else which * request.n) + i
            ),
            prompt.position,
        )
        for which, prompt in enumerate(prompts)
        for i in range(request.n)
    ]
    return JobSpec(
        model=model.name,
        images=tuple(images),
        output_format=request.output_format or accepted or "png",
        output_compression=request.output_compression,
        previews=request.previews,
        priority=Priority(request.priority),
        deadline_s=request.deadline_s,
    )


def refuse(field: str, message: str) -> UnprocessableError:
    return UnprocessableError(message, problems=(Problem(f"/{field}", message),))


def _prompts(request: JobRequest) -> list[Combination]:
    if not request.prompt_matrix:
        return [Combination(text, ()) for text in request.prompt]
    try:
        prompts = [each for text in request.prompt for each in combinations(text, at_most=MAX_JOB_IMAGES)]
    except TooManyCombinationsError:
        raise refuse("prompt", f"A job makes at most {MAX_JOB_IMAGES} images.") from None
    if not all(each.prompt for each in prompts):
        raise refuse("prompt", "A combination of the alternatives leaves an empty prompt.")
    return prompts


def _size(request: JobRequest, model: ModelInfo) -> Size:
    width, height = model.sizes[0]
    size = request.width or width, request.height or height
    if not can_draw(size, model.limits):
        limits = model.limits
        field = "height" if request.width is None else "width"
        raise refuse(
            field,
            f"Sides must be multiples of {limits.side_multiple} from {limits.min_side} to {limits.max_side} pixels, "
            f"and at most {limits.max_pixels} pixels together. The model was trained for "
            f"{', '.join(spell(known) for known in model.sizes)}.",
        )
    return size
