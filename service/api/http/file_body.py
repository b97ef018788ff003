"""Reads a body that may hold files, as JSON or as a form. Only a few large bodies are held at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from service.api.http.form_body import read_form
from service.api.http.json_body import is_form, is_json, read_json_with_files
from service.errors import QueueFullError, UnsupportedMediaTypeError

_LARGE_BODIES: Final = 16
"""Large bodies that are held at a time, from their first byte until their files are decoded."""
_RETRY_S: Final = 2.0
_MAX_DIGITS: Final = 20
"""Longer numbers are not read as lengths."""


@dataclass(frozen=True, slots=True)
class FileBody:
    fields: dict[str, Any]
    is_form: bool
    """Whether values other than files are text."""


class FileBodies:
    """All methods belong to one event loop."""

    def __init__(self, max_bytes: int, max_file_bytes: int, *, max_wait_s: float = 10.0) -> None:
        """A body may have `max_bytes` without its files, and `max_file_bytes` with them."""
        self._max_wait_s = max_wait_s
        self._max_bytes = max_bytes
        self._max_file_bytes = max(max_bytes, max_file_bytes)
        self._places = asyncio.Semaphore(_LARGE_BODIES)

    @contextlib.asynccontextmanager
    async def read(self, request: Request, *, untyped: bool = False, forms: bool = True) -> AsyncIterator[FileBody]:
        """Reads the body, and holds its place until the block is left.

        With `untyped`, a body that is not said to be anything is taken for JSON. Without `forms`, it must be JSON.

        Raises `UnsupportedMediaTypeError`, `BodyTooLargeError`, `InvalidRequestError` and, where too many large bodies
        are held, `QueueFullError`.
        """
        async with self._place(request):
            if forms and is_form(request):
                yield FileBody(await read_form(request, self._max_bytes, self._max_file_bytes), True)
            elif is_json(request, untyped=untyped):
                yield FileBody(await read_json_with_files(request, self._max_bytes, self._max_file_bytes), False)
            else:
                or_form = " or as multipart/form-data" if forms else ""
                raise UnsupportedMediaTypeError(f"Send the body as application/json{or_form}.")

    @contextlib.asynccontextmanager
    async def _place(self, request: Request) -> AsyncIterator[None]:
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and len(declared) < _MAX_DIGITS and int(declared) <= self._max_bytes:
            yield  # A small body.
            return
        try:
            async with asyncio.timeout(self._max_wait_s):
                await self._places.acquire()
        except TimeoutError:
            raise QueueFullError("Too many files are being uploaded.", retry_after_s=_RETRY_S) from None
        try:
            yield
        finally:
            self._places.release()
