"""From a request to /v1 to the images that the engine makes: what is not supported, which size, how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.api.dialects.openai.errors import refuse
from service.api.dialects.openai.schemas import ImageRequest
from service.api.generation.image_values import image_objection
from service.api.generation.model_names import FindModel, find_no_model
from service.api.generation.prepared_inputs import NO_INPUTS, PreparedInputs
from service.api.generation.resolve import default_size, resolve
from service.api.generation.sizes import nearest_size, parse_size, spell
from service.api.http.dialect import BodyRules, FieldProblem, UnknownFields
from service.api.http.request_body import Parsed, parse
from service.engine.types import Priority, Size

_EMPTY: Final[Mapping[str, None]] = {"": None}
_AUTOMATIC: Final = ("automatic", "normal", "simple", "discrete", "default")
"""Names that other programs have for the sampler's own schedule."""

BODY_RULES: Final = BodyRules(
    unknown_fields=UnknownFields.IGNORE,
    null_is_absent=True,
    aliases=MappingProxyType(
        {
            "steps": "num_inference_steps",
            "step": "num_inference_steps",
            "rng_seed": "seed",
            "cfg_scale": "guidance_scale",
            "cfg": "guidance_scale",
            "sampler_name": "sampler",
            "scheduler": "schedule",
        }
    ),
    values=MappingProxyType(
        {
            **dict.fromkeys(("model", "size", "quality", "style", "background", "sampler"), _EMPTY),
            "response_format": {"": None, "base64": "b64_json"},
            "output_format": {"": None, "jpg": "jpeg"},
            "schedule": dict.fromkeys(("", *_AUTOMATIC)),
        }
    ),
    refuse=refuse,
    objection=image_objection,
)


def _with_image_as(*names: str) -> BodyRules:
    return replace(BODY_RULES, aliases={**BODY_RULES.aliases, **dict.fromkeys(names, "image")})


EDIT_RULES: Final = _with_image_as("images")
"""The rules of requests that start from an image. JSON has it in a list of that name."""
REFERENCES: Final = ("ref_images", "file")
"""Fields of LocalAI by which a generation starts from an image."""
REFERENCE_RULES: Final = _with_image_as(*REFERENCES)
"""The rules of generations that do."""
_INPUTS: Final = ("image", "image[]", "images", "mask")
"""Fields of requests that start from images."""


class SizeChoice(NamedTuple):
    size: Size
    adjusted: str
    """`size=WIDTHxHEIGHT` where the model cannot draw what was asked and the nearest was taken; else empty."""


@dataclass(frozen=True, slots=True)
class Plan:
    images: tuple[GenerationParams, ...]
    """Parameters of each image, equal but for their seeds."""
    previews: int
    priority: Priority
    deadline_s: float | None
    """Seconds after which the caller has no more use for the images."""
    adjusted: str
    """`field=value` for each field of which something else than was asked has an effect; else empty."""
    inputs: PreparedInputs = NO_INPUTS


def parse_request(fields: Mapping[str, Any]) -> Parsed[ImageRequest]:
    """Raises `InvalidRequestError`, naming the field as it was spelled.

    Images in the request are no fields to ignore: its caller would get images that have nothing to do with them.
    """
    for name in _INPUTS:
        if is_given(fields, name):
            told = "This route starts from a prompt alone; POST /v1/images/edits takes images"
            raise refuse([FieldProblem((name,), told)])
    return parse(ImageRequest, fields, BODY_RULES)


def is_given(fields: Mapping[str, Any], name: str) -> bool:
    """Whether the field holds anything."""
    return fields.get(name) not in (None, "", [])


def plan(
    parsed: Parsed[ImageRequest],
    model: ModelInfo,
    size: SizeChoice | None = None,
    inputs: PreparedInputs = NO_INPUTS,
    find_model: FindModel = find_no_model,
) -> Plan:
    """`model` is the one that the request names, and `inputs` are what the images start from, at `size`. `find_model`
    finds further models.

    Raises `InvalidRequestError`, naming the field as the caller spelled it.
    """
    request = parsed.request
    size = size or choose_size(parsed, model)
    if request.background == "transparent":
        raise parsed.refusal("background", "Must be opaque or auto: images have no transparency.")
    images = resolve(request, [request.prompt], size.size, model, parsed.refusal, inputs=inputs, find_model=find_model)
    return Plan(
        tuple(images),
        previews=request.partial_images if request.stream else 0,
        priority=Priority(request.priority),
        deadline_s=request.deadline_s,
        adjusted=", ".join(filter(None, (size.adjusted, _adjusted_guidance(request, images[0])))),
        inputs=inputs,
    )


def _adjusted_guidance(request: ImageRequest, made: GenerationParams) -> str:
    is_kept = request.guidance_scale in (None, made.guidance_scale)
    return "" if is_kept else f"guidance_scale={made.guidance_scale:g}"


def choose_size(parsed: Parsed[ImageRequest], model: ModelInfo, upload: Size | None = None) -> SizeChoice:
    """`upload` is the size of the image that is edited. Raises `InvalidRequestError`."""
    request = parsed.request
    given = None if request.size == "auto" else parse_size(request.size)
    if given is None and request.size != "auto":
        raise parsed.refusal("size", "Must be WIDTHxHEIGHT in pixels, or auto.")
    if given is None and request.width is None and request.height is None:
        return SizeChoice(nearest_size(default_size(request, model, upload), model), "")
    base = given or default_size(request, model, upload)
    wanted = (request.width or base[0], request.height or base[1])
    if given not in (None, wanted):
        raise parsed.refusal("width" if wanted[0] != base[0] else "height", "Must be the same as in size.")
    size = nearest_size(wanted, model)
    return SizeChoice(size, "" if size == wanted else f"size={spell(size)}")
