"""Builds requests and reads responses, as results or as errors. Pure functions that both clients share; no I/O."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from darkroom._options import Options
from darkroom._parameters import PARAMETERS, DeclaredParameter
from darkroom._retries import read_retry_after, read_should_retry
from darkroom.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    InvalidResponseError,
    class_for_status,
)
from darkroom.results import ImagesResult, Model

AnswerT = TypeVar("AnswerT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the API, independent of the server that it goes to."""

    method: str
    path: str
    body: Mapping[str, object] | None = None

    def arguments(self, options: Options) -> dict[str, Any]:
        """Return the keyword arguments for `build_request` of either HTTP client."""
        return {
            "method": self.method,
            "url": options.url(self.path),
            "json": self.body,
            "headers": options.headers,
            "timeout": options.timeout,
        }


LIST_MODELS: Final = ApiRequest("GET", "/v1/models")


def generation_request(
    method: str,
    prompt: str,
    params: Mapping[str, object],
    *,
    parameters: Mapping[str, DeclaredParameter] = PARAMETERS,
    **stream: object,
) -> ApiRequest:
    """Return the request that `images.generate` or `images.stream` sends; `method` names which of them.

    `parameters` are the arguments that exist. Raises `TypeError` where `params` has any other.
    """
    unknown = sorted(params.keys() - parameters.keys())
    if unknown:
        raise TypeError(f"{method}() got an unexpected keyword argument '{unknown[0]}'")
    given = {parameters[name].wire_name: value for name, value in params.items() if value is not None}
    return ApiRequest("POST", "/v1/images/generations", {"prompt": prompt, **given, **stream})


@contextlib.contextmanager
def connection_errors(address: str) -> Iterator[None]:
    """Turn the HTTP library's errors about connections and timeouts into ours. Their messages name `address`.

    Raises `APITimeoutError` or `APIConnectionError`.
    """
    try:
        yield
    except httpx2.TimeoutException as error:
        raise APITimeoutError(f"{address} did not answer in time ({_reason(error)})") from error
    except httpx2.RequestError as error:
        raise APIConnectionError(f"{address} does not answer ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def request_id(response: httpx2.Response) -> str | None:
    return response.headers.get("x-request-id")


def read_images(response: httpx2.Response) -> ImagesResult:
    """Raises `InvalidResponseError`."""
    return _read(ImagesResult, response)


def read_models(response: httpx2.Response) -> list[Model]:
    """Raises `InvalidResponseError`."""
    return _read(_ModelList, response).data


class _ModelList(BaseModel):
    data: list[Model]


def _read(kind: type[AnswerT], response: httpx2.Response) -> AnswerT:
    try:
        return kind.model_validate_json(response.content, context={"request_id": request_id(response)})
    except ValidationError as error:
        raise InvalidResponseError(
            f"{response.url} did not answer as a Darkroom server does; check the server's address"
        ) from error


def status_error(response: httpx2.Response) -> APIStatusError:
    """Return the error for a response whose status is not a success. The body must have been read."""
    status = response.status_code
    fault = read_fault(response.content) or Fault(message=f"the server answered {status} {response.reason_phrase}")
    if response.is_redirect:
        fault = Fault(
            message=f"{response.url} redirects. The client does not follow redirects; set base_url to the final address"
        )
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
    """The `error` object in the body of an answer or in a stream."""

    message: str
    code: str | None = None
    param: str | None = None


class _FaultAnswer(BaseModel):
    error: Fault


def read_fault(body: bytes | str) -> Fault | None:
    """Return the `error` object of a body. None where the body has none, such as the error page of a proxy."""
    try:
        return _FaultAnswer.model_validate_json(body).error
    except ValidationError:
        return None
