"""Reads a form with files (multipart/form-data, RFC 7578) under limits. It does not know what the fields mean.

Files larger than a mebibyte are held on disk while the body arrives. Names and media types that a caller gives to files
are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.api.http.json_body import bounded_stream, check_field_name
from service.errors import BodyTooLargeError, InvalidRequestError, UnsupportedMediaTypeError

_CHARSETS: Final = (b"utf-8", b"utf8", b"us-ascii")
_MAX_FILES: Final = 18
"""The number of files that OpenAI allows in the form of an edit. Most routes take one or two, and refuse more."""
_MAX_FIELDS: Final = 200
"""A job has up to a hundred prompts, each of which may be a field of its own."""
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MAX_DEPTH: Final = 2
"""Brackets behind a name, as in `image[]` and `hires[scale]`: clients spell lists and objects so in forms."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a form."""

    data: bytes

    def __repr__(self) -> str:
        return f"UploadedFile({len(self.data)} bytes)"


async def read_form(request: Request, max_bytes: int, max_file_bytes: int) -> dict[str, Any]:
    """Returns the form's fields: text as str, files as `UploadedFile`, and what is given with brackets as list or dict.

    What is given more than once is a list. The text may have `max_bytes`, and all together `max_file_bytes`.
    Raises `UnsupportedMediaTypeError`, `BodyTooLargeError` and `InvalidRequestError`.
    """
    _check_charset(request)
    stream = bounded_stream(request, max_file_bytes)
    parser = _Parser(request.headers, stream, max_files=_MAX_FILES, max_fields=_MAX_FIELDS, max_part_size=max_bytes)
    try:
        form = await parser.parse()
        _check_text(form, max_bytes)
        if parser.complete:
            return await _fields(form)
    except MultiPartException:
        pass
    finally:
        parser.close_files()
    raise InvalidRequestError("The form is malformed, or has too many or too large fields.")


def _check_charset(request: Request) -> None:
    """Forms are UTF-8. Of Python's other codecs some take a time that grows with the square of a text, and looking for
    one that does not exist leaves its name in memory for good.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    if options.get(b"charset", b"utf-8").lower() not in _CHARSETS:
        raise UnsupportedMediaTypeError("Send the form as UTF-8.")


class _Parser(MultiPartParser):
    """Records whether the form was read to its end, and can close all files that it began."""

    complete = False

    def on_end(self) -> None:
        self.complete = True

    def close_files(self) -> None:
        for file in self._files_to_close_on_error:
            file.close()


def _check_text(form: FormData, max_bytes: int) -> None:
    size = sum(len(name) + (len(value) if isinstance(value, str) else 0) for name, value in form.multi_items())
    if size > max_bytes:
        raise BodyTooLargeError(f"The form is larger than {max_bytes} bytes without its files.")


async def _fields(form: FormData) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        path = _path(name)
        held = UploadedFile(await value.read()) if isinstance(value, UploadFile) else value
        _put(fields, path, held)
    return {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in fields.items()}


def _path(name: str) -> Sequence[str]:
    """Returns the parts of a name: `image` for `image[]`, `hires` and `scale` for `hires[scale]`."""
    check_field_name(name)
    match = _NAME.fullmatch(name)
    if match is None:
        return [name]
    parts = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(parts) > _MAX_DEPTH:
        raise InvalidRequestError("A field's name has too many brackets.")
    return parts


def _put(fields: dict[str, Any], path: Sequence[str], value: str | UploadedFile) -> None:
    name, *inner = path
    if inner and inner[0]:
        group = fields.setdefault(name, {})
        if not isinstance(group, dict) or inner[0] in group:
            raise _given_twice()
        group[inner[0]] = value
    else:
        given = fields.setdefault(name, [])
        if not isinstance(given, list):
            raise _given_twice()
        given.append(value)


def _given_twice() -> InvalidRequestError:
    return InvalidRequestError("A field is given twice.")
