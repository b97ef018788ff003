"""Reads a JSON object from a request: media type, size, syntax. It does not know what the fields mean."""

from __future__ import annotations

import asyncio
import json
import math
import re
import secrets
from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import Request

from service.errors import BodyTooLargeError, InvalidRequestError, UnsupportedMediaTypeError

_MAX_VALUES: Final = 2000
"""Values of a body, those in its lists and objects included. No request has as many, and each costs far more time than
a byte does."""
_NEXT_VALUE: Final = re.compile(rb'[^",\[{]*+(?:"(?:[^"\\]++|\\.)*+"[^",\[{]*+)*+[,\[{]', re.DOTALL)
"""The text before a value that follows another one, or that begins a list or an object."""
_MAX_DEPTH: Final = 32
"""Levels of lists and objects within one another. No request needs as many, and code that reads a body may recurse."""
_MAX_INTEGER_DIGITS: Final = 20
"""No 64-bit number has more digits."""
_FILE_CHARACTERS: Final = 4096
"""Longer strings of a large body are taken for files."""
_REST_OF_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
"""A JSON string behind its first quotation mark."""
_MAX_EXACT: Final = 2**53
"""Integers up to this are exact as floats."""


async def read_json_object(request: Request, max_bytes: int, *, untyped: bool = False) -> dict[str, Any]:
    """Returns the body's fields. With `untyped`, a body without a media type is taken for JSON.

    Numbers beyond any use (NaN, 1e999, integers of more than 20 digits) come out as floats that are not finite, so
    that whoever validates the fields can name the one at fault; strings may hold unpaired surrogates.

    Raises `UnsupportedMediaTypeError`, `BodyTooLargeError` (before more than `max_bytes` are held; before anything is
    read where the length is declared) and `InvalidRequestError`.
    """
    if not is_json(request, untyped=untyped):
        raise UnsupportedMediaTypeError("Send the body as JSON, with Content-Type: application/json.")
    return _parse(b"".join([chunk async for chunk in bounded_stream(request, max_bytes)]))


async def read_json_with_files(request: Request, max_bytes: int, max_file_bytes: int) -> dict[str, Any]:
    """Returns the fields of a JSON body that holds files as text: long strings without escapes are taken for files.

    The body may have `max_bytes` without its files, and `max_file_bytes` with them. Its parsed fields stay in
    proportion to its bytes, since only the files may be large. Raises what `read_json_object` raises.
    """
    body = b"".join([chunk async for chunk in bounded_stream(request, max_file_bytes)])
    if len(body) <= max_bytes:
        return _parse(body)
    return await asyncio.get_running_loop().run_in_executor(None, _parse_with_files, body, max_bytes)


def check_field_name(name: str) -> None:
    """Raises `InvalidRequestError` for a name that no field has, and that answers, logs and files could not hold."""
    if not name.isprintable():  # Unpaired surrogates are not printable either.
        raise InvalidRequestError("A field has a name that no field can have.")


def is_json(request: Request, *, untyped: bool = False) -> bool:
    """Whether the media type is that of JSON or, with `untyped`, is missing.

    A page of another site can send a body without a media type, as it can send a form. The check of its origin at the
    edge keeps such a page out.
    """
    if untyped and "content-type" not in request.headers:
        return True
    media_type = _media_type(request)
    return media_type == "application/json" or bool(re.fullmatch(r"application/[\w.-]+\+json", media_type))


def is_form(request: Request) -> bool:
    """Whether the media type is that of a form with files."""
    return _media_type(request) == "multipart/form-data"


async def bounded_stream(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yields the body's parts as they arrive. Raises what `read_json_object` raises about sizes and encodings."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("Compressed bodies are not accepted.")
    too_large = BodyTooLargeError(f"The body is larger than {max_bytes} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > _MAX_INTEGER_DIGITS or int(declared) > max_bytes):
        raise too_large
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        yield chunk


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse_with_files(body: bytes, max_bytes: int) -> dict[str, Any]:
    """Parses the body with its long strings replaced by short ones that no caller can know, and puts them back."""
    mark, files = secrets.token_hex(16), list[str]()
    rest, place, strings = bytearray(), 0, 0
    while (string := _next_string(body, place, max_bytes)) is not None:
        start, end, is_file = string
        strings += 1
        if strings > 2 * _MAX_VALUES:  # Names of fields are strings too.
            raise _too_many_values()
        rest += body[place:start] + (f"{mark}{len(files)}".encode() if is_file else body[start:end]) + b'"'
        if is_file:
            files.append(body[start:end].decode("ascii", "replace"))
        place = end + 1
        if len(rest) > max_bytes:
            break
    if len(rest) + len(body) - place > max_bytes:
        raise BodyTooLargeError(f"The body is larger than {max_bytes} bytes without its images.")
    fields = _parse(bytes(rest + body[place:]))
    marks = {f"{mark}{number}": file for number, file in enumerate(files)}
    _put_back(fields, marks)
    if marks:
        raise BodyTooLargeError("The name of a field is too long.")
    return fields


def _put_back(fields: dict[str, Any], marks: dict[str, str]) -> None:
    """Takes each of the `marks` out, and puts its file in its place in the fields, however deep that is."""
    left: list[dict[Any, Any] | list[Any]] = [fields]
    while left:
        held = left.pop()
        for place, value in list(held.items() if isinstance(held, dict) else enumerate(held)):
            if isinstance(value, dict | list):
                left.append(value)
            elif isinstance(value, str) and value in marks:
                held[place] = marks.pop(value)


def _next_string(body: bytes, place: int, max_bytes: int) -> tuple[int, int, bool] | None:
    """Finds the next string of a JSON text from `place` on, which is not within one.

    Returns where its characters begin and end, and whether it is taken for a file. Returns None where there is none,
    or one with escapes of more than `max_bytes`.
    """
    start = body.find(b'"', place) + 1
    end = body.find(b'"', start) if start else -1
    if end < 0:
        return None
    if body.find(b"\\", start, end) < 0:
        return start, end, end - start > _FILE_CHARACTERS
    match = _REST_OF_STRING.match(body, start, start + max_bytes)
    return None if match is None else (start, match.end() - 1, False)


def _parse(body: bytes) -> dict[str, Any]:
    _check_values(body)
    try:
        parsed = _loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequestError("The body is not UTF-8.") from None
    except RecursionError:
        raise InvalidRequestError("The body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise InvalidRequestError(f"The body is not JSON (line {error.lineno}, column {error.colno}).") from None
    if not isinstance(parsed, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    _check_depth(parsed)
    return parsed


def json_value(text: str) -> Any:
    """Reads JSON that a body holds as text, as the body itself is read. Raises ValueError, `RecursionError` and
    `InvalidRequestError`.
    """
    value = _loads(text)
    _check_depth(value)
    return value


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=_integer, parse_float=_number, object_pairs_hook=_unique)


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        inner = (value for held in level for value in (held.values() if isinstance(held, dict) else held))
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return
    raise InvalidRequestError("The body is nested too deeply.")


def _check_values(body: bytes) -> None:
    """Refuses a body of very many values before any of them is made, in a time that grows with its bytes alone."""
    place = 0
    for _ in range(_MAX_VALUES + 1 if len(body) > _MAX_VALUES else 0):
        match = _NEXT_VALUE.match(body, place)
        if match is None:
            return
        place = match.end()
    if place:
        raise _too_many_values()


def _too_many_values() -> InvalidRequestError:
    return InvalidRequestError(f"The body has more than {_MAX_VALUES} values.")


def _integer(digits: str) -> int | float:
    # Python refuses integers of some thousands of digits, and takes quadratic time for long ones.
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else math.inf


def _number(text: str) -> int | float:
    """In JSON Schema, 1.0 and 1e0 are integers too."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= _MAX_EXACT else number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    for name in fields:
        check_field_name(name)
    if len(fields) != len(pairs):
        raise InvalidRequestError("A field is given twice.")
    return fields
