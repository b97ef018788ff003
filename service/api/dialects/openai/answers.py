"""The answers to a request for images: a stream, one image, or OpenAI's JSON with the images or their addresses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request, Response

from service.api.client_timeouts import advice
from service.api.dependencies import jobs_of, unless_gone
from service.api.dialects.openai.generation import Generation, ResponseFormat, to_base64
from service.api.dialects.openai.schemas import NO_USAGE, Image, ImageRequest, ImagesResponse
from service.api.dialects.openai.stream import frames
from service.api.edge.addresses import addresses_of
from service.api.generation.model_names import PROVIDER
from service.api.generation.prompt_tokens import prompt_tokens, truncated_headers
from service.api.generation.resolve import shared_settings
from service.api.http.negotiation import image_format
from service.api.http.request_body import Parsed
from service.api.http.sse import EventStream
from service.api.retried_requests import retry_key
from service.engine.interface import ImageFinished, Job
from service.images.encoding import ImageFormat
from service.jobs.records import ImageSpec, JobSpec

_URL_LIFETIME_S: Final = 3600.0
_URL_MODELS: Final = frozenset({"dall-e-2", "dall-e-3"})
"""OpenAI's models whose images are answered by their addresses unless the request says otherwise. Clients that name
them read nothing else."""


async def answer(request: Request, generation: Generation, wish: Mapping[str, Any]) -> Response:
    """Makes the images, and answers as the request asks. Equal requests have equal wishes."""
    services, plan, streams = generation.services, generation.plan, generation.parsed.request.stream
    key = None if streams else retry_key(request, services.tenant(request), wish)
    work = services.retried.find(key)
    if work is not None:
        return await unless_gone(request, services.retried.result(key, work))
    if generation.stores_images:
        jobs_of(request).space.require()  # Before the images are made.
        await services.require_storage(request)
    slow = None if streams else advice(request.headers, services.engine.least_s(plan.images))
    job = await services.submit(
        request,
        plan.images,
        previews=plan.previews,
        priority=plan.priority,
        deadline_s=plan.deadline_s,
        inputs=plan.inputs.pixels,
    )
    if streams:
        return EventStream(frames(generation, job), headers=generation.headers, on_end=lambda: _cancel(job))
    headers = {} if slow is None else {"X-Slow-Request": slow}
    work = services.retried.begin(key, _whole_answer(request, generation, job, headers))
    work.answer.add_done_callback(lambda _: job.cancel())  # It may be canceled before its first step.
    return await unless_gone(request, services.retried.result(key, work))


async def _whole_answer(
    request: Request, generation: Generation, job: Job, further_headers: Mapping[str, str]
) -> Response:
    """Makes the answer to a request without a stream."""
    services, headers = generation.services, {**generation.headers, **further_headers}
    with services.running(job):
        finished = await job.result()
        files = await asyncio.gather(*(generation.encode_finished(image) for image in finished))
    headers |= truncated_headers(image.prompt_lengths for image in finished)
    if generation.sole_format is not None:
        return Response(files[0], media_type=f"image/{generation.sole_format}", headers=headers)
    if generation.stores_images:
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
    body = ImagesResponse.model_validate(
        {
            "created": int(time.time()),
            "data": images,
            "model": generation.model,
            "usage": NO_USAGE,
            **shared_settings(generation.plan.images[0]),
            **generation.response_fields,
        }
    )
    return Response(body.model_dump_json(), media_type="application/json", headers=headers)


def response_format(parsed: Parsed[ImageRequest], *, stores_images: bool) -> ResponseFormat:
    """The form of the images in the answer, by OpenAI's rule where none is asked for. Raises `InvalidRequestError`."""
    asked = parsed.request.response_format
    if asked is None:
        model = (parsed.request.model or "").removeprefix(PROVIDER)
        return "url" if model in _URL_MODELS and stores_images and not parsed.request.stream else "b64_json"
    if asked == "url" and not stores_images:
        raise parsed.refusal("response_format", "Must be b64_json: images are not stored here.")
    if asked == "url" and parsed.request.stream:
        raise parsed.refusal("response_format", "Must be b64_json in a stream.")
    return asked


def sole_format(request: Request, parsed: Parsed[ImageRequest]) -> ImageFormat | None:
    """The format that Accept asks for, which goes before the body's output_format. Raises `InvalidRequestError`."""
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
    services, addresses = generation.services, addresses_of(request)
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
    expires_at, media_type = int(record.created_at + _URL_LIFETIME_S), f"image/{generation.output_format}"
    return [
        Image(
            b64_json=None,
            url=addresses.url(services.links.path(record.id, image.index, expires_at, media_type=media_type)),
            seed=image.params.seed,
            prompt_tokens=prompt_tokens(image.prompt_lengths),
        )
        for image in finished
    ]


async def _cancel(job: Job) -> None:
    job.cancel()
