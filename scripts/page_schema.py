"""Writes the OpenAPI schemas of the bodies that the page reads and sends: `python -m scripts.page_schema FILE`.

`make web` makes the page's types from that file, and names its digest in them.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from service.api.access import session_routes
from service.api.access.open_routes import OPEN_PATHS
from service.api.dialects.jobs.dialect import DIALECT
from service.api.http.openapi import DescribedApp

_TYPES: Final = Path(__file__).parents[1] / "web/src/api/types.ts"
_NAMED: Final = re.compile(r'Schemas\["(\w+)"\]')
_REFERENCE: Final = "#/components/schemas/"
_ANNOTATIONS: Final = frozenset({"title", "description", "examples", "default"})
_BODY_OF_A_JOB: Final = "CreateJob"
"""The name that the page has for the body of POST /api/v1/jobs, which has none in the schema."""


def schema_text() -> str:
    """Return the schemas that the page's `types.ts` names, and those that they refer to, as JSON.

    It is the same text for the same routes. What the schemas say to people is left out: the API's own page shows it.
    """
    app = DescribedApp(
        open_paths=OPEN_PATHS, title="Darkroom", version="1", generate_unique_id_function=lambda route: route.name
    )
    for router in (*DIALECT.routers, *DIALECT.job_store_routers, session_routes.router):
        app.include_router(router)
    schema = app.openapi()
    schemas: dict[str, Any] = schema["components"]["schemas"]
    body = schema["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    named = set(_NAMED.findall(_TYPES.read_text()))
    used = _used({**schemas, _BODY_OF_A_JOB: body}, named)
    reduced = {key: schema[key] for key in ("openapi", "info")} | {"paths": {}, "components": {"schemas": used}}
    return json.dumps(reduced, indent=1, sort_keys=True)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _used(schemas: dict[str, Any], named: set[str]) -> dict[str, Any]:
    """Return the named schemas and all that they refer to. Raises KeyError for a name that the schema lacks."""
    used: dict[str, Any] = {}
    while missing := named - used.keys():
        used |= {name: _bare(schemas[name]) for name in missing}
        named = named.union(*(_references(used[name]) for name in missing))
    return used


def _bare(value: Any) -> Any:
    """Return a schema without the annotations at any depth."""
    match value:
        case dict():
            # A property may have the name of an annotation. Its value is a schema, which is an object.
            kept = {key: each for key, each in value.items() if key not in _ANNOTATIONS or isinstance(each, dict)}
            return {key: _bare(each) for key, each in kept.items()}
        case list():
            return [_bare(each) for each in value]
        case _:
            return value


def _references(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                if key == "$ref":
                    yield each.removeprefix(_REFERENCE)
                else:
                    yield from _references(each)
        case list():
            for each in value:
                yield from _references(each)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text())
