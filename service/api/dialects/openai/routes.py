"""POST /v1/images/generations, as OpenAI's API reference has it, with real previews and our extensions.

A stream sends `image_generation.completed` once for each of the n images, as they are finished; `index` tells which.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from pipelines.interface import RgbImage
from service.api.dependencies import Services, jobs_of, services_of, unless_gone
from service.api.dialects.openai.resolve import Plan, plan
from service.api.dialects.openai.schemas import (
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
from service.api.generation.sizes import spell
from service.api.http.errors import openai_error
from service.api.http.json_body import read_json_object
from service.api.http.negotiation import image_format
from service.api.http.sse import EventStream, event_schema, with_silences
from service.engine.interface import ImageEvent, ImageFinished, ImagePreview, Job
from service.errors import DarkroomError
from service.images.encoding import ImageFormat
from service.images.storage import EXTENSIONS
from service.jobs.records import ImageSpec, JobSpec

_HEARTBEAT_S: Final = 15.0
_EVENTS: Final = ("image_generation.partial_image", "image_generation.completed")
_URL_LIFETIME_S: Final = 3600.0
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
    alone: ImageFormat | None
    """The format of an image that is to be the whole answer."""

    @property
    def output_format(self) -> ImageFormat:
        return self.alone or self.parsed.request.output_format or "png"

    @property
    def described(self) -> dict[str, Any]:
        """What every answer and event says of its images."""
        first, quality = self.plan.images[0], self.parsed.request.quality or "auto"
        return {
            "size": spell((first.width, first.height)),
            "quality": _QUALITIES.get(quality, quality),
            "background": "opaque",
            "output_format": self.output_format,
        }

    @property
    def headers(self) -> dict[str, str]:
        headers = {"X-Seed": str(self.plan.images[0].seed)}
        shown = [name for name in self.parsed.ignored if _SHOWN_NAME.fullmatch(name)]
        if shown:
            headers["X-Ignored-Params"] = ", ".join(shown[:_MAX_SHOWN_NAMES])
        if self.plan.adjusted:
            headers["X-Adjusted-Params"] = self.plan.adjusted
        return headers

    async def encode(self, rgb_image: RgbImage, parameters: str | None = None) -> bytes:
        """The image's file, at the size that was asked for."""
        first = self.plan.images[0]
        return await self.services.encoder.encode(
            rgb_image,
            self.output_format,
            quality=self.parsed.request.output_compression,
            size=(first.width, first.height),
            parameters=parameters,
        )

    async def encode_finished(self, image: ImageFinished) -> bytes:
        """The same with the image's parameters in the file, where images carry them."""
        return await self.encode(image.rgb_image, self.services.embedded(image.params, self.model))


@router.post(
    "/images/generations",
    response_model=ImagesResponse,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": ImageRequest.model_json_schema()}}}
    },
    responses={
        200: {
            "content": {
                "text/event-stream": {"schema": event_schema(_EVENTS, required=["data"])},
                **{mime: {} for mime in EXTENSIONS},
            }
        },
        **{status: {"model": ErrorResponse} for status in (400, 404, 413, 415, 429, 500, 503, 504)},
    },
)
async def generate(request: Request) -> Response:
    """Draw n images of a prompt; with `stream`, as server-sent events."""
    services = services_of(request)
    parsed = parse(await read_json_object(request, services.max_body_bytes))
    model = services.engine.model
    _refuse_what_cannot_be_sent(parsed, keeps=services.jobs is not None)
    call = _Call(services, parsed, plan(parsed, model), model.name, _alone(request, parsed))
    job = services.submit(
        call.plan.images,
        previews=call.plan.previews,
        priority=call.plan.priority,
        deadline_s=call.plan.deadline_s,
    )
    if parsed.request.stream:
        return EventStream(_frames(call, job), headers=call.headers, on_end=lambda: _cancel(job))
    with services.running(job):
        finished = await unless_gone(request, job.result())
        files = await asyncio.gather(*(call.encode_finished(image) for image in finished))
    if call.alone is not None:
        return Response(files[0], media_type=f"image/{call.alone}", headers=call.headers)
    if parsed.request.response_format == "url":
        images = await _kept(request, call, finished, files)
    else:
        images = [
            Image(b64_json=_base64(file), url=None, seed=image.params.seed)
            for image, file in zip(finished, files, strict=True)
        ]
    first = call.plan.images[0]
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


def _refuse_what_cannot_be_sent(parsed: ParsedRequest, *, keeps: bool) -> None:
    if parsed.request.response_format == "url" and not keeps:
        raise parsed.refusal("response_format", "Images are not stored here; response_format may be b64_json.")
    if parsed.request.response_format == "url" and parsed.request.stream:
        raise parsed.refusal("response_format", "A stream sends its images as b64_json.")


def _alone(request: Request, parsed: ParsedRequest) -> ImageFormat | None:
    """What Accept says, which goes before the body's output_format."""
    if parsed.request.stream:
        return None
    wanted = image_format(request.headers.get("accept"))
    if wanted is not None and (parsed.request.n or 1) > 1:
        raise parsed.refusal("n", "An answer that is an image holds one: n must be 1, or Accept application/json.")
    return wanted


async def _kept(
    request: Request, call: _Call, finished: Sequence[ImageFinished], files: Sequence[bytes]
) -> list[Image]:
    """The images stored, and where they are."""
    services = call.services
    spec = JobSpec(
        model=call.model,
        images=tuple(ImageSpec(params) for params in call.plan.images),
        output_format=call.output_format,
        output_compression=call.parsed.request.output_compression,
    )
    made = list(zip(finished, files, strict=True))
    record = await jobs_of(request).keep(spec, made, tenant=services.tenant(request), lifetime_s=_URL_LIFETIME_S)
    expires_at = int(record.created_at + _URL_LIFETIME_S)
    return [
        Image(
            b64_json=None,
            url=services.absolute(request, services.links.path(record.id, image.index, expires_at)),
            seed=image.params.seed,
        )
        for image in finished
    ]


async def _cancel(job: Job) -> None:
    job.cancel()


def _base64(file: bytes) -> str:
    return base64.b64encode(file).decode("ascii")


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


async def _message(call: _Call, event: ImageEvent) -> PartialImageEvent | CompletedEvent | None:
    match event:
        case ImagePreview():
            return PartialImageEvent(
                type="image_generation.partial_image",
                b64_json=_base64(await call.encode(event.rgb_image)),
                partial_image_index=event.preview,
                created_at=int(time.time()),
                index=event.index,
                seed=call.plan.images[event.index].seed,
                **call.described,
            )
        case ImageFinished():
            return CompletedEvent(
                type="image_generation.completed",
                b64_json=_base64(await call.encode_finished(event)),
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
