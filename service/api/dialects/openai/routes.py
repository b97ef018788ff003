"""POST /v1/images/generations, as OpenAI's API reference has it, with real previews and our extensions."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from service.api.dependencies import services_of
from service.api.dialects.openai.answers import answer, response_format, sole_format
from service.api.dialects.openai.errors import ErrorResponse
from service.api.dialects.openai.generation import Generation
from service.api.dialects.openai.resolve import (
    BODY_RULES,
    REFERENCE_RULES,
    REFERENCES,
    is_given,
    parse_request,
    plan,
)
from service.api.dialects.openai.schemas import EditRequest, ImageRequest, ImagesResponse
from service.api.dialects.openai.starts import read_start
from service.api.dialects.openai.stream import STREAM_SCHEMAS
from service.api.generation.model_names import chosen_model
from service.api.http.request_body import body_schema
from service.images.storage import EXTENSIONS

router = APIRouter(prefix="/v1", tags=["openai"])


@router.post(
    "/images/generations",
    response_model=ImagesResponse,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body_schema(ImageRequest, BODY_RULES)}},
        }
    },
    responses={
        200: {
            "content": {
                "text/event-stream": {"schema": STREAM_SCHEMAS["image_generation"]},
                **{mime: {} for mime in EXTENSIONS},
            }
        },
        **{status: {"model": ErrorResponse} for status in (400, 404, 413, 415, 429, 500, 503, 504)},
    },
)
async def generate(request: Request) -> Response:
    """Make n images of a prompt; with `stream`, as server-sent events."""
    return await _generate(request, {})


@router.post("/deployments/{deployment}/images/generations", include_in_schema=False)
async def generate_deployed(request: Request, deployment: str) -> Response:
    """As Azure's API names the model: in the path."""
    return await _generate(request, {"model": deployment})


async def _generate(request: Request, of_path: Mapping[str, str]) -> Response:
    """`of_path` are the fields that the path decides."""
    services = services_of(request)
    async with services.file_bodies.read(request, forms=False) as read:
        body = {**read.fields, **of_path}
        starts = any(is_given(body, name) for name in REFERENCES)
        start = await read_start(request, EditRequest, body, REFERENCE_RULES) if starts else None
    if start is not None:
        return await answer(request, *await start.generation(request, events="image_generation"))
    parsed = parse_request(body)
    model = chosen_model(parsed.request.model, services.engine)
    form = response_format(parsed, stores_images=services.jobs is not None)
    planned = plan(parsed, model, find_model=services.engine.find_model)
    generation = Generation(services, parsed, planned, model.name, sole_format(request, parsed), form)
    return await answer(request, generation, body)
