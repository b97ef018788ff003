"""Answers that the protocol gives without the application, in the shape of the dialect of the request's path."""

from __future__ import annotations

import http
import json
from dataclasses import dataclass
from typing import Final

import httptools

from service.api.dialects.registry import DIALECTS
from service.api.http.dialect import ErrorAnswer


@dataclass(frozen=True, slots=True)
class Refusal:
    status: http.HTTPStatus
    message: str
    retry_after_s: int | None = None

    def as_bytes(self, target: bytes, *, has_body: bool = True) -> bytes:
        """Returns the whole answer, after which the connection ends. `target` is the request's, as far as it came."""
        code = self.status.name.lower()
        dialect = DIALECTS.at(_path(target))
        told = ErrorAnswer(status=self.status.value, code=code, message=self.message)
        body = json.dumps(dialect.error_body(told)).encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"content-type: {dialect.error_media_type}",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "connection: close",
        ]
        if self.retry_after_s is not None:
            lines.append(f"retry-after: {self.retry_after_s}")
        return "\r\n".join([*lines, "", ""]).encode() + (body if has_body else b"")


INVALID: Final = Refusal(http.HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")
TOO_SLOW: Final = Refusal(http.HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive.")
HEAD_TOO_LARGE: Final = Refusal(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large.")
TOO_MANY: Final = Refusal(http.HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.", retry_after_s=2)


def _path(target: bytes) -> str:
    try:
        path = httptools.parse_url(target).path
    except httptools.HttpParserInvalidURLError:
        path = None
    return (path or b"").decode("ascii", "replace")
