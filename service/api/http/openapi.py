"""The schema at /openapi.json: FastAPI's own, corrected where FastAPI cannot know how we answer errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI

from service.api.http.problems import PROBLEM_MEDIA_TYPE

_UNSENT: Final = {"$ref": "#/components/schemas/HTTPValidationError"}
"""Schema of the answer that FastAPI would give to invalid parameters."""
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_LARGEST: Final = 2**63 - 1
"""The largest integer that a field takes. No float is equal to it."""
_PROBLEM: Final = {"$ref": "#/components/schemas/ProblemOut"}


class DescribedApp(FastAPI):
    """An application whose schema lists its real answers and their media types."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            for responses in _responses(schema):
                _drop_unsent(responses)
                _name_problems(responses)
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            _make_bounds_exact(schema)
        assert self.openapi_schema is not None, "FastAPI keeps what it makes"
        return self.openapi_schema


def _responses(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the responses of each operation."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            yield operation["responses"]


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


def _json_schema(response: dict[str, Any]) -> object:
    return response.get("content", {}).get("application/json", {}).get("schema")
