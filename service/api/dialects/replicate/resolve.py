"""From the input of a prediction to the job: which size, how many images, where they start from; and how a bad input is
refused, one sentence a field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pipelines.model_info import ModelInfo
from service.api.dialects.replicate.schemas import PredictionInput, PredictionRequest
from service.api.generation.image_values import image_objection
from service.api.generation.model_names import FindModel, find_no_model
from service.api.generation.prepared_inputs import NO_INPUTS, PreparedInputs
from service.api.generation.resolve import default_size, resolve
from service.api.generation.sizes import nearest_size, parse_size, size_of_proportions
from service.api.http.dialect import BodyRules, FieldProblem, UnknownFields
from service.api.http.request_body import Parsed, parse
from service.engine.types import Priority, Size
from service.errors import Problem, UnprocessableError
from service.jobs.records import ImageSpec, JobSpec

_MAX_PROBLEMS: Final = 20


def refuse_envelope(problems: Sequence[FieldProblem]) -> UnprocessableError:
    """The error about fields of the body itself."""
    return _refuse(problems, "")


def refuse_input(problems: Sequence[FieldProblem]) -> UnprocessableError:
    """The error about fields of `input`."""
    return _refuse(problems, "input.")


def _refuse(problems: Sequence[FieldProblem], prefix: str) -> UnprocessableError:
    told = dict.fromkeys((f"{prefix}{each.location[0]}", f"{each.detail}.") for each in problems[:_MAX_PROBLEMS])
    return UnprocessableError(
        "\n".join(f"- {name}: {detail}" for name, detail in told),
        problems=tuple(Problem(f"/{name.replace('.', '/', 1)}", detail) for name, detail in told),
    )


ENVELOPE_RULES: Final = BodyRules(
    unknown_fields=UnknownFields.IGNORE, objection=image_objection, null_is_absent=True, refuse=refuse_envelope
)
INPUT_RULES: Final = replace(
    ENVELOPE_RULES,
    refuse=refuse_input,
    aliases={
        "num_outputs": "n",
        "output_quality": "output_compression",
        "prompt_strength": "strength",
        "scheduler": "sampler",
        "guidance": "guidance_scale",
    },
)
_FILE: Final = re.compile(r"https?://[^/?#]+(?:/[^?#]*)?/replicate/v1/files/([0-9a-f]{64})", re.ASCII)
"""The address of a file of ours. Only the digest in it counts: nothing is fetched."""
_RATIO: Final = re.compile(r"([1-9][0-9]{0,2}):([1-9][0-9]{0,2})", re.ASCII)
_OTHER_RATIOS: Final = ("custom", "match_input_image")
"""Words that leave the size to the other fields and to the image to start from."""


def parse_envelope(fields: Mapping[str, Any]) -> Parsed[PredictionRequest]:
    """Raises `UnprocessableError`."""
    return parse(PredictionRequest, fields, ENVELOPE_RULES)


def parse_input(fields: Mapping[str, Any]) -> Parsed[PredictionInput]:
    """Raises `UnprocessableError`, naming the field as the caller spelled it."""
    return parse(PredictionInput, {name: _translated(name, value) for name, value in fields.items()}, INPUT_RULES)


def _translated(name: str, value: Any) -> Any:
    if name == "output_format" and value == "jpg":
        return "jpeg"
    match = _FILE.fullmatch(value) if name in ("image", "mask") and isinstance(value, str) else None
    return value if match is None else match[1]


def choose_size(parsed: Parsed[PredictionInput], model: ModelInfo, upload: Size | None = None) -> Size:
    """Returns the nearest size that the model can draw. `upload` is the size of the image to start from.

    Raises `UnprocessableError`.
    """
    request, size = parsed.request, _size(parsed)
    if size is None and not (request.width or request.height) and request.aspect_ratio not in (None, *_OTHER_RATIOS):
        return _of_ratio(parsed, model)
    width, height = size or default_size(request, model, upload)
    return nearest_size((request.width or width, request.height or height), model)


def _size(parsed: Parsed[PredictionInput]) -> Size | None:
    text = parsed.request.size
    if text is None or text == "auto":
        return None
    size = parse_size(text.replace("*", "x"))
    if size is None:
        raise parsed.refusal("size", "Must be WIDTHxHEIGHT in pixels, or auto.")
    return size


def _of_ratio(parsed: Parsed[PredictionInput], model: ModelInfo) -> Size:
    match = _RATIO.fullmatch(parsed.request.aspect_ratio or "")
    if match is None:
        raise parsed.refusal("aspect_ratio", f"Must be WIDTH:HEIGHT, or one of {', '.join(_OTHER_RATIOS)}.")
    return size_of_proportions((int(match[1]), int(match[2])), model)


def job_spec(
    parsed: Parsed[PredictionInput],
    model: ModelInfo,
    size: Size,
    inputs: PreparedInputs = NO_INPUTS,
    find_model: FindModel = find_no_model,
) -> JobSpec:
    """`model` is the one that the request names, and `inputs` are what the images start from, at `size`. `find_model`
    finds further models.

    Raises `UnprocessableError`.
    """
    request = parsed.request
    images = resolve(request, [request.prompt], size, model, parsed.refusal, inputs=inputs, find_model=find_model)
    return JobSpec(
        model=model.name,
        images=tuple(map(ImageSpec, images)),
        output_format=request.output_format or "png",
        output_compression=request.output_compression,
        priority=Priority(request.priority),
        deadline_s=request.deadline_s,
    )
