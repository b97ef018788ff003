"""Errors of AUTOMATIC1111's dialect, and how it reads a body.

The source is `handle_exception` in modules/api/api.py of stable-diffusion-webui.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel

from service.api.http.dialect import BodyRules, ErrorAnswer, FieldProblem, UnknownFields
from service.errors import InvalidRequestError


class A1111Error(BaseModel):
    error: str
    """The public code."""
    detail: str
    """A sentence for people."""
    body: str
    """Always empty: no answer repeats what it was sent."""
    errors: str


def error_body(told: ErrorAnswer) -> dict[str, Any]:
    return {"error": told.code, "detail": told.message, "body": "", "errors": told.message}


def _refuse(problems: Sequence[FieldProblem]) -> InvalidRequestError:
    sentences = [f"{each.location[0]}: {each.detail}." for each in problems]
    return InvalidRequestError(" ".join(sentences), field=str(problems[0].location[0]))


PLAIN_RULES: Final = BodyRules(unknown_fields=UnknownFields.IGNORE, null_is_absent=True, refuse=_refuse)
"""The rules for bodies that are no requests for images."""
BODY_RULES: Final = replace(
    PLAIN_RULES,
    aliases=MappingProxyType(
        {
            "steps": "num_inference_steps",
            "cfg_scale": "guidance_scale",
            "sampler_name": "sampler",
            "scheduler": "schedule",
        }
    ),
)
