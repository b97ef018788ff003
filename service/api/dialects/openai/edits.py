"""POST /v1/images/edits and /v1/images/variations: images that start from an image, as forms or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from service.api.dependencies import services_of
from service.api.dialects.openai.answers import answer, response_format, sole_format
from service.api.dialects.openai.errors import ErrorResponse
from service.api.dialects.openai.generation import Generation
from service.api.dialects.openai.resolve import BODY_RULES, choose_size, plan
from service.api.dialects.openai.schemas import EditRequest, ImagesResponse, VariationRequest
from service.api.dialects.openai.stream import STREAM_SCHEMAS
from service.api.generation.inputs import prepare
from service.api.generation.model_names import chosen_model
from service.api.http.request_body import body_content, parse
from service.images.storage import EXTENSIONS

router = APIRouter(prefix="/v1", tags=["openai"])

_FILES: Final = ("image", "mask")
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            "text/event-stream": {"schema": STREAM_SCHEMAS["image_edit"]},
            **{mime: {} for mime in EXTENSIONS},
        }
    },
    **{status: {"model": ErrorResponse} for status in (400, 404, 413, 415, 429, 500, 503, 504)},
}


def _body(kind: type[EditRequest]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": body_content(kind, BODY_RULES, files=_FILES)}}


@router.post("/images/edits", response_model=ImagesResponse, openapi_extra=_body(EditRequest), responses=_RESPONSES)
async def edit(request: Request) -> Response:
    """Make n images from an image and a prompt; with a mask, only its transparent or white parts are painted anew."""
    return await _edit(request, EditRequest, {})


@router.post("/deployments/{deployment}/images/edits", include_in_schema=False)
async def edit_deployed(request: Request, deployment: str) -> Response:
    """As Azure's API names the model: in the path."""
    return await _edit(request, EditRequest, {"model": deployment})


@router.post(
    "/images/variations", response_model=ImagesResponse, openapi_extra=_body(VariationRequest), responses=_RESPONSES
)
async def vary(request: Request) -> Response:
    """Make n images from an image alone."""
    return await _edit(request, VariationRequest, {})


async def _edit(request: Request, kind: type[EditRequest], of_path: Mapping[str, str]) -> Response:
    """`of_path` are the fields that the path decides."""
    services = services_of(request)
    async with services.file_bodies.read(request) as body:
        fields = {**body.fields, **of_path}
        parsed = parse(kind, fields, BODY_RULES, as_text=body.is_form)
        left_out = (*_FILES, *parsed.ignored)
        texts = {name: value for name, value in fields.items() if name not in left_out}
        model = chosen_model(parsed.request.model, services.engine)
        form = response_format(parsed, stores_images=services.jobs is not None)
        decoded = await services.inputs.read(
            parsed.request, model, services.tenant(request), parsed.refusal, transparency_is_mask=True
        )
    assert decoded is not None, "the request has an image"
    size = choose_size(parsed, model, decoded.size)
    inputs = await prepare(decoded, size.size, parsed.request.resize_mode)
    planned = plan(parsed, model, size, inputs, services.engine.find_model)
    generation = Generation(
        services, parsed, planned, model.name, sole_format(request, parsed), form, events="image_edit"
    )
    return await answer(request, generation, {**texts, "image": inputs.image, "mask": inputs.mask})
