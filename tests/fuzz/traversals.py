"""Requests that try to reach files: the tricks in each place of each route of a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from tests.fuzz.mutations import Case
from tests.harness.wire.path_tricks import TRICKS

_TEXTS: Final[Sequence[str]] = sorted({unquote(trick) for trick in TRICKS} - {".", "\0"})
"""The tricks as a body has them."""
_HEADERS: Final = ("Idempotency-Key", "Last-Event-ID", "Range", "Cookie", "X-Forwarded-Prefix")
_CHEAP: Final = {"prompt": "x", "num_inference_steps": 1}
"""The body of a request that costs little if it is taken in spite of the trick."""


def traversals(schema: Mapping[str, Any]) -> Iterator[Case]:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            yield from (_request(method, target) for target in _targets(path, operation))
            yield from (_request(method, _filled(path), {name: TRICKS[0]}) for name in _HEADERS)
            yield from (_request(method, _filled(path), body=body) for body in _bodies(operation))


def _targets(path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    names = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    for trick in TRICKS:
        yield _filled(path, trick)
        yield f"{_filled(path)}/{trick}"
        yield from (f"{_filled(path)}?{name}={trick}" for name in names)


def _filled(path: str, value: str = "x") -> str:
    return re.sub(r"\{\w+\}", lambda _: value, path)


def _bodies(operation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {})
    fields = content.get("application/json", {}).get("schema", {}).get("properties", {})
    for field in fields:
        yield from (_CHEAP | {field: text} for text in _TEXTS)
    # Files are named in objects too: an input image, a model that refines.
    yield from ({"prompt": "x", field: {"image": text, "model": text}} for field in fields for text in _TEXTS[:2])


def _request(
    method: str, target: str, headers: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
) -> Case:
    content = b"" if body is None else json.dumps(body).encode()
    given = {
        "Host": "localhost",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **(headers or {}),
    }
    lines = [f"{method.upper()} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return Case(method.upper(), "\r\n".join(lines).encode() + b"\r\n\r\n" + content)
