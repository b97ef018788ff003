"""Turns a request to /api/v1/jobs into a job: chooses its prompts and its size, and refuses bad requests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipelines.model_info import ModelInfo
from service.api.dialects.jobs.schemas import MAX_JOB_IMAGES, JobRequest
from service.api.generation.model_names import FindModel, find_no_model
from service.api.generation.prepared_inputs import NO_INPUTS, PreparedInputs
from service.api.generation.prompt_matrix import (
    Combination,
    TooManyCharactersError,
    TooManyCombinationsError,
    combinations,
)
from service.api.generation.resolve import default_size, resolve
from service.api.generation.sizes import can_draw, can_draw_side, spell
from service.api.http.dialect import BodyRules, FieldProblem, UnknownFields
from service.api.http.request_body import Parsed, parse
from service.engine.types import Priority, Size
from service.errors import Problem, UnprocessableError
from service.images.encoding import ImageFormat
from service.jobs.records import ImageSpec, JobSpec
from service.jobs.store.spec_format import MAX_SPEC_BYTES

_MAX_PROBLEMS: Final = 20
_SHOWN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


def _refuse(problems: Sequence[FieldProblem]) -> UnprocessableError:
    """Returns an error with the first problems, each with a pointer to its field."""
    told = tuple(dict.fromkeys(Problem(_pointer(each.location), f"{each.detail}.") for each in problems))
    return UnprocessableError("The body is not valid.", problems=told[:_MAX_PROBLEMS])


def _pointer(location: Sequence[str | int]) -> str:
    # Callers' own text is not repeated at any length.
    return "".join(f"/{part}" for part in location) if _SHOWN_NAME.fullmatch(str(location[0])) else ""


BODY_RULES: Final = BodyRules(unknown_fields=UnknownFields.REFUSE, refuse=_refuse)


def parse_request(fields: Mapping[str, Any], *, as_text: bool = False) -> Parsed[JobRequest]:
    """`as_text` reads numbers that are given as text, as in a form. Raises `UnprocessableError`."""
    return parse(JobRequest, fields, BODY_RULES, as_text=as_text)


def job_spec(
    parsed: Parsed[JobRequest],
    model: ModelInfo,
    accepted: ImageFormat | None,
    size: Size | None = None,
    inputs: PreparedInputs = NO_INPUTS,
    find_model: FindModel = find_no_model,
) -> JobSpec:
    """Returns the job. `model` is the one that the request names. `accepted` is the format that the caller would take
    where the body names none. `inputs` are what the images start from, at `size`. `find_model` finds further models.

    Raises `UnprocessableError`.
    """
    request = parsed.request
    prompts = _prompts(parsed)
    if len(prompts) * request.n > MAX_JOB_IMAGES:
        raise parsed.refusal("n", f"Must leave at most {MAX_JOB_IMAGES} images a job.")
    images = resolve(
        request,
        [prompt.prompt for prompt in prompts],
        size or image_size(parsed, model),
        model,
        parsed.refusal,
        shared_seeds=request.prompt_matrix,
        inputs=inputs,
        find_model=find_model,
    )
    positions = [prompt.position for prompt in prompts for _ in range(request.n)]
    return JobSpec(
        model=model.name,
        images=tuple(ImageSpec(params, position) for params, position in zip(images, positions, strict=True)),
        output_format=request.output_format or accepted or "png",
        output_compression=request.output_compression,
        previews=request.previews,
        priority=Priority(request.priority),
        deadline_s=request.deadline_s,
    )


def _prompts(parsed: Parsed[JobRequest]) -> list[Combination]:
    request = parsed.request
    if not request.prompt_matrix:
        return [Combination(text, ()) for text in request.prompt]
    try:
        prompts = combinations(request.prompt, at_most=MAX_JOB_IMAGES, max_characters=MAX_SPEC_BYTES)
    except TooManyCombinationsError:
        raise parsed.refusal("prompt", f"Must leave at most {MAX_JOB_IMAGES} images a job.") from None
    except TooManyCharactersError:
        raise parsed.refusal(
            "prompt", f"Must have at most {MAX_SPEC_BYTES} characters in all combinations together."
        ) from None
    if not all(each.prompt for each in prompts):
        raise parsed.refusal("prompt", "Must not leave an empty prompt in any combination.")
    return prompts


def image_size(parsed: Parsed[JobRequest], model: ModelInfo, upload: Size | None = None) -> Size:
    """Returns the size of the job's images. `upload` is the size of the image that they start from.

    Raises `UnprocessableError`.
    """
    request, limits = parsed.request, model.limits
    width, height = default_size(request, model, upload)
    size = request.width or width, request.height or height
    if not can_draw(size, limits):
        given = [name for name in ("width", "height") if getattr(request, name) is not None]
        wrong = [name for name in given if not can_draw_side(getattr(request, name), limits)]
        raise parsed.refusal(
            (wrong or given or ["hires"])[0],
            f"Sides must be multiples of {limits.side_multiple} from {limits.min_side} to {limits.max_side} pixels, "
            f"and an image may have at most {limits.max_pixels} pixels. The model was trained for "
            f"{', '.join(spell(known) for known in model.sizes)}.",
        )
    return size
