"""POST /hf: an image for a text, or for an image and a text. The answer is the file itself."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from pipelines.params import GenerationParams
from service.api.dependencies import services_of, unless_gone
from service.api.dialects.hugging_face.errors import ErrorOut
from service.api.dialects.hugging_face.resolve import (
    BODY_RULES,
    ENVELOPE_RULES,
    answer_headers,
    choose_size,
    image_params,
    parse_request,
)
from service.api.dialects.hugging_face.schemas import InferenceRequest, Parameters
from service.api.generation.inputs import prepare
from service.api.generation.model_names import chosen_model
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.generation.prompt_tokens import truncated_headers
from service.api.http.negotiation import image_format
from service.api.http.request_body import body_schema
from service.engine.types import Priority, Size
from service.images.storage import EXTENSIONS

router = APIRouter(tags=["hugging face"])


def _schema() -> dict[str, Any]:
    schema = body_schema(InferenceRequest, ENVELOPE_RULES)
    schema["properties"]["parameters"] = body_schema(Parameters, BODY_RULES) | {"type": ["object", "null"]}
    return schema


@router.post("/hf/models/{model:path}", include_in_schema=False)
async def infer_with(request: Request, model: str) -> Response:
    """Make one image with the model of that name."""
    return await _answer(request, model)


@router.post("/", include_in_schema=False)
@router.post(
    "/hf",
    response_class=Response,
    responses={
        200: {"content": {mime: {} for mime in EXTENSIONS}},
        **{status: {"model": ErrorOut} for status in (400, 404, 413, 415, 429, 500, 504)},
    },
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}},
)
async def infer(request: Request) -> Response:
    """Make one image of a text, or of an image and a text."""
    return await _answer(request, None)


async def _answer(request: Request, model: str | None) -> Response:
    services = services_of(request)
    tenant = services.tenant(request)
    async with services.file_bodies.read(request) as body:
        parsed = parse_request(body.fields, as_text=body.is_form)
        info = chosen_model(model or parsed.request.model, services.engine)

        def params_of(upload: Size | None, inputs: PreparedInputs) -> GenerationParams:
            size = choose_size(parsed.request, info, upload)
            return image_params(parsed, info, size, inputs, services.engine.find_model)

        decoded = await services.inputs.read(parsed.request, info, tenant, parsed.refusal, params_of)
    upload = None if decoded is None else decoded.size
    inputs = await prepare(decoded, choose_size(parsed.request, info, upload), parsed.request.resize_mode)
    params = params_of(upload, inputs)
    job = await services.submit(
        request,
        [params],
        priority=Priority(parsed.request.priority),
        deadline_s=parsed.request.deadline_s,
        inputs=inputs.pixels,
    )
    with services.running(job):
        (finished,) = await unless_gone(request, job.result())
        file_format = parsed.request.output_format or image_format(request.headers.get("accept")) or "png"
        file = await services.encoder.encode(
            finished.rgb_image,
            file_format,
            quality=parsed.request.output_compression,
            parameters=services.embedded(params, info.name),
        )
    headers = {**answer_headers(parsed, params), **truncated_headers([finished.prompt_lengths])}
    return Response(file, media_type=f"image/{file_format}", headers=headers)
