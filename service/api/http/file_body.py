"""Reads a body that may hold files, as JSON or as a form. Only a few large bodies are held at a time, and of one owner
no more than half as many.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from service.api.http.form_body import read_form
from service.api.http.json_body import is_form, is_json, read_json_with_files
from service.errors import QueueFullError, UnsupportedMediaTypeError

_LARGE_BODIES: Final = 16
"""Large bodies that are held at a time, from their first byte until their files are decoded."""
_MAX_WAITING: Final = 64
"""Requests of one owner that wait for a place at a time."""
_RETRY_S: Final = 2.0
_MAX_DIGITS: Final = 20
"""Longer numbers are not read as lengths."""


@dataclass(frozen=True, slots=True)
class FileBody:
    fields: dict[str, Any]
    is_form: bool
    """Whether values other than files are text."""


class Places:
    """Places for what takes much memory: few in all, half of them at most for one owner. Who waits comes in order.

    All methods belong to one event loop.
    """

    def __init__(self, count: int, *, max_wait_s: float, full: str) -> None:
        """`full` is the sentence for a caller that got no place within `max_wait_s`."""
        self._free = asyncio.Semaphore(count)
        self._share = max(1, count // 2)
        self._max_wait_s = max_wait_s
        self._full = full
        self._owners: dict[str, _Owner] = {}

    @contextlib.asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """Holds a place for the length of the block. Raises `QueueFullError`."""
        mine = self._owners.setdefault(owner, _Owner(asyncio.Semaphore(self._share)))
        if mine.users >= self._share + _MAX_WAITING:
            raise self._refusal()
        mine.users += 1
        try:
            async with contextlib.AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(self._max_wait_s):
                        # One's own share first: who waits for that takes no turn of others.
                        await held.enter_async_context(mine.share)
                        await held.enter_async_context(self._free)
                except TimeoutError:
                    raise self._refusal() from None
                yield
        finally:
            mine.users -= 1
            if not mine.users:
                del self._owners[owner]

    def _refusal(self) -> QueueFullError:
        return QueueFullError(self._full, retry_after_s=_RETRY_S)


@dataclass(slots=True)
class _Owner:
    share: asyncio.Semaphore
    users: int = 0
    """Requests that have a place or wait for one."""


class FileBodies:
    """Reads bodies, and bounds how many large ones are held. All methods belong to one event loop."""

    def __init__(
        self,
        max_bytes: int,
        max_file_bytes: int,
        *,
        owner: Callable[[Request], str],
        max_wait_s: float = 10.0,
    ) -> None:
        """A body may have `max_bytes` without its files, and `max_file_bytes` with them. `owner` tells whose it is."""
        self._max_bytes = max_bytes
        self._max_file_bytes = max(max_bytes, max_file_bytes)
        self._owner = owner
        self._places = Places(_LARGE_BODIES, max_wait_s=max_wait_s, full="Too many files are being uploaded.")

    @contextlib.asynccontextmanager
    async def read(self, request: Request, *, untyped: bool = False, forms: bool = True) -> AsyncIterator[FileBody]:
        """Reads the body, and holds its place until the block is left.

        With `untyped`, a body without a media type is taken for JSON. Without `forms`, it must be JSON.

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
        async with self._places.place(self._owner(request)):
            yield
