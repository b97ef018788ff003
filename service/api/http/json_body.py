"""Reads a JSON object from a request: media type, size, syntax. It does not know what the fields mean."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from fastapi import Request

from service.errors import BodyTooLargeError, InvalidRequestError, UnsupportedMediaTypeError

_MAX_INTEGER_DIGITS: Final = 20
"""No 64-bit number has more digits."""
_MAX_EXACT: Final = 2**53
"""Integers up to this are exact as floats."""


async def read_json_object(request: Request, max_bytes: int) -> dict[str, Any]:
    """Returns the body's fields.

    Numbers beyond any use (NaN, 1e999, integers of more than 20 digits) come out as floats that are not finite, so
    that whoever validates the fields can name the one at fault; strings may hold unpaired surrogates.

    Raises `UnsupportedMediaTypeError`, `BodyTooLargeError` (before more than `max_bytes` are held; before anything is
    read where the length is declared) and `InvalidRequestError`.
    """
    _check_media_type(request)
    return _parse(await _read(request, max_bytes))


def _check_media_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type == "application/json" or re.fullmatch(r"application/[\w.-]+\+json", media_type)):
        raise UnsupportedMediaTypeError("Send the body as JSON, with Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("Compressed bodies are not accepted.")


async def _read(request: Request, max_bytes: int) -> bytes:
    too_large = BodyTooLargeError(f"The body is larger than {max_bytes} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > _MAX_INTEGER_DIGITS or int(declared) > max_bytes):
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body.decode("utf-8"), parse_int=_integer, parse_float=_number, object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise InvalidRequestError("The body is not UTF-8.") from None
    except RecursionError:
        raise InvalidRequestError("The body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise InvalidRequestError(f"The body is not JSON (line {error.lineno}, column {error.colno}).") from None
    if not isinstance(parsed, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return parsed


def _integer(digits: str) -> int | float:
    # Python refuses integers of some thousands of digits, and takes quadratic time for long ones.
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else math.inf


def _number(text: str) -> int | float:
    """In JSON Schema, 1.0 and 1e0 are integers too."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= _MAX_EXACT else number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidRequestError("A field is given twice.")
    return fields
