"""AUTOMATIC1111's dialect: everything under /sdapi/v1, and /internal/progress."""

from __future__ import annotations

from typing import Final

from service.api.dialects.a1111 import listings, options_routes, routes
from service.api.dialects.a1111.callers import routes as caller_routes
from service.api.dialects.a1111.errors import BODY_RULES, error_body
from service.api.http.dialect import Dialect

DIALECT: Final = Dialect(
    name="a1111",
    prefix="/sdapi/v1",
    paths=("/internal/progress",),
    routers=(routes.router, caller_routes.router, options_routes.router, listings.router),
    body_rules=BODY_RULES,
    error_media_type="application/json",
    error_body=error_body,
)
