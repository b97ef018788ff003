"""POST /v1/images/edits and /v1/images/variations: images that start from an image, as forms or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from service.api.dependencies import services_of
from service.api.dialects.openai.answers import answer
from service.api.dialects.openai.errors import ErrorResponse
from service.api.dialects.openai.resolve import EDIT_RULES
from service.api.dialects.openai.schemas import EditRequest, ImagesResponse, VariationRequest
from service.api.dialects.openai.starts import read_start
from service.api.dialects.openai.stream import STREAM_SCHEMAS
from service.api.http.request_body import body_content
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
    return {"requestBody": {"required": True, "content": body_content(kind, EDIT_RULES, files=_FILES)}}


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
    async with services_of(request).file_bodies.read(request) as body:
        start = await read_start(request, kind, {**body.fields, **of_path}, EDIT_RULES, as_text=body.is_form)
    return await answer(request, *await start.generation(request, events="image_edit"))
