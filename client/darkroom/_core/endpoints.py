"""The requests of the API, each built from the arguments of the call that sends it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import httpx2

from darkroom._core.arguments import argument_names, fields_of, job_fields, sent_with
from darkroom._core.decoding import read_nothing, read_object
from darkroom._core.inputs import encode_image
from darkroom._core.options import path_segment
from darkroom._core.parameters import (
    EDIT_PARAMETERS,
    JOB_PARAMETERS,
    PARAMETERS,
    STREAM_PARAMETERS,
    DeclaredParameter,
)
from darkroom._core.requests import Request
from darkroom.results.base import Answer
from darkroom.results.images import ImagesResult
from darkroom.results.jobs import JobPage, JobRecord, JobStatus
from darkroom.results.keys import ApiKey, NewApiKey
from darkroom.results.server import Capabilities, Link, Model, Upload
from darkroom.types import ImageInput, QuotaParams

AnswerT = TypeVar("AnswerT", bound=Answer)

_JOBS: Final = "/api/v1/jobs"
_KEYS: Final = "/api/v1/keys"
_UPLOADS: Final = "/api/v1/uploads"
_RESOLVED: Final = ("model", "steps", "guidance_scale", "sampler", "schedule", "size", "output_format")
"""The arguments whose resolved values are in the answer."""
STREAM_SILENCE_S: Final = 60.0
"""Silence after which a stream of events is taken for dead. The server sends something every 15 seconds."""


def generate(
    prompt: str, arguments: Mapping[str, Any], parameters: Mapping[str, DeclaredParameter] = PARAMETERS
) -> Request[ImagesResult]:
    """Return the request for images from a text. Raises `TypeError` for an argument that is not in `parameters`."""
    fields = {"prompt": prompt, **fields_of("generate", arguments, parameters)}
    return _images("generations", fields, sent_with(arguments, prompt=prompt), parameters)


def edit(prompt: str, image: ImageInput, arguments: Mapping[str, Any]) -> Request[ImagesResult]:
    """Return the request for an edit of an image. Raises `TypeError`, and `OSError` for an unreadable image."""
    fields = {"prompt": prompt, "image": encode_image(image), **fields_of("edit", arguments, EDIT_PARAMETERS)}
    return _images("edits", fields, sent_with(arguments, prompt=prompt, image=image), EDIT_PARAMETERS)


def variations(image: ImageInput, arguments: Mapping[str, Any]) -> Request[ImagesResult]:
    """Return the request for images from an image alone. Raises `TypeError`, and `OSError` for an unreadable image."""
    fields = {"image": encode_image(image), **fields_of("variations", arguments, EDIT_PARAMETERS)}
    return _images("variations", fields, sent_with(arguments, image=image), EDIT_PARAMETERS)


def stream(prompt: str, arguments: Mapping[str, Any]) -> Request[None]:
    """Return the request for a stream of images. Raises `TypeError`, and `OSError` for an unreadable image."""
    fields = fields_of("stream", arguments, STREAM_PARAMETERS)
    return Request(
        method="POST",
        path="/v1/images/edits" if "image" in fields else "/v1/images/generations",
        body={"prompt": prompt, **fields, "stream": True, "response_format": "b64_json"},
        headers={"Accept": "text/event-stream, application/json"},
        arguments=argument_names(STREAM_PARAMETERS),
        least_read_timeout_s=STREAM_SILENCE_S,
        read=read_nothing,
    )


def submit(
    prompt: str | Sequence[str],
    arguments: Mapping[str, Any],
    idempotency_key: str | None,
    parameters: Mapping[str, DeclaredParameter] = JOB_PARAMETERS,
) -> Request[JobRecord]:
    """Return the request for a job. All its tries have one key, `idempotency_key` or a random one, and make one job.

    Raises `TypeError`, `ValueError` for a size that cannot be read, and `OSError` for an image that cannot be read.
    """
    prompts = prompt if isinstance(prompt, str) else list(prompt)
    return Request(
        method="POST",
        path=_JOBS,
        body={"prompt": prompts, **job_fields(arguments, parameters)},
        headers={"Idempotency-Key": idempotency_key or str(uuid.uuid4())},
        arguments=argument_names(parameters),
        read=partial(read_object, JobRecord),
    )


def get_job(job_id: str) -> Request[JobRecord]:
    return _get(JobRecord, _job_path(job_id))


def list_jobs(status: JobStatus | None, page_size: int, cursor: str | None) -> Request[JobPage]:
    query = {"limit": str(page_size), "status": status, "cursor": cursor}
    given = {name: value for name, value in query.items() if value is not None}
    return Request(
        method="GET",
        path=_JOBS,
        query=given,
        arguments={"limit": "page_size"},
        read=partial(read_object, JobPage),
    )


def cancel_job(job_id: str) -> Request[JobRecord]:
    return Request(method="POST", path=f"{_job_path(job_id)}/cancel", read=partial(read_object, JobRecord))


def delete_job(job_id: str) -> Request[None]:
    return Request(method="DELETE", path=_job_path(job_id), deletes=True, read=read_nothing)


def follow_job(job_id: str, last_event_id: str | None) -> Request[None]:
    """Return a request that is answered by a stream of the events after `last_event_id`."""
    resumed = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    return Request(
        method="GET",
        path=f"{_job_path(job_id)}/events",
        headers={"Accept": "text/event-stream, application/json", **resumed},
        least_read_timeout_s=STREAM_SILENCE_S,
        read=read_nothing,
    )


def get_file(url: str) -> Request[bytes]:
    """Return the request for an image file at the address that the server named."""
    return Request(method="GET", path=url, headers={"Accept": "image/*"}, read=_content)


def link_image(url: str, expires_in_s: int, *, include_parameters: bool = False) -> Request[Link]:
    """Return the request for a link to the image at `url`."""
    told = {"include_parameters": True} if include_parameters else {}
    return Request(
        method="POST",
        path=f"{url}/links",
        body={"expires_in_s": expires_in_s, **told},
        read=partial(read_object, Link),
    )


def create_upload(image: ImageInput) -> Request[Upload]:
    """Return the request that uploads an image. Raises `TypeError`, and `OSError` for an unreadable image."""
    body = {"image": encode_image(image)}
    return Request(method="POST", path=_UPLOADS, body=body, read=partial(read_object, Upload))


def get_upload(sha256: str) -> Request[Upload]:
    return _get(Upload, f"{_UPLOADS}/{path_segment(sha256)}")


def delete_upload(sha256: str) -> Request[None]:
    return Request(method="DELETE", path=f"{_UPLOADS}/{path_segment(sha256)}", deletes=True, read=read_nothing)


class ModelList(Answer):
    """The answer of GET /v1/models."""

    data: list[Model]


def list_models() -> Request[list[Model]]:
    return Request(method="GET", path="/v1/models", read=lambda response: read_object(ModelList, response).data)


def get_model(model_id: str) -> Request[Model]:
    return _get(Model, f"/v1/models/{path_segment(model_id)}")


def capabilities() -> Request[Capabilities]:
    return _get(Capabilities, "/api/v1/capabilities")


class KeyList(Answer):
    """The answer of GET /api/v1/keys."""

    data: list[ApiKey]


def create_key(
    name: str, role: str, tenant: str, expires_in_s: int | None, quotas: QuotaParams | None
) -> Request[NewApiKey]:
    optional = {"expires_in_s": expires_in_s, "quotas": quotas}
    given = {field: value for field, value in optional.items() if value is not None}
    body = {"name": name, "role": role, "tenant": tenant, **given}
    return Request(method="POST", path=_KEYS, body=body, read=partial(read_object, NewApiKey))


def list_keys() -> Request[list[ApiKey]]:
    return Request(method="GET", path=_KEYS, read=lambda response: read_object(KeyList, response).data)


def revoke_key(key_id: str) -> Request[None]:
    return Request(method="DELETE", path=f"{_KEYS}/{path_segment(key_id)}", deletes=True, read=read_nothing)


def _images(
    route: str, fields: Mapping[str, Any], sent: Mapping[str, Any], parameters: Mapping[str, DeclaredParameter]
) -> Request[ImagesResult]:
    return Request(
        method="POST",
        path=f"/v1/images/{route}",
        body={**fields, "response_format": "b64_json"},
        arguments=argument_names(parameters),
        tells_tries=True,
        read=partial(_read_images, sent),
    )


def _read_images(sent: Mapping[str, Any], response: httpx2.Response) -> ImagesResult:
    result = read_object(ImagesResult, response)
    resolved = {name: getattr(result, name) for name in _RESOLVED if getattr(result, name) is not None}
    for image in result.images:
        image.with_parameters({**sent, **resolved, "seed": image.seed})
    return result


def _get(kind: type[AnswerT], path: str) -> Request[AnswerT]:
    return Request(method="GET", path=path, read=partial(read_object, kind))


def _content(response: httpx2.Response) -> bytes:
    return response.content


def _job_path(job_id: str) -> str:
    return f"{_JOBS}/{path_segment(job_id)}"
