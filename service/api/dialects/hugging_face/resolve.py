"""Turns a request of Hugging Face's clients into generation parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.api.dialects.hugging_face.errors import refuse
from service.api.dialects.hugging_face.schemas import InferenceRequest, Parameters
from service.api.generation.image_values import image_objection
from service.api.generation.model_names import FindModel, find_no_model
from service.api.generation.prepared_inputs import NO_INPUTS, PreparedInputs
from service.api.generation.resolve import default_size, resolve
from service.api.generation.sizes import nearest_size
from service.api.http.dialect import BodyRules, FieldProblem, UnknownFields
from service.api.http.request_body import Parsed, parse
from service.engine.types import Size

ENVELOPE_RULES: Final = BodyRules(
    unknown_fields=UnknownFields.IGNORE, objection=image_objection, null_is_absent=True, refuse=refuse
)
BODY_RULES: Final = replace(ENVELOPE_RULES, aliases={"scheduler": "sampler"})
"""The rules of the parameters."""
_TEXT_RULES: Final = replace(BODY_RULES, aliases={**BODY_RULES.aliases, "inputs": "prompt"})
_IMAGE_RULES: Final = replace(BODY_RULES, aliases={**BODY_RULES.aliases, "inputs": "image"})


def parse_request(fields: Mapping[str, Any], *, as_text: bool = False) -> Parsed[Parameters]:
    """Returns the parameters together with `inputs`: it is the prompt or, beside a prompt, the image to start from.

    `as_text` reads numbers that are given as text, as in a form. Raises `InvalidRequestError`.
    """
    envelope = parse(InferenceRequest, fields, ENVELOPE_RULES, as_text=as_text)
    parameters = _with_sides(envelope.request.parameters) | {"inputs": envelope.request.inputs}
    rules = _TEXT_RULES if parameters.get("prompt") is None else _IMAGE_RULES
    parsed = parse(Parameters, parameters, rules, as_text=as_text)
    return replace(parsed, ignored=(*envelope.ignored, *parsed.ignored))


def _with_sides(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces the object `target_size`, by which image-to-image asks for a size, by its width and height. A list of
    that name is a different parameter: the size that a model with size conditioning is told."""
    sides = parameters.get("target_size")
    if not isinstance(sides, dict):
        return dict(parameters)
    if sides.keys() != {"width", "height"}:
        raise refuse([FieldProblem(("target_size",), "Must have a width and a height")])
    return {name: value for name, value in parameters.items() if name != "target_size"} | sides


def choose_size(request: Parameters, model: ModelInfo, upload: Size | None = None) -> Size:
    """Returns the nearest size that the model can draw. `upload` is the size of the image to start from."""
    width, height = default_size(request, model, upload)
    return nearest_size((request.width or width, request.height or height), model)


def image_params(
    parsed: Parsed[Parameters],
    model: ModelInfo,
    size: Size,
    inputs: PreparedInputs = NO_INPUTS,
    find_model: FindModel = find_no_model,
) -> GenerationParams:
    """Returns the image's parameters. `model` is the one that the request names, `inputs` are what the image starts
    from, at `size`, and `find_model` finds further models.

    Raises `InvalidRequestError`, naming the field as the caller spelled it.
    """
    request = parsed.request
    assert request.prompt is not None, "`inputs` is the prompt where there is no other"
    if request.n != 1:
        raise parsed.refusal("n", "Must be 1: the answer is one image.")
    (params,) = resolve(request, [request.prompt], size, model, parsed.refusal, inputs=inputs, find_model=find_model)
    return params


def answer_headers(parsed: Parsed[Parameters], params: GenerationParams) -> dict[str, str]:
    """Returns the headers that tell the image's seed, and which parameters were ignored or adjusted."""
    made = {"width": params.width, "height": params.height, "guidance_scale": params.guidance_scale}
    adjusted = [
        f"{name}={value:g}" for name, value in made.items() if getattr(parsed.request, name) not in (None, value)
    ]
    told = {"X-Adjusted-Params": ", ".join(adjusted)} if adjusted else {}
    return {"X-Seed": str(params.seed), **parsed.ignored_headers, **told}
