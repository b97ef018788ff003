"""OpenAI's dialect: everything under /v1."""

from __future__ import annotations

from typing import Final

from service.api.dialects.openai import edits, models, routes
from service.api.dialects.openai.errors import error_body
from service.api.dialects.openai.paths import own_path
from service.api.dialects.openai.resolve import BODY_RULES
from service.api.http.dialect import Dialect

DIALECT: Final = Dialect(
    name="openai",
    prefix="/v1",
    routers=(routes.router, edits.router, models.router),
    body_rules=BODY_RULES,
    error_media_type="application/json",
    error_body=error_body,
    own_path=own_path,
)
