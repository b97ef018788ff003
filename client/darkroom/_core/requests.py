"""A request to the API as a value: its content, the reader of its answer, and the names of arguments in its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

import httpx2
from typing_extensions import Self

from darkroom._core.options import Options
from darkroom.types import CallOptions

T_co = TypeVar("T_co", covariant=True)


class Page(Protocol[T_co]):
    """A part of a list, and the cursor with which the next part is asked for."""

    @property
    def data(self) -> Sequence[T_co]: ...

    @property
    def next_cursor(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T_co]):
    """A request, independent of the server that it goes to. Every try of it is the same, with the same key."""

    method: str
    path: str
    """Path below the server's address, or a whole URL that the server named."""
    read: Callable[[httpx2.Response], T_co]
    """Reads the answer. Raises `InvalidResponseError`."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The argument that each field of the body comes from, where their names differ."""
    least_read_timeout_s: float = 0.0
    """Seconds of silence that are normal while the server works on the answer. A shorter read timeout becomes this."""
    tells_tries: bool = False
    """Whether each try carries its number, so that the server goes on with the work of one that timed out."""
    deletes: bool = False
    """Whether a 404 after an earlier try means that the earlier one succeeded."""

    def with_call(self, call: CallOptions) -> Self:
        """Return the request with the headers and the fields that the caller added."""
        extra_body = call.get("extra_body")
        body = self.body if extra_body is None else {**(self.body or {}), **extra_body}
        return replace(self, headers={**self.headers, **(call.get("extra_headers") or {})}, body=body)

    def http_arguments(self, options: Options, tries: int) -> dict[str, Any]:
        """Return the keyword arguments for `build_request` of either HTTP client; `tries` were made before."""
        url = options.url(self.path)
        timeout = options.timeout_of(self.least_read_timeout_s)
        headers = options.headers_for(url)
        headers.update(self.headers)
        if self.tells_tries and timeout.read is not None:
            headers.update({"X-Stainless-Retry-Count": str(tries), "X-Stainless-Read-Timeout": f"{timeout.read:g}"})
        return {
            "method": self.method,
            "url": url,
            "params": dict(self.query) or None,
            "json": self.body,
            "headers": headers,
            "timeout": timeout,
        }

    def is_done(self, status_code: int, tries: int) -> bool:
        """Whether an answer with this status, after `tries` earlier ones, is a success."""
        return 200 <= status_code < 300 or (self.deletes and tries > 0 and status_code == 404)
