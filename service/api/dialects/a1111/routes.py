"""POST /sdapi/v1/txt2img, /sdapi/v1/img2img and /sdapi/v1/png-info.

The source is modules/api/api.py of stable-diffusion-webui.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from service.api.dependencies import services_of
from service.api.dialects.a1111.answers import repeated
from service.api.dialects.a1111.callers.callers import Caller, caller_of
from service.api.dialects.a1111.errors import BODY_RULES, PLAIN_RULES, A1111Error
from service.api.dialects.a1111.ignored import without_effect
from service.api.dialects.a1111.inputs import read_inputs, resize_mode
from service.api.dialects.a1111.making import Asked, answer, model_and_emphasis
from service.api.dialects.a1111.resolve import Plan, plan, wanted_size
from service.api.dialects.a1111.schemas import (
    A1111Images,
    Img2ImgRequest,
    PngInfoRequest,
    PngInfoResponse,
    Txt2ImgRequest,
)
from service.api.dialects.a1111.texts.infotext import parse_infotext
from service.api.generation.inputs import file_of, prepare
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.generation.sizes import nearest_size
from service.api.http.dialect import BodyRules
from service.api.http.request_body import Parsed, body_schema, parse
from service.engine.types import Size
from service.images.embedded_text import embedded_text
from service.images.inputs.decoding import UnreadableImageError

router = APIRouter(prefix="/sdapi/v1", tags=["a1111"])

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": A1111Error} for status in (400, 404, 413, 415, 429, 500, 503, 504)
}


def _body(kind: type[BaseModel], rules: BodyRules) -> dict[str, Any]:
    content = {"application/json": {"schema": body_schema(kind, rules)}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/txt2img",
    response_model=A1111Images,
    openapi_extra=_body(Txt2ImgRequest, BODY_RULES),
    responses=_RESPONSES,
)
async def txt2img(request: Request) -> Response:
    """Make batch_size times n_iter images of a prompt."""
    caller = caller_of(request)
    return await answer(request, caller, await _txt2img_plan(request, caller))


@router.post(
    "/img2img",
    response_model=A1111Images,
    openapi_extra=_body(Img2ImgRequest, BODY_RULES),
    responses=_RESPONSES,
)
async def img2img(request: Request) -> Response:
    """Make images from an image and a prompt; with a mask, only its white parts are painted anew."""
    caller = caller_of(request)
    return await answer(request, caller, await _img2img_plan(request, caller))


@router.post(
    "/png-info",
    openapi_extra=_body(PngInfoRequest, PLAIN_RULES),
    responses={status: {"model": A1111Error} for status in (400, 413, 415, 503)},
)
async def png_info(request: Request) -> PngInfoResponse:
    """Read the generation parameters that an image's file holds: the web UI's, or this server's own."""
    async with services_of(request).file_bodies.read(request, untyped=True) as body:
        parsed = parse(PngInfoRequest, body.fields, PLAIN_RULES)
        file = await file_of(parsed.request.image, "image", parsed.refusal)
    try:
        text = await asyncio.to_thread(embedded_text, file)
    except UnreadableImageError as error:
        raise parsed.refusal("image", str(error)) from None
    return PngInfoResponse(info=text or "", items={}, parameters=parse_infotext(text or ""))


async def _txt2img_plan(request: Request, caller: Caller) -> Asked:
    services = services_of(request)
    async with services.file_bodies.read(request, untyped=True) as body:
        parsed = parse(Txt2ImgRequest, body.fields, BODY_RULES, as_text=True)
        model, emphasis = model_and_emphasis(parsed.request, caller, services)
        planned = plan(parsed, model, emphasis, services.engine.find_model, wanted_size(parsed.request, model))
        return _asked(parsed, planned, body.fields)


async def _img2img_plan(request: Request, caller: Caller) -> Asked:
    services = services_of(request)
    async with services.file_bodies.read(request, untyped=True) as body:
        parsed = parse(Img2ImgRequest, body.fields, BODY_RULES, as_text=True)
        model, emphasis = model_and_emphasis(parsed.request, caller, services)

        def plan_of(upload: Size, inputs: PreparedInputs) -> Plan:
            wanted = wanted_size(parsed.request, model, upload)
            return plan(parsed, model, emphasis, services.engine.find_model, wanted, inputs)

        decoded = await read_inputs(services.inputs, parsed, model, services.tenant(request), plan_of)
        size = nearest_size(wanted_size(parsed.request, model, decoded.size), model)
        inputs = await prepare(decoded, size, resize_mode(parsed.request))
        return _asked(parsed, plan_of(decoded.size, inputs), body.fields)


def _asked(parsed: Parsed[Txt2ImgRequest], planned: Plan, fields: Mapping[str, Any]) -> Asked:
    planned, request = replace(planned, ignored=without_effect(parsed, fields)), parsed.request
    if isinstance(request, Img2ImgRequest):
        request = request.model_copy(update={"init_images": [], "mask": None})
    return Asked(request, parsed.ignored_headers, planned, repeated(fields))
