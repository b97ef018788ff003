"""Calls to requests, answers to results or errors: pure functions that both clients share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from darkroom._options import Options
from darkroom._retries import read_retry_after, read_should_retry
from darkroom.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    InvalidResponseError,
    class_for_status,
)
from darkroom.types import GenerateParams, ImagesResult, Model

AnswerT = TypeVar("AnswerT", bound=BaseModel)

_WIRE_NAMES: Final = {"steps": "num_inference_steps"}
"""Arguments that the wire spells otherwise."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the API, before it knows a server."""

    method: str
    path: str
    body: Mapping[str, object] | None = None

    def arguments(self, options: Options) -> dict[str, Any]:
        """For `build_request` of either HTTP client."""
        return {
            "method": self.method,
            "url": options.url(self.path),
            "json": self.body,
            "headers": options.headers,
            "timeout": options.timeout,
        }


LIST_MODELS: Final = Call("GET", "/v1/models")


def generation(method: str, prompt: str, params: GenerateParams, **stream: object) -> Call:
    """The call of `images.generate` and `images.stream`. Raises `TypeError` for an argument that `method` lacks."""
    unknown = sorted(params.keys() - GenerateParams.__annotations__.keys())
    if unknown:
        raise TypeError(f"{method}() got an unexpected keyword argument '{unknown[0]}'")
    given = {_WIRE_NAMES.get(name, name): value for name, value in params.items() if value is not None}
    return Call("POST", "/v1/images/generations", {"prompt": prompt, **given, **stream})


@contextlib.contextmanager
def connection_errors(address: str) -> Iterator[None]:
    """Turn what the HTTP library raises for want of an answer into our own errors, which name `address`."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise APITimeoutError(f"{address} did not answer in time ({_kind(error)})") from error
    except httpx2.RequestError as error:
        raise APIConnectionError(f"{address} does not answer ({_kind(error)})") from error


def _kind(error: Exception) -> str:
    return str(error) or type(error).__name__


def request_id(response: httpx2.Response) -> str | None:
    return response.headers.get("x-request-id")


def read_images(response: httpx2.Response) -> ImagesResult:
    return _read(ImagesResult, response)


def read_models(response: httpx2.Response) -> list[Model]:
    return _read(_ModelList, response).data


class _ModelList(BaseModel):
    data: list[Model]


def _read(kind: type[AnswerT], response: httpx2.Response) -> AnswerT:
    try:
        return kind.model_validate_json(response.content, context={"request_id": request_id(response)})
    except ValidationError as error:
        raise InvalidResponseError(f"{response.url} did not answer as a Darkroom server does") from error


def status_error(response: httpx2.Response) -> APIStatusError:
    """The error of a response, already read, whose status is not success."""
    status = response.status_code
    fault = read_fault(response.content) or Fault(message=f"the server answered {status} {response.reason_phrase}")
    if response.is_redirect:
        fault = Fault(message=f"{response.url} redirects, which is not followed; set base_url to the final address")
    return class_for_status(status)(
        fault.message,
        status_code=status,
        code=fault.code,
        param=fault.param,
        request_id=request_id(response),
        retry_after=read_retry_after(response.headers, datetime.now(UTC)),
        should_retry=read_should_retry(response.headers),
    )


class Fault(BaseModel):
    """The `error` object of an answer or of a stream."""

    message: str
    code: str | None = None
    param: str | None = None


class _FaultAnswer(BaseModel):
    error: Fault


def read_fault(body: bytes | str) -> Fault | None:
    """None where the body, a proxy's page for example, holds no such object."""
    try:
        return _FaultAnswer.model_validate_json(body).error
    except ValidationError:
        return None
