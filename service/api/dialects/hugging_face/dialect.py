"""Hugging Face's dialect: everything under /hf, and POST /."""

from __future__ import annotations

from typing import Final

from service.api.dialects.hugging_face import routes
from service.api.dialects.hugging_face.errors import STATUSES, error_body
from service.api.dialects.hugging_face.resolve import BODY_RULES
from service.api.http.dialect import Dialect

DIALECT: Final = Dialect(
    name="hugging_face",
    prefix="/hf",
    paths=("/",),
    routers=(routes.router,),
    body_rules=BODY_RULES,
    error_media_type="application/json",
    error_body=error_body,
    error_statuses=STATUSES,
)
