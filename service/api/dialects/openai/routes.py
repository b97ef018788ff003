"""POST /v1/images/generations, as OpenAI's API reference has it, with real previews and our extensions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import APIRouter, Request, Response

from service.api.client_timeouts import advice
from service.api.dependencies import jobs_of, services_of, unless_gone
from service.api.dialects.openai.errors import ErrorResponse
from service.api.dialects.openai.generation import Generation, to_base64
from service.api.dialects.openai.resolve import BODY_RULES, parse_request, plan
from service.api.dialects.openai.schemas import Image, ImageRequest, ImagesResponse
from service.api.dialects.openai.stream import STREAM_SCHEMA, frames
from service.api.generation.model_names import chosen_model
from service.api.generation.prompt_tokens import prompt_tokens, truncated_headers
from service.api.generation.resolve import shared_settings
from service.api.http.json_body import read_json_object
from service.api.http.negotiation import image_format
from service.api.http.request_body import Parsed, body_schema
from service.api.http.sse import EventStream
from service.api.retried_requests import retry_key
from service.engine.interface import ImageFinished, Job
from service.images.encoding import ImageFormat
from service.images.storage import EXTENSIONS
from service.jobs.records import ImageSpec, JobSpec

_URL_LIFETIME_S: Final = 3600.0

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
        200: {"content": {"text/event-stream": {"schema": STREAM_SCHEMA}, **{mime: {} for mime in EXTENSIONS}}},
        **{status: {"model": ErrorResponse} for status in (400, 404, 413, 415, 429, 500, 503, 504)},
    },
)
async def generate(request: Request) -> Response:
    """Make n images of a prompt; with `stream`, as server-sent events."""
    services = services_of(request)
    body = await read_json_object(request, services.max_body_bytes)
    parsed = parse_request(body)
    model = chosen_model(parsed.request.model, services.engine)
    _check_response_format(parsed, stores_images=services.jobs is not None)
    generation = Generation(services, parsed, plan(parsed, model), model.name, _sole_format(request, parsed))
    key = None if parsed.request.stream else retry_key(request, services.tenant(request), body)
    work = services.retried.find(key)
    if work is not None:
        return await unless_gone(request, services.retried.result(key, work))
    slow = None if parsed.request.stream else advice(request.headers, services.engine.least_s(generation.plan.images))
    job = await services.submit(
        request,
        generation.plan.images,
        previews=generation.plan.previews,
        priority=generation.plan.priority,
        deadline_s=generation.plan.deadline_s,
    )
    if parsed.request.stream:
        return EventStream(frames(generation, job), headers=generation.headers, on_end=lambda: _cancel(job))
    work = services.retried.begin(
        key, _answer(request, generation, job, {} if slow is None else {"X-Slow-Request": slow})
    )
    return await unless_gone(request, services.retried.result(key, work))


async def _answer(request: Request, generation: Generation, job: Job, headers: Mapping[str, str]) -> Response:
    """Makes the answer to a request without a stream, with these headers beside the usual ones."""
    services, parsed = generation.services, generation.parsed
    headers = {**generation.headers, **headers}
    with services.running(job):
        finished = await job.result()
        files = await asyncio.gather(*(generation.encode_finished(image) for image in finished))
    headers |= truncated_headers(image.prompt_lengths for image in finished)
    if generation.sole_format is not None:
        return Response(files[0], media_type=f"image/{generation.sole_format}", headers=headers)
    if parsed.request.response_format == "url":
        images = await _store_images(request, generation, finished, files)
    else:
        images = [
            Image(
                b64_json=to_base64(file),
                url=None,
                seed=image.params.seed,
                prompt_tokens=prompt_tokens(image.prompt_lengths),
            )
            for image, file in zip(finished, files, strict=True)
        ]
    answer = ImagesResponse.model_validate(
        {
            "created": int(time.time()),
            "data": images,
            "model": generation.model,
            **shared_settings(generation.plan.images[0]),
            **generation.response_fields,
        }
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


def _check_response_format(parsed: Parsed[ImageRequest], *, stores_images: bool) -> None:
    if parsed.request.response_format == "url" and not stores_images:
        raise parsed.refusal("response_format", "Must be b64_json: images are not stored here.")
    if parsed.request.response_format == "url" and parsed.request.stream:
        raise parsed.refusal("response_format", "Must be b64_json in a stream.")


def _sole_format(request: Request, parsed: Parsed[ImageRequest]) -> ImageFormat | None:
    """The format that Accept asks for, which goes before the body's output_format."""
    if parsed.request.stream:
        return None
    accepted = image_format(request.headers.get("accept"))
    if accepted is not None and parsed.request.n > 1:
        raise parsed.refusal("n", "Must be 1 where Accept asks for an image; Accept application/json for more.")
    return accepted


async def _store_images(
    request: Request, generation: Generation, finished: Sequence[ImageFinished], files: Sequence[bytes]
) -> list[Image]:
    """Store the images as those of an ended job. Returns their addresses."""
    services = generation.services
    spec = JobSpec(
        model=generation.model,
        images=tuple(ImageSpec(params) for params in generation.plan.images),
        output_format=generation.output_format,
        output_compression=generation.parsed.request.output_compression,
    )
    made = list(zip(finished, files, strict=True))
    record = await jobs_of(request).store_finished(
        spec, made, tenant=services.tenant(request), lifetime_s=_URL_LIFETIME_S
    )
    expires_at = int(record.created_at + _URL_LIFETIME_S)
    return [
        Image(
            b64_json=None,
            url=services.absolute(request, services.links.path(record.id, image.index, expires_at)),
            seed=image.params.seed,
            prompt_tokens=prompt_tokens(image.prompt_lengths),
        )
        for image in finished
    ]


async def _cancel(job: Job) -> None:
    job.cancel()
