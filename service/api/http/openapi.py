"""The schema at /openapi.json: FastAPI's own, corrected where FastAPI cannot know how we answer errors."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from fastapi import FastAPI

from service.api.http.problems import PROBLEM_MEDIA_TYPE

_UNSENT: Final = {"$ref": "#/components/schemas/HTTPValidationError"}
"""Schema of the answer that FastAPI would give to invalid parameters."""
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_LARGEST: Final = 2**63 - 1
"""The largest integer that a field takes. No float is equal to it."""
_PROBLEM: Final = {"$ref": "#/components/schemas/ProblemOut"}
_QUOTA_HEADERS: Final = {
    "Retry-After": "Seconds after which the request would be admitted; none where waiting does not help",
    "Retry-After-Ms": "The same in milliseconds",
    "RateLimit-Policy": "The quotas of the key",
    "RateLimit": "What is left of them",
}
"""Headers of an answer 429. Those of quotas are sent with every answer to a key that has some."""


class DescribedApp(FastAPI):
    """An application whose schema lists its real answers and their media types."""

    def __init__(self, *, open_paths: Collection[str] = (), **options: Any) -> None:
        """`open_paths` are those, as routes spell them, that need no key. Requests for others count for its quotas."""
        super().__init__(**options)
        self._open_paths = frozenset(open_paths)

    @functools.cached_property
    def openapi_json(self) -> bytes:
        """The schema as JSON. It is large and never changes, so it is made once."""
        return json.dumps(self.openapi(), ensure_ascii=False, separators=(",", ":")).encode()

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            for path, responses in _responses(schema):
                _drop_unsent(responses)
                _name_problems(responses)
                if path not in self._open_paths:
                    _add_quotas(responses)
            schema["components"]["headers"] = {
                name: {"description": text, "schema": {"type": "string"}} for name, text in _QUOTA_HEADERS.items()
            }
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            _make_bounds_exact(schema)
        assert self.openapi_schema is not None, "FastAPI keeps what it makes"
        return self.openapi_schema


def _responses(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the path and the responses of each operation."""
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            yield path, operation["responses"]


def _drop_unsent(responses: dict[str, Any]) -> None:
    if _json_schema(responses.get("422", {})) == _UNSENT:
        del responses["422"]


def _name_problems(responses: dict[str, Any]) -> None:
    for response in responses.values():
        if _json_schema(response) == _PROBLEM:
            response["content"] = {PROBLEM_MEDIA_TYPE: response["content"]["application/json"]}


def _make_bounds_exact(part: object) -> None:
    """Makes the bounds of integers integers again, wherever in `part`. FastAPI reads some of them as floats."""
    if isinstance(part, dict):
        if part.get("type") == "integer":
            part.update({name: min(int(part[name]), _LARGEST) for name in _BOUNDS if isinstance(part.get(name), float)})
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            _make_bounds_exact(each)


def _add_quotas(responses: dict[str, Any]) -> None:
    """Adds the answer to a key that has used up a quota, in the shape of the operation's other errors."""
    errors = (response for status, response in responses.items() if status >= "400" and "content" in response)
    shape: dict[str, Any] = next(({"content": each["content"]} for each in errors), {})
    refused = responses.setdefault("429", {"description": "Too Many Requests", **shape})
    refused["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in _QUOTA_HEADERS}


def _json_schema(response: dict[str, Any]) -> object:
    return response.get("content", {}).get("application/json", {}).get("schema")
