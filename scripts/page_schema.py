"""Writes the OpenAPI schema of the API that the page speaks: `python -m scripts.page_schema FILE`.

`make web` makes the page's types from that file, and names its digest in them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from service.api.access import session_routes
from service.api.access.open_routes import OPEN_PATHS
from service.api.dialects.jobs.dialect import DIALECT
from service.api.http.openapi import DescribedApp


def schema_text() -> str:
    """The schema of the native dialect and of the session as JSON. It is the same text for the same routes."""
    app = DescribedApp(
        open_paths=OPEN_PATHS, title="Darkroom", version="1", generate_unique_id_function=lambda route: route.name
    )
    for router in (*DIALECT.routers, *DIALECT.job_store_routers, session_routes.router):
        app.include_router(router)
    return json.dumps(app.openapi(), indent=1, sort_keys=True)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text())
