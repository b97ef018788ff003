"""POST /v1/images/generations, as OpenAI's API reference has it, with real previews and our extensions.

A stream sends `image_generation.completed` once for each of the n pictures, as they are finished; `index` tells which.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from pipelines.interface import Raster
from service.api.body import read_json_object
from service.api.errors import openai_error
from service.api.plan import Plan, plan
from service.api.schemas import (
    NO_USAGE,
    CompletedEvent,
    ErrorResponse,
    Image,
    ImageRequest,
    ImagesResponse,
    ParsedRequest,
    PartialImageEvent,
    parse,
)
from service.api.services import Services, result_unless_gone, services_of
from service.api.sizes import spell
from service.api.sse import EventStream, with_silences
from service.engine.interface import Job, JobEvent, PictureFinished, PicturePreview
from service.errors import DarkroomError
from service.images.encoding import ImageFormat

_HEARTBEAT_S: Final = 15.0
_QUALITIES: Final = {"standard": "medium", "hd": "high", "auto": "medium"}
"""What answers may say of quality, which OpenAI's newer models name otherwise."""
_SHOWN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_MAX_SHOWN_NAMES: Final = 20

_log = structlog.get_logger("darkroom.api")

router = APIRouter(prefix="/v1", tags=["openai"])


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, understood."""

    services: Services
    parsed: ParsedRequest
    plan: Plan
    model: str

    @property
    def output_format(self) -> ImageFormat:
        return self.parsed.request.output_format or "png"

    @property
    def described(self) -> dict[str, Any]:
        """What every answer and event says of its pictures."""
        first, quality = self.plan.pictures[0], self.parsed.request.quality or "auto"
        return {
            "size": spell((first.width, first.height)),
            "quality": _QUALITIES.get(quality, quality),
            "background": "opaque",
            "output_format": self.output_format,
        }

    @property
    def headers(self) -> dict[str, str]:
        headers = {"X-Seed": str(self.plan.pictures[0].seed)}
        shown = [name for name in self.parsed.ignored if _SHOWN_NAME.fullmatch(name)]
        if shown:
            headers["X-Ignored-Params"] = ", ".join(shown[:_MAX_SHOWN_NAMES])
        if self.plan.adjusted:
            headers["X-Adjusted-Params"] = self.plan.adjusted
        return headers

    async def encode(self, raster: Raster, parameters: str | None = None) -> str:
        """Base64 of the picture's file, at the size that was asked for."""
        first = self.plan.pictures[0]
        file = await self.services.encoder.encode(
            raster,
            self.output_format,
            quality=self.parsed.request.output_compression,
            size=(first.width, first.height),
            parameters=parameters,
        )
        return base64.b64encode(file).decode("ascii")

    async def encode_finished(self, picture: PictureFinished) -> str:
        """The same with the picture's parameters in the file, where pictures carry them."""
        return await self.encode(picture.raster, self.services.embedded(picture.params, self.model))


@router.post(
    "/images/generations",
    response_model=ImagesResponse,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": ImageRequest.model_json_schema()}}}
    },
    responses={status: {"model": ErrorResponse} for status in (400, 404, 413, 415, 429, 500, 503, 504)},
)
async def generate(request: Request) -> Response:
    """Draw n pictures of a prompt; with `stream`, as server-sent events."""
    services = services_of(request)
    parsed = parse(await read_json_object(request, services.max_body_bytes))
    model = services.engine.model
    call = _Call(services, parsed, plan(parsed, model), model.name)
    job = services.submit(
        call.plan.pictures,
        previews=call.plan.previews,
        priority=call.plan.priority,
        deadline_s=call.plan.deadline_s,
    )
    if parsed.request.stream:
        return EventStream(_frames(call, job), headers=call.headers, on_end=job.cancel)
    with services.running(job):
        finished = await result_unless_gone(request, job)
        images = await asyncio.gather(*(_image(call, picture) for picture in finished))
    first = call.plan.pictures[0]
    answer = ImagesResponse(
        created=int(time.time()),
        data=images,
        model=call.model,
        num_inference_steps=first.steps,
        guidance_scale=first.guidance_scale,
        sampler=first.sampler,
        schedule=first.schedule,
        **call.described,
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers=call.headers)


async def _image(call: _Call, picture: PictureFinished) -> Image:
    return Image(b64_json=await call.encode_finished(picture), seed=picture.params.seed)


async def _frames(call: _Call, job: Job) -> AsyncGenerator[bytes, None]:
    try:
        with call.services.running(job):
            async with contextlib.aclosing(with_silences(job.events(), _HEARTBEAT_S)) as events:
                async for event in events:
                    if event is None:
                        yield KEEPALIVE_COMMENT
                    elif (message := await _message(call, event)) is not None:
                        yield format_sse_event(event=message.type, data_str=message.model_dump_json())
    except DarkroomError as error:
        yield _error_frame(error)
    except Exception:  # noqa: BLE001 -- the stream has begun: this frame is the only way to tell
        _log.exception("unforeseen error in a stream")
        yield _error_frame(DarkroomError())


async def _message(call: _Call, event: JobEvent) -> PartialImageEvent | CompletedEvent | None:
    match event:
        case PicturePreview():
            return PartialImageEvent(
                type="image_generation.partial_image",
                b64_json=await call.encode(event.raster),
                partial_image_index=event.preview,
                created_at=int(time.time()),
                index=event.index,
                seed=call.plan.pictures[event.index].seed,
                **call.described,
            )
        case PictureFinished():
            return CompletedEvent(
                type="image_generation.completed",
                b64_json=await call.encode_finished(event),
                created_at=int(time.time()),
                usage=NO_USAGE,
                index=event.index,
                seed=event.params.seed,
                **call.described,
            )
        case _:
            return None


def _error_frame(error: DarkroomError) -> bytes:
    """The clients raise on an object with `error`, whatever its event's name."""
    return format_sse_event(data_str=json.dumps(openai_error(error)))
