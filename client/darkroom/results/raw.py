"""An answer with its status and headers, beside the result that was read from it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx2

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class RawResponse(Generic[T]):
    """The answer to a call. `headers` has, for example, `X-Adjusted-Params`."""

    http_response: httpx2.Response
    result: T

    @property
    def status_code(self) -> int:
        return self.http_response.status_code

    @property
    def headers(self) -> httpx2.Headers:
        return self.http_response.headers

    @property
    def request_id(self) -> str | None:
        """Give it to the operator of the server when you report a problem."""
        return self.headers.get("x-request-id")

    @property
    def content(self) -> bytes:
        """The body."""
        return self.http_response.content

    def __repr__(self) -> str:
        return f"RawResponse(status_code={self.status_code})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the answer without the headers of its request, which hold the key."""
        answer, request = copy.copy(self.http_response), self.http_response.request
        answer.request = httpx2.Request(request.method, request.url)
        return type(self), (answer, self.result)

    def parse(self) -> T:
        """Return the result, as the call without `with_raw_response` does."""
        return self.result
