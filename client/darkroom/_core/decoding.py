"""Reads answers: the object that was asked for, or the error that the server reported, in either of its shapes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from darkroom._core.retries import read_retry_after, read_should_retry
from darkroom.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    InvalidResponseError,
    RedirectError,
    class_for_status,
)

AnswerT = TypeVar("AnswerT", bound=BaseModel)

_SAME_NAMES: Final[Mapping[str, str]] = {}


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


def read_object(kind: type[AnswerT], response: httpx2.Response) -> AnswerT:
    """Return the JSON of a response as an object. Raises `InvalidResponseError`."""
    return parse_object(kind, response.content, request_id(response), str(response.url))


def parse_object(kind: type[AnswerT], content: bytes | str, id_of_request: str | None, source: str) -> AnswerT:
    """Return the JSON of an answer or an event as an object. Raises `InvalidResponseError`."""
    try:
        return kind.model_validate_json(content, context={"request_id": id_of_request})
    except ValidationError as error:
        raise InvalidResponseError(
            f"{source} did not answer as a Darkroom server does; check the server's address"
        ) from error


def check_is_stream(response: httpx2.Response) -> None:
    """Raise `InvalidResponseError` where a successful answer is not a stream of events."""
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        raise InvalidResponseError(f"{response.url} did not answer with events; check the server's address")


def read_nothing(response: httpx2.Response) -> None:
    """Read an answer that has no body."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The server's description of an error. `param` is the argument that caused it."""

    message: str
    code: str | None = None
    param: str | None = None


def status_error(response: httpx2.Response, arguments: Mapping[str, str] = _SAME_NAMES) -> APIStatusError:
    """Return the error for a response whose status is not a success. The body must have been read.

    `arguments` names the argument that a field of the request comes from.
    """
    status, body = response.status_code, _body(response)
    fault = read_fault(body, arguments)
    if fault is None:
        fault = Fault(message=f"the server answered {status} {response.reason_phrase}")
    if response.is_redirect:
        fault = Fault(
            message=f"{response.url} redirects. The client does not follow redirects; set base_url to the final address"
        )
    error = class_for_status(status)(
        fault.message,
        status_code=status,
        code=fault.code,
        param=fault.param,
        request_id=request_id(response),
        body=body,
        retry_after=read_retry_after(response.headers, datetime.now(timezone.utc)),
        should_retry=read_should_retry(response.headers),
    )
    if isinstance(error, RedirectError):
        location = response.headers.get("location")
        error.location = location and str(response.url.join(location))
    return error


def _body(response: httpx2.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return response.text


def read_fault(body: object, arguments: Mapping[str, str] = _SAME_NAMES) -> Fault | None:
    """Return the error in a body, in OpenAI's shape or in that of RFC 9457.

    None where it has neither, such as the error page of a proxy.
    """
    if not isinstance(body, dict):
        return None
    match body:
        case {"error": {"message": str(message)} as error}:
            return _openai_fault(message, error, arguments)
        case {"detail": str(detail)}:
            return _problem_fault(detail, body, arguments)
        case _:
            return None


def _openai_fault(message: str, error: Mapping[str, Any], arguments: Mapping[str, str]) -> Fault:
    field = _text(error.get("param"))
    if field is None:
        return Fault(message, _text(error.get("code")))
    argument = arguments.get(field, field)
    if message.startswith(f"{field}: "):
        message = argument + message.removeprefix(field)
    return Fault(message, _text(error.get("code")), argument)


def _problem_fault(detail: str, problem: Mapping[str, Any], arguments: Mapping[str, str]) -> Fault:
    found: list[tuple[str, str]] = []
    for each in problem.get("errors") or []:
        match each:
            case {"pointer": str(pointer), "detail": str(about)}:
                found.append((_argument(pointer, arguments), about))
    if not found:
        return Fault(detail, _text(problem.get("code")))
    message = " ".join(f"{name}: {about}" if name else about for name, about in found)
    param = found[0][0].split(".", 1)[0] or None
    return Fault(message, _text(problem.get("code")), param)


def _argument(pointer: str, arguments: Mapping[str, str]) -> str:
    """Return the argument that a JSON pointer (RFC 6901) into the body leads to: `hires.steps`."""
    fields = [field.replace("~1", "/").replace("~0", "~") for field in pointer.split("/")[1:]]
    return ".".join([arguments.get(fields[0], fields[0]), *fields[1:]]) if fields else ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
