"""Replicate's dialect: everything under /replicate."""

from __future__ import annotations

from typing import Final

from service.api.dialects.replicate import files, models, routes, stream, webhooks
from service.api.dialects.replicate.resolve import INPUT_RULES
from service.api.http.dialect import Dialect
from service.api.http.problems import PROBLEM_MEDIA_TYPE, problem_body

DIALECT: Final = Dialect(
    name="replicate",
    prefix="/replicate",
    routers=(),
    job_store_routers=(routes.router, stream.router, models.router, files.router, webhooks.router),
    body_rules=INPUT_RULES,
    error_media_type=PROBLEM_MEDIA_TYPE,
    error_body=problem_body,
)
